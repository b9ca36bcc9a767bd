"""Customers: what is said of them, and what their invoices say."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play

ADDRESS = {"line1": "1 Way", "city": "London", "country": "GB"}


async def refused(call: Any) -> tuple[int | None, str | None]:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await call
    return caught.value.http_status, caught.value.param


async def test_what_is_said_and_taken_back(play: Play) -> None:
    api = play.api.customers
    shipping = {"name": "Ada", "address": ADDRESS}
    made = await api.create_async(
        {"name": "Acme", "business_name": "Acme Ltd", "address": ADDRESS, "shipping": shipping}
    )
    assert (made.business_name, made.address.city, made.shipping.name) == ("Acme Ltd", "London", "Ada")
    assert made.shipping.address.postal_code is None
    cleared = await api.update_async(made.id, {"business_name": "", "shipping": "", "address": "", "name": ""})
    assert (cleared.shipping, cleared.address, cleared.name) == (None, None, None)
    assert "business_name" not in cleared
    updated = (await play.events())[-1]
    assert updated.type == "customer.updated"
    assert updated.data.previous_attributes.business_name == "Acme Ltd"


async def test_what_their_invoices_say(play: Play) -> None:
    settings = {"custom_fields": [{"name": "PO", "value": "4711"}], "footer": "Thanks"}
    customer = await play.api.customers.create_async(
        {"invoice_settings": settings, "invoice_prefix": "ACME", "next_invoice_sequence": 100}
    )
    assert customer.invoice_settings.custom_fields[0].value == "4711"
    draft = await play.api.invoices.create_async({"customer": customer.id})
    assert (draft.custom_fields[0].name, draft.footer) == ("PO", "Thanks")
    numbers = [(await play.api.invoices.finalize_invoice_async(draft.id)).number]
    await play.api.customers.update_async(customer.id, {"invoice_settings": {"custom_fields": ""}})
    later = await play.api.invoices.create_async({"customer": customer.id})
    assert later.custom_fields is None
    numbers.append((await play.api.invoices.finalize_invoice_async(later.id)).number)
    assert numbers == ["ACME-0100", "ACME-0101"]
    call = play.api.customers.update_async(customer.id, {"next_invoice_sequence": 101})
    assert await refused(call) == (400, "next_invoice_sequence")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"next_invoice_sequence": 0}, "next_invoice_sequence"),
        ({"shipping": {"name": "Ada"}}, "shipping[address]"),
        ({"shipping": {"name": "", "address": ADDRESS}}, "shipping[name]"),
        ({"invoice_settings": {"default_payment_method": "pm_none"}}, "invoice_settings[default_payment_method]"),
        ({"payment_method": "pm_none"}, "payment_method"),
        ({"source": "tok_visa"}, "source"),
        ({"tax_exempt": "perhaps"}, "tax_exempt"),
        ({"balance": "much"}, "balance"),
        ({"test_clock": "clock_none"}, "test_clock"),
    ],
)
async def test_refused(play: Play, given: dict[str, Any], param: str) -> None:
    assert await refused(play.api.customers.create_async(given)) == (400, param)
    assert (await play.api.customers.list_async()).data == []


async def test_one_that_is_deleted_leaves_its_invoices_as_they_are(play: Play) -> None:
    customer = await play.api.customers.create_async({"email": "ada@example.com"})
    made = []
    for _ in range(2):
        made.append(await play.api.invoices.create_async({"customer": customer.id, "auto_advance": True}))
        item = {"customer": customer.id, "invoice": made[-1].id, "amount": 500, "currency": "usd"}
        await play.api.invoice_items.create_async(item)
    draft, open_ = made[0], await play.api.invoices.finalize_invoice_async(made[1].id, {"auto_advance": False})
    await play.api.customers.delete_async(customer.id)
    # Time goes on for everybody else.
    await play.advance(3 * DAY)
    draft = await play.api.invoices.retrieve_async(draft.id)
    assert (draft.status, draft.auto_advance, draft.automatically_finalizes_at) == ("draft", False, None)
    page = await play.http.get(open_.hosted_invoice_url)
    assert (page.status_code, "$5.00" in page.text) == (200, True)
    card = {"card": "4242 4242 4242 4242", "expiry": "12 / 40", "cvc": "123"}
    assert (await play.http.post(open_.hosted_invoice_url, data=card)).status_code == 303
    assert (await play.api.invoices.retrieve_async(open_.id)).status == "paid"
