"""Stripe's conventions, whatever the resource."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import stripe
from tests.sandbox.conftest import KEY

from licet_sandbox.spec.document import examples

if TYPE_CHECKING:
    from tests.sandbox.play import Play

AUTH = {"Authorization": f"Bearer {KEY}"}


async def test_keys(play: Play) -> None:
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer sk_live_0123456789"}, 401),
        ({"Authorization": "Bearer nonsense"}, 401),
        ({"Authorization": "Basic !"}, 401),
        ({"Authorization": "Bearer sk_test_other"}, 200),
    ):
        answer = await play.http.get("/v1/products", headers=headers)
        assert answer.status_code == status
        assert answer.headers["request-id"].startswith("req_")
        assert "0123456789" not in answer.text
    basic = await play.http.get("/v1/account", auth=(KEY, ""))
    assert basic.json()["id"].startswith("acct_")
    assert basic.headers["stripe-version"] == "2026-10-28.endive"


async def test_another_version_is_refused(play: Play) -> None:
    answer = await play.http.get("/v1/products", headers={**AUTH, "Stripe-Version": "2020-08-27"})
    assert answer.status_code == 400


async def test_what_is_not_there(play: Play) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await play.api.products.retrieve_async("prod_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    for path in ("/v1/nonsense", "/v1/payouts", "/v1"):
        answer = await play.http.get(path, headers=AUTH)
        assert answer.status_code == 404
    assert (await play.http.put("/v1/products", headers=AUTH)).status_code == 404
    wrong_kind = await play.http.get(f"/v1/customers/{(await play.price()).id}", headers=AUTH)
    assert wrong_kind.status_code == 404


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ("name=T&nonsense=1", "nonsense", "parameter_unknown"),
        ("name=T&package_dimensions[height]=1", "package_dimensions[length]", "parameter_missing"),
        ("", "name", "parameter_missing"),
        ("name=", "name", "parameter_invalid_empty"),
        ("name=T&active=perhaps", "active", None),
        ("name=T&active=", "active", "parameter_invalid_empty"),
        ("name=T&type=other", "type", None),
        ("name=T&images=x", "images", None),
        ("name=T&metadata=x", "metadata", None),
        ("name=T&metadata[" + "k" * 41 + "]=x", "metadata", None),
        ("name=T&metadata[k]=" + "v" * 501, "metadata[k]", None),
        ("name=T&description=" + "d" * 40001, "description", None),
        ("name=T&name[x]=1", "name[x]", None),
        (
            "name=T&default_price_data[currency]=usd&default_price_data[unit_amount]=x",
            "default_price_data[unit_amount]",
            "parameter_invalid_integer",
        ),
        ("name=T&tax_details[performance_location]=loc", "tax_details", None),
        ("name=T&url=javascript:alert(1)", "url", "url_invalid"),
        ("name=T&url=https://[", "url", "url_invalid"),
        ("name=T&url=https://shop.example:99999/", "url", "url_invalid"),
        ("name=T&url=https://shop.example:0/", "url", "url_invalid"),
        (
            "name=T&default_price_data[currency]=usd&default_price_data[unit_amount_decimal]=NaN",
            "default_price_data[unit_amount_decimal]",
            None,
        ),
        (
            "name=T&package_dimensions[height]=Infinity&package_dimensions[length]=1&package_dimensions[weight]=1&package_dimensions[width]=1",
            "package_dimensions[height]",
            None,
        ),
    ],
)
async def test_parameters(play: Play, body: str, param: str, code: str | None) -> None:
    headers = {**AUTH, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await play.http.post("/v1/products", content=body, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error["param"], error.get("code")) == (param, code)
    assert (await play.api.products.list_async()).data == []


async def test_every_object_has_the_fields_of_its_example(play: Play) -> None:
    subscription = await play.subscribe()
    await play.api.refunds.create_async({"charge": (await play.api.charges.list_async()).data[0].id})
    await play.buy(100)
    # Shown only when expanded, or named so in the example alone.
    absent = {"charge": {"refunds"}, "invoice": {"subscription"}}
    for path in (
        "/v1/products",
        "/v1/prices",
        "/v1/customers",
        f"/v1/payment_methods?customer={subscription.customer}",
        "/v1/checkout/sessions",
        "/v1/payment_intents",
        "/v1/charges",
        "/v1/subscriptions",
        "/v1/invoices",
        "/v1/invoice_payments",
        "/v1/refunds",
        "/v1/events",
    ):
        obj = (await play.http.get(path, headers=AUTH)).json()["data"][0]
        kind = obj["object"]
        assert examples()[kind].keys() - obj.keys() - absent.get(kind, set()) == set(), kind


async def test_expansion(play: Play) -> None:
    subscription = await play.subscribe()
    deep = await play.api.subscriptions.retrieve_async(
        subscription.id,
        {"expand": ["latest_invoice.payments.data.payment", "customer", "default_payment_method"]},
    )
    assert deep.latest_invoice.payments.data[0].payment.payment_intent.startswith("pi_")
    assert deep.customer.object == "customer"
    assert deep.default_payment_method.card.last4 == "4242"
    invoices = await play.api.invoices.list_async({"expand": ["data.customer", "data.parent.subscription_details"]})
    assert invoices.data[0].customer.id == subscription.customer
    inside = {"expand": ["parent.subscription_details.subscription", "payments.data.payment.payment_intent"]}
    invoice = await play.api.invoices.retrieve_async(subscription.latest_invoice, inside)
    assert invoice.parent.subscription_details.subscription.id == subscription.id
    assert invoice.payments.data[0].payment.payment_intent.status == "succeeded"
    made = await play.api.prices.create_async(
        {"product_data": {"name": "T"}, "currency": "usd", "unit_amount": 1, "expand": ["product"]}
    )
    assert made.product.name == "T"
    for wrong in ("nonsense", "status", "customer.nonsense", "a.b.c.d.e"):
        with pytest.raises(stripe.InvalidRequestError, match="expand"):
            await play.api.subscriptions.retrieve_async(subscription.id, {"expand": [wrong]})


async def test_pages_of_a_list(play: Play) -> None:
    made = [(await play.api.products.create_async({"name": str(at)})).id for at in range(7)]
    newest_first = made[::-1]
    first = await play.api.products.list_async({"limit": 3})
    assert ([entry.id for entry in first.data], first.has_more) == (newest_first[:3], True)
    second = await play.api.products.list_async({"limit": 3, "starting_after": first.data[-1].id})
    assert ([entry.id for entry in second.data], second.has_more) == (newest_first[3:6], True)
    third = await play.api.products.list_async({"limit": 3, "starting_after": second.data[-1].id})
    assert ([entry.id for entry in third.data], third.has_more) == (newest_first[6:], False)
    back = await play.api.products.list_async({"limit": 2, "ending_before": newest_first[5]})
    assert ([entry.id for entry in back.data], back.has_more) == (newest_first[3:5], True)
    assert [entry.id async for entry in first.auto_paging_iter()] == newest_first
    some = await play.api.products.list_async({"ids": made[:2]})
    assert [entry.id for entry in some.data] == made[:2][::-1]
    for wrong in ({"limit": 0}, {"limit": 101}, {"starting_after": "prod_none"}):
        with pytest.raises(stripe.InvalidRequestError):
            await play.api.products.list_async(wrong)


async def test_ranges_of_time(play: Play) -> None:
    first = await play.api.products.create_async({"name": "1"})
    await play.advance(100)
    second = await play.api.products.create_async({"name": "2"})
    for given, found in (
        ({"gt": first.created}, [second.id]),
        ({"lte": first.created}, [first.id]),
        ({"gte": first.created, "lt": second.created}, [first.id]),
        (second.created, [second.id]),
    ):
        listed = await play.api.products.list_async({"created": given})
        assert [entry.id for entry in listed.data] == found


async def test_idempotency(play: Play) -> None:
    def create(name: str, key: str = "k1") -> Any:
        return play.api.products.create_async({"name": name}, {"idempotency_key": key})

    first, again = await create("T"), await create("T")
    assert again.id == first.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        await create("Other")
    assert (await create("T", "k2")).id != first.id
    # What was refused before it began is not kept.
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.products.create_async({"nonsense": "1"}, {"idempotency_key": "k3"})
    assert (await create("T", "k3")).name == "T"
    event = (await play.events())[0]
    assert event.request.idempotency_key == "k1"


async def test_a_decline_is_replayed(play: Play) -> None:
    customer = await play.api.customers.create_async({})
    given = {
        "amount": 500,
        "currency": "usd",
        "customer": customer.id,
        "payment_method": "pm_card_visa_chargeDeclined",
        "confirm": True,
    }
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            await play.api.payment_intents.create_async(given, {"idempotency_key": "once"})
    intents = (await play.api.payment_intents.list_async()).data
    assert [intent.status for intent in intents] == ["requires_payment_method"]


async def test_the_same_key_while_the_first_runs(play: Play) -> None:
    await play.faults(apiLatencyMs=150)
    headers = {**AUTH, "Idempotency-Key": "k"}
    body = {"name": "T"}
    first, second = await asyncio.gather(
        *(play.http.post("/v1/products", data=body, headers=headers) for _ in range(2))
    )
    assert sorted((first.status_code, second.status_code)) == [200, 409]
    late = first if first.status_code == 409 else second
    assert late.headers["stripe-should-retry"] == "true"


async def test_the_catalogue(play: Play) -> None:
    product = await play.api.products.create_async(
        {
            "name": "T",
            "id": "prod_mine",
            "description": "d",
            "metadata": {"a": "1", "b": "2"},
            "default_price_data": {"currency": "usd", "unit_amount": 900},
            "marketing_features": [{"name": "f"}],
        }
    )
    assert product.id == "prod_mine"
    changed = await play.api.products.update_async(
        product.id, {"description": "", "metadata": {"a": "", "c": "3"}, "active": False}
    )
    assert (changed.description, changed.metadata.to_dict(), changed.active) == (None, {"b": "2", "c": "3"}, False)
    updated = (await play.events())[-1]
    assert updated.type == "product.updated"
    assert updated.data.previous_attributes["metadata"].to_dict() == {"a": "1", "c": None}
    assert updated.data.previous_attributes["active"] is True
    since = await play.last()
    await play.api.products.update_async(product.id, {"active": False})
    assert await play.types(since) == []
    with pytest.raises(stripe.InvalidRequestError, match="cannot be deleted"):
        await play.api.products.delete_async(product.id)
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.products.create_async({"name": "T", "id": "prod_mine"})
    empty = await play.api.products.create_async({"name": "E"})
    assert (await play.api.products.delete_async(empty.id)).deleted


async def test_lookup_keys(play: Play) -> None:
    first = await play.price(100, lookup_key="monthly")
    with pytest.raises(stripe.InvalidRequestError, match="lookup key"):
        await play.price(200, lookup_key="monthly")
    second = await play.price(200, lookup_key="monthly", transfer_lookup_key=True)
    found = await play.api.prices.list_async({"lookup_keys": ["monthly"]})
    assert [entry.id for entry in found.data] == [second.id]
    assert (await play.api.prices.retrieve_async(first.id)).lookup_key is None
    archived = await play.api.prices.update_async(first.id, {"active": False})
    assert not archived.active
    assert [entry.id for entry in (await play.api.prices.list_async({"active": True})).data] == [second.id]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"unit_amount": -1},
        {"unit_amount": 1, "unit_amount_decimal": "1"},
        {"unit_amount": 1, "recurring": {"interval": "month", "interval_count": 37}},
        {"unit_amount": 1, "recurring": {"interval": "month", "usage_type": "metered"}},
        {"unit_amount": 1, "billing_scheme": "tiered"},
        {"unit_amount": 1, "currency": "dollars"},
    ],
)
async def test_prices_that_are_none(play: Play, given: dict[str, object]) -> None:
    product = await play.api.products.create_async({"name": "T"})
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.prices.create_async({"product": product.id, "currency": "usd", **given})


async def test_fractions_of_a_cent(play: Play) -> None:
    product = await play.api.products.create_async({"name": "T"})
    price = await play.api.prices.create_async(
        {"product": product.id, "currency": "usd", "unit_amount_decimal": "30.50"}
    )
    assert (price.unit_amount, str(price.unit_amount_decimal)) == (None, "30.5")
    session = await play.session(price, line_items=[{"price": price.id, "quantity": 3}])
    assert session.amount_total == 92


async def test_cards_of_a_customer(play: Play) -> None:
    customer = await play.api.customers.create_async({"email": "a@example.com"})
    card = await play.api.payment_methods.create_async(
        {"type": "card", "card": {"number": "4242424242424242", "exp_month": 8, "exp_year": 2040, "cvc": "123"}}
    )
    attached = await play.api.payment_methods.attach_async(card.id, {"customer": customer.id})
    assert (attached.customer, attached.card.exp_year) == (customer.id, 2040)
    token = await play.api.payment_methods.attach_async("pm_card_mastercard", {"customer": customer.id})
    assert token.card.brand == "mastercard"
    with pytest.raises(stripe.CardError):
        await play.api.payment_methods.attach_async("pm_card_visa_chargeDeclined", {"customer": customer.id})
    assert (await play.api.payment_methods.attach_async("pm_card_chargeCustomerFail", {"customer": customer.id})).id
    listed = await play.api.customers.payment_methods.list_async(customer.id)
    assert [entry.card.last4 for entry in listed.data] == ["0341", "4444", "4242"]
    settings = {"invoice_settings": {"default_payment_method": card.id}}
    chosen = await play.api.customers.update_async(customer.id, settings)
    assert chosen.invoice_settings.default_payment_method == card.id
    gone = await play.api.payment_methods.detach_async(card.id)
    assert gone.customer is None
    assert (await play.types())[-2:] == ["customer.updated", "payment_method.detached"]
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.payment_methods.attach_async(card.id, {"customer": customer.id})
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.customers.update_async(customer.id, settings)
    with pytest.raises(stripe.CardError, match="expiration"):
        await play.api.payment_methods.create_async(
            {"type": "card", "card": {"number": "4242424242424242", "exp_month": 8, "exp_year": 2020}}
        )


async def test_payment_intents(play: Play) -> None:
    intent = await play.api.payment_intents.create_async({"amount": 700, "currency": "usd"})
    assert intent.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.payment_intents.confirm_async(intent.id)
    paid = await play.api.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.amount_received) == ("succeeded", 700)
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.payment_intents.cancel_async(intent.id)
    with pytest.raises(stripe.CardError) as off_session:
        await play.api.payment_intents.create_async(
            {
                "amount": 700,
                "currency": "usd",
                "payment_method": "pm_card_authenticationRequired",
                "off_session": True,
                "confirm": True,
            }
        )
    assert off_session.value.code == "authentication_required"
    assert off_session.value.error.payment_intent.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError) as removed:
        await play.api.payment_intents.create_async({"amount": 1, "currency": "usd", "payment_method_types": ["card"]})
    assert removed.value.code == "payment_method_types_no_longer_supported"
    waiting = await play.api.payment_intents.create_async(
        {"amount": 50, "currency": "usd", "payment_method": "pm_card_authenticationRequired", "confirm": True}
    )
    assert waiting.status == "requires_action"
    cancelled = await play.api.payment_intents.cancel_async(waiting.id, {"cancellation_reason": "duplicate"})
    assert cancelled.status == "canceled"


async def test_invoices_by_hand(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    await play.advance(32 * 86400)
    late = await play.api.subscriptions.retrieve_async(subscription.id)
    void = await play.api.invoices.void_invoice_async(late.latest_invoice, {"expand": ["payments"]})
    assert (void.status, void.payments.data[0].status) == ("void", "canceled")
    assert (await play.types())[-4:-1] == ["payment_intent.canceled", "invoice.updated", "invoice.voided"]
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.invoices.pay_async(void.id)
    listed = await play.api.invoices.list_async({"subscription": subscription.id, "status": "paid"})
    lines = await play.api.invoices.line_items.list_async(listed.data[0].id)
    assert lines.data[0].pricing.price_details.price == subscription["items"].data[0].price.id
