"""`pending_setup_intent`: subscriptions of which nothing is due at the start, and other cards chosen later."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sandbox.play import DAY, Play

SETUP_CARD, ALWAYS_CARD = "pm_card_authenticationRequiredOnSetup", "pm_card_authenticationRequired"


async def customer(play: Play, card: str | None = None) -> Any:
    buyer = await play.api.customers.create_async({"email": "a@example.com"})
    if card is not None:
        method = await play.api.payment_methods.attach_async(card, {"customer": buyer.id})
        await play.api.customers.update_async(buyer.id, {"invoice_settings": {"default_payment_method": method.id}})
    return await play.api.customers.retrieve_async(buyer.id)


async def trial(play: Play, buyer: Any, **more: Any) -> Any:
    price = await play.price(1000)
    given = {"customer": buyer.id, "items": [{"price": price.id}], "trial_period_days": 14, **more}
    return await play.api.subscriptions.create_async({**given, "expand": ["pending_setup_intent"]})


@pytest.mark.parametrize("behavior", ["allow_incomplete", "default_incomplete"])
async def test_without_a_card_it_waits_for_one(play: Play, behavior: str) -> None:
    buyer = await customer(play)
    kept = {"save_default_payment_method": "on_subscription"}
    subscription = await trial(play, buyer, payment_behavior=behavior, payment_settings=kept)
    setup = subscription.pending_setup_intent
    assert (subscription.status, setup.status, setup.customer) == ("trialing", "requires_payment_method", buyer.id)
    last = await play.last()
    done = await play.api.setup_intents.confirm_async(setup.id, {"payment_method": "pm_card_visa"})
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (after.pending_setup_intent, after.default_payment_method) == (None, done.payment_method)
    changed = (await play.events(last))[-1]
    assert changed.data.previous_attributes.to_dict() == {
        "pending_setup_intent": setup.id,
        "default_payment_method": None,
    }
    assert await play.types(last) == [
        "payment_method.attached",
        "setup_intent.succeeded",
        "customer.subscription.updated",
    ]
    await play.advance(15 * DAY)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_the_card_is_not_kept_unless_asked_for(play: Play) -> None:
    subscription = await trial(play, await customer(play))
    await play.api.setup_intents.confirm_async(subscription.pending_setup_intent.id, {"payment_method": "pm_card_visa"})
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (after.pending_setup_intent, after.default_payment_method) == (None, None)


async def test_a_card_that_needs_nothing(play: Play) -> None:
    subscription = await trial(play, await customer(play, "pm_card_visa"))
    assert subscription.pending_setup_intent is None
    assert [one for one in await play.types() if "setup_intent" in one] == [
        "setup_intent.created",
        "setup_intent.succeeded",
    ]


async def test_unconfirmed_where_the_seller_s_page_confirms(play: Play) -> None:
    buyer = await customer(play, "pm_card_visa")
    subscription = await trial(play, buyer, payment_behavior="default_incomplete")
    setup = subscription.pending_setup_intent
    assert (setup.status, setup.payment_method) == (
        "requires_confirmation",
        buyer.invoice_settings.default_payment_method,
    )
    await play.api.setup_intents.confirm_async(setup.id)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).pending_setup_intent is None


async def test_a_card_that_wants_3d_secure(play: Play) -> None:
    subscription = await trial(play, await customer(play, SETUP_CARD))
    setup = subscription.pending_setup_intent
    assert setup.status == "requires_action"
    answer = await play.http.post(f"/_sandbox/setup_intents/{setup.id}/authenticate", json={"threeDS": "fail"})
    assert answer.status_code == 402
    kept = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (kept.status, kept.pending_setup_intent) == ("trialing", setup.id)
    method = (await play.api.payment_methods.list_async({"customer": kept.customer})).data[0]
    await play.api.setup_intents.confirm_async(setup.id, {"payment_method": method.id})
    await play.http.post(f"/_sandbox/setup_intents/{setup.id}/authenticate", json={})
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).pending_setup_intent is None
    await play.advance(15 * DAY)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_another_card(play: Play) -> None:
    buyer = await customer(play, "pm_card_visa")
    price = await play.price(1000)
    api = play.api.subscriptions
    subscription = await api.create_async({"customer": buyer.id, "items": [{"price": price.id}]})
    assert (subscription.status, subscription.pending_setup_intent) == ("active", None)
    plain = await play.api.payment_methods.attach_async("pm_card_mastercard", {"customer": buyer.id})
    changed = await api.update_async(subscription.id, {"default_payment_method": plain.id})
    assert changed.pending_setup_intent is None
    asking = await play.api.payment_methods.attach_async(ALWAYS_CARD, {"customer": buyer.id})
    changed = await api.update_async(
        subscription.id, {"default_payment_method": asking.id, "expand": ["pending_setup_intent"]}
    )
    assert (changed.pending_setup_intent.status, changed.pending_setup_intent.payment_method) == (
        "requires_action",
        asking.id,
    )
