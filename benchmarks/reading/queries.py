"""Which queries an answer took, and how PostgreSQL goes about each of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from licet.db.connection import Connection
from licet.db.pool import Pool


@dataclass(frozen=True)
class Query:
    """A statement and what it was given."""

    sql: str
    arguments: tuple[Any, ...]

    @property
    def short(self) -> str:
        """Without what it selects, on one line."""
        words = " ".join(self.sql.split())
        page, found, rest = words.partition(") SELECT ") if words.startswith("WITH page") else ("", "", words)
        if rest.startswith("SELECT count(*) FROM"):
            return rest
        return f"{page}{found or 'SELECT '}… {_from(rest)}"


def _from(words: str) -> str:
    """The query from its outermost FROM on: outside parentheses, and not of IS DISTINCT FROM."""
    depth = 0
    for at, letter in enumerate(words):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and words.startswith("FROM ", at) and not words.endswith("DISTINCT ", 0, at):
            return words[at:]
    raise ValueError(f"nothing is selected from anywhere: {words}")


@asynccontextmanager
async def noted(pool: Pool) -> AsyncIterator[list[Query]]:
    """What is asked of the pool while the block lasts; what the driver asks for itself is left out."""
    asked: list[Query] = []

    def note(record: Any) -> None:
        if "pg_catalog" not in record.query and ";" not in record.query:
            asked.append(Query(record.query, tuple(record.args or ())))

    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(pool.acquire()) for _ in range(pool.get_max_size())]
        for connection in connections:
            connection.add_query_logger(note)
    yield asked
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(pool.acquire()) for _ in range(pool.get_max_size())]
        for connection in connections:
            connection.remove_query_logger(note)


async def plan(conn: Connection, query: Query) -> str:
    """How it was gone about, in short, and how many blocks of 8 kB were looked at."""
    ((answer,),) = [
        tuple(row) for row in await conn.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query.sql}", *query.arguments)
    ]
    root = answer[0]["Plan"]
    blocks = root.get("Shared Hit Blocks", 0) + root.get("Shared Read Blocks", 0)
    return f"{_short(root)}; {blocks:,} blocks"


def _short(node: dict[str, Any]) -> str:
    """`Limit(Index Only Scan orders_created 20)`: what, along which index, how many rows it gave in all."""
    name = node.get("Index Name") or node.get("Relation Name")
    rows = round(node["Actual Rows"] * node["Actual Loops"])
    removed = round(node.get("Rows Removed by Filter", 0) * node["Actual Loops"])
    words = [node["Node Type"], *([name, f"{rows:,}"] if name else [])]
    if removed:
        words.append(f"({removed:,} passed over)")
    children = ", ".join(_short(child) for child in node.get("Plans", []))
    return " ".join(words) + (f"({children})" if children else "")
