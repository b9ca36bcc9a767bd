"""Lists: newest first, cursors, `limit` from 1 to 100, and filters on the objects' fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.errors import invalid, not_found

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

Where = tuple[str, tuple[Any, ...]]

# Filters by a parent object, and the kind that each names. Without any of them, a list leaves out objects of test
# clocks.
_PARENTS = {
    "charge": "charge",
    "customer": "customer",
    "invoice": "invoice",
    "payment_intent": "payment_intent",
    "product": "product",
    "subscription": "subscription",
    "test_clock": "test_helpers.test_clock",
}
_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def same(p: Params, *names: str) -> list[Where]:
    """Filters for fields that must equal the parameter of the same name, if it is given."""
    return [(f"json ->> '$.{name}' = ?", (p.get(name),)) for name in names if name in p]


def ranged(p: Params, name: str, column: str | None = None) -> list[Where]:
    """Filters for a time that must equal the parameter or lie within its `{gt, gte, lt, lte}`.

    column: SQL of the time; by default the field with the parameter's name
    """
    value = p.get(name)
    column = column or f"json ->> '$.{name}'"
    if isinstance(value, int):
        return [(f"{column} = ?", (value,))]
    return [(f"{column} {_COMPARE[key]} ?", (bound,)) for key, bound in (value or {}).items()]


def page(tx: Tx, p: Params, kind: str, url: str, *filters: list[Where], owned: bool = False) -> Obj:
    """One page of the objects of a kind, as Stripe's list object.

    owned: a filter limits the list to one customer, without a parameter for it
    """
    conditions: list[Where] = [("kind = ? AND NOT deleted", (kind,))]
    if not (_check_parents(tx, p) or owned):
        conditions.append(("clock IS NULL", ()))
    if "created" in p:
        # The sign keeps SQLite from using an index on `created`: the page is ordered by `seq`.
        conditions += ranged(p, "created", "+created")
    for group in filters:
        conditions += group
    limit = page_size(p)
    after, before = _cursors(p)
    if after:
        conditions.append(("seq < ?", (_position(tx, kind, after, "starting_after"),)))
    if before:
        conditions.append(("seq > ?", (_position(tx, kind, before, "ending_before"),)))
    where = " AND ".join(sql for sql, _ in conditions)
    values = [value for _, group in conditions for value in group]
    order = "ASC" if before else "DESC"
    sql = f"SELECT id FROM objects WHERE {where} ORDER BY seq {order} LIMIT ?"  # noqa: S608  # No user input.
    ids = [row["id"] for row in tx.store.rows(sql, *values, limit + 1)]
    page_ids = ids[:limit][::-1] if before else ids[:limit]
    data = [found for found in (tx.find(object_id) for object_id in page_ids) if found is not None]
    return {"object": "list", "data": data, "has_more": len(ids) > limit, "url": url}


def slice_page(p: Params, data: list[Obj], url: str) -> Obj:
    """One page of a list that is stored inside an object, in its own order."""
    limit = page_size(p)
    ids = [entry["id"] for entry in data]
    after, before = _cursors(p)
    for cursor, name in ((after, "starting_after"), (before, "ending_before")):
        if cursor and cursor not in ids:
            raise not_found("object", cursor, param=name, status=400)
    if before:
        rest = data[: ids.index(before)]
        return {"object": "list", "data": rest[-limit:], "has_more": len(rest) > limit, "url": url}
    rest = data[ids.index(after) + 1 :] if after else data
    return {"object": "list", "data": rest[:limit], "has_more": len(rest) > limit, "url": url}


def _check_parents(tx: Tx, p: Params) -> bool:
    """True if a filter names a parent object; 400 if that does not exist. It may be deleted."""
    # `peek` does not mark the parameters as read: the list itself decides which filters it supports.
    given = {name: p.peek(name) for name in _PARENTS if p.peek(name)}
    for name, object_id in given.items():
        found = tx.find(object_id, deleted=True)
        if found is None or found["object"] != _PARENTS[name]:
            raise not_found(_PARENTS[name], object_id, param=name, status=400)
    return bool(given)


def _cursors(p: Params) -> tuple[str | None, str | None]:
    after, before = p.text("starting_after"), p.text("ending_before")
    if after and before:
        message = "You cannot use both starting_after and ending_before; these parameters are mutually exclusive."
        raise invalid(message, param="ending_before", code="parameters_exclusive")
    return after, before


def page_size(p: Params) -> int:
    """The parameter `limit`, 10 by default."""
    limit: int = p.get("limit", 10)
    if not 1 <= limit <= 100:
        bound = "less than or equal to 100" if limit > 100 else "greater than or equal to 1"
        raise invalid(f"Invalid limit: must be {bound}", param="limit", code="parameter_invalid_integer")
    return limit


def _position(tx: Tx, kind: str, object_id: str, param: str) -> int:
    seq: int | None = tx.store.value("SELECT seq FROM objects WHERE id = ? AND kind = ?", object_id, kind)
    if seq is None:
        raise not_found(kind, object_id, param=param, status=400)
    return seq
