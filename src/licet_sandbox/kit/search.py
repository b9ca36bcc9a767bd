"""Translates Stripe's search query language into an SQL condition on the stored objects.

`status:"active" AND metadata["plan"]:"pro"`, `-currency:"jpy"`, `amount>1000`, `name~"ada"`, `lookup_key:null`.
Source: docs.stripe.com/search, "Search query language".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from licet_sandbox.errors import StripeError, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from licet_sandbox.kit.lists import Where

TEXT, TOKEN, NUMBER = "text", "token", "number"

_CLAUSE = re.compile(
    r"""\s*(?P<not>-?)(?P<field>[a-z_][a-z_.0-9]*)
        (?:\[(?P<quote>["'])(?P<key>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\])?
        \s*(?P<operator>:|~|>=|<=|>|<)\s*
        (?:(?P<null>null)\b|(?P<open>["'])(?P<value>(?:\\.|(?!(?P=open)).)*)(?P=open)|(?P<bare>-?[\w.]+))\s*""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_JOIN = re.compile(r"(AND|OR)\b\s*", re.IGNORECASE)
_MIN_LETTERS = 3
_MAX_CLAUSES = 10


def parse_query(query: str, resource: str, fields: Mapping[str, str]) -> Where:
    """SQL over `json`, with its values; 400 if the query is invalid.

    fields: the query fields of the resource, each with its type (text, token or number) and, after a space, the
    field's path if that differs from its name
    """
    clauses: list[tuple[str, tuple[Any, ...]]] = []
    joins: set[str] = set()
    at = 0
    while at < len(query.rstrip()) or not clauses:
        if clauses:
            joined = _JOIN.match(query, at)
            joins.add(joined[1].upper() if joined else "AND")
            at = joined.end() if joined else at
        found = _CLAUSE.match(query, at)
        if found is None:
            raise _unreadable(query)
        clauses.append(_clause(found, resource, fields))
        at = found.end()
    if len(clauses) > _MAX_CLAUSES:
        raise invalid(f"A search query can have at most {_MAX_CLAUSES} clauses.", param="query")
    if len(joins) > 1:
        raise invalid("You cannot combine AND and OR in one search query.", param="query")
    joint = f" {next(iter(joins), 'AND')} "
    values = tuple(value for _, group in clauses for value in group)
    return f"({joint.join(sql for sql, _ in clauses)})", values


def _unreadable(query: str) -> StripeError:
    message = (
        f'We were unable to parse your search query: {query[:200]}. Try using the format `metadata["key"]:"value"` '
        'to query for metadata or key:"value" to query for other fields.'
    )
    return invalid(message, param="query")


def _clause(found: re.Match[str], resource: str, fields: Mapping[str, str]) -> tuple[str, tuple[Any, ...]]:
    name, key, operator = found["field"].lower(), found["key"], found["operator"]
    if name == "metadata" and key is not None:
        # Not as a JSON path: a key may have dots, quotes and dollar signs.
        kind, column = TOKEN, "(SELECT value FROM json_each(objects.json, '$.metadata') WHERE key = ?)"
        values: tuple[Any, ...] = (_unescaped(key),)
    elif key is None and name in fields:
        kind, _, path = fields[name].partition(" ")
        column, values = f"json ->> '$.{path or name}'", ()
    else:
        message = (
            f"Field `{name}` is an unsupported search field for resource `{resource}`. "
            f"Supported fields: {', '.join(sorted([*fields, 'metadata']))}."
        )
        raise invalid(message, param="query")
    sql, value = _comparison(kind, column, operator, found)
    if found["not"]:
        sql = f"NOT coalesce({sql}, 0)"
    return f"({sql})", values + value


def _comparison(kind: str, column: str, operator: str, found: re.Match[str]) -> tuple[str, tuple[Any, ...]]:
    if found["null"] is not None:
        if operator != ":":
            raise _unreadable(found[0])
        return f"{column} IS NULL", ()
    given = _unescaped(found["value"]) if found["value"] is not None else found["bare"]
    if kind == NUMBER:
        if operator == "~" or not re.fullmatch("-?[0-9]{1,18}", given):
            raise _unreadable(found[0])
        return f"CAST({column} AS INTEGER) {'=' if operator == ':' else operator} ?", (int(given),)
    if operator == "~" and kind == TEXT:
        if len(given) < _MIN_LETTERS:
            raise invalid(f"A substring needs at least {_MIN_LETTERS} characters.", param="query")
        return f"instr(lower({column}), lower(?)) > 0", (given,)
    if operator != ":":
        raise _unreadable(found[0])
    if given.lower() in {"true", "false"} and kind == TOKEN:
        # SQLite reads JSON booleans as 1 and 0.
        return f"({column} = ? OR lower({column}) = lower(?))", (int(given.lower() == "true"), given)
    return f"lower({column}) = lower(?)", (given,)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
