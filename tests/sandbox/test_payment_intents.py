"""Payment intents: every parameter, every status, 3-D Secure, and what is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe
from tests.sandbox.play import Play

BACK = "https://shop.example/paid?order=7#top"
ALWAYS, ONCE = "pm_card_authenticationRequired", "pm_card_authenticationRequiredOnSetup"
STATE, INVALID = "payment_intent_unexpected_state", "invalid_request_error"
SHIPPING = {
    "name": "Ada",
    "address": {"line1": "1 Way", "city": "London", "country": "GB"},
    "phone": "+44",
    "carrier": "Post",
    "tracking_number": "T1",
}


async def customer(play: Play) -> Any:
    return await play.api.customers.create_async({"email": "a@example.com"})


async def intent(play: Play, **given: Any) -> Any:
    return await play.api.payment_intents.create_async({"amount": 1000, "currency": "usd", **given})


async def pay(play: Play, method: str = "pm_card_visa", **given: Any) -> Any:
    return await intent(play, payment_method=method, confirm=True, **given)


async def refused(call: Any) -> tuple[int | None, str | None, str | None]:
    with pytest.raises(stripe.StripeError) as caught:
        await call
    error: Any = caught.value.error
    return caught.value.http_status, caught.value.code, error.param


async def declined(call: Any) -> Any:
    with pytest.raises(stripe.CardError) as caught:
        await call
    assert caught.value.http_status == 402
    return caught.value.error


async def authenticate(play: Play, made: Any, outcome: str = "complete") -> Any:
    return await play.http.post(f"/_sandbox/payment_intents/{made.id}/authenticate", json={"threeDS": outcome})


async def test_step_by_step(play: Play) -> None:
    buyer = await customer(play)
    made = await intent(play, metadata={"a": "1"}, transfer_group="g1")
    assert (made.status, made.customer, made.payment_method) == ("requires_payment_method", None, None)
    assert (made.capture_method, made.confirmation_method) == ("automatic_async", "automatic")
    assert made.client_secret.startswith(f"{made.id}_secret_")
    assert made.automatic_payment_methods.to_dict() == {"enabled": True, "allow_redirects": "always"}
    api = play.api.payment_intents
    changed = await api.update_async(
        made.id,
        {
            "amount": 2500,
            "currency": "EUR",
            "customer": buyer.id,
            "payment_method": "pm_card_visa",
            "description": "A thing",
            "receipt_email": "b@example.com",
            "statement_descriptor_suffix": "Thing",
            "shipping": SHIPPING,
            "metadata": {"a": "", "b": "2"},
            "capture_method": "automatic",
            "excluded_payment_method_types": ["sepa_debit"],
        },
    )
    assert (changed.status, changed.amount, changed.currency) == ("requires_confirmation", 2500, "eur")
    assert (changed.metadata.to_dict(), changed.excluded_payment_method_types) == ({"b": "2"}, ["sepa_debit"])
    paid = await api.confirm_async(made.id, {"expand": ["latest_charge"]})
    assert (paid.status, paid.amount_received, paid.capture_method) == ("succeeded", 2500, "automatic")
    charge = paid.latest_charge
    assert (charge.amount, charge.currency, charge.customer) == (2500, "eur", buyer.id)
    assert (charge.description, charge.receipt_email, charge.metadata.to_dict()) == (
        "A thing",
        "b@example.com",
        {"b": "2"},
    )
    assert (charge.shipping.name, charge.shipping.address.city, charge.shipping.tracking_number) == (
        "Ada",
        "London",
        "T1",
    )
    assert (charge.calculated_statement_descriptor, charge.transfer_group) == ("SANDBOX* Thing", "g1")
    assert (await play.types())[1:] == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


async def test_at_once(play: Play) -> None:
    paid = await pay(play)
    assert (paid.status, paid.amount_received) == ("succeeded", 1000)
    created = (await play.events())[0]
    assert (created.type, created.data.object.status) == ("payment_intent.created", "requires_confirmation")


@pytest.mark.parametrize("outcome", ["complete", "fail"])
async def test_three_d_secure_on_a_page(play: Play, outcome: str) -> None:
    made = await pay(play, ALWAYS, return_url=BACK)
    assert (made.status, made.next_action.type) == ("requires_action", "redirect_to_url")
    there = made.next_action.redirect_to_url
    assert there.return_url == BACK
    page = await play.http.get(there.url)
    assert (page.status_code, "$10.00" in page.text) == (200, True)
    answer = await play.http.post(there.url, data={"outcome": outcome})
    back = urlsplit(answer.headers["location"])
    good = outcome == "complete"
    assert (answer.status_code, back.netloc, back.path, back.fragment) == (303, "shop.example", "/paid", "top")
    assert parse_qs(back.query) == {
        "order": ["7"],
        "payment_intent": [made.id],
        "payment_intent_client_secret": [made.client_secret],
        "redirect_status": ["succeeded" if good else "failed"],
    }
    ended = ["charge.succeeded", "payment_intent.succeeded"] if good else ["payment_intent.payment_failed"]
    assert await play.types() == ["payment_intent.created", "payment_intent.requires_action", *ended]
    done = await play.api.payment_intents.retrieve_async(made.id, {"expand": ["latest_charge"]})
    assert done.next_action is None
    if good:
        assert done.latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"
        return
    assert (done.status, done.payment_method, done.latest_charge) == ("requires_payment_method", None, None)
    assert done.last_payment_error.code == "payment_intent_authentication_failure"
    again = await play.api.payment_intents.confirm_async(made.id, {"payment_method": "pm_card_visa"})
    assert (again.status, again.last_payment_error) == ("succeeded", None)


async def test_three_d_secure_by_the_control(play: Play) -> None:
    made = await pay(play, ALWAYS, return_url=BACK, use_stripe_sdk=True)
    assert made.next_action.type == "use_stripe_sdk"
    assert (await authenticate(play, made)).json() == {"status": "succeeded", "redirectTo": None}
    assert (await authenticate(play, made)).status_code == 400
    other = await pay(play, ALWAYS)
    failed = await authenticate(play, other, "fail")
    assert (failed.status_code, failed.json()["error"]["code"]) == (402, "payment_intent_authentication_failure")
    assert (await play.http.post("/_sandbox/payment_intents/pi_none/authenticate", json={})).status_code == 404


async def test_three_d_secure_that_nobody_handles(play: Play) -> None:
    error = await declined(pay(play, ALWAYS, error_on_requires_action=True))
    assert (error.code, error.decline_code) == ("authentication_required", "authentication_not_handled")
    assert error.payment_intent.status == "requires_payment_method"
    assert await play.types() == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    assert (await pay(play, error_on_requires_action=True)).status == "succeeded"


@pytest.mark.parametrize("away", [True, "one_off", "recurring"])
async def test_while_the_customer_is_away(play: Play, away: Any) -> None:
    error = await declined(pay(play, ALWAYS, off_session=away))
    assert (error.code, error.decline_code) == ("authentication_required", "authentication_required")
    kept = await play.api.payment_intents.retrieve_async(error.payment_intent.id)
    assert (kept.status, kept.last_payment_error.payment_method.id) == (
        "requires_payment_method",
        error.payment_method.id,
    )
    assert (await pay(play, ALWAYS, off_session=False)).status == "requires_action"


@pytest.mark.parametrize(("usage", "later"), [("off_session", "succeeded"), ("on_session", None)])
async def test_a_card_that_is_kept(play: Play, usage: str, later: str | None) -> None:
    buyer = await customer(play)
    made = await pay(play, ONCE, customer=buyer.id, setup_future_usage=usage)
    await authenticate(play, made)
    method = await play.api.payment_methods.retrieve_async(made.payment_method)
    assert method.customer == buyer.id
    assert (await play.types())[-3:] == ["charge.succeeded", "payment_intent.succeeded", "payment_method.attached"]
    kept = await play.api.customers.retrieve_async(buyer.id)
    assert kept.invoice_settings.default_payment_method is None
    again = pay(play, method.id, customer=buyer.id, off_session=True)
    if later is not None:
        assert (await again).status == later
    else:
        assert (await declined(again)).code == "authentication_required"


async def test_a_card_that_is_not_kept_is_used_up(play: Play) -> None:
    buyer = await customer(play)
    loose, kept = await pay(play), await pay(play, setup_future_usage="off_session")
    gone = (400, "payment_method_unexpected_state", "payment_method")
    assert await refused(pay(play, loose.payment_method)) == gone
    attach = play.api.payment_methods.attach_async
    assert await refused(attach(loose.payment_method, {"customer": buyer.id})) == gone
    assert (await attach(kept.payment_method, {"customer": buyer.id})).customer == buyer.id
    theirs = await attach("pm_card_visa", {"customer": buyer.id})
    for _ in range(2):
        assert (await pay(play, theirs.id, customer=buyer.id)).status == "succeeded"
    # A try that failed uses nothing up.
    loose = await play.api.payment_methods.create_async({"type": "card", "card": {"token": "tok_chargeCustomerFail"}})
    for _ in range(2):
        assert (await declined(pay(play, loose.id))).code == "card_declined"


async def test_what_was_asked_for_changes(play: Play) -> None:
    api = play.api.payment_intents
    for change in (
        {"amount": 2000},
        {"currency": "eur"},
        {"payment_method_options": {"card": {"request_three_d_secure": "any"}}},
        {"payment_method": "pm_card_visa"},
    ):
        made = await pay(play, ALWAYS)
        changed = await api.update_async(made.id, change)
        assert (changed.status, changed.next_action) == ("requires_confirmation", None), change
        assert (await authenticate(play, made)).status_code == 400
    made = await pay(play, ALWAYS)
    assert (await api.update_async(made.id, {"metadata": {"a": "1"}})).status == "requires_action"
    assert (await api.update_async(made.id, {"payment_method": ""})).status == "requires_payment_method"
    assert await refused(api.confirm_async(made.id)) == (400, STATE, None)


async def test_an_update_forgets_the_last_error(play: Play) -> None:
    error = await declined(pay(play, "pm_card_visa_chargeDeclined"))
    api = play.api.payment_intents
    looked_at = await api.update_async(error.payment_intent.id, {"expand": ["customer"]})
    assert looked_at.last_payment_error.decline_code == "generic_decline"
    assert (await api.update_async(error.payment_intent.id, {"description": "x"})).last_payment_error is None


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (-5, "usd", "parameter_invalid_integer"),
        (0, "usd", "parameter_invalid_integer"),
        (49, "usd", "amount_too_small"),
        (50, "usd", None),
        (29, "gbp", "amount_too_small"),
        (30, "gbp", None),
        (49, "jpy", "amount_too_small"),
        (17499, "huf", "amount_too_small"),
        (99999999, "usd", None),
        (100000000, "usd", "amount_too_large"),
    ],
)
async def test_amounts(play: Play, amount: int, currency: str, code: str | None) -> None:
    made = await intent(play)
    given: Any = {"amount": amount, "currency": currency}
    create, update = intent(play, **given), play.api.payment_intents.update_async(made.id, given)
    if code is None:
        assert ((await create).amount, (await update).amount) == (amount, amount)
        return
    assert await refused(create) == await refused(update) == (400, code, "amount")


async def test_another_currency_alone_can_make_the_amount_too_small(play: Play) -> None:
    made = await intent(play)
    answer = await refused(play.api.payment_intents.update_async(made.id, {"currency": "huf"}))
    assert answer == (400, "amount_too_small", "amount")


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"currency": "dollars"}, None, "currency"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
        ({"confirm": True}, STATE, None),
        ({"off_session": True}, None, "off_session"),
        ({"return_url": BACK}, None, "return_url"),
        ({"use_stripe_sdk": True}, None, "use_stripe_sdk"),
        ({"error_on_requires_action": True}, None, "error_on_requires_action"),
        ({"confirm": True, "payment_method": "pm_card_visa", "return_url": "nowhere"}, "url_invalid", "return_url"),
        (
            {"confirm": True, "payment_method": "pm_card_visa", "return_url": "JavaScript:x"},
            "url_invalid",
            "return_url",
        ),
        (
            {
                "confirm": True,
                "payment_method": "pm_card_visa",
                "off_session": True,
                "setup_future_usage": "on_session",
            },
            None,
            "off_session",
        ),
        ({"capture_method": "manual"}, None, "capture_method"),
        ({"confirmation_method": "manual"}, None, "confirmation_method"),
        ({"setup_future_usage": "sometimes"}, None, "setup_future_usage"),
        ({"receipt_email": "nobody"}, "email_invalid", "receipt_email"),
        ({"statement_descriptor": "SHOP"}, None, "statement_descriptor"),
        ({"statement_descriptor_suffix": "12345"}, None, "statement_descriptor_suffix"),
        ({"statement_descriptor_suffix": "A<B"}, None, "statement_descriptor_suffix"),
        ({"statement_descriptor_suffix": "A" * 23}, None, "statement_descriptor_suffix"),
        ({"shipping": {"name": "Ada"}}, "parameter_missing", "shipping[address]"),
        ({"shipping": {**SHIPPING, "name": ""}}, "parameter_invalid_empty", "shipping[name]"),
        ({"confirm": True, "payment_method": "pm_card_visa", "return_url": "app://["}, "url_invalid", "return_url"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"allowed_payment_method_types": ["sepa_debit"]}, None, "allowed_payment_method_types"),
        ({"excluded_payment_method_types": ["card"]}, None, "excluded_payment_method_types"),
        ({"payment_method_data": {"type": "sepa_debit"}}, None, "payment_method_data"),
        ({"payment_method_options": {"card": {"moto": True}}}, None, "payment_method_options[card][moto]"),
        ({"payment_method_options": {"card": {"capture_method": "manual"}}}, None, None),
        ({"application_fee_amount": 5}, None, "application_fee_amount"),
        ({"transfer_data": {"destination": "acct_1"}}, None, "transfer_data"),
        ({"on_behalf_of": "acct_1"}, None, "on_behalf_of"),
        ({"mandate": "mandate_1"}, None, "mandate"),
        ({"confirmation_token": "ctoken_1"}, None, "confirmation_token"),
        ({"customer_account": "acct_1"}, None, "customer_account"),
        ({"amount_details": {"discount_amount": 5}}, None, "amount_details"),
        ({"radar_options": {"session": "rse_1"}}, None, "radar_options"),
        ({"source": "tok_visa"}, "parameter_unknown", "source"),
    ],
)
async def test_refused(play: Play, given: dict[str, Any], code: str | None, param: str | None) -> None:
    answer = await refused(intent(play, **given))
    assert answer == (400, code, param or answer[2])
    assert await play.types() == []


@pytest.mark.parametrize("missing", ["amount", "currency"])
async def test_what_is_needed(play: Play, missing: str) -> None:
    given: Any = {"amount": 1000, "currency": "usd"}
    del given[missing]
    assert await refused(play.api.payment_intents.create_async(given)) == (400, "parameter_missing", missing)


async def test_when_confirmed(play: Play) -> None:
    made = await intent(play)
    api = play.api.payment_intents
    for given in (
        {"amount_to_confirm": 500},
        {"capture_method": "manual"},
        {"payment_method": "pm_none"},
        {"mandate": "mandate_1"},
    ):
        change: Any = {"payment_method": "pm_card_visa", **given}
        answer = await refused(api.confirm_async(made.id, change))
        assert (answer[0], answer[2]) == (400, next(iter(given)))
    paid = await api.confirm_async(
        made.id,
        {
            "payment_method": "pm_card_visa",
            "amount_to_confirm": 1000,
            "receipt_email": "c@example.com",
            "shipping": SHIPPING,
            "setup_future_usage": "",
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        },
    )
    assert (paid.status, paid.receipt_email, paid.shipping.name) == ("succeeded", "c@example.com", "Ada")


async def test_a_refused_parameter_leaves_no_decline_behind(play: Play) -> None:
    given: Any = {"payment_method": "pm_card_visa_chargeDeclined", "confirm": True, "on_behalf_of": "acct_1"}
    assert await refused(intent(play, **given)) == (400, None, "on_behalf_of")
    assert await play.types() == []


async def test_when_it_is_over(play: Play) -> None:
    api = play.api.payment_intents
    done = await pay(play)
    given_up = await api.cancel_async((await intent(play)).id, {"cancellation_reason": "duplicate"})
    assert (given_up.status, given_up.cancellation_reason) == ("canceled", "duplicate")
    assert given_up.canceled_at is not None
    assert (await play.types())[-1] == "payment_intent.canceled"
    for over in (done, given_up):
        for call in (
            api.confirm_async(over.id, {"payment_method": "pm_card_visa"}),
            api.cancel_async(over.id),
            api.update_async(over.id, {"amount": 2000}),
            api.update_async(over.id, {"payment_method": "pm_card_visa"}),
        ):
            with pytest.raises(stripe.InvalidRequestError) as caught:
                await call
            error: Any = caught.value.error
            assert (caught.value.http_status, caught.value.code, error.type) == (400, STATE, INVALID)
            assert (error.payment_intent.id, error.payment_intent.status) == (over.id, over.status)
    assert (await api.update_async(done.id, {"description": "Kept", "metadata": {"a": "1"}})).description == "Kept"
    wrong: Any = {"cancellation_reason": "bored"}
    assert await refused(api.cancel_async((await intent(play)).id, wrong)) == (400, None, "cancellation_reason")


async def test_whose_card_it_is(play: Play) -> None:
    buyer, other = await customer(play), await customer(play)
    theirs = await play.api.payment_methods.attach_async("pm_card_visa", {"customer": other.id})
    gone = await play.api.payment_methods.attach_async("pm_card_visa", {"customer": buyer.id})
    await play.api.payment_methods.detach_async(gone.id)
    api = play.api.payment_intents
    made = await intent(play, customer=buyer.id)
    assert await refused(intent(play, payment_method=theirs.id)) == (400, None, "payment_method")
    assert await refused(api.update_async(made.id, {"payment_method": theirs.id})) == (400, None, "payment_method")
    assert await refused(api.confirm_async(made.id, {"payment_method": theirs.id})) == (400, None, "payment_method")
    assert await refused(api.update_async(made.id, {"customer": other.id})) == (400, None, "customer")
    detached = (400, "payment_method_unexpected_state", "payment_method")
    assert await refused(intent(play, customer=buyer.id, payment_method=gone.id)) == detached
    assert (await pay(play, theirs.id, customer=other.id)).status == "succeeded"


async def unpaid(play: Play) -> tuple[Any, Any]:
    """A subscription that waits for its first payment, and that payment."""
    buyer = await customer(play)
    price = await play.price(1000)
    subscription = await play.api.subscriptions.create_async(
        {
            "customer": buyer.id,
            "items": [{"price": price.id}],
            "payment_behavior": "default_incomplete",
            "payment_settings": {"save_default_payment_method": "on_subscription"},
        }
    )
    listed = await play.api.invoice_payments.list_async({"invoice": str(subscription.latest_invoice)})
    made = await play.api.payment_intents.retrieve_async(str(listed.data[0].payment.payment_intent))
    return subscription, made


async def test_an_invoice_is_paid_by_its_intent(play: Play) -> None:
    subscription, made = await unpaid(play)
    api = play.api.payment_intents
    for call in (
        api.update_async(made.id, {"amount": 500}),
        api.update_async(made.id, {"currency": "eur"}),
        api.cancel_async(made.id),
    ):
        assert await refused(call) == (400, STATE, None)
    error = await declined(api.confirm_async(made.id, {"payment_method": "pm_card_chargeCustomerFail"}))
    assert error.payment_intent.id == made.id
    assert "invoice.payment_failed" in await play.types()
    since = await play.last()
    paid = await api.confirm_async(made.id, {"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded"
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (after.status, after.latest_invoice.status) == ("active", "paid")
    assert after.default_payment_method == paid.payment_method
    types = await play.types(since)
    assert types[:3] == ["charge.succeeded", "payment_intent.succeeded", "payment_method.attached"]
    assert {"invoice_payment.paid", "invoice.paid", "invoice.payment_succeeded"} <= set(types)


async def test_an_invoice_is_paid_after_3d_secure(play: Play) -> None:
    subscription, made = await unpaid(play)
    asked = await play.api.payment_intents.confirm_async(made.id, {"payment_method": ONCE, "return_url": BACK})
    assert (asked.status, asked.next_action.type) == ("requires_action", "redirect_to_url")
    answer = await play.http.post(asked.next_action.redirect_to_url.url, data={"outcome": "complete"})
    assert answer.headers["location"].startswith("https://shop.example/paid?order=7&payment_intent=")
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_a_checkout_s_payment_is_the_checkout_s(play: Play) -> None:
    session = await play.session(await play.price(1000, None))
    assert (await play.pay(session, "4000000000000002")).status_code == 402
    made = (await play.api.payment_intents.list_async()).data[0]
    api = play.api.payment_intents
    assert await refused(api.confirm_async(made.id, {"payment_method": "pm_card_visa"})) == (400, STATE, None)
    assert await refused(api.cancel_async(made.id)) == (400, STATE, None)
    assert await refused(api.update_async(made.id, {"amount": 5000})) == (400, STATE, None)
    assert (await api.update_async(made.id, {"metadata": {"a": "1"}})).metadata.to_dict() == {"a": "1"}


async def test_transfer_group_is_given_once(play: Play) -> None:
    made = await intent(play)
    api = play.api.payment_intents
    assert (await api.update_async(made.id, {"transfer_group": "g1"})).transfer_group == "g1"
    assert await refused(api.update_async(made.id, {"transfer_group": "g2"})) == (400, STATE, "transfer_group")


async def test_looking_it_up(play: Play) -> None:
    buyer = await customer(play)
    first, second = await intent(play, customer=buyer.id), await intent(play)
    api = play.api.payment_intents
    assert (await api.retrieve_async(first.id, {"client_secret": first.client_secret})).id == first.id
    wrong = (400, "payment_intent_invalid_parameter", "client_secret")
    assert await refused(api.retrieve_async(first.id, {"client_secret": second.client_secret})) == wrong
    assert await refused(api.retrieve_async("pi_none")) == (404, "resource_missing", "id")

    async def found(**by: Any) -> list[str]:
        return [one.id for one in (await api.list_async(by)).data]

    assert await found() == [second.id, first.id]
    assert await found(customer=buyer.id) == [first.id]
    assert await found(limit=1, starting_after=second.id) == [first.id]
    assert await refused(api.list_async({"customer_account": "acct_1"})) == (400, None, "customer_account")
