# ruff: noqa: S608 - every part of a statement here is a constant of some store; what callers send are arguments
"""A page of a table, and how many rows there are in all."""

from typing import Any

import asyncpg

from licet.db.connection import Connection
from licet.kit.pages import Page


class Where:
    """The conditions of a list, of which each filter that was asked for adds one.

    Conditions that are not asked for are left out, rather than written as `$1 IS NULL OR …`, which hides the index.
    """

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.arguments: list[Any] = []

    def add(self, condition: str, *values: Any) -> "Where":
        """A condition with `{}` where each argument stands, such as `status = {}`; none where a value is None."""
        if None not in values:
            places = [f"${len(self.arguments) + n}" for n in range(1, len(values) + 1)]
            self.arguments.extend(values)
            self._conditions.append(condition.format(*places))
        return self

    @property
    def sql(self) -> str:
        """The whole clause, or nothing."""
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""


async def fetch_page(
    conn: Connection, page: Page, where: Where, *, columns: str, table: str, order_by: str, joins: str = ""
) -> tuple[list[asyncpg.Record], int]:
    """The rows of one page and the number of all, in two queries however long the page is.

    joins: one-to-one, so that they change no count; left out of the counting. order_by: with an index, ending in a
    unique column of the table, or two pages could show one row twice.
    """
    total: int = await conn.fetchval(f"SELECT count(*) FROM {table} {where.sql}", *where.arguments)
    if page.offset >= total:
        return [], total
    unique = order_by.rpartition(", ")[2].removesuffix(" DESC").removeprefix(f"{table}.")
    # What is not of the page is passed over in the index alone, from the nearer end: neither read nor joined.
    rows = await conn.fetch(
        f"""
        WITH page AS (SELECT {unique} FROM {table} {where.sql} {_slice(order_by, page, total)})
        SELECT {columns} FROM page JOIN {table} USING ({unique}) {joins} ORDER BY {order_by}
        """,
        *where.arguments,
    )
    return rows, total


def _slice(order_by: str, page: Page, total: int) -> str:
    """The page's part of all rows, counted from the beginning, or from the end where that is nearer."""
    if page.offset <= total // 2:
        return f"ORDER BY {order_by} LIMIT {page.limit:d} OFFSET {page.offset:d}"
    limit = min(page.limit, total - page.offset)
    return f"ORDER BY {_reverse(order_by)} LIMIT {limit:d} OFFSET {total - page.offset - limit:d}"


def _reverse(order_by: str) -> str:
    """`a DESC, b` is `a, b DESC`: PostgreSQL walks the same index backwards."""
    terms = order_by.split(", ")
    return ", ".join(term.removesuffix(" DESC") if term.endswith(" DESC") else f"{term} DESC" for term in terms)
