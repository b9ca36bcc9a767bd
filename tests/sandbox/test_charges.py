"""What can be said about a charge after it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

if TYPE_CHECKING:
    from tests.sandbox.play import Play


async def paid(play: Play) -> Any:
    done = await play.buy(5000)
    intent = await play.api.payment_intents.retrieve_async(done.payment_intent, {"expand": ["latest_charge"]})
    return intent.latest_charge


async def test_what_is_said_about_it(play: Play) -> None:
    charge = await paid(play)
    since = await play.last()
    address = {"line1": "1 Main Street", "city": "Oslo", "country": "NO"}
    changed = await play.api.charges.update_async(
        charge.id,
        {
            "description": "Plug-in",
            "fraud_details": {"user_report": "safe"},
            "metadata": {"a": "1"},
            "receipt_email": "ada@example.com",
            "shipping": {"name": "Ada", "address": address, "carrier": "Post"},
            "transfer_group": "group",
        },
    )
    assert (changed.description, changed.receipt_email, changed.transfer_group) == (
        "Plug-in",
        "ada@example.com",
        "group",
    )
    assert (changed.fraud_details.user_report, changed.shipping.address.city) == ("safe", "Oslo")
    assert (changed.shipping.carrier, changed.shipping.phone, changed.shipping.address.state) == ("Post", None, None)
    assert await play.types(since) == ["charge.updated"]
    cleared = await play.api.charges.update_async(charge.id, {"fraud_details": {"user_report": ""}, "description": ""})
    assert (cleared.fraud_details.to_dict(), cleared.description) == ({}, None)
    listed = await play.api.charges.list_async({"transfer_group": "group"})
    assert [entry.id for entry in listed.data] == [charge.id]


async def test_its_customer_is_only_filled_in(play: Play) -> None:
    charge = await paid(play)
    assert charge.customer is None
    customer = await play.api.customers.create_async({"email": "ada@example.com"})
    other = await play.api.customers.create_async({"email": "bob@example.com"})
    filled = await play.api.charges.update_async(charge.id, {"customer": customer.id})
    assert filled.customer == customer.id
    assert (await play.api.charges.update_async(charge.id, {"customer": customer.id})).customer == customer.id
    with pytest.raises(stripe.InvalidRequestError, match="already has a customer") as refused:
        await play.api.charges.update_async(charge.id, {"customer": other.id})
    assert (refused.value.http_status, refused.value.param) == (400, "customer")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"customer": "cus_none"}, "customer"),
        ({"customer": ""}, "customer"),
        ({"transfer_group": ""}, "transfer_group"),
        ({"fraud_details": {"user_report": "odd"}}, "fraud_details[user_report]"),
        ({"shipping": {"name": "Ada"}}, "shipping[address]"),
        ({"shipping": {"address": {"line1": "x"}}}, "shipping[name]"),
        ({"amount": 1}, "amount"),
    ],
)
async def test_what_is_refused(play: Play, given: dict[str, Any], param: str) -> None:
    charge = await paid(play)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await play.api.charges.update_async(charge.id, given)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert (await play.api.charges.retrieve_async(charge.id)).to_dict() == charge.to_dict()
