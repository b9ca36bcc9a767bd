"""The licenses API: `/api/licenses`."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from licet.accounts.auth import Reader, SeenAccount
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import PathId, api_router
from licet.http.shapes import ListResponse
from licet.licenses import view_store
from licet.licenses.core import LicenseStatus
from licet.licenses.schemas import License, LicenseChange, LicenseDetails

router = api_router("/api/licenses", tag="licenses")


@router.get("", summary="List licenses", responses=responses(401, 403, 404))
async def list_licenses(
    ctx: Ctx,
    _: Reader,
    account_id: SeenAccount,
    page: Paging,
    status: Annotated[
        LicenseStatus | None, Query(description="Only licenses with this status at the time of the request.")
    ] = None,
    product_id: Annotated[UUID | None, Query(alias="productId", description="Only licenses of this product.")] = None,
) -> ListResponse[License]:
    """Lists licenses with their keys and entitlements, newest first. `status` is as of the request."""
    async with ctx.pool.acquire() as conn:
        rows, total = await view_store.list_licenses(
            conn, ctx.keyring, page, now=ctx.now(), account_id=account_id, status=status, product_id=product_id
        )
    return listed(rows, total, page)


@router.get("/{id}", summary="Retrieve a license", responses=responses(401, 403, 404))
async def get_license(ctx: Ctx, _: Reader, account_id: SeenAccount, license_id: PathId) -> LicenseDetails:
    """Retrieves a license with its activations."""
    async with ctx.pool.acquire() as conn:
        return await view_store.get_license(conn, ctx.keyring, license_id, now=ctx.now(), account_id=account_id)


@router.get("/{id}/timeline", summary="List the changes of a license", responses=responses(401, 403, 404))
async def list_license_changes(
    ctx: Ctx, _: Reader, account_id: SeenAccount, license_id: PathId, page: Paging
) -> ListResponse[LicenseChange]:
    """Lists every change of a license with its cause, newest first."""
    async with ctx.pool.acquire() as conn:
        rows, total = await view_store.list_changes(conn, page, license_id, account_id=account_id)
    return listed(rows, total, page)
