"""The findings as Markdown."""

import statistics
from dataclasses import dataclass, field

from .asked import Asked
from .queries import Query


@dataclass
class Found:
    """What was found of one request. bare, seconds: of each turn."""

    asked: Asked
    page: int
    rows: int | None
    queries: list[Query]
    bare: list[float] = field(repr=False)
    seconds: list[float] = field(repr=False)

    def as_json(self) -> dict[str, object]:
        """Times in milliseconds. times_bare: medians, the bare route's being 1."""
        median = statistics.median(self.seconds)
        return {
            "who": self.asked.who,
            "path": self.asked.name,
            "page": self.page,
            "total": self.rows,
            "queries": len(self.queries),
            "median_ms": round(median * 1000, 2),
            "p99_ms": round(sorted(self.seconds)[int(len(self.seconds) * 0.99)] * 1000, 2),
            "times_bare": round(median / statistics.median(self.bare), 1),
        }


def table(found: list[Found]) -> str:
    """A row for each request."""
    lines = [
        "| who | GET | page | of rows | queries | median, ms | p99, ms | times a bare route |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in found:
        row = one.as_json()
        total = f"{row['total']:,}" if one.rows is not None else ""
        cells = [row["who"], f"`{row['path']}`", row["page"], total, row["queries"]]
        cells += [row["median_ms"], row["p99_ms"], row["times_bare"]]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def plans(found: list[tuple[Query, str]]) -> str:
    """A paragraph for each query."""
    return "\n\n".join(f"`{query.short}`\\\n{plan}" for query, plan in found)
