"""Endpoints of older API versions: each gets the same events in the layout of its own."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import pytest
import pytest_asyncio
import stripe
from tests.sandbox.play import DAY, Play, Receiver

from licet_sandbox.events.layouts import CHANGES, OLDEST, SINCE, changes_since
from licet_sandbox.events.rendering import undo_changes
from licet_sandbox.spec.document import API_VERSION, document
from licet_sandbox.spec.shapes import new
from licet_sandbox.validation import Checker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ACACIA = "2024-12-18.acacia"


@pytest_asyncio.fixture(loop_scope="session")
async def old() -> AsyncIterator[Receiver]:
    """A second receiver, for the older layout."""
    other = Receiver()
    await other.start()
    yield other
    await other.stop()


async def listen(play: Play, receiver: Receiver, version: str | None, *types: str) -> Any:
    given = {"url": receiver.url, "enabled_events": list(types) or ["*"]}
    if version is not None:
        given["api_version"] = version
    receiver.endpoint = await play.api.webhook_endpoints.create_async(given)
    return receiver.endpoint


def bodies(receiver: Receiver, event_type: str) -> list[dict[str, Any]]:
    return [body for body in receiver.bodies if body["type"] == event_type]


def objects(receiver: Receiver, event_type: str) -> list[dict[str, Any]]:
    return [body["data"]["object"] for body in bodies(receiver, event_type)]


async def test_a_subscription_before_basil(play: Play, receiver: Receiver, old: Receiver) -> None:
    await listen(play, receiver, None)
    assert (await listen(play, old, ACACIA)).api_version == ACACIA
    subscription = await play.subscribe()
    await play.advance(40 * DAY)
    assert {body["api_version"] for body in old.bodies} == {ACACIA}
    assert {body["api_version"] for body in receiver.bodies} == {API_VERSION}
    # The same events, but for the types that there were not yet.
    now_ids = {body["id"]: body["type"] for body in receiver.bodies}
    assert now_ids.keys() - {body["id"] for body in old.bodies} == {
        key for key, event_type in now_ids.items() if event_type == "invoice_payment.paid"
    }

    made = objects(old, "customer.subscription.created")[0]
    [item] = made["items"]["data"]
    today = objects(receiver, "customer.subscription.created")[0]["items"]["data"][0]
    assert (made["id"], made["discount"]) == (subscription.id, None)
    assert [made[key] for key in ("current_period_start", "current_period_end")] == [
        today["current_period_start"],
        today["current_period_end"],
    ]
    assert not {"current_period_start", "current_period_end"} & item.keys()
    assert item["price"]["recurring"]["aggregate_usage"] is None
    assert item["plan"]["aggregate_usage"] is None

    renewed = next(
        body
        for body in bodies(old, "customer.subscription.updated")
        if "current_period_end" in body["data"]["previous_attributes"]
    )
    previous = renewed["data"]["previous_attributes"]
    assert previous["current_period_end"] == made["current_period_end"]
    assert previous["current_period_start"] == made["current_period_start"]
    assert "items" not in previous
    assert renewed["data"]["object"]["current_period_start"] == made["current_period_end"]


async def test_an_invoice_before_basil(play: Play, receiver: Receiver, old: Receiver) -> None:
    await listen(play, receiver, None)
    await listen(play, old, ACACIA)
    subscription = await play.subscribe(subscription_data={"metadata": {"plan": "a"}})
    await play.advance(40 * DAY)
    first, renewal = objects(old, "invoice.paid")
    today = objects(receiver, "invoice.paid")[1]
    payments = await play.api.invoice_payments.list_async({"invoice": renewal["id"]})
    intent = await play.api.payment_intents.retrieve_async(payments.data[0].payment.payment_intent)
    assert not {"parent", "total_taxes"} & renewal.keys()
    assert {key: renewal[key] for key in ("subscription", "payment_intent", "charge", "paid", "paid_out_of_band")} == {
        "subscription": subscription.id,
        "payment_intent": intent.id,
        "charge": intent.latest_charge,
        "paid": True,
        "paid_out_of_band": False,
    }
    assert renewal["subscription_details"] == {"metadata": {"plan": "a"}}
    assert (renewal["quote"], renewal["tax"], renewal["total_tax_amounts"], renewal["discount"]) == (
        None,
        None,
        [],
        None,
    )
    assert first["payment_intent"] not in {None, intent.id}

    [line], [line_today] = renewal["lines"]["data"], today["lines"]["data"]
    assert not {"parent", "pricing", "taxes"} & line.keys()
    price_id = line_today["pricing"]["price_details"]["price"]
    details = line_today["parent"]["subscription_item_details"]
    assert (line["price"]["id"], line["plan"]["id"]) == (price_id, price_id)
    assert (line["type"], line["proration"], line["proration_details"]) == (
        "subscription",
        False,
        {"credited_items": None},
    )
    assert (line["subscription"], line["subscription_item"]) == (subscription.id, details["subscription_item"])
    assert (line["amount_excluding_tax"], line["unit_amount_excluding_tax"]) == (1000, "1000")
    assert "invoice_item" not in line

    draft = next(body for body in objects(old, "invoice.created") if body["id"] == renewal["id"])
    assert (draft["paid"], draft["payment_intent"], draft["charge"]) == (False, None, None)
    changed = [
        body["data"]["previous_attributes"]
        for body in bodies(old, "invoice.updated")
        if body["data"]["object"]["id"] == renewal["id"] and body["data"]["object"]["paid"]
    ]
    assert changed[0]["paid"] is False
    assert changed[0]["charge"] is None


async def test_payments_before_basil_name_their_invoice(play: Play, old: Receiver) -> None:
    await listen(play, old, ACACIA)
    await play.subscribe()
    await play.advance(40 * DAY)
    renewal = objects(old, "invoice.paid")[-1]
    for event_type in ("payment_intent.succeeded", "charge.succeeded"):
        assert objects(old, event_type)[-1]["invoice"] == renewal["id"]
    bought = await play.buy()
    assert objects(old, "payment_intent.succeeded")[-1]["invoice"] is None
    assert objects(old, "charge.succeeded")[-1]["invoice"] is None
    session = objects(old, "checkout.session.completed")[-1]
    assert (session["id"], session["ui_mode"], session["shipping_details"]) == (bought.id, "hosted", None)
    charge = objects(old, "charge.succeeded")[0]
    answer = await play.http.post("/_sandbox/refunds", json={"charge": charge["id"], "amount": 10})
    assert answer.status_code == 200
    refunded = bodies(old, "charge.refunded")[0]["data"]
    assert (refunded["object"]["amount_refunded"], refunded["previous_attributes"]["amount_refunded"]) == (10, 0)


async def test_things_bought_once_before_basil(play: Play, old: Receiver) -> None:
    await listen(play, old, ACACIA)
    await play.buy(5000, invoice_creation={"enabled": True})
    [item] = objects(old, "invoiceitem.created")
    assert (item["price"]["type"], item["plan"], item["subscription"]) == ("one_time", None, None)
    assert (item["unit_amount"], item["unit_amount_decimal"]) == (5000, "5000")
    assert not {"parent", "pricing", "subscription_item"} & item.keys()
    [line] = objects(old, "invoice.paid")[0]["lines"]["data"]
    assert (line["type"], line["invoice_item"], line["plan"]) == ("invoiceitem", item["id"], None)
    assert "subscription_item" not in line


async def test_a_failed_renewal_before_basil(play: Play, old: Receiver) -> None:
    await listen(play, old, ACACIA)
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    await play.advance(40 * DAY)
    failed = objects(old, "invoice.payment_failed")[0]
    assert (failed["paid"], failed["attempt_count"], failed["subscription"]) == (False, 1, subscription.id)
    charge = await play.api.charges.retrieve_async(failed["charge"])
    assert charge.status == "failed"
    assert failed["payment_intent"] == charge.payment_intent


@pytest.mark.parametrize(
    ("version", "ui_mode", "has"),
    [
        (OLDEST, "hosted", set()),
        ("2025-02-24.acacia", "hosted", set()),
        ("2025-03-31.basil", "hosted", {"parent"}),
        ("2025-05-28.basil", "hosted", {"parent", "payments"}),
        ("2025-09-30.clover", "hosted", {"parent", "payments"}),
        ("2026-03-25.dahlia", "hosted_page", {"parent", "payments"}),
        (API_VERSION, "hosted_page", {"parent", "payments"}),
    ],
)
async def test_each_version_has_what_it_had(
    play: Play, old: Receiver, version: str, ui_mode: str, has: set[str]
) -> None:
    await listen(play, old, version)
    await play.subscribe()
    assert {body["api_version"] for body in old.bodies} == {version}
    assert objects(old, "checkout.session.completed")[0]["ui_mode"] == ui_mode
    assert ("parent" in objects(old, "invoice.paid")[0]) is ("parent" in has)
    assert bool(bodies(old, "invoice_payment.paid")) is ("payments" in has)


async def test_what_is_listed_is_in_the_account_s_version(play: Play, old: Receiver) -> None:
    await listen(play, old, ACACIA, "invoice.paid")
    await play.subscribe()
    [sent] = old.bodies
    stored = await play.api.events.retrieve_async(sent["id"])
    assert (stored.api_version, stored.pending_webhooks) == (API_VERSION, 0)
    assert stored.data.object.parent.subscription_details.subscription == sent["data"]["object"]["subscription"]


@pytest.mark.parametrize(
    ("given", "param", "says"),
    [
        ({"api_version": "2023-10-16"}, "api_version", OLDEST),
        ({"api_version": "2031-01-01.fuchsia"}, "api_version", "must be one of"),
        (
            {"api_version": ACACIA, "enabled_events": ["invoice.paid", "invoice_payment.paid"]},
            "enabled_events[1]",
            "require version",
        ),
    ],
)
async def test_versions_that_are_none(play: Play, given: dict[str, Any], param: str, says: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await play.api.webhook_endpoints.create_async(
            {"url": "http://127.0.0.1:9/hooks", "enabled_events": ["*"], **given}
        )
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert says in str(refused.value)


async def test_the_types_of_an_old_endpoint_stay_old(play: Play, old: Receiver) -> None:
    endpoint = await listen(play, old, ACACIA)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await play.api.webhook_endpoints.update_async(endpoint.id, {"enabled_events": ["invoice_payment.paid"]})
    assert refused.value.param == "enabled_events[0]"


def test_the_table_names_what_there_is() -> None:
    versions = document().find_operation("POST", "/v1/webhook_endpoints")
    assert versions is not None
    known = versions[0].schema["properties"]["api_version"]["enum"]
    assert known == sorted(known)
    assert {change.version for change in CHANGES} | set(SINCE.values()) | {OLDEST} <= set(known)
    assert set(SINCE) <= set(document().content["info"]["x-event-types"])
    assert [change.version for change in CHANGES] == sorted((change.version for change in CHANGES), reverse=True)
    for change in CHANGES:
        properties = document().schemas[change.kind]["properties"]
        assert set(change.added) <= properties.keys(), change.kind
        assert set(change.optional) <= change.removed.keys(), change.kind


class Shelf:
    """The objects that a layout looks up."""

    def __init__(self, *stored: dict[str, Any]) -> None:
        self._stored = {obj["id"]: obj for obj in stored}

    def find(self, object_id: str, *, deleted: bool = False) -> dict[str, Any] | None:
        del deleted
        return self._stored.get(object_id)

    def select(self, kind: str, where: str, *values: str) -> list[dict[str, Any]]:
        del kind, where, values
        return []


def shown(obj: dict[str, Any], version: str, *stored: dict[str, Any]) -> Any:
    return undo_changes(cast("Any", Shelf(*stored)), obj, changes_since(version))


COUPON = new("coupon", id="half", percent_off=50.0, duration="forever", valid=True, times_redeemed=0, created=1)
DISCOUNT = new("discount", id="di_1", source={"type": "coupon", "coupon": "half"}, start=1)


@pytest.mark.parametrize("version", [ACACIA, "2025-08-27.basil"])
def test_coupons_stood_in_discounts_and_codes(version: str) -> None:
    discount = shown(DISCOUNT, version, COUPON)
    assert (discount["coupon"], "source" in discount) == (COUPON, False)
    code = {"object": "promotion_code", "id": "promo_1", "promotion": {"type": "coupon", "coupon": "half"}}
    assert shown(code, version, COUPON) == {"object": "promotion_code", "id": "promo_1", "coupon": COUPON}
    customer = shown({"object": "customer", "id": "cus_1", "discount": DISCOUNT}, version, COUPON)
    assert customer["discount"]["coupon"] == COUPON
    assert shown(DISCOUNT, API_VERSION) == DISCOUNT


def test_one_discount_and_one_coupon_before_basil() -> None:
    item = {"object": "subscription_item", "id": "si_1", "current_period_start": 1, "current_period_end": 5}
    other = item | {"id": "si_2", "current_period_start": 2, "current_period_end": 4}
    subscription = {
        "object": "subscription",
        "id": "sub_1",
        "discounts": ["di_1", "di_2"],
        "items": {"object": "list", "data": [item, other]},
    }
    old_one = shown(subscription, ACACIA, DISCOUNT, COUPON)
    assert old_one["discount"]["coupon"]["id"] == "half"
    assert (old_one["current_period_start"], old_one["current_period_end"]) == (2, 4)
    entry = {"coupon": "half", "discount": None, "promotion_code": None}
    schedule = {"object": "subscription_schedule", "id": "s", "phases": [{"discounts": [entry]}, {"discounts": []}]}
    assert [phase["coupon"] for phase in shown(schedule, ACACIA)["phases"]] == ["half", None]


def test_taxes_before_basil() -> None:
    rate = {"object": "tax_rate", "id": "txr_1"}
    tax = {
        "amount": 19,
        "tax_behavior": "inclusive",
        "tax_rate_details": {"tax_rate": "txr_1"},
        "taxability_reason": "standard_rated",
        "taxable_amount": 100,
        "type": "tax_rate_details",
    }
    amount = {
        "amount": 19,
        "inclusive": True,
        "tax_rate": "txr_1",
        "taxability_reason": "standard_rated",
        "taxable_amount": 100,
    }
    line = {"object": "line_item", "amount": 119, "quantity": 3, "parent": None, "pricing": None, "taxes": [tax]}
    old_line = shown(line, ACACIA, rate)
    assert (old_line["tax_amounts"], old_line["tax_rates"], old_line["amount_excluding_tax"]) == ([amount], [rate], 100)
    assert old_line["unit_amount_excluding_tax"] == "33.333333333333"
    invoice = {
        "object": "invoice",
        "id": "in_1",
        "amount_due": 119,
        "attempt_count": 0,
        "discounts": [],
        "parent": {"quote_details": {"quote": "qt_1"}, "subscription_details": None},
        "status": "paid",
        "total_taxes": [tax],
    }
    old_invoice = shown(invoice, ACACIA)
    assert (old_invoice["tax"], old_invoice["total_tax_amounts"], old_invoice["quote"]) == (19, [amount], "qt_1")
    # Nothing of ours paid it.
    assert (old_invoice["paid"], old_invoice["paid_out_of_band"], old_invoice["subscription"]) == (True, True, None)


async def test_the_checker_knows_the_layouts(play: Play, old: Receiver) -> None:
    await listen(play, old, ACACIA, "invoice.paid")
    await play.subscribe()
    [sent] = old.bodies
    checker = Checker()
    checker("event", "invoice.paid", sent)
    assert checker.violations == []
    wrong = copy.deepcopy(sent)
    invoice = wrong["data"]["object"]
    del invoice["paid"]
    invoice["parent"] = None
    invoice["lines"]["data"][0]["price"] = "price_1"
    checker("event", "invoice.paid", wrong)
    assert len(checker.violations) == 3
    assert "paid" in checker.violations[0] + checker.violations[1]
    checker = Checker()
    checker("event", "invoice.paid", sent | {"api_version": API_VERSION})
    assert any("subscription_details: unknown field" in violation for violation in checker.violations)
