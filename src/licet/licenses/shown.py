# ruff: noqa: S608 - what is put into the statements are the constants below
"""A license as its owner sees it: the fields of the contract, the status as it reads now, the key in the clear."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import ConfigDict, Field

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.db.listing import Where, fetch_page
from licet.errors import NotFound
from licet.http.shapes import At, ResponseBody
from licet.kit.pages import Page
from licet.licenses.core import State, Status


class License(ResponseBody):
    """A license. `expiresAt` null is perpetual; `activationsLimit` null is without limit."""

    id: UUID
    key: str = Field(examples=["SHOP-7K2M-9QXD-3VTN-W8RB"])
    product_id: UUID
    product_name: str = Field(examples=["Shopify Connector"])
    status: Status
    activations_count: int = Field(examples=[1])
    activations_limit: int | None = Field(examples=[3])
    expires_at: At | None
    created_at: At
    subscription_id: str | None = Field(description="Stripe's; null for what was bought once.", examples=["sub_1QxYz"])
    order_id: UUID | None
    entitlements: list[Any] = Field(description="The product's features.", examples=[["Updates"]])


class Activation(ResponseBody):
    """Where a license is in use. `domain` is any fingerprint: a host name, a machine id."""

    domain: str = Field(examples=["shop.example.com"])
    activated_at: At
    last_seen_at: At | None


class LicenseDetails(License):
    """A license with where it is in use."""

    activations: list[Activation]


class LicenseOfOrder(ResponseBody):
    """What an order says of each license that it brought."""

    id: UUID
    key: str = Field(examples=["SHOP-7K2M-9QXD-3VTN-W8RB"])
    product_id: UUID
    status: Status


class LicenseChange(ResponseBody):
    """One change of a license: when, what, from what to what, and because of what."""

    model_config = ConfigDict(title="LicenseChange")

    at: At
    change: str = Field(examples=["status"])
    from_: str | None = Field(serialization_alias="from", examples=["active"])
    to: str | None = Field(examples=["revoked"])
    because: dict[str, Any] = Field(
        description="kind (stripe_event, stripe_read, api_call, operator, catalog), the id to look it up by, and why.",
        examples=[{"kind": "stripe_event", "id": "evt_1", "reason": "refunded"}],
    )


_COLUMNS = """
    licenses.id, key_encrypted, product_id, products.name AS product_name, status, reason, valid_until, then_status,
    (SELECT count(*) FROM activations WHERE license_id = licenses.id) AS activations_count, activations_limit,
    expires_at, created_at, stripe_subscription_id, order_id, products.features"""
_PRODUCT = "JOIN products ON products.id = licenses.product_id"
# What `CASE` would say in one line no index could find.
_STATUS_NOW = """(
    licenses.status = {1} AND (licenses.valid_until IS NULL OR licenses.valid_until > {0})
    OR licenses.then_status = {1} AND licenses.valid_until <= {0})"""


async def list_licenses(
    conn: Connection,
    keyring: Keyring,
    page: Page,
    *,
    now: datetime,
    account_id: UUID | None,
    status: Status | None,
    product_id: UUID | None,
) -> tuple[list[License], int]:
    """A page of licenses, the newest first, and how many there are. account_id None: everybody's.

    now: business time; the status filter means what the answer shows.
    """
    where = (
        Where()
        .add("licenses.account_id = {}", account_id)
        .add("licenses.product_id = {}", product_id)
        .add(_STATUS_NOW, now, status)
    )
    rows, total = await fetch_page(
        conn,
        page,
        where,
        columns=_COLUMNS,
        table="licenses",
        joins=_PRODUCT,
        order_by="licenses.created_at DESC, licenses.id",
    )
    return [License(**_fields(row, keyring, now)) for row in rows], total


async def get_license(
    conn: Connection, keyring: Keyring, license_id: UUID, *, now: datetime, account_id: UUID | None
) -> LicenseDetails:
    """One license. Raises NotFound, also for another account's."""
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM licenses {_PRODUCT} WHERE licenses.id = $1 AND ($2::uuid IS NULL OR account_id = $2)",
        license_id,
        account_id,
    )
    if row is None:
        raise NotFound("There is no such license.")
    activations = await conn.fetch(
        """
        SELECT domain, activated_at, last_seen_at FROM activations WHERE license_id = $1 ORDER BY activated_at, domain
        """,
        license_id,
    )
    return LicenseDetails(**_fields(row, keyring, now), activations=[Activation(**dict(one)) for one in activations])


