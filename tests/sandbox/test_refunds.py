from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import stripe
from tests.sandbox.play import DAY

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
    with pytest.raises(stripe.InvalidRequestError, match=r"\(\$30\.01\) is greater than .* \(\$30\.00\)") as greater:
        await play.api.refunds.create_async({"charge": charge.id, "amount": 3001})
    assert (greater.value.http_status, greater.value.param) == (400, "amount")
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
    for wrong in (
        {},
        {"charge": charge, "invoice": "in_1"},
        {"charge": charge, "amount": 1.5},
        {"charge": charge, "status": "failed"},
        {"no": 1},
    ):
        assert (await play.http.post("/_sandbox/refunds", json=wrong)).status_code == 400
    assert (await play.http.post("/_sandbox/refunds", json={"charge": "ch_none"})).status_code == 404


async def test_a_failed_charge_cannot_be_refunded(play: Play) -> None:
    await play.pay(await play.session(await play.price(1000, None)), "4000000000000002")
    charge = (await play.api.charges.list_async()).data[0]
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, "card_declined")
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        await play.api.refunds.create_async({"charge": charge.id})


async def paid(play: Play, card: str = "4242424242424242") -> str:
    """The charge of something bought for 5000."""
    done = await play.buy(5000, card)
    intent = await play.api.payment_intents.retrieve_async(done.payment_intent)
    return str(intent.latest_charge)


async def given_back(play: Play, charge_id: str) -> tuple[int, bool]:
    charge = await play.api.charges.retrieve_async(charge_id)
    return charge.amount_refunded, charge.refunded


