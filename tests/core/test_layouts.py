"""Conversion of the older layout to the current one. Source: docs/decisions/older-api-versions.md."""

from copy import deepcopy
from typing import Any

import pytest

from licet.kit.stripe_objects import Paid, subscription_of_invoice
from licet.stripe_api.version import API_VERSION, layout_of
from licet.stripe_events.older_versions import to_current_layout


@pytest.mark.parametrize(
    ("api_version", "layout"),
    [
        (API_VERSION, "current"),
        ("2026-09-30.endive", "current"),
        ("2024-12-18.acacia", "before_basil"),
        ("2025-02-24.acacia", "before_basil"),
        ("2024-06-20", "before_basil"),
        ("2022-11-15", "before_basil"),
        ("2022-08-01", None),
        ("2025-03-31.basil", "first_basil"),
        ("2025-08-27.basil", "basil"),
        ("2025-09-30.clover", "current"),
        ("2026-03-25.dahlia", "current"),
        ("2027-03-31.fennel", None),
        ("2025-03-31.preview", None),
        ("2024-12-18.acacia; custom_checkout_beta=v1", None),
        ("", None),
        (None, None),
    ],
)
def test_the_layout_of_a_version(api_version: str | None, layout: str | None) -> None:
    assert layout_of(api_version) == layout


def today(obj: dict[str, Any]) -> dict[str, Any]:
    """`obj` as today's layout has it; it is not changed itself."""
    before = deepcopy(obj)
    moved = to_current_layout(obj, "before_basil").object
    assert obj == before
    return moved


def paid(obj: dict[str, Any]) -> tuple[Paid, ...]:
    return to_current_layout(obj, "before_basil").paid


PRICE = {"id": "price_1", "object": "price", "product": "prod_1", "unit_amount_decimal": "1000"}

SUBSCRIPTION: dict[str, Any] = {
    "id": "sub_1",
    "object": "subscription",
    "customer": "cus_1",
    "status": "active",
    "current_period_start": 100,
    "current_period_end": 200,
    "items": {
        "object": "list",
        "has_more": False,
        "data": [
            {"id": "si_1", "object": "subscription_item", "price": PRICE, "quantity": 2},
            {"id": "si_2", "object": "subscription_item", "price": PRICE, "quantity": 1},
        ],
    },
}

LINE: dict[str, Any] = {
    "id": "il_1",
    "object": "line_item",
    "amount": 1000,
    "currency": "usd",
    "type": "subscription",
    "price": PRICE,
    "plan": {"id": "price_1", "object": "plan"},
    "proration": False,
    "proration_details": {"credited_items": None},
    "subscription": "sub_1",
    "subscription_item": "si_1",
    "period": {"start": 100, "end": 200},
}

INVOICE: dict[str, Any] = {
    "id": "in_1",
    "object": "invoice",
    "customer": "cus_1",
    "status": "paid",
    "currency": "usd",
    "amount_due": 1000,
    "amount_paid": 1000,
    "paid": True,
    "paid_out_of_band": False,
    "subscription": "sub_1",
    "subscription_details": {"metadata": {"a": "1"}},
    "payment_intent": "pi_1",
    "charge": "ch_1",
    "lines": {"object": "list", "has_more": False, "data": [LINE]},
}

CHARGE: dict[str, Any] = {
    "id": "ch_1",
    "object": "charge",
    "customer": "cus_1",
    "amount": 1000,
    "amount_refunded": 0,
    "currency": "usd",
    "paid": True,
    "invoice": "in_1",
    "payment_intent": "pi_1",
}


def test_a_subscription_s_period_is_its_items() -> None:
    found = today(SUBSCRIPTION)
    assert "current_period_start" not in found
    assert "current_period_end" not in found
    for item, before in zip(found["items"]["data"], SUBSCRIPTION["items"]["data"], strict=True):
        assert item == {**before, "current_period_start": 100, "current_period_end": 200}
    assert {name: found[name] for name in ("id", "customer", "status")} == {
        "id": "sub_1",
        "customer": "cus_1",
        "status": "active",
    }


def test_items_with_periods_of_their_own_cannot_be_read() -> None:
    """One period for all is that of the item that ends first: the others' must be asked for."""
    by_month, by_year = ({**PRICE, "recurring": {"interval": one, "interval_count": 1}} for one in ("month", "year"))
    data = [{"id": "si_1", "price": by_month}, {"id": "si_2", "price": by_year}]
    mixed = {**SUBSCRIPTION, "items": {**SUBSCRIPTION["items"], "data": data}}
    assert not to_current_layout(mixed, "before_basil").readable
    assert to_current_layout(mixed, "current").readable


def test_what_an_invoice_bills_is_its_parent() -> None:
    found = today(INVOICE)
    assert found["parent"] == {
        "type": "subscription_details",
        "subscription_details": {"metadata": {"a": "1"}, "subscription": "sub_1"},
    }
    assert subscription_of_invoice(found) == "sub_1"
    gone = {"subscription", "subscription_details", "payment_intent", "charge", "paid", "paid_out_of_band"}
    assert not gone & set(found)
    assert today({**INVOICE, "subscription": None, "subscription_details": None})["parent"] is None
    expanded = today({**INVOICE, "subscription": SUBSCRIPTION})
    assert subscription_of_invoice(expanded) == "sub_1"


