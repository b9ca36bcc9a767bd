"""Writes a license change: the row, its timeline entries with their cause, the outgoing events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.kit.cause import Cause
from licet.kit.times import Now, rfc3339
from licet.licenses import store
from licet.licenses.core import State
from licet.licenses.keys import key_hash, new_key
from licet.licenses.policy import Policy
from licet.licenses.store import LicenseChangeRecord, LicenseRecord
from licet.outbox.store import EventName, OutgoingEvent, publish


@dataclass(frozen=True)
class ChangeContext:
    """Keyring, cause and time of a change. clock: business time, aware UTC."""

    keyring: Keyring
    cause: Cause
    clock: Now

    @cached_property
    def now(self) -> datetime:
        """The time of the change, read once, after the locks are taken.

        With a time from before the locks, a change would be dated before the one that it waited for.
        """
        return self.clock()


def key_material(policy: Policy, keyring: Keyring) -> tuple[bytes, bytes]:
    """Generate a key and return its hash and ciphertext. The key itself is never returned."""
    key = new_key(policy.prefix)
    return key_hash(key), keyring.encrypt(key)


async def write_issued(conn: Connection, new: store.NewLicense, state: State, context: ChangeContext) -> None:
    """Insert a new license with the first entry of its timeline, and publish its events."""
    license_id = await store.insert_license(conn, new, state, context.now)
    issued = LicenseChangeRecord(license_id, new.account_id, "issued", None, state.status, state.reason)
    await _write_timeline(conn, [issued], context)


async def write_changes(conn: Connection, before: LicenseRecord, after: LicenseRecord, context: ChangeContext) -> None:
    """Write a license change with its timeline entries and outgoing events; nothing if unchanged."""
    if before == after:
        return
    await store.update_license(conn, after)
    pairs = (
        ("status", before.state.status, after.state.status),
        ("expiresAt", _as_text(before.state.expires_at), _as_text(after.state.expires_at)),
        ("productId", str(before.product_id), str(after.product_id)),
        ("activationsLimit", _as_text(before.activations_limit), _as_text(after.activations_limit)),
    )
    changes = [
        LicenseChangeRecord(after.id, after.account_id, name, old, new, after.state.reason)
        for name, old, new in pairs
        if old != new
    ]
    await _write_timeline(conn, changes, context)


async def _write_timeline(conn: Connection, changes: Sequence[LicenseChangeRecord], context: ChangeContext) -> None:
    """Write timeline entries, and publish the outgoing events of those that have one."""
    entry_ids = await store.write_timeline(conn, changes, context.cause, context.now)
    events = [
        OutgoingEvent(
            event,
            str(entry_id),
            change.account_id,
            {"licenseId": str(change.license_id), "lineId": str(entry_id)},
        )
        for entry_id, change in zip(entry_ids, changes, strict=True)
        for event in _events_of(change)
    ]
    await publish(conn, events, context.now)


def _events_of(change: LicenseChangeRecord) -> list[EventName]:
    """The outgoing events of a change: none or one, but two for a license that is issued inactive."""
    if change.change == "issued":
        return ["license.issued", *([] if change.to_value == "active" else [_EVENT_BY_STATUS[change.to_value]])]
    return [_EVENT_BY_STATUS[change.to_value]] if change.change == "status" else []


_EVENT_BY_STATUS: Mapping[str | None, EventName] = {
    "active": "license.reinstated",
    "suspended": "license.suspended",
    "revoked": "license.revoked",
    "expired": "license.expired",
}
"""By the new status of a license, its outgoing event. An issued license that becomes active was reinstated."""


def _as_text(value: datetime | int | None) -> str | None:
    if isinstance(value, datetime):
        return rfc3339(value)
    return None if value is None else str(value)
