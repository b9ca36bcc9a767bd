"""Setup intents: every operation, every card, 3-D Secure, and what is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe
from tests.sandbox.play import Play

BACK = "https://shop.example/cards?from=portal#top"


async def customer(play: Play) -> Any:
    return await play.api.customers.create_async({"email": "a@example.com"})


async def intent(play: Play, **given: Any) -> Any:
    return await play.api.setup_intents.create_async(given)


async def refused(call: Any) -> tuple[int | None, str | None, str | None]:
    with pytest.raises(stripe.StripeError) as caught:
        await call
    error: Any = caught.value.error
    return caught.value.http_status, caught.value.code, error.param


async def authenticate(play: Play, setup: Any, outcome: str = "complete") -> Any:
    return await play.http.post(f"/_sandbox/setup_intents/{setup.id}/authenticate", json={"threeDS": outcome})


async def test_step_by_step(play: Play) -> None:
    buyer = await customer(play)
    setup = await intent(play, customer=buyer.id, description="Card", metadata={"a": "1"})
    assert (setup.status, setup.usage, setup.payment_method) == ("requires_payment_method", "off_session", None)
    assert setup.client_secret.startswith(f"{setup.id}_secret_")
    assert (setup.payment_method_types, setup.latest_attempt) == (["card"], None)
    assert setup.automatic_payment_methods.to_dict() == {"enabled": True, "allow_redirects": "always"}
    setup = await play.api.setup_intents.update_async(
        setup.id, {"payment_method": "pm_card_visa", "metadata": {"b": "2"}, "description": ""}
    )
    assert (setup.status, setup.description) == ("requires_confirmation", None)
    assert setup.metadata.to_dict() == {"a": "1", "b": "2"}
    setup = await play.api.setup_intents.confirm_async(setup.id, {"expand": ["payment_method", "latest_attempt"]})
    assert (setup.status, setup.payment_method.customer) == ("succeeded", buyer.id)
    attempt = setup.latest_attempt
    assert (attempt.status, attempt.setup_intent, attempt.customer) == ("succeeded", setup.id, buyer.id)
    assert attempt.payment_method_details.card.last4 == "4242"
    kept = await play.api.customers.retrieve_async(buyer.id)
    assert kept.invoice_settings.default_payment_method is None
    assert (await play.types())[1:] == ["setup_intent.created", "payment_method.attached", "setup_intent.succeeded"]
    described = await play.api.setup_intents.update_async(setup.id, {"description": "Kept"})
    assert described.description == "Kept"


async def test_at_once_and_without_a_customer(play: Play) -> None:
    setup = await intent(play, payment_method="pm_card_visa", confirm=True, usage="on_session")
    assert (setup.status, setup.usage, setup.customer) == ("succeeded", "on_session", None)
    method = await play.api.payment_methods.retrieve_async(setup.payment_method)
    assert method.customer is None
    created, succeeded = await play.events()
    assert (created.type, created.data.object.status) == ("setup_intent.created", "requires_confirmation")
    assert (succeeded.type, succeeded.data.object.status) == ("setup_intent.succeeded", "succeeded")


async def test_card_of_that_customer_is_not_attached_twice(play: Play) -> None:
    buyer = await customer(play)
    method = await play.api.payment_methods.attach_async("pm_card_visa", {"customer": buyer.id})
    setup = await intent(play, customer=buyer.id, payment_method=method.id, confirm=True)
    assert (setup.status, setup.payment_method) == ("succeeded", method.id)
    assert (await play.types()).count("payment_method.attached") == 1


@pytest.mark.parametrize("outcome", ["complete", "fail"])
async def test_three_d_secure_on_a_page(play: Play, outcome: str) -> None:
    buyer = await customer(play)
    setup = await intent(
        play,
        customer=buyer.id,
        payment_method="pm_card_authenticationRequiredOnSetup",
        usage="off_session",
        confirm=True,
        return_url=BACK,
        expand=["latest_attempt"],
    )
    assert (setup.status, setup.latest_attempt.status) == ("requires_action", "requires_action")
    assert setup.next_action.type == "redirect_to_url"
    assert setup.next_action.redirect_to_url.return_url == BACK
    page = await play.http.get(setup.next_action.redirect_to_url.url)
    assert page.status_code == 200
    assert "this card can be saved" in page.text
    answer = await play.http.post(setup.next_action.redirect_to_url.url, data={"outcome": outcome})
    assert answer.status_code == 303
    back = urlsplit(answer.headers["location"])
    assert (back.netloc, back.path, back.fragment) == ("shop.example", "/cards", "top")
    good = outcome == "complete"
    assert parse_qs(back.query) == {
        "from": ["portal"],
        "setup_intent": [setup.id],
        "setup_intent_client_secret": [setup.client_secret],
        "redirect_status": ["succeeded" if good else "failed"],
    }
    done = await play.api.setup_intents.retrieve_async(setup.id, {"expand": ["latest_attempt"]})
    ended = ["payment_method.attached", "setup_intent.succeeded"] if good else ["setup_intent.setup_failed"]
    assert (await play.types())[1:] == ["setup_intent.created", "setup_intent.requires_action", *ended]
    again = await play.http.get(setup.next_action.redirect_to_url.url)
    assert "3D Secure is complete" in again.text
    assert (await play.http.post(setup.next_action.redirect_to_url.url, data={"outcome": outcome})).status_code == 200
    if good:
        assert (done.status, done.next_action, done.latest_attempt.status) == ("succeeded", None, "succeeded")
        return
    assert (done.status, done.next_action, done.payment_method) == ("requires_payment_method", None, None)
    code = "setup_intent_authentication_failure"
    assert (done.last_setup_error.code, done.latest_attempt.setup_error.code) == (code, code)
    assert done.latest_attempt.status == "failed"
    retried = await play.api.setup_intents.confirm_async(setup.id, {"payment_method": "pm_card_visa"})
    assert (retried.status, retried.last_setup_error) == ("succeeded", None)


@pytest.mark.parametrize(("usage", "asked"), [("off_session", "succeeded"), ("on_session", "requires_action")])
async def test_what_was_set_up_for_off_session_pays_without_3d_secure(play: Play, usage: str, asked: str) -> None:
    buyer = await customer(play)
    card = "pm_card_authenticationRequiredOnSetup"
    setup = await intent(play, customer=buyer.id, payment_method=card, confirm=True, usage=usage)
    assert setup.next_action.type == "use_stripe_sdk"
    answer = await authenticate(play, setup)
    assert answer.json() == {"status": "succeeded", "redirectTo": None}
    paid = await play.api.payment_intents.create_async(
        {
            "amount": 500,
            "currency": "usd",
            "customer": buyer.id,
            "payment_method": setup.payment_method,
            "confirm": True,
        }
    )
    assert paid.status == asked


async def test_wanted_again_or_by_scripts(play: Play) -> None:
    buyer = await customer(play)
    card = "pm_card_authenticationRequiredOnSetup"
    setup = await intent(
        play, customer=buyer.id, payment_method=card, confirm=True, return_url=BACK, use_stripe_sdk=True
    )
    assert setup.next_action.type == "use_stripe_sdk"
    await authenticate(play, setup)
    again = {"customer": buyer.id, "payment_method": setup.payment_method, "confirm": True}
    assert (await intent(play, **again)).status == "succeeded"
    wanted = await intent(play, **again, payment_method_options={"card": {"request_three_d_secure": "any"}})
    assert wanted.status == "requires_action"
    assert wanted.payment_method_options.card.request_three_d_secure == "any"


@pytest.mark.parametrize(
    ("card", "decline"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
async def test_declined(play: Play, card: str, decline: str) -> None:
    buyer = await customer(play)
    with pytest.raises(stripe.CardError) as caught:
        await intent(play, customer=buyer.id, payment_method=card, confirm=True)
    assert (caught.value.http_status, caught.value.code) == (402, "card_declined")
    error: Any = caught.value.error
    setup = await play.api.setup_intents.retrieve_async(error.setup_intent.id)
    assert (setup.status, setup.payment_method) == ("requires_payment_method", None)
    assert (setup.last_setup_error.decline_code, setup.last_setup_error.payment_method.customer) == (decline, None)
    assert (await play.types())[1:] == ["setup_intent.created", "setup_intent.setup_failed"]


async def test_authentication_fails_by_the_control(play: Play) -> None:
    setup = await intent(play, payment_method="pm_card_authenticationRequired", confirm=True, return_url=BACK)
    failed = await authenticate(play, setup, "fail")
    assert failed.status_code == 402
    assert failed.json()["error"]["code"] == "setup_intent_authentication_failure"
    assert (await authenticate(play, setup)).status_code == 400
    unknown = await play.http.post("/_sandbox/setup_intents/seti_none/authenticate", json={})
    assert unknown.status_code == 404
    assert (await play.http.get("/3ds/seti_none")).status_code == 404


async def test_cancel(play: Play) -> None:
    setup = await intent(play, payment_method="pm_card_authenticationRequired", confirm=True)
    gone = await play.api.setup_intents.cancel_async(
        setup.id, {"cancellation_reason": "abandoned", "expand": ["latest_attempt"]}
    )
    assert (gone.status, gone.cancellation_reason, gone.next_action) == ("canceled", "abandoned", None)
    assert gone.latest_attempt.status == "abandoned"
    assert (await play.types())[-1] == "setup_intent.canceled"
    wrong = (400, "setup_intent_unexpected_state", None)
    api = play.api.setup_intents
    assert await refused(api.cancel_async(setup.id)) == wrong
    assert await refused(api.confirm_async(setup.id)) == wrong
    assert await refused(api.update_async(setup.id, {"payment_method": "pm_card_visa"})) == wrong
    assert (await authenticate(play, setup)).status_code == 400


async def test_lists(play: Play) -> None:
    buyer, other = await customer(play), await customer(play)
    first = await intent(play, customer=buyer.id, payment_method="pm_card_visa", confirm=True)
    second = await intent(play, customer=buyer.id)
    third = await intent(play, customer=other.id)

    async def found(**by: Any) -> list[str]:
        return [one.id for one in (await play.api.setup_intents.list_async(by)).data]

    assert await found() == [third.id, second.id, first.id]
    assert await found(customer=buyer.id) == [second.id, first.id]
    assert await found(payment_method=first.payment_method) == [first.id]
    assert await found(limit=1, starting_after=third.id) == [second.id]
    assert await found(attach_to_self=False, created={"gt": first.created + 100}) == []


async def test_what_is_chosen_can_change_until_it_is_done(play: Play) -> None:
    buyer, other = await customer(play), await customer(play)
    theirs = await play.api.payment_methods.attach_async("pm_card_visa", {"customer": other.id})
    setup = await intent(play, payment_method="pm_card_visa", excluded_payment_method_types=["sepa_debit"])
    assert setup.excluded_payment_method_types == ["sepa_debit"]
    api = play.api.setup_intents
    setup = await api.update_async(setup.id, {"payment_method": "", "excluded_payment_method_types": ""})
    assert (setup.status, setup.payment_method) == ("requires_payment_method", None)
    assert setup.excluded_payment_method_types is None
    setup = await api.update_async(setup.id, {"customer": buyer.id, "allowed_payment_method_types": ["card", "link"]})
    assert (setup.customer, setup.allowed_payment_method_types) == (buyer.id, ["card", "link"])
    assert await refused(api.update_async(setup.id, {"customer": other.id})) == (400, None, "customer")
    assert await refused(api.update_async(setup.id, {"payment_method": theirs.id})) == (400, None, "payment_method")
    assert await refused(api.confirm_async(setup.id, {"payment_method": theirs.id})) == (400, None, "payment_method")


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
        ({"confirm": True}, "setup_intent_unexpected_state", None),
        ({"confirm": True, "payment_method": "pm_card_visa", "return_url": "nowhere"}, "url_invalid", "return_url"),
        ({"return_url": BACK}, None, "return_url"),
        ({"use_stripe_sdk": True}, None, "use_stripe_sdk"),
        ({"usage": "sometimes"}, None, "usage"),
        ({"attach_to_self": True}, None, "attach_to_self"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"allowed_payment_method_types": ["sepa_debit"]}, None, "allowed_payment_method_types"),
        ({"excluded_payment_method_types": ["card"]}, None, "excluded_payment_method_types"),
        ({"payment_method_data": {"type": "sepa_debit"}}, None, "payment_method_data"),
        ({"payment_method_data": {"type": "card"}}, None, "payment_method_data[type]"),
        ({"single_use": {"amount": 5, "currency": "usd"}}, None, "single_use"),
        ({"mandate_data": {"customer_acceptance": {"type": "offline"}}}, None, "mandate_data"),
        ({"confirmation_token": "ctoken_1"}, None, "confirmation_token"),
        ({"on_behalf_of": "acct_1"}, None, "on_behalf_of"),
        ({"flow_directions": ["inbound"]}, None, "flow_directions"),
        ({"payment_method_options": {"card": {"moto": True}}}, None, "payment_method_options[card][moto]"),
        ({"payment_method_options": {"link": {}}, "amount": 5}, "parameter_unknown", "amount"),
    ],
)
async def test_refused(play: Play, given: dict[str, Any], code: str | None, param: str | None) -> None:
    assert await refused(intent(play, **given)) == (400, code, param)
    assert await play.types() == []


async def test_a_card_that_was_taken_away_cannot_be_set_up(play: Play) -> None:
    buyer = await customer(play)
    method = await play.api.payment_methods.attach_async("pm_card_visa", {"customer": buyer.id})
    await play.api.payment_methods.detach_async(method.id)
    answer = await refused(intent(play, customer=buyer.id, payment_method=method.id))
    assert answer == (400, "payment_method_unexpected_state", "payment_method")


async def test_client_secret(play: Play) -> None:
    setup = await intent(play)
    api = play.api.setup_intents
    assert (await api.retrieve_async(setup.id, {"client_secret": setup.client_secret})).id == setup.id
    wrong = await refused(api.retrieve_async(setup.id, {"client_secret": "seti_other"}))
    assert wrong == (400, "setup_intent_invalid_parameter", "client_secret")
    assert await refused(api.retrieve_async("seti_none")) == (404, "resource_missing", "id")
    payment = await play.api.payment_intents.create_async({"amount": 500, "currency": "usd"})
    assert await refused(api.retrieve_async(payment.id)) == (404, "resource_missing", "id")
