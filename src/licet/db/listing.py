# ruff: noqa: S608 - every part of a statement here is a constant of a store; values of callers are arguments
"""Reads a page of a table and the total number of rows."""

from typing import Any

import asyncpg

from licet.db.connection import Connection
from licet.kit.pages import Page


class Where:
    """The WHERE clause of a list, with one condition for each filter that is set.

    A filter that is not set adds no condition. `$1 IS NULL OR …` would prevent the use of an index.
    """

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.arguments: list[Any] = []

    def add(self, condition: str, *values: Any) -> "Where":
        """Adds a condition with `{}` for each argument, such as `status = {}`, unless a value is None."""
        if None not in values:
            placeholders = [f"${len(self.arguments) + n}" for n in range(1, len(values) + 1)]
            self.arguments.extend(values)
            self._conditions.append(condition.format(*placeholders))
        return self

    @property
    def sql(self) -> str:
        """The clause; empty if there are no conditions."""
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""


async def fetch_page(
    conn: Connection, page: Page, where: Where, *, columns: str, table: str, order_by: str, joins: str = ""
) -> tuple[list[asyncpg.Record], int]:
    """Returns the rows of a page and the total number of rows, with two queries.

    joins: must be one-to-one, because the count leaves them out. order_by: must have an index and end in a unique
    column of the table, otherwise a row could be on two pages.
    """
    total: int = await conn.fetchval(f"SELECT count(*) FROM {table} {where.sql}", *where.arguments)
    if page.offset >= total:
        return [], total
    unique = order_by.rpartition(", ")[2].removesuffix(" DESC").removeprefix(f"{table}.")
    # Rows before the page are skipped in the index, from the nearer end. They are neither read nor joined.
    rows = await conn.fetch(
        f"""
        WITH page AS (SELECT {unique} FROM {table} {where.sql} {_slice(order_by, page, total)})
        SELECT {columns} FROM page JOIN {table} USING ({unique}) {joins} ORDER BY {order_by}
        """,
        *where.arguments,
    )
    return rows, total


def _slice(order_by: str, page: Page, total: int) -> str:
    """ORDER BY, LIMIT and OFFSET of the page, counted from the end of the list if that is nearer."""
    if page.offset <= total // 2:
        return f"ORDER BY {order_by} LIMIT {page.limit:d} OFFSET {page.offset:d}"
    limit = min(page.limit, total - page.offset)
    return f"ORDER BY {_reverse(order_by)} LIMIT {limit:d} OFFSET {total - page.offset - limit:d}"


def _reverse(order_by: str) -> str:
    """The opposite order: `a DESC, b` becomes `a, b DESC`. PostgreSQL scans the same index backwards."""
    terms = order_by.split(", ")
    return ", ".join(term.removesuffix(" DESC") if term.endswith(" DESC") else f"{term} DESC" for term in terms)
