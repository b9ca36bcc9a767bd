"""Routes for operators to read the emails that were sent: `/api/admin/emails`."""

from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from fastapi import Query, Response
from pydantic import Field

from licet.accounts.auth import Operator, SeenAccount
from licet.admin import store
from licet.emails import compose_email
from licet.errors import NotFound
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import PathId, api_router
from licet.http.shapes import At, ListResponse, ResponseBody

router = api_router("/api/admin/emails", tag="operators")


class Email(ResponseBody):
    """An email without its text."""

    id: UUID
    to: str = Field(examples=["ada@example.com"])
    template: str = Field(examples=["welcome", "receipt", "payment_failed", "refund", "cancellation"])
    subject: str = Field(examples=["Your license"])
    status: Literal["queued", "sent", "kept", "failed"] = Field(
        description="`kept`: no mail server is configured, so the email was stored and not sent."
    )
    account_id: UUID | None
    created_at: At
    sent_at: At | None
    error: str | None = Field(examples=[None])


class EmailDetails(Email):
    """An email with its text, rendered at each request: license keys are not stored in emails."""

    text: str = Field(examples=["Hello, this is your license key: …"])
    html: str = Field(examples=["<p>Hello, this is your license key: …</p>"])


@router.get("", summary="List emails", responses=responses(401, 403, 404))
async def list_emails(
    ctx: Ctx,
    _: Operator,
    account_id: SeenAccount,
    page: Paging,
    template: Annotated[str | None, Query(max_length=100, description="Only emails of this template.")] = None,
    to: Annotated[str | None, Query(max_length=254, description="Only emails to this address.")] = None,
) -> ListResponse[Email]:
    """Returns emails, the newest first. Filters by template, address or account."""
    async with ctx.pool.acquire() as conn:
        rows, total = await store.list_email_rows(conn, page, account_id=account_id, template=template, to=to)
    return listed([Email(**_fields(row)) for row in rows], total, page)


@router.get("/{id}", summary="Retrieve an email", responses=responses(401, 403, 404))
async def get_email(ctx: Ctx, _: Operator, email_id: PathId, response: Response) -> EmailDetails:
    """Returns the email with its text and HTML, license keys included."""
    async with ctx.pool.acquire() as conn:
        row = await store.find_email(conn, email_id)
    if row is None:
        raise NotFound("No email has this id. GET /api/admin/emails lists the emails.")
    bodies = await compose_email(ctx, row["template"], row["about"])
    response.headers["Cache-Control"] = "no-store"
    return EmailDetails(**_fields(row), text=bodies.text, html=bodies.html)


def _fields(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": row["id"],
        "to": row["to_address"],
        "template": row["template"],
        "subject": row["subject"],
        "status": row["status"],
        "account_id": row["account_id"],
        "created_at": row["created_at"],
        "sent_at": row["sent_at"],
        "error": row["error"],
    }