async def list_changes(
    conn: Connection, page: Page, license_id: UUID, *, account_id: UUID | None
) -> tuple[list[LicenseChange], int]:
    """A page of a license's timeline, the newest first. Raises NotFound, also for another account's license."""
    owner = await conn.fetchval("SELECT account_id FROM licenses WHERE id = $1", license_id)
    if owner is None or account_id not in (None, owner):
        raise NotFound("There is no such license.")
    rows, total = await fetch_page(
        conn,
        page,
        Where().add("license_id = {}", license_id),
        columns="at, change, from_value, to_value, because",
        table="license_timeline",
        order_by="at DESC, id DESC",
    )
    return [
        LicenseChange(
            at=row["at"], change=row["change"], from_=row["from_value"], to=row["to_value"], because=row["because"]
        )
        for row in rows
    ], total


async def licenses_of_subscription(
    conn: Connection, keyring: Keyring, stripe_subscription_id: str, *, now: datetime
) -> list[License]:
    """All licenses of a subscription, in the order in which they were issued."""
    rows = await conn.fetch(
        f"""
        SELECT {_COLUMNS} FROM licenses {_PRODUCT}
        WHERE stripe_subscription_id = $1 ORDER BY created_at, licenses.id
        """,
        stripe_subscription_id,
    )
    return [License(**_fields(row, keyring, now)) for row in rows]


async def all_licenses(conn: Connection, keyring: Keyring, account_id: UUID, *, now: datetime) -> list[License]:
    """Every license of an account, the newest first, in one query."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM licenses {_PRODUCT} WHERE account_id = $1 ORDER BY created_at DESC, licenses.id",
        account_id,
    )
    return [License(**_fields(row, keyring, now)) for row in rows]


async def licenses_of_orders(
    conn: Connection, keyring: Keyring, order_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, list[LicenseOfOrder]]:
    """The licenses of each of the orders, in the order in which they were issued. One query for all of them."""
    rows = await conn.fetch(
        """
        SELECT id, order_id, key_encrypted, product_id, status, reason, valid_until, then_status
        FROM licenses WHERE order_id = ANY ($1) ORDER BY created_at, id
        """,
        order_ids,
    )
    found: dict[UUID, list[LicenseOfOrder]] = defaultdict(list)
    for row in rows:
        found[row["order_id"]].append(
            LicenseOfOrder(
                id=row["id"],
                key=keyring.decrypt(row["key_encrypted"]),
                product_id=row["product_id"],
                status=status_now(row, now),
            )
        )
    return found


def status_now(row: asyncpg.Record, now: datetime) -> Status:
    """The status of a license's row as it reads at `now`: what time alone has changed is no longer what was stored."""
    return State(row["status"], row["reason"], row["valid_until"], row["then_status"]).at(now)


def _fields(row: asyncpg.Record, keyring: Keyring, now: datetime) -> dict[str, Any]:
    return {
        "id": row["id"],
        "key": keyring.decrypt(row["key_encrypted"]),
        "product_id": row["product_id"],
        "product_name": row["product_name"],
        "status": status_now(row, now),
        "activations_count": row["activations_count"],
        "activations_limit": row["activations_limit"],
        "expires_at": row["expires_at"],
        "created_at": row["created_at"],
        "subscription_id": row["stripe_subscription_id"],
        "order_id": row["order_id"],
        "entitlements": row["features"],
    }
