"""A customer turns to the bank: every status, every way from one to the next, and where the money is."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import stripe
from tests.sandbox.play import DAY

if TYPE_CHECKING:
    from tests.sandbox.play import Play

OPENED = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
UPDATED = "charge.dispute.updated"
CLOSED = "charge.dispute.closed"
REINSTATED = "charge.dispute.funds_reinstated"
# status -> the events on the way to it, and how much of a charge of 5000 is gone.
STATUSES: dict[str, tuple[list[str], int]] = {
    "needs_response": (OPENED, 5000),
    "under_review": ([*OPENED, UPDATED], 5000),
    "won": ([*OPENED, UPDATED, REINSTATED, CLOSED], 0),
    "lost": ([*OPENED, CLOSED], 5000),
    "appeal_needs_response": ([*OPENED, UPDATED, UPDATED], 5000),
    "appeal_under_review": ([*OPENED, UPDATED, UPDATED, UPDATED], 5000),
    "warning_needs_response": (["charge.dispute.created"], 0),
    "warning_under_review": (["charge.dispute.created", UPDATED], 0),
    "warning_closed": (["charge.dispute.created", CLOSED], 0),
    "prevented": (["charge.dispute.created"], 0),
}


async def paid(play: Play, amount: int = 5000) -> str:
    """The charge of something bought."""
    done = await play.buy(amount)
    intent = await play.api.payment_intents.retrieve_async(done.payment_intent)
    return str(intent.latest_charge)


async def dispute(play: Play, charge: str, **more: Any) -> Any:
    answer = await play.http.post("/_sandbox/disputes", json={"charge": charge, **more})
    assert answer.status_code == 200, answer.text
    return await play.api.disputes.retrieve_async(answer.json()["id"])


async def kept(play: Play, charge_id: str) -> int:
    """What the seller still has of a charge, fees apart."""
    charge = await play.api.charges.retrieve_async(charge_id)
    refunds = await play.api.refunds.list_async({"charge": charge_id, "limit": 100})
    back = sum(refund.amount for refund in refunds.data if refund.status not in {"failed", "canceled"})
    assert back == charge.amount_refunded
    disputes = await play.api.disputes.list_async({"charge": charge_id, "limit": 100})
    moved = sum(entry.amount for case in disputes.data for entry in case.balance_transactions)
    return int(charge.amount_captured - back + moved)


async def refusal(call: Any) -> tuple[int, str | None, str | None]:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await call
    assert caught.value.http_status is not None
    return caught.value.http_status, caught.value.code, caught.value.param


async def end(play: Play, case: Any, status: str) -> None:
    answer = await play.http.post(f"/_sandbox/disputes/{case.id}/close", json={"status": status})
    assert (answer.status_code, answer.json().get("status")) == (200, status), answer.text


async def answer_with(play: Play, case: Any, words: str, **more: Any) -> Any:
    return await play.api.disputes.update_async(case.id, {"evidence": {"uncategorized_text": words}, **more})


@pytest.mark.parametrize("status", STATUSES)
async def test_every_status(play: Play, status: str) -> None:
    charge = await paid(play)
    since = await play.last()
    case = await dispute(play, charge, status=status, reason="product_not_received")
    events, gone = STATUSES[status]
    assert await play.types(since) == events
    assert (case.status, case.amount, case.charge, case.reason) == (status, 5000, charge, "product_not_received")
    assert await kept(play, charge) == 5000 - gone
    assert (await play.api.charges.retrieve_async(charge)).disputed
    refundable = status.startswith("warning_") or status in {"won", "prevented"}
    assert case.is_charge_refundable == refundable
    if refundable:
        await play.api.refunds.create_async({"charge": charge})
        assert await kept(play, charge) == 0
        return
    with pytest.raises(stripe.InvalidRequestError, match="charged back") as refused:
        await play.api.refunds.create_async({"charge": charge})
    assert (refused.value.code, refused.value.http_status) == ("charge_disputed", 400)


async def test_the_money_goes_at_once_and_comes_back_when_it_is_won(play: Play) -> None:
    charge = await paid(play)
    since = await play.last()
    case = await dispute(play, charge)
    [taken] = case.balance_transactions
    assert (taken.amount, taken.fee, taken.net, taken.source) == (-5000, 1500, -6500, case.id)
    assert (taken.type, taken.reporting_category, taken.fee_details[0].amount) == ("adjustment", "dispute", 1500)
    assert case.payment_method_details.card.to_dict() == {
        "brand": "visa",
        "case_type": "chargeback",
        "network": "visa",
        "network_reason_code": "10.4",
    }
    assert (await play.events(since))[0].data.object.balance_transactions[0].id == taken.id
    since = await play.last()
    await end(play, case, "won")
    assert await play.types(since) == [REINSTATED, CLOSED]
    won = (await play.events(since))[0].data.object
    assert (won.status, [entry.amount for entry in won.balance_transactions]) == ("won", [-5000, 5000])
    # The fee is kept.
    assert won.balance_transactions[1].net == 5000
    assert (await play.api.charges.retrieve_async(charge)).disputed


async def test_a_lost_one_keeps_it(play: Play) -> None:
    charge = await paid(play)
    case = await dispute(play, charge, amount=2000)
    since = await play.last()
    await end(play, case, "lost")
    assert await play.types(since) == [CLOSED]
    assert await kept(play, charge) == 3000


async def test_evidence_is_staged_and_then_handed_in(play: Play) -> None:
    case = await dispute(play, await paid(play))
    details = case.evidence_details
    assert (details.has_evidence, details.submission_count, details.past_due) == (False, 0, False)
    assert details.submission_method == "not_submitted"
    assert details.due_by % DAY == DAY - 1
    assert 8 * DAY <= details.due_by - case.created <= 9 * DAY
    since = await play.last()
    staged = await play.api.disputes.update_async(
        case.id,
        {
            "evidence": {"customer_name": "Ada", "product_description": "Plug-in"},
            "submit": False,
            "metadata": {"a": "1"},
        },
    )
    assert (staged.status, staged.evidence.customer_name, staged.evidence_details.has_evidence) == (
        "needs_response",
        "Ada",
        True,
    )
    [updated] = await play.events(since)
    assert updated.type == UPDATED
    before = updated.data.previous_attributes.to_dict()
    assert before["evidence"] == {"customer_name": None, "product_description": None}
    assert before["evidence_details"] == {"has_evidence": False}
    cleared = await play.api.disputes.update_async(case.id, {"evidence": {"customer_name": ""}, "submit": False})
    assert cleared.evidence.customer_name is None
    assert cleared.evidence.product_description == "Plug-in"
    # Metadata alone hands nothing in.
    assert (await play.api.disputes.update_async(case.id, {"metadata": {"b": "2"}})).status == "needs_response"
    since = await play.last()
    sent = await play.api.disputes.update_async(case.id, {"submit": True})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert (sent.evidence_details.submission_method, sent.metadata.to_dict()) == ("manual", {"a": "1", "b": "2"})
    assert await play.types(since) == [UPDATED]
    assert (await refusal(answer_with(play, case, "more")))[::2] == (400, "evidence")
    assert (await refusal(play.api.disputes.update_async(case.id, {"submit": True})))[::2] == (400, "submit")
    assert (await play.api.disputes.update_async(case.id, {"metadata": {"c": "3"}})).metadata["c"] == "3"
    # Without magic words a test bank never decides.
    await play.advance(100 * DAY)
    assert (await play.api.disputes.retrieve_async(case.id)).status == "under_review"


@pytest.mark.parametrize(
    ("opened", "words", "ended", "events"),
    [
        ("needs_response", "winning_evidence", "won", [REINSTATED, CLOSED]),
        ("needs_response", "losing_evidence", "lost", [CLOSED]),
        ("needs_response", "escalate_inquiry_evidence", "under_review", []),
        ("warning_needs_response", "winning_evidence", "warning_closed", [CLOSED]),
        ("warning_needs_response", "losing_evidence", "warning_closed", [CLOSED]),
        (
            "warning_needs_response",
            "escalate_inquiry_evidence",
            "needs_response",
            [UPDATED, "charge.dispute.funds_withdrawn"],
        ),
    ],
)
async def test_magic_words_decide(play: Play, opened: str, words: str, ended: str, events: list[str]) -> None:
    charge = await paid(play)
    case = await dispute(play, charge, status=opened)
    sent = await answer_with(play, case, words)
    assert sent.status == opened.replace("needs_response", "under_review")
    since = await play.last()
    await play.advance(10)
    assert (await play.api.disputes.retrieve_async(case.id)).status == ended
    assert await play.types(since) == events
    assert await kept(play, charge) == (5000 if ended in {"won", "warning_closed"} else 0)
    if ended in {"won", "lost", "warning_closed"}:
        with pytest.raises(stripe.InvalidRequestError, match="already closed"):
            await play.api.disputes.update_async(case.id, {"metadata": {"a": "1"}})


async def test_nobody_answers_in_time(play: Play) -> None:
    charge = await paid(play)
    case = await dispute(play, charge)
    now = play.sandbox.now().timestamp()
    await answer_with(play, case, "Only staged", submit=False)
    await play.advance(case.evidence_details.due_by - now - 5)
    assert (await play.api.disputes.retrieve_async(case.id)).status == "needs_response"
    since = await play.last()
    await play.advance(10)
    assert (await play.api.disputes.retrieve_async(case.id)).status == "lost"
    assert await play.types(since) == [CLOSED]
    assert (await play.events(since))[0].created == case.evidence_details.due_by + 1
    assert await kept(play, charge) == 0


async def test_smart_disputes_answer_by_themselves(play: Play) -> None:
    case = await dispute(play, await paid(play))
    given = {"intended_submission_method": "smart_disputes"}
    assert (await play.api.disputes.update_async(case.id, given)).intended_submission_method == "smart_disputes"
    await play.advance(10 * DAY)
    sent = await play.api.disputes.retrieve_async(case.id)
    assert (sent.status, sent.evidence_details.submission_method) == ("under_review", "smart_disputes")


@pytest.mark.parametrize("late", [False, True])
async def test_an_inquiry_is_closed_after_120_days(play: Play, late: bool) -> None:
    charge = await paid(play)
    case = await dispute(play, charge, status="warning_needs_response")
    assert case.payment_method_details.card.case_type == "inquiry"
    await play.advance(30 * DAY)
    if late:
        answered = await answer_with(play, case, "Better late than never")
        assert (answered.status, answered.evidence_details.past_due) == ("warning_under_review", True)
    since = await play.last()
    await play.advance(89 * DAY)
    assert await play.types(since) == []
    await play.advance(2 * DAY)
    assert await play.types(since) == [CLOSED]
    assert (await play.api.disputes.retrieve_async(case.id)).status == "warning_closed"
    assert await kept(play, charge) == 5000


async def test_an_inquiry_escalates_over_what_is_left(play: Play) -> None:
    charge = await paid(play)
    case = await dispute(play, charge, status="warning_needs_response")
    await play.api.refunds.create_async({"charge": charge, "amount": 1500})
    pending = await play.http.post("/_sandbox/refunds", json={"charge": charge, "amount": 500, "status": "pending"})
    since = await play.last()
    answer = await play.http.post(f"/_sandbox/disputes/{case.id}/escalate")
    assert answer.json()["status"] == "needs_response"
    # What was still on its way is not sent; what arrived is not taken again.
    assert await play.types(since) == [
        "refund.updated",
        "charge.refund.updated",
        "refund.failed",
        UPDATED,
        "charge.dispute.funds_withdrawn",
    ]
    failed = await play.api.refunds.retrieve_async(pending.json()["id"])
    assert (failed.status, failed.failure_reason) == ("failed", "charge_for_pending_refund_disputed")
    escalated = await play.api.disputes.retrieve_async(case.id)
    assert [entry.amount for entry in escalated.balance_transactions] == [-3500]
    assert escalated.payment_method_details.card.case_type == "chargeback"
    assert await kept(play, charge) == 0
    await end(play, case, "won")
    assert await kept(play, charge) == 3500


async def test_a_full_refund_settles_an_inquiry(play: Play) -> None:
    charge = await paid(play)
    case = await dispute(play, charge, status="warning_needs_response")
    await play.api.refunds.create_async({"charge": charge})
    answer = await play.http.post(f"/_sandbox/disputes/{case.id}/escalate")
    assert answer.json()["status"] == "warning_closed"
    assert await kept(play, charge) == 0


@pytest.mark.parametrize(("words", "ended"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
async def test_an_appeal(play: Play, words: str, ended: str) -> None:
    charge = await paid(play)
    case = await dispute(play, charge)
    await answer_with(play, case, "We did deliver.")
    answer = await play.http.post(f"/_sandbox/disputes/{case.id}/escalate")
    assert answer.json()["status"] == "appeal_needs_response"
    other = play.api.disputes.update_async(case.id, {"evidence": {"customer_name": "Ada"}})
    assert (await refusal(other))[::2] == (400, "evidence[customer_name]")
    assert (await refusal(play.api.disputes.update_async(case.id, {"submit": True})))[::2] == (400, "evidence")
    appeal = {"appeal": {"card": {"reason_for_filing": words}}}
    sent = await play.api.disputes.update_async(case.id, {"evidence": appeal})
    assert (sent.status, sent.evidence.appeal.card.reason_for_filing) == ("appeal_under_review", words)
    assert sent.evidence_details.submission_count == 2
    await play.advance(10)
    assert (await play.api.disputes.retrieve_async(case.id)).status == ended
    assert await kept(play, charge) == (5000 if ended == "won" else 0)


async def test_an_appeal_that_nobody_files_is_lost(play: Play) -> None:
    case = await dispute(play, await paid(play), status="appeal_needs_response")
    await play.advance(10 * DAY)
    assert (await play.api.disputes.retrieve_async(case.id)).status == "lost"


async def test_compliance_costs_a_fee_that_must_be_acknowledged(play: Play) -> None:
    case = await dispute(play, await paid(play), reason="noncompliant")
    assert case.enhanced_eligibility_types == ["visa_compliance"]
    assert case.payment_method_details.card.case_type == "compliance"
    fee = "evidence[enhanced_evidence][visa_compliance][fee_acknowledged]"
    assert (await refusal(answer_with(play, case, "winning_evidence")))[::2] == (400, fee)
    enhanced = {"enhanced_evidence": {"visa_compliance": {"fee_acknowledged": True}}}
    staged = await play.api.disputes.update_async(case.id, {"evidence": enhanced, "submit": False})
    assert staged.evidence_details.enhanced_eligibility.visa_compliance.status == "fee_acknowledged"
    assert staged.evidence.enhanced_evidence.visa_compliance.fee_acknowledged
    assert (await answer_with(play, case, "winning_evidence")).status == "under_review"


async def test_several_disputes_of_one_charge_never_take_more_than_was_paid(play: Play) -> None:
    charge = await paid(play)
    await play.api.refunds.create_async({"charge": charge, "amount": 1000})
    first = await dispute(play, charge, amount=1500)
    too_much = await play.http.post("/_sandbox/disputes", json={"charge": charge, "amount": 2501})
    assert (too_much.status_code, too_much.json()["error"]["param"]) == (400, "amount")
    second = await dispute(play, charge)
    assert (second.amount, await kept(play, charge)) == (2500, 0)
    nothing = await play.http.post("/_sandbox/disputes", json={"charge": charge})
    assert (nothing.status_code, nothing.json()["error"]["param"]) == (400, "charge")
    await end(play, first, "won")
    # The other still stands.
    refund = play.api.refunds.create_async({"charge": charge})
    assert (await refusal(refund))[1] == "charge_disputed"
    await end(play, second, "won")
    assert (await play.api.refunds.create_async({"charge": charge})).amount == 4000
    assert await kept(play, charge) == 0


async def test_by_invoice_and_by_payment(play: Play) -> None:
    subscription = await play.subscribe()
    answer = await play.http.post("/_sandbox/disputes", json={"invoice": subscription.latest_invoice})
    opened = answer.json()
    assert (opened["status"], opened["amount"], opened["reason"]) == ("needs_response", 1000, "fraudulent")
    case = await play.api.disputes.retrieve_async(
        opened["id"], {"expand": ["charge.refunds", "payment_intent", "balance_transactions.source"]}
    )
    assert (case.balance_transactions[0].source.id, case.charge.refunds.data) == (case.id, [])
    assert (case.charge.disputed, case.payment_intent.id) == (True, opened["paymentIntent"])
    # A dispute ends no subscription.
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"
    done = await play.buy()
    other = await play.http.post("/_sandbox/disputes", json={"paymentIntent": done.payment_intent})
    everything = await play.api.disputes.list_async()
    assert [entry.id for entry in everything.data] == [other.json()["id"], case.id]
    for given, expected in (
        ({"charge": case.charge.id}, [case.id]),
        ({"payment_intent": done.payment_intent}, [other.json()["id"]]),
        ({"created": {"gt": int(play.sandbox.now().timestamp()) + 5}}, []),
        ({"created": {"lte": int(play.sandbox.now().timestamp())}, "limit": 1}, [other.json()["id"]]),
        ({"starting_after": other.json()["id"]}, [case.id]),
    ):
        listed = await play.api.disputes.list_async(given)
        assert [entry.id for entry in listed.data] == expected


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"evidence": {"receipt": "file_1"}}, "evidence[receipt]"),
        ({"evidence": {"uncategorized_text": "x" * 20_001}}, "evidence[uncategorized_text]"),
        ({"evidence": {"nonsense": "1"}}, "evidence[nonsense]"),
        ({"evidence": {"appeal": {"card": {"reason_for_filing": "x"}}}}, "evidence[appeal]"),
        (
            {"evidence": {"enhanced_evidence": {"visa_compliance": {"fee_acknowledged": True}}}},
            "evidence[enhanced_evidence][visa_compliance]",
        ),
        ({"submit": "perhaps"}, "submit"),
        ({"submit": True}, "evidence"),
        ({"intended_submission_method": "guess"}, "intended_submission_method"),
        ({"status": "won"}, "status"),
    ],
)
async def test_bad_evidence_is_refused_and_changes_nothing(play: Play, given: dict[str, Any], param: str) -> None:
    case = await dispute(play, await paid(play))
    status, _, named = await refusal(play.api.disputes.update_async(case.id, given))
    assert (status, named) == (400, param)
    after = await play.api.disputes.retrieve_async(case.id)
    assert after.to_dict() == case.to_dict()


async def test_all_the_evidence_together_has_a_limit(play: Play) -> None:
    case = await dispute(play, await paid(play))
    names = (
        "access_activity_log",
        "cancellation_policy_disclosure",
        "cancellation_rebuttal",
        "duplicate_charge_explanation",
        "product_description",
        "refund_policy_disclosure",
        "refund_refusal_explanation",
    )
    full = dict.fromkeys(names, "x" * 20_000)
    await play.api.disputes.update_async(case.id, {"evidence": full, "submit": False})
    assert (await refusal(answer_with(play, case, "x" * 10_001)))[::2] == (400, "evidence")


async def test_an_unknown_dispute(play: Play) -> None:
    wanted = (404, "resource_missing", "dispute")
    assert await refusal(play.api.disputes.retrieve_async("du_none")) == wanted
    assert await refusal(play.api.disputes.update_async("du_none", {})) == wanted
    for path in ("close", "escalate"):
        body = {"status": "won"} if path == "close" else {}
        assert (await play.http.post(f"/_sandbox/disputes/du_none/{path}", json=body)).status_code == 404


async def test_bad_controls(play: Play) -> None:
    charge = await paid(play)
    for wrong in (
        {},
        {"charge": charge, "invoice": "in_1"},
        {"charge": 1},
        {"charge": charge, "amount": 0},
        {"charge": charge, "amount": -1},
        {"charge": charge, "amount": 5001},
        {"charge": charge, "amount": 1.5},
        {"charge": charge, "reason": "because"},
        {"charge": charge, "status": "charge_refunded"},
        {"charge": charge, "nonsense": 1},
    ):
        answer = await play.http.post("/_sandbox/disputes", json=wrong)
        assert (answer.status_code, bool(answer.json()["error"]["message"])) == (400, True), wrong
    assert (await play.http.post("/_sandbox/disputes", json={"charge": "ch_none"})).status_code == 404
    assert (await play.api.charges.retrieve_async(charge)).disputed is False
    inquiry = await dispute(play, charge, status="warning_needs_response")
    path = f"/_sandbox/disputes/{inquiry.id}"
    for wrong in ({}, {"status": "won"}, {"status": "lost"}, {"status": "prevented"}, {"status": "won", "more": 1}):
        assert (await play.http.post(f"{path}/close", json=wrong)).status_code == 400, wrong
    assert (await play.http.post(f"{path}/escalate", json={"more": 1})).status_code == 400
    await play.http.post(f"{path}/escalate")
    # A chargeback that nobody answered cannot go further, nor end as an inquiry does.
    assert (await play.http.post(f"{path}/escalate")).status_code == 400
    assert (await play.http.post(f"{path}/close", json={"status": "warning_closed"})).status_code == 400
    await end(play, inquiry, "lost")
    again = await play.http.post(f"{path}/close", json={"status": "won"})
    assert (again.status_code, "already closed" in again.json()["error"]["message"]) == (400, True)


async def test_a_failed_charge_cannot_be_disputed(play: Play) -> None:
    await play.pay(await play.session(await play.price(1000, None)), "4000000000000002")
    charge = (await play.api.charges.list_async()).data[0]
    answer = await play.http.post("/_sandbox/disputes", json={"charge": charge.id})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "charge")


@pytest.mark.parametrize(
    ("card", "opened"),
    [
        ("4000000000000259", [("needs_response", "fraudulent", 5000)]),
        ("4000000000002685", [("needs_response", "product_not_received", 5000)]),
        ("4000000000001976", [("warning_needs_response", "general", 5000)]),
        (
            "4000000404000079",
            [("needs_response", "fraudulent", 2500), ("needs_response", "product_not_received", 2500)],
        ),
        ("4000008400000779", [("needs_response", "noncompliant", 5000)]),
    ],
)
async def test_cards_that_are_disputed(play: Play, card: str, opened: list[tuple[str, str, int]]) -> None:
    done = await play.buy(5000, card)
    # The next call finds it: the clock need not move, nor the caller wait.
    listed = await play.api.disputes.list_async({"payment_intent": done.payment_intent})
    assert [(case.status, case.reason, case.amount) for case in reversed(listed.data)] == opened
    types = await play.types()
    first = types.index("charge.dispute.created")
    # All of the purchase comes before.
    assert {"payment_intent.succeeded", "checkout.session.completed"} <= set(types[:first])
    assert {entry.partition(".dispute.")[0] for entry in types[first:]} == {"charge"}
    inquiry = opened[0][0].startswith("warning_")
    assert await kept(play, listed.data[0].charge) == (5000 if inquiry else 0)


async def test_a_payment_by_the_api_is_disputed_in_the_next_call(play: Play) -> None:
    given = {"amount": 5000, "currency": "usd", "payment_method": "pm_card_createDispute", "confirm": True}
    intent = await play.api.payment_intents.create_async(given)
    listed = await play.api.disputes.list_async({"payment_intent": intent.id})
    assert [case.amount for case in listed.data] == [5000]
    await play.advance(1)
    assert len((await play.api.disputes.list_async()).data) == 1


async def test_a_card_that_is_disputed_at_each_renewal(play: Play) -> None:
    subscription = await play.subscribe("4000000000000259")
    assert len((await play.api.disputes.list_async()).data) == 1
    since = await play.last()
    end_of_period = subscription["items"].data[0].current_period_end
    await play.advance(end_of_period - play.sandbox.now().timestamp() + 3700)
    types = await play.types(since)
    at = types.index("charge.dispute.created")
    assert types.index("invoice.payment_succeeded") < at
    assert types[at + 1] == "charge.dispute.funds_withdrawn"
    latest = (await play.api.disputes.list_async({"limit": 1})).data[0]
    paid_by = await play.api.invoice_payments.list_async(
        {"payment": {"type": "payment_intent", "payment_intent": latest.payment_intent}}
    )
    renewed = await play.api.subscriptions.retrieve_async(subscription.id)
    assert paid_by.data[0].invoice == renewed.latest_invoice
    assert renewed.status == "active"


async def something(play: Play, charge: str, chance: random.Random) -> None:
    """One act of the seller, the customer or a bank; it may be refused."""
    refunds = (await play.api.refunds.list_async({"charge": charge, "limit": 100})).data
    disputes = (await play.api.disputes.list_async({"charge": charge, "limit": 100})).data
    amount = chance.randint(1, 4000)
    opening = chance.choice(["needs_response", "warning_needs_response"])
    acts: list[tuple[str, dict[str, Any]]] = [
        ("/refunds", {"charge": charge, "amount": amount, "status": chance.choice(["succeeded", "pending"])}),
        ("/disputes", {"charge": charge, "amount": amount, "status": opening}),
    ]
    if refunds:
        refund = chance.choice(refunds).id
        acts += [(f"/refunds/{refund}/fail", {}), (f"/refunds/{refund}/settle", {})]
    if disputes:
        case = chance.choice(disputes).id
        status = chance.choice(["won", "lost", "warning_closed"])
        acts += [(f"/disputes/{case}/escalate", {}), (f"/disputes/{case}/close", {"status": status})]
    path, body = chance.choice(acts)
    answer = await play.http.post(f"/_sandbox{path}", json=body)
    assert answer.status_code in {200, 400}, answer.text


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_the_money_adds_up(play: Play, seed: int) -> None:
    charge = await paid(play)
    chance = random.Random(seed)
    seen = set()
    for _ in range(40):
        await something(play, charge, chance)
        left = await kept(play, charge)
        assert 0 <= left <= 5000
        seen.add(left)
    assert len(seen) > 3
