"""The licenses table: the unit of each license, its key, and the state that `decide` returned last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.kit.cause import Cause
from licet.kit.ids import new_id
from licet.licenses.core import State
from licet.licenses.policy import Policy


@dataclass(frozen=True)
class LicenseRecord:
    """A license as stored, without its key."""

    id: UUID
    account_id: UUID
    product_id: UUID
    order_id: UUID | None
    unit_group: str | None
    unit: int
    line_position: int | None
    wanted: bool
    activations_limit: int | None
    state: State


@dataclass(frozen=True)
class NewLicense:
    """A license to be issued, for a unit of an order line or of a subscription."""

    account_id: UUID
    product_id: UUID
    key_hash: bytes
    key_encrypted: bytes
    activations_limit: int | None
    unit: int
    order_id: UUID | None = None
    stripe_session_id: str | None = None
    line_position: int | None = None
    stripe_subscription_id: str | None = None
    unit_group: str | None = None


@dataclass(frozen=True)
class LicenseChangeRecord:
    """One entry of a license's timeline. `reason` is the rule of `decide` that matched."""

    license_id: UUID
    account_id: UUID
    change: str
    from_value: str | None
    to_value: str | None
    reason: str


_SELECT = """
    SELECT id, account_id, product_id, order_id, unit_group, unit, line_position, wanted, activations_limit,
           status, reason, valid_until, then_status, expires_at
    FROM licenses
"""


def _license(row: asyncpg.Record) -> LicenseRecord:
    state = State(row["status"], row["reason"], row["valid_until"], row["then_status"], row["expires_at"])
    return LicenseRecord(
        row["id"],
        row["account_id"],
        row["product_id"],
        row["order_id"],
        row["unit_group"],
        row["unit"],
        row["line_position"],
        row["wanted"],
        row["activations_limit"],
        state,
    )


async def lock_licenses_of_subscription(conn: Connection, stripe_subscription_id: str) -> list[LicenseRecord]:
    """The licenses of a subscription, locked. Licenses are always locked in the order of their ids."""
    rows = await conn.fetch(
        _SELECT + " WHERE stripe_subscription_id = $1 ORDER BY id FOR UPDATE",
        stripe_subscription_id,
    )
    return [_license(row) for row in rows]


async def lock_licenses_of_session(conn: Connection, stripe_session_id: str) -> list[LicenseRecord]:
    """The one-time licenses of a checkout session, locked in the order of their ids."""
    rows = await conn.fetch(
        _SELECT + " WHERE stripe_session_id = $1 ORDER BY id FOR UPDATE",
        stripe_session_id,
    )
    return [_license(row) for row in rows]


async def insert_license(conn: Connection, new: NewLicense, state: State, now: datetime) -> UUID:
    """Insert a new license with its first state, and return its id."""
    license_id = new_id()
    await conn.execute(
        """
        INSERT INTO licenses (
            id, account_id, product_id, order_id, stripe_session_id, line_position, stripe_subscription_id, unit_group,
            unit, key_hash, key_encrypted, activations_limit, status, reason, valid_until, then_status, expires_at,
            created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
        """,
        license_id,
        new.account_id,
        new.product_id,
        new.order_id,
        new.stripe_session_id,
        new.line_position,
        new.stripe_subscription_id,
        new.unit_group,
        new.unit,
        new.key_hash,
        new.key_encrypted,
        new.activations_limit,
        state.status,
        state.reason,
        state.valid_until,
        state.then,
        state.expires_at,
        now,
    )
    return license_id


async def update_license(conn: Connection, changed: LicenseRecord) -> None:
    """Write the fields of a license that can change: product, order, limit, `wanted` and state."""
    await conn.execute(
        """
        UPDATE licenses SET product_id = $2, order_id = $3, wanted = $4, activations_limit = $5, status = $6,
            reason = $7, valid_until = $8, then_status = $9, expires_at = $10
        WHERE id = $1
        """,
        changed.id,
        changed.product_id,
        changed.order_id,
        changed.wanted,
        changed.activations_limit,
        changed.state.status,
        changed.state.reason,
        changed.state.valid_until,
        changed.state.then,
        changed.state.expires_at,
    )


async def write_timeline(
    conn: Connection, changes: Sequence[LicenseChangeRecord], cause: Cause, now: datetime
) -> list[UUID]:
    """Add entries to timelines, all with one cause. Returns the entries' ids."""
    entry_ids = [new_id() for _ in changes]
    await conn.executemany(
        """
        INSERT INTO license_timeline (id, license_id, account_id, at, change, from_value, to_value, because)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        [
            (
                entry_id,
                change.license_id,
                change.account_id,
                now,
                change.change,
                change.from_value,
                change.to_value,
                {**cause.as_json(), "reason": change.reason},
            )
            for entry_id, change in zip(entry_ids, changes, strict=True)
        ],
    )
    return entry_ids


async def link_order(conn: Connection, stripe_subscription_id: str, order_id: UUID) -> None:
    """Link a subscription's licenses to the order that they were bought with."""
    await conn.execute(
        "UPDATE licenses SET order_id = $2 WHERE stripe_subscription_id = $1 AND order_id IS NULL",
        stripe_subscription_id,
        order_id,
    )


async def list_policies(conn: Connection, product_ids: Sequence[UUID]) -> dict[UUID, Policy]:
    """The license policy of each of these products; the defaults where its policy was removed."""
    rows = await conn.fetch("SELECT id, license_policy FROM products WHERE id = ANY ($1)", product_ids)
    return {row["id"]: Policy.from_json(row["license_policy"] or {"prefix": ""}) for row in rows}
