"""Pages of a list, as asked for in the query and as answered."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from licet.http.shapes import ListResponse, Meta
from licet.kit.pages import Page

T = TypeVar("T")

MAX_PAGE = 1_000_000
"""Far beyond what anybody turns to, and far below where page times limit overflows a bigint."""


def _paging(
    page: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Counted from 1.")] = 1,
    limit: Annotated[int, Query(ge=1, le=100, description="How many a page holds.")] = 20,
) -> Page:
    return Page(page, limit)


Paging = Annotated[Page, Depends(_paging)]
"""A route's parameter: `page: Paging`, from `?page=1&limit=20`."""


def listed(rows: Sequence[T], total: int, page: Page) -> ListResponse[T]:
    """`{data, meta}`."""
    meta = page.meta(total)
    return ListResponse(
        data=list(rows),
        meta=Meta(total=total, page=page.page, limit=page.limit, total_pages=meta["totalPages"]),
    )
