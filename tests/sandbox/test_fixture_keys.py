"""Objects as the sandbox makes them have the keys of Stripe's own examples, to all depths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.play import DAY
from tests.sandbox.test_lists import world

from licet_sandbox.spec.document import examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from tests.sandbox.play import Play

# Keys that differ, each with its reason. `+`: ours alone has it, `-`: the example alone.
ARGUED = {
    # The example is older, or of another kind.
    "- invoice.subscription": "gone since basil",
    "+ subscription.billing_mode.flexible.proration_discounts": "the example is not billed flexibly",
    "+ subscription_schedule.billing_mode.flexible.proration_discounts": "the same",
    "+ charge.outcome.risk_level": "the example has no outcome to speak of",
    "+ charge.outcome.risk_score": "the same",
    "+ refund.destination_details.card.reference": "the example is a reversal, which has no reference",
    "+ refund.destination_details.card.reference_status": "the same",
    "+ refund.destination_details.card.reference_type": "the same",
    # One key per type, and the types differ.
    "+ checkout.session.payment_method_options.card": "cards",
    "+ payment_intent.payment_method_options.card": "cards",
    "+ setup_intent.payment_method_options.card": "cards",
    "+ invoice_payment.payment.payment_intent": "a payment intent",
    "+ line_item.pricing.price_details": "a price",
    "+ invoiceitem.pricing.price_details": "a price",
    # Only where they apply.
    "+ billing_portal.configuration.features.subscription_update.products": "where plans can be changed",
    "+ event.data.previous_attributes": "where something changed",
    "- invoice.id": "`invoice.upcoming` tells of one that is not there yet",
    "- invoiceitem.net_amount": "where nothing can be taken off any more",
    "+ invoiceitem.parent.subscription_details.subscription_item": "where an item made it",
    "+ invoiceitem.proration_details": "of prorations",
    "+ setup_intent.automatic_payment_methods.allow_redirects": "where they are on",
    # Only when they are expanded, or once.
    "- charge.refunds": "when expanded",
    "+ checkout.session.line_items": "when expanded",
    "+ invoice.payments": "when expanded",
    "+ webhook_endpoint.secret": "when it is created",
}
# Of the examples, what this sandbox never makes.
NEVER = {
    "bank_account": "cards are the only way to pay",
    "cash_balance": "the same",
    "mandate": "the same",
    "source": "the old way to pay",
    "card": "the same",
    "deleted_discount": "no operation of the document deletes one",
    "deleted_plan": "the same",
    "deleted_price": "the same",
    "deleted_tax_id": "the same",
    "payment_intent_amount_details_line_item": "not built",
    "person": "of connected accounts",
    "tax_id": "not built",
    "tax_rate": "not built",
}
OPEN = {"metadata", "previous_attributes"}


def has_example(value: Any) -> bool:
    return is_object(value) and value["object"] in examples()


def is_object(value: Any) -> bool:
    # An event's data has a key `object`, too.
    return isinstance(value, dict) and isinstance(value.get("object"), str)


def differences(ours: Any, example: Any, path: str) -> Iterator[str]:
    """Keys that only one of the two has. Null says nothing about what would be inside, nor does an empty list."""
    if isinstance(ours, dict) and isinstance(example, dict):
        yield from (f"- {path}.{key}" for key in example.keys() - ours.keys())
        yield from (f"+ {path}.{key}" for key in ours.keys() - example.keys())
        for key in (ours.keys() & example.keys()) - OPEN:
            # An object of its own is compared with its own example.
            if not has_example(ours[key]):
                yield from differences(ours[key], example[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(example, list) and example:
        for one in ours:
            if not has_example(one):
                yield from differences(one, example[0], f"{path}[]")


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of Stripe's, at whatever depth."""
    if is_object(value):
        yield value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from objects_in(inner)


async def test_keys_of_everything(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = play.sandbox._parts[0]
    check = engine._validate
    shown: list[Any] = []

    def note(what: str, name: str, value: Any) -> None:
        if what != "request" and name != "error":
            shown.append(value)
        assert check is not None
        check(what, name, value)

    monkeypatch.setattr(engine, "_validate", note)
    await live(play)
    found: dict[str, set[str]] = {}
    for obj in (inner for value in shown for inner in objects_in(value)):
        kind = f"deleted_{obj['object']}" if obj.get("deleted") else obj["object"]
        if kind in examples():
            found.setdefault(kind, set()).update(differences(obj, examples()[kind], kind))
    differ = set().union(*found.values())
    assert sorted(differ - ARGUED.keys()) == []
    assert sorted(ARGUED.keys() - differ) == []
    assert examples().keys() - found.keys() == NEVER.keys()


async def live(play: Play) -> None:
    """Something of everything, and the end of what can be deleted."""
    api = play.api
    known = await world(play)
    await api.accounts.retrieve_current_async()
    await play.buy(card="4000000000000259")
    await play.advance(60)
    cancel = {"subscription_cancel": {"enabled": True, "mode": "at_period_end"}, "invoice_history": {"enabled": True}}
    portal = await api.billing_portal.configurations.create_async({"features": cancel})
    await api.billing_portal.sessions.create_async({"customer": known["customer"], "configuration": portal.id})
    endpoint = await api.webhook_endpoints.create_async(
        {"url": "http://127.0.0.1:9/", "enabled_events": ["product.created"]}
    )
    await api.webhook_endpoints.delete_async(endpoint.id)
    await api.events.list_async({"limit": 100})
    await api.charges.list_async({"limit": 100, "expand": ["data.balance_transaction"]})
    session = {"expand": ["line_items"]}
    await api.checkout.sessions.retrieve_async(known["session"], session)
    given = {"payment_method": "pm_card_visa", "confirm": True, "usage": "off_session"}
    urls = {"return_url": "http://127.0.0.1:9/"}
    await api.setup_intents.create_async({**given, **urls, "expand": ["latest_attempt"]})
    draft = await api.invoices.create_async({"customer": known["customer"]})
    await api.invoices.delete_async(draft.id)
    item = {"customer": known["customer"], "amount": -5, "currency": "usd"}
    await api.invoice_items.create_async(item)
    await ends(play, known)


async def ends(play: Play, known: dict[str, str]) -> None:
    api = play.api
    features = await api.products.features.list_async(known["product"])
    other = await play.subscribe(discounts=[{"coupon": known["coupon"]}])
    await api.subscriptions.retrieve_async(other.id, {"expand": ["discounts"]})
    await api.products.features.delete_async(known["product"], features.data[0].id)
    price = await play.price(500)
    item = await api.subscription_items.create_async({"subscription": other.id, "price": price.id})
    await api.subscription_items.delete_async(item.id)
    await api.test_helpers.test_clocks.delete_async(known["test_clock"])
    await play.advance(32 * DAY)
    await api.coupons.delete_async(known["coupon"])
    await api.products.delete_async((await api.products.create_async({"name": "T"})).id)
    await api.customers.delete_async(known["customer"])
