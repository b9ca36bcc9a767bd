"""What is told of a license: as it is now, and the change that is told of."""

from typing import Any
from uuid import UUID

import asyncpg
from pydantic import ConfigDict, Field

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import At, ResponseBody
from licet.licenses.schemas import License
from licet.licenses.view_store import get_license


class StatusChange(ResponseBody):
    """The line of the license's timeline that is told of: from which status to which, when, and because of what."""

    model_config = ConfigDict(title="LicenseStatusChange")

    # Outside it is a word of Python's.
    from_: str | None = Field(
        serialization_alias="from", description="Null where it was just issued.", examples=["active"]
    )
    to: str | None = Field(examples=["revoked"])
    at: At
    because: dict[str, Any] = Field(
        description="kind (stripe_event, stripe_read, api_call, operator, catalog, rule, time), the id to look it up "
        "by, and why.",
        examples=[{"kind": "stripe_event", "id": "evt_1", "reason": "refunded"}],
    )


class ChangedLicense(License):
    """A license as it is now, whose it is, and what happened to it."""

    account_id: UUID
    change: StatusChange


async def license_with_change(ctx: Context, conn: Connection, about: dict[str, Any]) -> ChangedLicense:
    """about: `{"licenseId", "lineId"}`. Raises NotFound where the license, or the line of its timeline, is gone."""
    found = await get_license(conn, ctx.keyring, UUID(about["licenseId"]), now=ctx.now(), account_id=None)
    line = await _line(conn, found.id, UUID(about["lineId"]))
    return ChangedLicense(
        **{name: getattr(found, name) for name in License.model_fields},
        account_id=line["account_id"],
        change=StatusChange(from_=line["from_value"], to=line["to_value"], at=line["at"], because=line["because"]),
    )


async def _line(conn: Connection, license_id: UUID, line_id: UUID) -> asyncpg.Record:
    line = await conn.fetchrow(
        """
        SELECT license.account_id, line.from_value, line.to_value, line.at, line.because
        FROM license_timeline AS line JOIN licenses AS license ON license.id = line.license_id
        WHERE line.id = $1 AND license.id = $2
        """,
        line_id,
        license_id,
    )
    if line is None:
        raise NotFound("There is no such line in the license's timeline.")
    return line
