"""Buying: what a session, its payment and its objects look like, with every card."""

from __future__ import annotations

import pytest
import stripe
from tests.sandbox.play import DAY, Play


async def test_one_off_purchase(play: Play) -> None:
    price = await play.price(5000, None, name="Data Migrator")
    session = await play.session(
        price,
        client_reference_id="order-1",
        metadata={"on": "session"},
        payment_intent_data={"metadata": {"on": "payment"}},
        customer_creation="always",
    )
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    answer = await play.pay(session, email="a@example.com")
    assert answer.json() == {
        "status": "complete",
        "paymentStatus": "paid",
        "redirectTo": f"http://127.0.0.1:9/thanks?session_id={session.id}",
    }
    done = await play.api.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge", "line_items", "customer"]}
    )
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert (done.client_reference_id, done.metadata.to_dict()) == ("order-1", {"on": "session"})
    intent, charge = done.payment_intent, done.payment_intent.latest_charge
    assert (intent.amount_received, intent.metadata["on"], charge.metadata["on"]) == (5000, "payment", "payment")
    assert (charge.status, charge.paid, charge.customer) == ("succeeded", True, done.customer.id)
    assert (done.customer.email, done.customer_details.email) == ("a@example.com", "a@example.com")
    assert [(line.description, line.amount_total) for line in done.line_items.data] == [("Data Migrator", 5000)]
    assert await play.types() == [
        "product.created",
        "price.created",
        "customer.created",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    found = await play.api.checkout.sessions.list_async({"payment_intent": intent.id})
    assert [entry.id for entry in found.data] == [session.id]


async def test_one_off_purchase_without_customer(play: Play) -> None:
    done = await play.buy()
    assert (done.customer, done.customer_details.email) == (None, "buyer@example.com")


async def test_one_off_purchase_with_invoice(play: Play) -> None:
    done = await play.buy(5000, invoice_creation={"enabled": True, "invoice_data": {"metadata": {"order": "7"}}})
    invoice = await play.api.invoices.retrieve_async(done.invoice, {"expand": ["payments"]})
    assert (invoice.status, invoice.amount_paid, invoice.parent) == ("paid", 5000, None)
    assert invoice.metadata.to_dict() == {"order": "7"}
    assert invoice.payments.data[0].payment.payment_intent == done.payment_intent
    assert (await play.types())[-7:] == [
        "invoice.finalized",
        "customer.updated",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ]
    by_payment = await play.api.invoice_payments.list_async(
        {"payment": {"type": "payment_intent", "payment_intent": done.payment_intent}}
    )
    assert [entry.invoice for entry in by_payment.data] == [invoice.id]


async def test_subscription_with_something_bought_once(play: Play) -> None:
    monthly, once = await play.price(1000), await play.price(300, None)
    session = await play.session(monthly, once, subscription_data={"metadata": {"plan": "growth"}})
    assert session.amount_total == 1300
    await play.pay(session)
    done = await play.api.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription", "invoice"]})
    subscription, invoice = done.subscription, done.invoice
    assert (subscription.status, subscription.metadata.to_dict()) == ("active", {"plan": "growth"})
    assert len(subscription["items"].data) == 1
    assert subscription.latest_invoice == invoice.id
    item = subscription["items"].data[0]
    assert 28 * DAY <= item.current_period_end - item.current_period_start <= 31 * DAY
    assert (invoice.billing_reason, invoice.status, invoice.total) == ("subscription_create", "paid", 1300)
    details = invoice.parent.subscription_details
    assert (details.subscription, details.metadata["plan"]) == (subscription.id, "growth")
    assert [line.parent.type for line in invoice.lines.data] == ["subscription_item_details", "invoice_item_details"]
    assert invoice.lines.data[0].metadata["plan"] == "growth"
    assert done.payment_intent is None
    # Nothing puts the subscription's metadata on the payment.
    payments = await play.api.invoice_payments.list_async({"invoice": invoice.id})
    intent = await play.api.payment_intents.retrieve_async(payments.data[0].payment.payment_intent)
    assert intent.metadata.to_dict() == {}
    assert (await play.types())[4:] == [
        "customer.created",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_method.attached",
        "customer.subscription.created",
        "invoiceitem.created",
        "invoice.created",
        "invoice.finalized",
        "customer.updated",
        "customer.subscription.updated",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ]


@pytest.mark.parametrize(
    ("card", "code"), [("4000000000000002", "generic_decline"), ("4000 0000 0000 9995", "insufficient_funds")]
)
@pytest.mark.parametrize("interval", [None, "month"])
async def test_declined(play: Play, card: str, code: str, interval: str | None) -> None:
    price = await play.price(1000, interval)
    session = await play.session(price)
    since = await play.last()
    answer = await play.pay(session, card)
    assert answer.status_code == 402
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["decline_code"]) == ("card_error", "card_declined", code)
    assert await play.types(since) == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    again = await play.api.checkout.sessions.retrieve_async(session.id)
    assert (again.status, again.subscription, again.invoice) == ("open", None, None)
    assert (await play.api.subscriptions.list_async()).data == []
    assert (await play.api.invoices.list_async()).data == []
    intent = (await play.api.payment_intents.list_async()).data[0]
    assert (intent.status, intent.last_payment_error.decline_code) == ("requires_payment_method", code)
    # Another try on the same session pays with the same intent.
    assert (await play.pay(session)).status_code == 200
    paid = (await play.api.payment_intents.list_async()).data
    assert [(entry.id, entry.status) for entry in paid] == [(intent.id, "succeeded")]


