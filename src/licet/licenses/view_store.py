# ruff: noqa: S608 - only the constants below are formatted into the statements
"""Reads licenses for the API and for emails, with their current status and decrypted key."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.db.listing import Where, fetch_page
from licet.errors import NotFound
from licet.kit.pages import Page
from licet.licenses.core import LicenseStatus, State
from licet.licenses.schemas import Activation, License, LicenseChange, LicenseDetails, LicenseOfOrder

_COLUMNS = """
    licenses.id, key_encrypted, product_id, products.name AS product_name, status, reason, valid_until, then_status,
    (SELECT count(*) FROM activations WHERE license_id = licenses.id) AS activations_count, activations_limit,
    expires_at, created_at, stripe_subscription_id, order_id, products.features"""
_PRODUCT = "JOIN products ON products.id = licenses.product_id"
# Written as two conditions, because a `CASE` could not use an index.
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
    status: LicenseStatus | None,
    product_id: UUID | None,
) -> tuple[list[License], int]:
    """List a page of licenses, newest first, and their total number. account_id None: of all accounts.

    now: business time; `status` filters by the status at that time.
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
    """Get one license with its activations. Raises NotFound, also if it belongs to another account."""
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
    return LicenseDetails(
        **_fields(row, keyring, now), activations=[Activation(**dict(activation)) for activation in activations]
    )


async def list_changes(
    conn: Connection, page: Page, license_id: UUID, *, account_id: UUID | None
) -> tuple[list[LicenseChange], int]:
    """List a page of a license's timeline, newest first, and its total length.

    Raises NotFound, also if the license belongs to another account.
    """
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
    """List all licenses of a subscription, in the order of issue."""
    rows = await conn.fetch(
        f"""
        SELECT {_COLUMNS} FROM licenses {_PRODUCT}
        WHERE stripe_subscription_id = $1 ORDER BY created_at, licenses.id
        """,
        stripe_subscription_id,
    )
    return [License(**_fields(row, keyring, now)) for row in rows]


async def all_licenses(conn: Connection, keyring: Keyring, account_id: UUID, *, now: datetime) -> list[License]:
    """List every license of an account, newest first."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM licenses {_PRODUCT} WHERE account_id = $1 ORDER BY created_at DESC, licenses.id",
        account_id,
    )
    return [License(**_fields(row, keyring, now)) for row in rows]


async def licenses_of_orders(
    conn: Connection, keyring: Keyring, order_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, list[LicenseOfOrder]]:
    """List the licenses of each of the orders, in the order of issue. One query for all orders."""
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


def status_now(row: asyncpg.Record, now: datetime) -> LicenseStatus:
    """The status of a license's row at `now`: not the stored one once `valid_until` has passed."""
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


async def find_order_for_mail(conn: Connection, order_id: UUID) -> asyncpg.Record | None:
    """The name of an order's buyer, its checkout session and its subscription; None for an unknown order.

    undone_products: Stripe's ids of its products that were undone as duplicate plans.
    """
    return await conn.fetchrow(
        """
        SELECT orders.stripe_session_id, session.stripe_subscription_id, account.name,
               coalesce((SELECT stripe_product_ids FROM second_plans
                         WHERE stripe_subscription_id = session.stripe_subscription_id), '{}') AS undone_products
        FROM orders JOIN checkout_sessions AS session USING (stripe_session_id)
        JOIN accounts AS account ON account.id = orders.account_id
        WHERE orders.id = $1
        """,
        order_id,
    )


async def list_licenses_for_mail(conn: Connection, order: asyncpg.Record) -> list[asyncpg.Record]:
    """The licenses in use of an order, with encrypted keys. order: from `find_order_for_mail`."""
    return await conn.fetch(
        """
        SELECT product.name AS product, license.key_encrypted, license.status, license.activations_limit,
               license.expires_at, license.stripe_subscription_id IS NOT NULL AS renews
        FROM licenses AS license JOIN products AS product ON product.id = license.product_id
        WHERE license.wanted AND (license.stripe_session_id = $1 OR license.stripe_subscription_id = $2)
            AND product.stripe_product_id <> ALL ($3)
        ORDER BY product.name, license.unit, license.id
        """,
        order["stripe_session_id"],
        order["stripe_subscription_id"],
        order["undone_products"],
    )


async def list_plans_for_mail(conn: Connection, order: asyncpg.Record) -> list[asyncpg.Record]:
    """The names of an order's products without license keys. order: from `find_order_for_mail`."""
    return await conn.fetch(
        """
        SELECT product.name FROM checkout_lines AS line JOIN products AS product USING (stripe_product_id)
        WHERE line.stripe_session_id = $1 AND product.license_policy IS NULL AND product.stripe_product_id <> ALL ($2)
        ORDER BY line.position
        """,
        order["stripe_session_id"],
        order["undone_products"],
    )
