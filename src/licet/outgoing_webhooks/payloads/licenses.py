"""The data of license events: the license as it is now, and the change that the event reports."""

from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import At, ResponseBody
from licet.licenses.schemas import License
from licet.licenses.view_store import get_license
from licet.outgoing_webhooks.payloads.store import find_timeline_entry


class StatusChange(ResponseBody):
    """The reported entry of the license's timeline: the old and new status, the time, and the cause."""

    model_config = ConfigDict(title="LicenseStatusChange")

    # `from` is a keyword in Python.
    from_: str | None = Field(
        serialization_alias="from", description="Null for a license that was just issued.", examples=["active"]
    )
    to: str | None = Field(examples=["revoked"])
    at: At
    because: dict[str, Any] = Field(
        description="The cause. kind: stripe_event, stripe_read, api_call, operator, catalog, rule or time. "
        "id: what to look it up by. reason: why the status changed.",
        examples=[{"kind": "stripe_event", "id": "evt_1", "reason": "refunded"}],
    )


class ChangedLicense(License):
    """A license as it is now, with its account and the change that the event reports."""

    account_id: UUID
    change: StatusChange


async def changed_license(ctx: Context, conn: Connection, about: dict[str, Any]) -> ChangedLicense:
    """Read the data. about: `{"licenseId", "lineId"}`; lineId: the timeline entry. Raises NotFound."""
    license_ = await get_license(conn, ctx.keyring, UUID(about["licenseId"]), now=ctx.now(), account_id=None)
    entry = await find_timeline_entry(conn, license_.id, UUID(about["lineId"]))
    if entry is None:
        raise NotFound("There is no such entry in the license's timeline.")
    return ChangedLicense(
        **{name: getattr(license_, name) for name in License.model_fields},
        account_id=entry["account_id"],
        change=StatusChange(from_=entry["from_value"], to=entry["to_value"], at=entry["at"], because=entry["because"]),
    )
