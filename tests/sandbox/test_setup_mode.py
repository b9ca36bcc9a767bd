"""Checkout that only keeps a card: sessions in `setup` mode, and subscriptions of which nothing is due today."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, SUCCESS, Play
from tests.sandbox.test_pages import CARD, Outline

SETUP_CARD, ALWAYS_CARD = "4000002500003155", "4000002760003184"


async def session_for(play: Play, **more: Any) -> Any:
    given = {"mode": "setup", "currency": "usd", "success_url": SUCCESS, **more}
    return await play.api.checkout.sessions.create_async({key: one for key, one in given.items() if one is not None})


async def customer(play: Play, **more: Any) -> Any:
    return await play.api.customers.create_async({"email": "a@example.com", **more})


async def done(play: Play, session: Any, *expand: str) -> Any:
    return await play.api.checkout.sessions.retrieve_async(session.id, {"expand": list(expand)})


async def test_a_card_for_a_customer(play: Play) -> None:
    buyer = await customer(play)
    session = await session_for(
        play,
        customer=buyer.id,
        metadata={"on": "session"},
        setup_intent_data={"description": "For later", "metadata": {"on": "setup"}},
        cancel_url="https://shop.example/back",
    )
    assert (session.status, session.payment_status, session.currency) == ("open", "no_payment_required", "usd")
    assert (session.amount_total, session.amount_subtotal, session.total_details) == (None, None, None)
    assert session.setup_intent.startswith("seti_")
    answer = await play.pay(session)
    assert answer.json() == {
        "status": "complete",
        "paymentStatus": "no_payment_required",
        "redirectTo": SUCCESS.format(CHECKOUT_SESSION_ID=session.id),
    }
    after = await done(play, session, "setup_intent.payment_method", "customer")
    setup = after.setup_intent
    assert (after.status, after.payment_intent, after.subscription, after.invoice) == ("complete", None, None, None)
    assert (setup.status, setup.customer, setup.usage) == ("succeeded", buyer.id, "off_session")
    assert (setup.description, setup.metadata.to_dict()) == ("For later", {"on": "setup"})
    assert (setup.payment_method.customer, setup.payment_method.allow_redisplay) == (buyer.id, "limited")
    assert after.customer.invoice_settings.default_payment_method is None
    assert (after.customer_details.email, after.customer_details.address) == ("a@example.com", None)
    assert (await play.types())[1:] == [
        "setup_intent.created",
        "payment_method.attached",
        "setup_intent.succeeded",
        "checkout.session.completed",
    ]
    assert (await play.api.checkout.sessions.line_items.list_async(session.id)).data == []


@pytest.mark.parametrize("creation", ["always", "if_required", None])
async def test_without_a_customer(play: Play, creation: str | None) -> None:
    session = await session_for(play, customer_creation=creation, allowed_payment_method_types=["card"], currency=None)
    assert (session.currency, session.customer_creation) == (None, creation or "if_required")
    await play.pay(session, email="b@example.com")
    after = await done(play, session, "setup_intent.payment_method")
    assert after.customer_details.email == "b@example.com"
    made = after.customer
    assert (made is not None) == (creation == "always")
    assert (after.setup_intent.customer, after.setup_intent.payment_method.customer) == (made, made)
    assert ("customer.created" in await play.types()) == (creation == "always")


async def test_an_address_for_a_customer_who_had_none(play: Play) -> None:
    buyer = await play.api.customers.create_async()
    session = await session_for(play, customer=buyer.id)
    await play.pay(session, email="c@example.com")
    assert (await play.api.customers.retrieve_async(buyer.id)).email == "c@example.com"


@pytest.mark.parametrize("card", [SETUP_CARD, ALWAYS_CARD])
async def test_three_d_secure_by_the_control(play: Play, card: str) -> None:
    buyer = await customer(play)
    session = await session_for(play, customer=buyer.id)
    failed = await play.pay(session, card, threeDS="fail")
    assert failed.status_code == 402
    assert failed.json()["error"]["code"] == "setup_intent_authentication_failure"
    waiting = await done(play, session, "setup_intent")
    assert (waiting.status, waiting.setup_intent.status) == ("open", "requires_payment_method")
    assert waiting.setup_intent.last_setup_error.code == "setup_intent_authentication_failure"
    assert (await play.pay(session, card)).status_code == 200
    assert (await done(play, session, "setup_intent")).setup_intent.status == "succeeded"
    assert (await play.types())[1:] == [
        "setup_intent.created",
        "setup_intent.requires_action",
        "setup_intent.setup_failed",
        "setup_intent.requires_action",
        "payment_method.attached",
        "setup_intent.succeeded",
        "checkout.session.completed",
    ]


async def test_on_the_page(play: Play) -> None:
    session = await session_for(play, cancel_url="https://shop.example/back")
    page = await play.http.get(session.url)
    outline = Outline(page.text)
    assert (page.status_code, outline.buttons, outline.scripts) == (200, ["Save card"], 0)
    assert list(outline.fields) == ["email", "card", "expiry", "cvc"]
    assert outline.labels >= {str(field["id"]) for field in outline.fields.values()}
    assert "https://shop.example/back" in outline.links
    declined = await play.http.post(session.url, data={**CARD, "card": "4000000000000002"})
    assert declined.status_code == 402
    assert "Your card was declined." in declined.text
    unsent = await play.http.post(session.url, data={**CARD, "email": "nobody"})
    assert "email is invalid" in unsent.text
    asked = await play.http.post(session.url, data={**CARD, "card": SETUP_CARD})
    assert (asked.status_code, asked.headers["location"]) == (303, f"/c/pay/{session.id}/3ds")
    assert "this card can be saved" in (await play.http.get(asked.headers["location"])).text
    failed = await play.http.post(asked.headers["location"], data={"outcome": "fail"})
    assert failed.headers["location"] == f"/c/pay/{session.id}?failed=3ds"
    assert "could not authenticate" in (await play.http.get(failed.headers["location"])).text
    await play.http.post(session.url, data={**CARD, "card": SETUP_CARD})
    through = await play.http.post(asked.headers["location"], data={"outcome": "complete"})
    assert through.headers["location"] == SUCCESS.format(CHECKOUT_SESSION_ID=session.id)
    assert "Already saved" in (await play.http.get(session.url)).text
    shown = (await done(play, session, "setup_intent.payment_method")).setup_intent.payment_method
    assert (shown.card.last4, shown.billing_details.email) == ("3155", "a@example.com")


async def test_the_intent_is_the_session_s(play: Play) -> None:
    session = await session_for(play)
    for call in (play.api.setup_intents.cancel_async, play.api.setup_intents.confirm_async):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await call(session.setup_intent)
        assert (refused.value.http_status, refused.value.code) == (400, "setup_intent_unexpected_state")
    await play.api.checkout.sessions.expire_async(session.id)
    setup = await play.api.setup_intents.retrieve_async(session.setup_intent)
    assert (setup.status, setup.cancellation_reason) == ("canceled", "abandoned")
    assert await play.types() == ["setup_intent.created", "setup_intent.canceled", "checkout.session.expired"]
    assert (await play.pay(session)).status_code == 400


async def test_it_expires_after_a_day(play: Play) -> None:
    session = await session_for(play)
    await play.advance(DAY + 10)
    assert (await done(play, session, "setup_intent")).setup_intent.status == "canceled"


async def test_a_payment_that_failed_is_given_up_when_its_session_expires(play: Play) -> None:
    session = await play.session(await play.price(500, None))
    await play.pay(session, "4000000000009995")
    await play.api.checkout.sessions.expire_async(session.id)
    after = await done(play, session, "payment_intent")
    assert (after.payment_intent.status, after.payment_intent.cancellation_reason) == ("canceled", "expired")
    assert (await play.types())[-2:] == ["payment_intent.canceled", "checkout.session.expired"]


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"currency": None}, "parameter_missing", "currency"),
        ({"currency": "dollars"}, None, "currency"),
        ({"line_items": [{"price": "price_1", "quantity": 1}]}, None, "line_items"),
        ({"subscription_data": {"description": "x"}}, None, "subscription_data"),
        ({"payment_intent_data": {"description": "x"}}, None, "payment_intent_data"),
        ({"discounts": [{"coupon": "none"}]}, None, "discounts"),
        ({"allow_promotion_codes": True}, None, "allow_promotion_codes"),
        ({"payment_method_collection": "always"}, None, "payment_method_collection"),
        ({"invoice_creation": {"enabled": True}}, None, "invoice_creation"),
        ({"submit_type": "pay"}, None, "submit_type"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"setup_intent_data": {"on_behalf_of": "acct_1"}}, None, "setup_intent_data[on_behalf_of]"),
        ({"mode": "payment", "setup_intent_data": {"description": "x"}}, None, "setup_intent_data"),
    ],
)
async def test_refused(play: Play, given: dict[str, Any], code: str | None, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await session_for(play, **given)
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)
    assert await play.types() == []


async def test_a_trial_keeps_its_card_through_a_setup_intent(play: Play) -> None:
    session = await play.session(await play.price(1000), subscription_data={"trial_period_days": 14})
    refused = await play.pay(session, "4000000000000002")
    assert (refused.status_code, refused.json()["error"]["decline_code"]) == (402, "generic_decline")
    assert (await play.pay(session, SETUP_CARD)).status_code == 200
    after = await done(play, session, "subscription")
    subscription = after.subscription
    assert (subscription.status, subscription.pending_setup_intent, after.setup_intent) == ("trialing", None, None)
    setup = (await play.api.setup_intents.list_async({"customer": after.customer})).data[0]
    assert (setup.status, setup.payment_method) == ("succeeded", subscription.default_payment_method)
    assert (await play.types())[2:9] == [
        "setup_intent.created",
        "setup_intent.setup_failed",
        "setup_intent.requires_action",
        "customer.created",
        "payment_method.attached",
        "setup_intent.succeeded",
        "customer.subscription.created",
    ]
    await play.advance(15 * DAY)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"
    assert len((await play.api.charges.list_async({"customer": after.customer})).data) == 1
