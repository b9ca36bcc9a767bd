from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stripe

if TYPE_CHECKING:
    from tests.sandbox.play import Play


async def test_in_part_and_then_the_rest(play: Play) -> None:
    done = await play.buy(5000)
    since = await play.last()
    first = await play.api.refunds.create_async(
        {"payment_intent": done.payment_intent, "amount": 2000, "reason": "requested_by_customer"}
    )
    assert (first.status, first.amount, first.reason) == ("succeeded", 2000, "requested_by_customer")
    assert await play.types(since) == ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"]
    assert (await play.events(since))[1].data.previous_attributes.to_dict() == {"amount_refunded": 0}
    charge = await play.api.charges.retrieve_async(first.charge, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (2000, False)
    with pytest.raises(stripe.InvalidRequestError, match="greater"):
        await play.api.refunds.create_async({"charge": charge.id, "amount": 3001})
    rest = await play.api.refunds.create_async({"charge": charge.id})
    charge = await play.api.charges.retrieve_async(first.charge, {"expand": ["refunds"]})
    assert (rest.amount, charge.refunded, len(charge.refunds.data)) == (3000, True, 2)
    with pytest.raises(stripe.InvalidRequestError) as again:
        await play.api.refunds.create_async({"charge": charge.id})
    assert again.value.code == "charge_already_refunded"
    for given in ({"charge": charge.id}, {"payment_intent": done.payment_intent}):
        listed = await play.api.refunds.list_async(given)
        assert [entry.id for entry in listed.data] == [rest.id, first.id]
    plain = await play.api.charges.retrieve_async(charge.id)
    assert "refunds" not in plain


async def test_by_hand(play: Play) -> None:
    subscription = await play.subscribe()
    since = await play.last()
    given = {"invoice": subscription.latest_invoice, "amount": 400}
    answer = await play.http.post("/_sandbox/refunds", json=given)
    assert (answer.json()["status"], answer.json()["amount"]) == ("succeeded", 400)
    charge = answer.json()["charge"]
    assert (await play.http.post("/_sandbox/refunds", json={"charge": charge})).json()["amount"] == 600
    assert (await play.types(since)).count("charge.refunded") == 2
    # A refund does not end a subscription.
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"
    for wrong in ({}, {"charge": charge, "invoice": "in_1"}, {"charge": charge, "amount": 1.5}, {"no": 1}):
        assert (await play.http.post("/_sandbox/refunds", json=wrong)).status_code == 400
    assert (await play.http.post("/_sandbox/refunds", json={"charge": "ch_none"})).status_code == 404


async def test_a_failed_charge_cannot_be_refunded(play: Play) -> None:
    await play.pay(await play.session(await play.price(1000, None)), "4000000000000002")
    charge = (await play.api.charges.list_async()).data[0]
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, "card_declined")
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.refunds.create_async({"charge": charge.id})