@pytest.mark.parametrize("card", ["4000002500003155", "4000002760003184"])
@pytest.mark.parametrize("interval", [None, "month"])
async def test_three_d_secure(play: Play, card: str, interval: str | None) -> None:
    session = await play.session(await play.price(1000, interval))
    since = await play.last()
    failed = await play.pay(session, card, threeDS="fail")
    assert failed.status_code == 402
    assert failed.json()["error"]["code"] == "payment_intent_authentication_failure"
    assert await play.types(since) == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.payment_failed",
    ]
    done = await play.pay(session, card, threeDS="complete")
    assert (done.status_code, done.json()["status"]) == (200, "complete")


@pytest.mark.parametrize("number", ["4242424242424241", "abc", ""])
async def test_a_number_that_is_none(play: Play, number: str) -> None:
    answer = await play.pay(await play.session(await play.price(1000, None)), number)
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "incorrect_number")


async def test_a_real_card_is_declined(play: Play) -> None:
    answer = await play.pay(await play.session(await play.price(1000, None)), "4111 1111 1111 1111")
    assert (answer.status_code, answer.json()["error"]["decline_code"]) == (402, "test_mode_live_card")


async def test_trial(play: Play) -> None:
    session = await play.session(await play.price(1000), subscription_data={"trial_period_days": 14})
    assert (session.amount_total, session.payment_status) == (0, "no_payment_required")
    assert (await play.pay(session, "4000000000000341")).json()["paymentStatus"] == "no_payment_required"
    done = await play.api.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription", "invoice"]})
    assert (done.subscription.status, done.invoice.status, done.invoice.total) == ("trialing", "paid", 0)
    assert done.subscription.trial_end - done.subscription.trial_start == 14 * DAY
    assert done.subscription["items"].data[0].current_period_end == done.subscription.trial_end
    assert "invoice.paid" in await play.types()
    assert "invoice.payment_succeeded" not in await play.types()
    assert done.subscription.default_payment_method is not None


async def test_trial_without_card(play: Play) -> None:
    session = await play.session(
        await play.price(1000),
        subscription_data={"trial_period_days": 14},
        payment_method_collection="if_required",
    )
    page = await play.http.get(f"/c/pay/{session.id}")
    assert 'name="card"' not in page.text
    answer = await play.http.post(f"/c/pay/{session.id}", data={"email": "a@example.com"})
    assert answer.status_code == 303
    done = await play.api.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription"]})
    assert (done.subscription.status, done.subscription.default_payment_method) == ("trialing", None)


async def test_decline_when_only_saving(play: Play) -> None:
    session = await play.session(await play.price(1000), subscription_data={"trial_period_days": 14})
    assert (await play.pay(session, "4000000000000002")).status_code == 402
    assert (await play.pay(session, "4000002760003184", threeDS="fail")).status_code == 402
    assert (await play.pay(session, "4000002760003184")).status_code == 200