async def by_hand(play: Play, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = await play.http.post(f"/_sandbox/refunds{path}", json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def refusal(call: Any) -> tuple[int, str | None, str | None]:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await call
    assert caught.value.http_status is not None
    return caught.value.http_status, caught.value.code, caught.value.param


async def test_a_card_whose_refunds_arrive_later(play: Play) -> None:
    charge = await paid(play, "4000000000007726")
    since = await play.last()
    refund = await play.api.refunds.create_async({"charge": charge})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    assert await play.types(since) == ["refund.created", "charge.refunded"]
    # What is on its way counts.
    assert await given_back(play, charge) == (5000, True)
    since = await play.last()
    await play.advance(3700)
    settled = await play.api.refunds.retrieve_async(refund.id)
    assert (settled.status, "pending_reason" in settled) == ("succeeded", False)
    assert settled.destination_details.card.reference_status == "available"
    assert await play.types(since) == ["refund.updated", "charge.refund.updated"]
    before = (await play.events(since))[0].data.previous_attributes
    assert (before.status, before.pending_reason) == ("pending", "processing")
    await play.advance(DAY)
    assert await play.types(since) == ["refund.updated", "charge.refund.updated"]


async def test_a_card_whose_refunds_come_back(play: Play) -> None:
    charge = await paid(play, "4000000000005126")
    refund = await play.api.refunds.create_async({"charge": charge})
    assert refund.status == "succeeded"
    assert await given_back(play, charge) == (5000, True)
    since = await play.last()
    await play.advance(3700)
    failed = await play.api.refunds.retrieve_async(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert await play.types(since) == ["refund.updated", "charge.refund.updated", "refund.failed"]
    before = (await play.events(since))[0].data.previous_attributes.to_dict()
    assert before == {"status": "succeeded", "failure_reason": None}
    assert await given_back(play, charge) == (0, False)
    # So that it can be given back again.
    assert (await play.api.refunds.create_async({"charge": charge})).amount == 5000


async def test_a_refund_in_part_fails_by_hand(play: Play) -> None:
    charge = await paid(play)
    first = await play.api.refunds.create_async({"charge": charge, "amount": 1000})
    second = await play.api.refunds.create_async({"charge": charge})
    assert await given_back(play, charge) == (5000, True)
    failed = await by_hand(play, f"/{first.id}/fail", {"reason": "lost_or_stolen_card"})
    assert (failed["status"], failed["failureReason"]) == ("failed", "lost_or_stolen_card")
    assert await given_back(play, charge) == (4000, False)
    assert (await play.api.refunds.retrieve_async(second.id)).status == "succeeded"
    await by_hand(play, f"/{first.id}/fail", {}, 400)
    await by_hand(play, f"/{first.id}/settle", {}, 400)
    await by_hand(play, f"/{second.id}/settle", {}, 400)
    await by_hand(play, f"/{second.id}/fail", {"reason": "no reason"}, 400)
    await by_hand(play, f"/{second.id}/fail", {"more": 1}, 400)
    await by_hand(play, f"/{second.id}/settle", {"more": 1}, 400)
    await by_hand(play, "/re_none/fail", {}, 404)
    await by_hand(play, "/re_none/settle", {}, 404)


async def test_a_pending_refund_settles_or_fails_by_hand(play: Play) -> None:
    charge = await paid(play)
    first = await by_hand(play, "", {"charge": charge, "amount": 1000, "status": "pending"})
    second = await by_hand(play, "", {"charge": charge, "amount": 1000, "status": "pending"})
    assert (first["status"], await given_back(play, charge)) == ("pending", (2000, False))
    assert (await by_hand(play, f"/{first['id']}/settle", {}))["status"] == "succeeded"
    assert (await by_hand(play, f"/{second['id']}/fail", {}))["status"] == "failed"
    assert await given_back(play, charge) == (1000, False)
    since = await play.last()
    await play.advance(DAY)
    assert await play.types(since) == []


async def test_only_a_refund_that_waits_for_the_customer_can_be_cancelled(play: Play) -> None:
    charge = await paid(play)
    made = await by_hand(play, "", {"charge": charge, "status": "requires_action"})
    waiting = await play.api.refunds.retrieve_async(made["id"])
    assert (waiting.status, waiting.next_action.type) == ("requires_action", "display_details")
    since = await play.last()
    canceled = await play.api.refunds.cancel_async(waiting.id)
    assert (canceled.status, canceled.failure_reason) == ("canceled", "merchant_request")
    assert "next_action" not in canceled
    assert await play.types(since) == ["refund.updated", "charge.refund.updated"]
    assert await given_back(play, charge) == (0, False)
    done = await play.api.refunds.create_async({"charge": charge, "amount": 100})
    pending = await by_hand(play, "", {"charge": charge, "amount": 100, "status": "pending"})
    failed = await by_hand(play, f"/{pending['id']}/fail", {})
    for other in (waiting.id, done.id, failed["id"]):
        with pytest.raises(stripe.InvalidRequestError, match="Canceling this refund is unsupported"):
            await play.api.refunds.cancel_async(other)
    assert await refusal(play.api.refunds.cancel_async("re_none")) == (404, "resource_missing", "refund")


async def test_a_customer_who_does_not_answer(play: Play) -> None:
    charge = await paid(play)
    made = await by_hand(play, "", {"charge": charge, "status": "requires_action"})
    await play.advance(44 * DAY)
    assert (await play.api.refunds.retrieve_async(made["id"])).status == "requires_action"
    await play.advance(2 * DAY)
    assert (await play.api.refunds.retrieve_async(made["id"])).status == "failed"
    assert await given_back(play, charge) == (0, False)


async def test_many_at_once_never_give_back_more_than_was_paid(play: Play) -> None:
    charge = await paid(play)
    tries = [play.api.refunds.create_async({"charge": charge, "amount": 1500}) for _ in range(6)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    refunds = [entry for entry in done if not isinstance(entry, BaseException)]
    assert [refund.amount for refund in refunds] == [1500] * 3
    assert all(isinstance(entry, stripe.InvalidRequestError) for entry in done if entry not in refunds)
    assert await given_back(play, charge) == (4500, False)


async def test_the_same_key_gives_back_once(play: Play) -> None:
    charge = await paid(play)
    key = {"idempotency_key": "once"}
    first = await play.api.refunds.create_async({"charge": charge, "amount": 1000}, key)
    again = await play.api.refunds.create_async({"charge": charge, "amount": 1000}, key)
    assert (again.id, await given_back(play, charge)) == (first.id, (1000, False))
    with pytest.raises(stripe.IdempotencyError):
        await play.api.refunds.create_async({"charge": charge, "amount": 999}, key)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, (400, None, None)),
        ({"charge": "CHARGE", "payment_intent": "pi_1"}, (400, None, None)),
        ({"charge": "ch_none"}, (404, "resource_missing", "id")),
        ({"payment_intent": "pi_none"}, (400, "resource_missing", "payment_intent")),
        ({"charge": "CHARGE", "amount": 0}, (400, "parameter_invalid_integer", "amount")),
        ({"charge": "CHARGE", "amount": -5}, (400, "parameter_invalid_integer", "amount")),
        ({"charge": "CHARGE", "amount": "ten"}, (400, "parameter_invalid_integer", "amount")),
        ({"charge": "CHARGE", "reason": "expired_uncaptured_charge"}, (400, None, "reason")),
        ({"charge": "CHARGE", "currency": "eur"}, (400, None, "currency")),
        ({"charge": "CHARGE", "reverse_transfer": True}, (400, None, "reverse_transfer")),
        ({"charge": "CHARGE", "refund_application_fee": True}, (400, None, "refund_application_fee")),
        ({"charge": "CHARGE", "origin": "customer_balance"}, (400, None, "origin")),
        ({"charge": "CHARGE", "customer": "cus_1"}, (400, None, "customer")),
        ({"charge": "CHARGE", "instructions_email": "a@example.com"}, (400, None, "instructions_email")),
        ({"charge": "CHARGE", "nonsense": "1"}, (400, "parameter_unknown", "nonsense")),
    ],
)
async def test_what_is_refused(play: Play, given: dict[str, Any], refused: tuple[int, str | None, str | None]) -> None:
    charge = await paid(play)
    named = {key: charge if value == "CHARGE" else value for key, value in given.items()}
    assert await refusal(play.api.refunds.create_async(named)) == refused
    assert await given_back(play, charge) == (0, False)


async def test_a_payment_that_was_never_tried_has_nothing_to_give_back(play: Play) -> None:
    intent = await play.api.payment_intents.create_async({"amount": 1000, "currency": "usd"})
    refused = (400, "payment_intent_unexpected_state", "payment_intent")
    assert await refusal(play.api.refunds.create_async({"payment_intent": intent.id})) == refused


async def test_metadata_and_lists(play: Play) -> None:
    charge = await paid(play)
    first = await play.api.refunds.create_async({"charge": charge, "amount": 100, "metadata": {"a": "1"}})
    await play.advance(100)
    second = await play.api.refunds.create_async({"charge": charge, "amount": 200, "currency": "usd"})
    since = await play.last()
    changed = await play.api.refunds.update_async(first.id, {"metadata": {"a": "", "b": "2"}})
    assert (changed.metadata.to_dict(), await play.types(since)) == ({"b": "2"}, ["refund.updated"])
    for given, expected in (
        ({"created": {"gt": first.created}}, [second.id]),
        ({"created": first.created}, [first.id]),
        ({"created": {"lte": second.created}, "limit": 1}, [second.id]),
        ({"charge": charge, "starting_after": second.id}, [first.id]),
    ):
        assert [entry.id for entry in (await play.api.refunds.list_async(given)).data] == expected
    unknown = play.api.refunds.list_async({"charge": "ch_none"})
    assert await refusal(unknown) == (400, "resource_missing", "charge")
    assert await refusal(play.api.refunds.retrieve_async("re_none")) == (404, "resource_missing", "refund")
