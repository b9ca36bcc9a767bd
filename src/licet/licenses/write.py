"""What settling a purchase shares, once and recurring: issuing a license, and writing what changed with its cause."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.kit.cause import Cause
from licet.kit.times import rfc3339
from licet.licenses import store
from licet.licenses.core import Policy, State
from licet.licenses.keys import key_hash, new_key
from licet.licenses.store import LicenseChangeRecord, LicenseRecord
from licet.outbox import EventName, OutgoingEvent, publish


@dataclass(frozen=True)
class ChangeContext:
    """With what, why and when purchases are settled. `now`: business time, aware UTC."""

    keyring: Keyring
    cause: Cause
    now: datetime


def key_material(policy: Policy, keyring: Keyring) -> tuple[bytes, bytes]:
    """(hash, encrypted) of a new key: the key itself leaves this function in no other form."""
    key = new_key(policy.prefix)
    return key_hash(key), keyring.encrypt(key)


async def write_issued(conn: Connection, new: store.NewLicense, state: State, settling: ChangeContext) -> None:
    """Write a new license, and the first line of its timeline."""
    license_id = await store.insert(conn, new, state, settling.now)
    issued = LicenseChangeRecord(license_id, new.account_id, "issued", None, state.status, state.reason)
    await _write_down(conn, [issued], settling)


async def write_changes(conn: Connection, before: LicenseRecord, after: LicenseRecord, settling: ChangeContext) -> None:
    """Write what changed of a license, with its cause; nothing where nothing did."""
    if before == after:
        return
    await store.update(conn, after)
    pairs = (
        ("status", before.state.status, after.state.status),
        ("expiresAt", _shown(before.state.expires_at), _shown(after.state.expires_at)),
        ("productId", str(before.product_id), str(after.product_id)),
        ("activationsLimit", _shown(before.activations_limit), _shown(after.activations_limit)),
    )
    changes = [
        LicenseChangeRecord(after.id, after.account_id, name, old, new, after.state.reason)
        for name, old, new in pairs
        if old != new
    ]
    await _write_down(conn, changes, settling)


async def _write_down(conn: Connection, changes: Sequence[LicenseChangeRecord], settling: ChangeContext) -> None:
    """The lines of the timeline, and word of each that the vendor's systems may listen for."""
    line_ids = await store.write_timeline(conn, changes, settling.cause, settling.now)
    happened = [
        OutgoingEvent(
            event,
            str(line_id),
            change.account_id,
            {"licenseId": str(change.license_id), "lineId": str(line_id)},
        )
        for line_id, change in zip(line_ids, changes, strict=True)
        for event in _events_of(change)
    ]
    await publish(conn, happened, settling.now)


def _events_of(change: LicenseChangeRecord) -> list[EventName]:
    """Mostly one. A license that begins as one that may not be used is issued, and that too."""
    if change.change == "issued":
        return ["license.issued", *([] if change.to_value == "active" else [_TOLD_AS[change.to_value]])]
    return [_TOLD_AS[change.to_value]] if change.change == "status" else []


_TOLD_AS: Mapping[str | None, EventName] = {
    "active": "license.reinstated",
    "suspended": "license.suspended",
    "revoked": "license.revoked",
    "expired": "license.expired",
}
"""By the status that a license has now, the event that tells of it. Active again: whatever stood against it is gone."""


def _shown(value: datetime | int | None) -> str | None:
    if isinstance(value, datetime):
        return rfc3339(value)
    return None if value is None else str(value)
