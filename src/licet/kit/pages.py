"""Pages of a list: which part is requested, and the `meta` of its response."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """`page` counts from 1; `limit` is 1 to 100."""

    page: int = 1
    limit: int = 20

    @property
    def offset(self) -> int:
        """The number of rows before this page."""
        return (self.page - 1) * self.limit

    def meta(self, total: int) -> dict[str, int]:
        """The `meta` of a list response: `{total, page, limit, totalPages}`."""
        return {"total": total, "page": self.page, "limit": self.limit, "totalPages": -(-total // self.limit)}