async def test_free(play: Play) -> None:
    session = await play.session(await play.price(0, None), invoice_creation={"enabled": True})
    assert (await play.pay(session)).json()["paymentStatus"] == "no_payment_required"
    done = await play.api.checkout.sessions.retrieve_async(session.id, {"expand": ["invoice"]})
    assert (done.payment_intent, done.invoice.status) == (None, "paid")


async def test_customer_of_a_session(play: Play) -> None:
    customer = await play.api.customers.create_async({"name": "Ada"})
    session = await play.session(await play.price(), customer=customer.id)
    await play.pay(session, email="ada@example.com")
    again = await play.api.customers.retrieve_async(customer.id, {"expand": ["subscriptions"]})
    assert again.email == "ada@example.com"
    assert len(again.subscriptions.data) == 1


async def test_expiry(play: Play) -> None:
    price = await play.price(1000, None)
    first, second = await play.session(price), await play.session(price)
    await play.api.checkout.sessions.expire_async(first.id)
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.checkout.sessions.expire_async(first.id)
    assert (await play.pay(first)).status_code == 400
    await play.advance(DAY + 1)
    assert (await play.api.checkout.sessions.retrieve_async(second.id)).status == "expired"
    assert (await play.types()).count("checkout.session.expired") == 2
    with pytest.raises(stripe.InvalidRequestError, match="expires_at"):
        await play.session(price, expires_at=1)


async def test_back(play: Play) -> None:
    session = await play.session(await play.price(1000, None), cancel_url="https://shop.example/cart")
    answer = await play.http.post(f"/_sandbox/checkout/{session.id}/cancel")
    assert answer.json() == {"status": "open", "redirectTo": "https://shop.example/cart"}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"mode": "setup"}, "line_items"),
        ({"mode": "payment"}, "line_items"),
        ({"payment_method_types": ["card"]}, "payment_method_types"),
        ({"ui_mode": "elements"}, "ui_mode"),
        ({"automatic_tax": {"enabled": True}}, "automatic_tax[enabled]"),
        ({"customer_creation": "always"}, "customer_creation"),
        ({"customer": "cus_none"}, "customer"),
        ({"customer": "cus_none", "customer_email": "a@example.com"}, "customer"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"line_items": [{"price": "price_none", "quantity": 1}]}, "line_items[0][price]"),
        ({"discounts": [{"coupon": "none"}]}, "discounts[0][coupon]"),
        ({"subscription_data": {"billing_cycle_anchor": 1}}, "subscription_data[billing_cycle_anchor]"),
    ],
)
async def test_refused_parameters(play: Play, given: dict[str, object], param: str) -> None:
    price = await play.price()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await play.session(price, **given)
    assert refused.value.param == param
    assert refused.value.http_status == 400


async def test_what_does_not_go_together(play: Play) -> None:
    monthly, yearly, euros = (
        await play.price(),
        await play.price(interval="year"),
        await play.price(currency="eur"),
    )
    for other in (yearly, euros):
        with pytest.raises(stripe.InvalidRequestError):
            await play.session(monthly, other)
    await play.api.prices.update_async(monthly.id, {"active": False})
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        await play.session(monthly)


async def test_inline_price(play: Play) -> None:
    line = {"price_data": {"currency": "eur", "unit_amount": 700, "product_data": {"name": "Once"}}, "quantity": 3}
    session = await play.session(line_items=[line])
    assert (session.amount_total, session.currency) == (2100, "eur")
    items = await play.api.checkout.sessions.line_items.list_async(session.id)
    assert (items.data[0].description, items.data[0].price.active) == ("Once", False)


async def test_more_lines_than_an_invoice_shows(play: Play) -> None:
    prices = [await play.price(100 + at, None) for at in range(12)]
    session = await play.session(*prices, invoice_creation={"enabled": True})
    await play.pay(session)
    done = await play.api.checkout.sessions.retrieve_async(session.id, {"expand": ["invoice", "line_items"]})
    assert (len(done.invoice.lines.data), done.invoice.lines.has_more) == (10, True)
    assert (len(done.line_items.data), done.line_items.has_more) == (10, True)
    lines = await play.api.invoices.line_items.list_async(done.invoice.id, {"limit": 100})
    assert [line.amount for line in lines.data] == [100 + at for at in range(12)]
    rest = await play.api.checkout.sessions.line_items.list_async(
        session.id, {"starting_after": done.line_items.data[-1].id}
    )
    assert [line.amount_total for line in rest.data] == [110, 111]
