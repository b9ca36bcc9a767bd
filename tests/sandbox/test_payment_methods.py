"""Payment methods: made, attached, changed, listed, detached; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import Play

NUMBER = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}


async def customer(play: Play) -> Any:
    return await play.api.customers.create_async({"email": "a@example.com"})


async def make(play: Play, **given: Any) -> Any:
    return await play.api.payment_methods.create_async({"type": "card", "card": NUMBER, **given})


async def attached(play: Play, owner: Any, token: str = "pm_card_visa") -> Any:
    return await play.api.payment_methods.attach_async(token, {"customer": owner.id})


async def refused(call: Any) -> tuple[int | None, str | None, str | None]:
    with pytest.raises(stripe.StripeError) as caught:
        await call
    error: Any = caught.value.error
    return caught.value.http_status, caught.value.code, error.param


async def test_a_card_from_its_making_to_its_end(play: Play) -> None:
    owner = await customer(play)
    billing = {"name": "Ada", "email": "ada@example.com", "address": {"city": "London", "country": "GB"}}
    method = await make(play, billing_details=billing, metadata={"a": "1"}, allow_redisplay="always")
    assert (method.customer, method.card.last4, method.card.exp_year) == (None, "4242", 2040)
    assert (method.billing_details.name, method.billing_details.address.city) == ("Ada", "London")
    assert (method.metadata.to_dict(), method.allow_redisplay) == ({"a": "1"}, "always")
    api = play.api.payment_methods
    assert (await api.attach_async(method.id, {"customer": owner.id})).customer == owner.id
    # A second time changes nothing.
    await api.attach_async(method.id, {"customer": owner.id})
    changed = await api.update_async(
        method.id,
        {
            "card": {"exp_month": 1, "exp_year": 2041},
            "billing_details": {"phone": "+1", "address": ""},
            "metadata": {"a": "", "b": "2"},
            "allow_redisplay": "limited",
        },
    )
    assert (changed.card.exp_month, changed.card.exp_year, changed.allow_redisplay) == (1, 2041, "limited")
    assert (changed.billing_details.phone, changed.billing_details.name) == ("+1", "Ada")
    assert (changed.billing_details.address, changed.metadata.to_dict()) == (None, {"b": "2"})
    gone = await api.detach_async(method.id)
    assert gone.customer is None
    types = ["payment_method.attached", "payment_method.updated", "payment_method.detached"]
    events = (await play.events())[1:]
    assert [event.type for event in events] == types
    assert events[1].data.previous_attributes.card.to_dict() == {"exp_month": 12, "exp_year": 2040}
    assert events[2].data.previous_attributes.to_dict() == {"customer": owner.id}


@pytest.mark.parametrize(("token", "brand", "last4"), [("tok_visa", "visa", "4242"), ("tok_amex", "amex", "0005")])
async def test_by_a_token(play: Play, token: str, brand: str, last4: str) -> None:
    method = await make(play, card={"token": token})
    assert (method.card.brand, method.card.last4) == (brand, last4)


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"type": ""}, (400, "parameter_invalid_empty", "type")),
        ({"type": "sepa_debit"}, (400, None, "type")),
        ({"card": {}}, (400, "parameter_missing", "card[number]")),
        ({"card": {"number": "4242424242424242"}}, (400, "parameter_missing", "card[exp_month]")),
        ({"card": {**NUMBER, "number": "4242424242424241"}}, (402, "incorrect_number", "number")),
        ({"card": {**NUMBER, "exp_month": 13}}, (402, "invalid_expiry_month", "exp_month")),
        ({"card": {**NUMBER, "exp_year": 1995}}, (402, "invalid_expiry_year", "exp_year")),
        ({"card": {**NUMBER, "cvc": "99"}}, (402, "invalid_cvc", "cvc")),
        ({"card": {**NUMBER, "networks": {"preferred": "visa"}}}, (400, None, "card[networks]")),
        ({"card": {"token": "tok_none"}}, (400, "resource_missing", "card[token]")),
        ({"card": {"token": "visa"}}, (400, "resource_missing", "card[token]")),
        ({"card": {"token": "tok_visa", "cvc": "123"}}, (400, None, "card[cvc]")),
        ({"allow_redisplay": "never"}, (400, None, "allow_redisplay")),
        ({"customer": "cus_1"}, (400, None, "customer")),
        ({"radar_options": {"session": "rse_1"}}, (400, None, "radar_options")),
        ({"sepa_debit": {"iban": "DE"}}, (400, None, "sepa_debit")),
    ],
)
async def test_refused_when_made(play: Play, given: dict[str, Any], answer: Any) -> None:
    assert await refused(make(play, **given)) == answer


async def test_without_a_type(play: Play) -> None:
    given: Any = {"card": NUMBER}
    assert await refused(play.api.payment_methods.create_async(given)) == (400, "parameter_missing", "type")


async def test_refused_later(play: Play) -> None:
    owner, other = await customer(play), await customer(play)
    api = play.api.payment_methods
    loose = await make(play)
    assert await refused(api.update_async(loose.id, {"metadata": {"a": "1"}})) == (400, None, None)
    assert await refused(api.detach_async(loose.id)) == (400, None, None)
    assert await refused(api.attach_async(loose.id)) == (400, "parameter_missing", "customer")
    assert await refused(api.attach_async(loose.id, {"customer": "cus_none"})) == (400, "resource_missing", "customer")
    account = {"customer": owner.id, "customer_account": "acct_1"}
    assert await refused(api.attach_async(loose.id, account)) == (400, None, "customer_account")
    await api.attach_async(loose.id, {"customer": owner.id})
    assert await refused(api.attach_async(loose.id, {"customer": other.id})) == (400, None, "payment_method")
    late = {"card": {"exp_year": 2001}}
    assert await refused(api.update_async(loose.id, late)) == (402, "invalid_expiry_year", "exp_year")
    assert (await api.retrieve_async(loose.id)).card.exp_year == 2040
    preferred: Any = {"card": {"networks": {"preferred": "visa"}}}
    assert await refused(api.update_async(loose.id, preferred)) == (400, None, "card[networks]")
    await api.detach_async(loose.id)
    again = api.attach_async(loose.id, {"customer": owner.id})
    assert await refused(again) == (400, "payment_method_unexpected_state", "payment_method")
    for call in (api.retrieve_async("pm_none"), api.update_async("pm_none"), api.detach_async("pm_none")):
        assert await refused(call) == (404, "resource_missing", "id")


async def test_detached_it_pays_for_nothing_any_more(play: Play) -> None:
    subscription = await play.subscribe()
    method_id = str(subscription.default_payment_method)
    await play.api.customers.update_async(
        str(subscription.customer), {"invoice_settings": {"default_payment_method": method_id}}
    )
    since = await play.last()
    await play.api.payment_methods.detach_async(method_id)
    assert await play.types(since) == ["customer.updated", "customer.subscription.updated", "payment_method.detached"]
    kept = await play.api.customers.retrieve_async(str(subscription.customer))
    assert kept.invoice_settings.default_payment_method is None
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).default_payment_method is None


async def test_lists(play: Play) -> None:
    owner, other = await customer(play), await customer(play)
    first, second = await attached(play, owner), await attached(play, owner, "pm_card_mastercard")
    theirs = await attached(play, other)
    await make(play)
    api = play.api.payment_methods
    await api.update_async(first.id, {"allow_redisplay": "always"})

    async def found(**by: Any) -> list[str]:
        return [one.id for one in (await api.list_async(by)).data]

    assert await found(customer=owner.id) == [second.id, first.id]
    assert await found(customer=owner.id, type="card", allow_redisplay="always") == [first.id]
    assert await found(customer=owner.id, type="sepa_debit") == []
    assert await found(customer=owner.id, limit=1, starting_after=second.id) == [first.id]
    assert await found() == []
    own = play.api.customers.payment_methods
    assert [one.id for one in (await own.list_async(other.id)).data] == [theirs.id]
    assert [one.id for one in (await own.list_async(owner.id, {"allow_redisplay": "always"})).data] == [first.id]
    assert (await own.retrieve_async(owner.id, first.id)).id == first.id
    assert await refused(own.retrieve_async(other.id, first.id)) == (404, "resource_missing", "id")
    assert await refused(own.list_async("cus_none")) == (404, "resource_missing", "id")
    assert await refused(api.list_async({"customer": "cus_none"})) == (400, "resource_missing", "customer")
    assert await refused(api.list_async({"customer_account": "acct_1"})) == (400, None, "customer_account")


async def test_an_invoice_is_paid_with_no_card_of_others(play: Play) -> None:
    """Neither with another customer's, nor with one that is used up."""
    theirs = await play.api.payment_methods.create_async({"type": "card", "card": {"token": "tok_visa"}})
    other = await play.api.customers.create_async({"payment_method": theirs.id})
    used = await play.api.payment_methods.create_async({"type": "card", "card": {"token": "tok_visa"}})
    once = {"amount": 500, "currency": "usd", "payment_method": used.id, "confirm": True}
    assert (await play.api.payment_intents.create_async(once)).status == "succeeded"
    customer = await play.api.customers.create_async({})
    invoice = await play.api.invoices.create_async({"customer": customer.id})
    item = {"customer": customer.id, "invoice": invoice.id, "amount": 500, "currency": "usd"}
    await play.api.invoice_items.create_async(item)
    for card, code in ((theirs, "resource_missing"), (used, "payment_method_unexpected_state")):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await play.api.invoices.pay_async(invoice.id, {"payment_method": card.id})
        assert (refusal.value.http_status, refusal.value.code) == (400, code)
    charges = await play.api.charges.list_async({"customer": other.id})
    assert (charges.data, (await play.api.invoices.retrieve_async(invoice.id)).status) == ([], "draft")
