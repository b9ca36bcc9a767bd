"""The search operations. Stripe's index lags by up to a minute; this sandbox has no delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid
from licet_sandbox.kit.lists import page_size
from licet_sandbox.kit.search import NUMBER, TEXT, TOKEN, parse_query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_CARD = "payment_method_details.card"
# Query fields of each resource, besides `metadata`. Source: docs.stripe.com/search, "Supported query fields".
SEARCH_FIELDS: Mapping[str, Mapping[str, str]] = {
    "charge": {
        "amount": NUMBER,
        "billing_details.address.postal_code": TOKEN,
        "created": NUMBER,
        "currency": TOKEN,
        "customer": TOKEN,
        "disputed": TOKEN,
        f"{_CARD}.brand": TOKEN,
        f"{_CARD}.exp_month": NUMBER,
        f"{_CARD}.exp_year": NUMBER,
        f"{_CARD}.fingerprint": TOKEN,
        f"{_CARD}.last4": TOKEN,
        "refunded": TOKEN,
        "status": TOKEN,
    },
    "customer": {"created": NUMBER, "email": TEXT, "name": TEXT, "phone": TEXT},
    "invoice": {
        "created": NUMBER,
        "currency": TOKEN,
        "customer": TOKEN,
        "last_finalization_error_code": f"{TOKEN} last_finalization_error.code",
        "last_finalization_error_type": f"{TOKEN} last_finalization_error.type",
        "number": TEXT,
        "receipt_number": TEXT,
        "status": TOKEN,
        "subscription": f"{TOKEN} parent.subscription_details.subscription",
        "total": NUMBER,
    },
    "payment_intent": {"amount": NUMBER, "created": NUMBER, "currency": TOKEN, "customer": TOKEN, "status": TOKEN},
    "price": {"active": TOKEN, "currency": TOKEN, "lookup_key": TEXT, "product": TOKEN, "type": TOKEN},
    "product": {"active": TOKEN, "description": TEXT, "name": TEXT, "shippable": TOKEN, "url": TEXT},
    "subscription": {"canceled_at": NUMBER, "created": NUMBER, "status": TOKEN},
}


def search(kind: str) -> Callable[[Tx, Params], Obj]:
    """Make the operation that searches objects of one kind, newest first."""

    def search_kind(tx: Tx, p: Params) -> Obj:
        sql, values = parse_query(p.need("query"), f"{kind}s", SEARCH_FIELDS[kind])
        limit, before = page_size(p), _position(p)
        where = f"kind = ? AND NOT deleted AND {sql}"
        beyond = "" if before is None else f" AND seq < {before}"
        order = f"SELECT seq, id FROM objects WHERE {where}{beyond} ORDER BY seq DESC LIMIT ?"  # noqa: S608  # No user input.
        rows = tx.store.rows(order, kind, *values, limit + 1)
        more = len(rows) > limit
        answer: Obj = {
            "object": "search_result",
            "data": [tx.get(kind, row["id"]) for row in rows[:limit]],
            "has_more": more,
            "next_page": f"p{rows[limit - 1]['seq']}" if more else None,
            "url": f"/v1/{kind}s/search",
        }
        if "total_count" in p.get("expand", []):
            count = f"SELECT count(*) FROM objects WHERE {where}"  # noqa: S608  # No user input.
            answer["total_count"] = tx.store.value(count, kind, *values)
        return answer

    return search_kind


def _position(p: Params) -> int | None:
    page = p.text("page")
    if page is None:
        return None
    if not (page.startswith("p") and page[1:].isascii() and page[1:].isdecimal() and len(page) < 20):
        raise invalid("Invalid page: use the `next_page` of the previous response.", param="page")
    return int(page[1:])