def test_a_line_of_a_subscription() -> None:
    (line,) = today(INVOICE)["lines"]["data"]
    assert line["pricing"] == {
        "type": "price_details",
        "price_details": {"price": "price_1", "product": "prod_1"},
        "unit_amount_decimal": "1000",
    }
    assert line["parent"] == {
        "type": "subscription_item_details",
        "subscription_item_details": {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": "sub_1",
            "subscription_item": "si_1",
        },
    }
    assert not {"price", "plan", "type", "proration", "subscription_item"} & set(line)
    assert line["period"] == {"start": 100, "end": 200}


def test_a_line_of_a_proration() -> None:
    line = {**LINE, "type": "invoiceitem", "invoice_item": "ii_1", "proration": True}
    (found,) = today({**INVOICE, "lines": {"data": [line], "has_more": False}})["lines"]["data"]
    details = found["parent"]["subscription_item_details"]
    assert (details["invoice_item"], details["proration"], details["subscription_item"]) == ("ii_1", True, "si_1")


def test_a_line_of_an_invoice_item() -> None:
    line = {**LINE, "type": "invoiceitem", "invoice_item": "ii_1", "subscription": None}
    del line["subscription_item"]
    assert today(line)["parent"] == {
        "type": "invoice_item_details",
        "invoice_item_details": {
            "invoice_item": "ii_1",
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": None,
        },
    }


def test_a_line_without_a_price() -> None:
    assert today({**LINE, "price": None})["pricing"] is None


@pytest.mark.parametrize(
    ("changed", "amount"),
    [
        pytest.param({}, 1000, id="by a payment"),
        pytest.param({"paid_out_of_band": True, "amount_paid": 0}, 1000, id="elsewhere"),
        pytest.param({"paid": False, "status": "open", "amount_paid": 0}, 0, id="not yet"),
    ],
)
def test_what_was_paid_elsewhere_counts_as_paid(changed: dict[str, Any], amount: int) -> None:
    assert today({**INVOICE, **changed})["amount_paid"] == amount


@pytest.mark.parametrize(
    ("invoice", "payments"),
    [
        pytest.param({}, (Paid("in_1", "pi_1", None, 1000, "usd"),), id="paid"),
        pytest.param({"payment_intent": {"id": "pi_1"}}, (Paid("in_1", "pi_1", None, 1000, "usd"),), id="expanded"),
        pytest.param({"payment_intent": None}, (Paid("in_1", None, "ch_1", 1000, "usd"),), id="by a charge alone"),
        pytest.param({"status": "open"}, (), id="not paid yet"),
        pytest.param({"status": "void"}, (), id="void"),
        pytest.param({"paid_out_of_band": True}, (), id="paid elsewhere"),
        pytest.param({"payment_intent": None, "charge": None}, (), id="nothing to pay"),
    ],
)
def test_an_invoice_says_what_paid_it(invoice: dict[str, Any], payments: tuple[Paid, ...]) -> None:
    assert paid({**INVOICE, **invoice}) == payments


@pytest.mark.parametrize(
    ("charge", "payments"),
    [
        pytest.param({}, (Paid("in_1", "pi_1", None, 1000, "usd"),), id="for an invoice"),
        pytest.param({"payment_intent": None}, (Paid("in_1", None, "ch_1", 1000, "usd"),), id="without an intent"),
        pytest.param({"invoice": None}, (), id="for no invoice"),
        pytest.param({"paid": False}, (), id="refused"),
    ],
)
def test_a_charge_says_what_it_paid(charge: dict[str, Any], payments: tuple[Paid, ...]) -> None:
    assert paid({**CHARGE, **charge}) == payments
    assert "invoice" not in today({**CHARGE, **charge})


def test_an_invoice_and_its_charge_say_the_same() -> None:
    assert paid(INVOICE) == paid(CHARGE)


def test_a_discount_s_coupon_is_its_source_however_deep() -> None:
    discount = {"id": "di_1", "object": "discount", "coupon": {"id": "half", "object": "coupon"}}
    customer = {"id": "cus_1", "object": "customer", "discount": discount}
    assert today(customer)["discount"] == {
        "id": "di_1",
        "object": "discount",
        "source": {"type": "coupon", "coupon": "half"},
    }


@pytest.mark.parametrize(
    "obj",
    [
        {"id": "cs_1", "object": "checkout.session", "status": "complete", "payment_intent": "pi_1", "invoice": "in_1"},
        {"id": "re_1", "object": "refund", "charge": "ch_1", "payment_intent": "pi_1", "status": "succeeded"},
        {"id": "du_1", "object": "dispute", "charge": "ch_1", "payment_intent": "pi_1", "status": "lost"},
        {"id": "pm_1", "object": "payment_method", "type": "card", "customer": "cus_1", "card": {"last4": "4242"}},
        {"id": "cus_1", "object": "customer", "invoice_settings": {"default_payment_method": "pm_1"}},
    ],
)
def test_what_did_not_move_reads_the_same(obj: dict[str, Any]) -> None:
    assert today(obj) == obj
    assert paid(obj) == ()


def test_todays_layout_is_left_alone_and_an_unknown_one_is_not_readable() -> None:
    assert to_current_layout(SUBSCRIPTION, "current").object is SUBSCRIPTION
    unknown = to_current_layout(SUBSCRIPTION, None)
    assert (unknown.object, unknown.readable, unknown.paid) == (SUBSCRIPTION, False, ())
    twice = today(today(INVOICE))
    assert (twice["parent"], twice["lines"]) == (today(INVOICE)["parent"], today(INVOICE)["lines"])
