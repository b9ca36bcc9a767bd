"""Reads the names and values of a query, and checks that a route knows the names."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl

from licet.errors import ValidationFailed
from licet.kit.redact import error_line

if TYPE_CHECKING:
    from starlette.types import Scope

Query: TypeAlias = list[tuple[str, str]]

MAX_QUERY_BYTES = 8 * 1024
"""The longest query. The longest of a real request is a search with a page and an account: some 600 bytes."""
MAX_QUERY_NAMES = 100


def read_query(scope: "Scope") -> Query:
    """The names and values in order. Raises ValidationFailed if the query is too long."""
    raw: bytes = scope["query_string"]
    if not raw:
        return []
    too_long = len(raw) > MAX_QUERY_BYTES or raw.count(b"&") >= MAX_QUERY_NAMES
    if too_long:
        message = f"must have at most {MAX_QUERY_NAMES} names and {MAX_QUERY_BYTES} bytes"
        raise ValidationFailed("The query is too long. Send a shorter one.", details=_fields(["query"], message))
    return parse_qsl(raw.decode("latin-1"), keep_blank_values=True)


def check_names(scope: "Scope", known: frozenset[str]) -> None:
    """Raises ValidationFailed that lists the names which the route does not know.

    A filter with a typing error would otherwise return everything, or act for everybody.
    """
    unknown = [name for name, _ in read_query(scope) if name not in known]
    if unknown:
        raise query_error("The query has unknown parameters. Correct or remove them.", unknown, "unknown parameter")


def query_error(message: str, names: Iterable[str], fault: str) -> ValidationFailed:
    """The error that lists these names, each once, with their fault."""
    return ValidationFailed(message, details=_fields(names, fault))


def _fields(names: Iterable[str], fault: str) -> dict[str, list[dict[str, str]]]:
    # A secret that was sent as a name is not repeated.
    fields = [{"field": name, "message": fault} for name in dict.fromkeys(error_line(name, 200) for name in names)]
    return {"fields": fields[:50]}
