"""Pure rules, against whatever hypothesis thinks of."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_sandbox.api.coerce import coerce
from licet_sandbox.api.form import parse_form
from licet_sandbox.billing.periods import period_end
from licet_sandbox.errors import StripeError
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.spec.document import document
from licet_sandbox.validation.schemas import request_validator

ANCHORS = st.integers(946684800, 4102444800)
RECURRING = st.sampled_from(
    [
        ("day", 1),
        ("day", 30),
        ("week", 1),
        ("week", 2),
        ("month", 1),
        ("month", 3),
        ("month", 36),
        ("year", 1),
        ("year", 3),
    ]
).map(lambda chosen: {"interval": chosen[0], "interval_count": chosen[1]})


@given(ANCHORS, RECURRING, st.integers(0, 40))
def test_periods_follow_each_other_and_come_back_to_the_anchor(
    anchor: int, recurring: dict[str, Any], count: int
) -> None:
    start = anchor
    for _ in range(count):
        end = period_end(anchor, start, recurring)
        assert end > start
        # Whatever moment of the period is asked for, it ends at the same time.
        assert period_end(anchor, start + (end - start) // 2, recurring) == end
        assert period_end(anchor, end - 1, recurring) == end
        start = end
    begun, now = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(start, UTC)
    assert (now.hour, now.minute, now.second) == (begun.hour, begun.minute, begun.second)
    if recurring["interval"] in {"month", "year"}:
        months = recurring["interval_count"] * (12 if recurring["interval"] == "year" else 1)
        assert (now.year - begun.year) * 12 + now.month - begun.month == count * months
        assert now.day == begun.day or (now.day < begun.day and (now.month == 2 or now.day == 30))


def test_the_end_of_january() -> None:
    anchor = int(datetime(2027, 1, 31, 9, tzinfo=UTC).timestamp())
    monthly = {"interval": "month", "interval_count": 1}
    ends = [anchor]
    for _ in range(4):
        ends.append(period_end(anchor, ends[-1], monthly))
    shown = [datetime.fromtimestamp(end, UTC).strftime("%m-%d") for end in ends]
    assert shown == ["01-31", "02-28", "03-31", "04-30", "05-31"]


NAMES = st.text("abcdefghij_", min_size=1, max_size=5)
VALUES = st.recursive(
    st.text(max_size=10),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=3),
    max_leaves=10,
)


def flatten(name: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in flatten(f"{name}[{key}]", inner)]
    if isinstance(value, list):
        return [pair for at, inner in enumerate(value) for pair in flatten(f"{name}[{at}]", inner)]
    return [(name, str(value))]


def as_tree(value: object) -> object:
    if isinstance(value, dict):
        return {key: as_tree(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return {str(at): as_tree(inner) for at, inner in enumerate(value)}
    return value


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_a_form_is_its_tree(value: dict[str, Any]) -> None:
    pairs = [pair for key, inner in value.items() for pair in flatten(key, inner)]
    assert parse_form(urlencode(pairs)) == as_tree(value)


@given(st.text("ab[]=&0%", max_size=30))
def test_no_form_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(StripeError):
        parse_form(text)


@given(
    st.dictionaries(
        st.sampled_from(["mode", "line_items", "expires_at", "metadata", "customer", "expand", "subscription_data"]),
        VALUES | st.sampled_from(["payment", "123", "true"]),
        max_size=4,
    )
)
def test_what_is_taken_fits_the_document(value: dict[str, Any]) -> None:
    found = document().find_operation("POST", "/v1/checkout/sessions")
    assert found is not None
    pairs = [pair for key, inner in value.items() for pair in flatten(key, inner)]
    with contextlib.suppress(StripeError):
        taken = coerce(found[0].schema, parse_form(urlencode(pairs)))
        assert list(request_validator("POST /v1/checkout/sessions").iter_errors(taken)) == []


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (14900, "usd", "$149.00"),
        (-14900, "usd", "-$149.00"),
        (500, "jpy", "¥500"),
        (123456789, "eur", "€1,234,567.89"),
        (5, "chf", "0.05 CHF"),
        (5120, "kwd", "5.120 KWD"),
        (150000, "ugx", "1,500.00 UGX"),
    ],
)
def test_amounts(amount: int, currency: str, shown: str) -> None:
    assert format_amount(amount, currency) == shown
