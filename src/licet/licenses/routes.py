"""What a customer holds: `/api/licenses`."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from licet.accounts.auth import Reader, SeenAccount
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import PathId, api_router
from licet.http.shapes import ListResponse
from licet.licenses import shown
from licet.licenses.core import Status
from licet.licenses.shown import License, LicenseChange, LicenseDetails

router = api_router("/api/licenses", tag="licenses")


@router.get("", summary="The licenses, the newest first", responses=responses(401, 403, 404))
async def list_licenses(
    ctx: Ctx,
    _: Reader,
    account_id: SeenAccount,
    page: Paging,
    status: Annotated[Status | None, Query(description="Those that read so now.")] = None,
    product_id: Annotated[UUID | None, Query(alias="productId", description="Those of this product.")] = None,
) -> ListResponse[License]:
    """Each with its key and what it allows. `status` is as it reads now, in the filter too."""
    async with ctx.pool.acquire() as conn:
        rows, total = await shown.list_licenses(
            conn, ctx.keyring, page, now=ctx.now(), account_id=account_id, status=status, product_id=product_id
        )
    return listed(rows, total, page)


@router.get("/{id}", summary="One license", responses=responses(401, 403, 404))
async def get_license(ctx: Ctx, _: Reader, account_id: SeenAccount, license_id: PathId) -> LicenseDetails:
    """With where it is in use."""
    async with ctx.pool.acquire() as conn:
        return await shown.get_license(conn, ctx.keyring, license_id, now=ctx.now(), account_id=account_id)


@router.get("/{id}/timeline", summary="Why a license is as it is", responses=responses(401, 403, 404))
async def list_license_changes(
    ctx: Ctx, _: Reader, account_id: SeenAccount, license_id: PathId, page: Paging
) -> ListResponse[LicenseChange]:
    """Every change with its cause, the newest first."""
    async with ctx.pool.acquire() as conn:
        rows, total = await shown.list_changes(conn, page, license_id, account_id=account_id)
    return listed(rows, total, page)
