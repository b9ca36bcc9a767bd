"""Paging of lists: the query parameters and the response body."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from licet.http.shapes import ListResponse, Meta
from licet.kit.pages import Page

T = TypeVar("T")

MAX_PAGE = 1_000_000
"""High enough for every list, and low enough that page times limit fits in a bigint."""


def _paging(
    page: Annotated[int, Query(ge=1, le=MAX_PAGE, description="The number of the page, from 1.")] = 1,
    limit: Annotated[int, Query(ge=1, le=100, description="The number of items on a page.")] = 20,
) -> Page:
    return Page(page, limit)


Paging = Annotated[Page, Depends(_paging)]
"""A route's parameter: `page: Paging`, from `?page=1&limit=20`."""


def listed(rows: Sequence[T], total: int, page: Page) -> ListResponse[T]:
    """The response body of a list: `{data, meta}`."""
    meta = page.meta(total)
    return ListResponse(
        data=list(rows),
        meta=Meta(total=total, page=page.page, limit=page.limit, total_pages=meta["totalPages"]),
    )
