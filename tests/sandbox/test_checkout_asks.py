"""What a checkout asks besides the payment: fields, consent, names, a phone number, quantities; and recovery."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play

COMPANY = {"key": "company", "label": {"type": "custom", "custom": "Company"}, "type": "text"}
ORDER = {
    "key": "order",
    "label": {"type": "custom", "custom": "Order number"},
    "type": "numeric",
    "numeric": {"minimum_length": 3, "maximum_length": 5},
    "optional": True,
}
PLATFORM: dict[str, Any] = {
    "key": "platform",
    "label": {"type": "custom", "custom": "Platform"},
    "type": "dropdown",
    "dropdown": {"options": [{"label": "Linux", "value": "linux"}, {"label": "Mac", "value": "mac"}]},
}
ASKED: dict[str, Any] = {
    "custom_fields": [COMPANY, ORDER, PLATFORM],
    "custom_text": {
        "submit": {"message": "No refunds on <b>Sundays</b>."},
        "terms_of_service_acceptance": {"message": "I agree."},
    },
    "consent_collection": {"terms_of_service": "required", "promotions": "auto"},
    "phone_number_collection": {"enabled": True},
    "name_collection": {"business": {"enabled": True}, "individual": {"enabled": True, "optional": True}},
}
TYPED = {
    "email": "ada@example.com",
    "card": "4242424242424242",
    "expiry": "12/50",
    "cvc": "123",
    "phone": "+44 20",
    "business_name": "Acme & Sons",
    "field-company": "Acme",
    "field-order": "",
    "field-platform": "mac",
    "terms": "yes",
}
FIELDS = {"company": "Acme", "order": "1234", "platform": "linux"}


async def asking(play: Play, *prices: Any, **more: Any) -> Any:
    return await play.session(*(prices or [await play.price()]), **(ASKED | more))


async def refused(call: Any) -> tuple[int | None, str | None]:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await call
    return caught.value.http_status, caught.value.param


async def test_asked_and_answered(play: Play) -> None:
    session = await asking(play)
    assert [one.key for one in session.custom_fields] == ["company", "order", "platform"]
    assert session.custom_fields[2].dropdown.to_dict()["value"] is None
    answers: dict[str, Any] = {"phone": "+44 20", "businessName": "Acme", "fields": FIELDS, "promotions": True}
    answer = await play.pay(session, **answers)
    assert answer.status_code == 200, answer.text
    done = await play.api.checkout.sessions.retrieve_async(session.id, {"expand": ["customer"]})
    values = [one[one.type].value for one in done.custom_fields]
    assert values == ["Acme", "1234", "linux"]
    assert done.consent.to_dict() == {"promotions": "opt_in", "terms_of_service": "accepted"}
    assert (done.customer_details.phone, done.customer_details.business_name) == ("+44 20", "Acme")
    assert (done.collected_information.business_name, done.collected_information.individual_name) == ("Acme", None)
    assert done.customer.phone == "+44 20"
    completed = (await play.events())[-1].data.object
    assert completed.custom_fields[0].text.value == "Acme"


@pytest.mark.parametrize(
    ("answers", "param"),
    [
        ({"phone": None}, "phone"),
        ({"businessName": None}, "business_name"),
        ({"terms": False}, "terms"),
        ({"fields": {}}, "fields[company]"),
        ({"fields": {**FIELDS, "order": "12"}}, "fields[order]"),
        ({"fields": {**FIELDS, "order": "twelve"}}, "fields[order]"),
        ({"fields": {**FIELDS, "platform": "beos"}}, "fields[platform]"),
        ({"fields": {**FIELDS, "company": "x" * 256}}, "fields[company]"),
        ({"fields": {**FIELDS, "other": "x"}}, "fields[other]"),
        ({"fields": ["x"]}, "fields"),
        ({"terms": "yes"}, "terms"),
        ({"phone": "1" * 151}, "phone"),
    ],
)
async def test_answers_that_are_none(play: Play, answers: dict[str, Any], param: str) -> None:
    session = await asking(play)
    given = {"phone": "+44 20", "businessName": "Acme", "fields": FIELDS, **answers}
    answer = await play.pay(session, **given)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert (await play.api.checkout.sessions.retrieve_async(session.id)).status == "open"
    assert (await play.api.payment_intents.list_async()).data == []


async def test_what_was_not_asked_is_not_taken(play: Play) -> None:
    session = await play.session(await play.price())
    for answer, param in (({"phone": "1"}, "phone"), ({"businessName": "A"}, "business_name")):
        told = await play.pay(session, **answer)
        assert (told.status_code, told.json()["error"]["param"]) == (400, param)


async def test_on_the_page(play: Play) -> None:
    session = await asking(play)
    page = (await play.http.get(session.url)).text
    assert "No refunds on &lt;b&gt;Sundays&lt;/b&gt;." in page
    for name in ("field-company", "field-order", "field-platform", "phone", "business_name", "terms", "promotions"):
        assert f'name="{name}"' in page, name
    wrong = await play.http.post(session.url, data={**TYPED, "field-company": "", "field-order": '"><script>'})
    assert (wrong.status_code, "Company is needed." in wrong.text, "<script" in wrong.text) == (400, True, False)
    assert 'value="Acme &amp; Sons"' in wrong.text
    paid = await play.http.post(session.url, data=TYPED)
    assert paid.status_code == 303, paid.text
    done = await play.api.checkout.sessions.retrieve_async(session.id)
    assert [one[one.type].value for one in done.custom_fields] == ["Acme", None, "mac"]
    assert done.consent.promotions == "opt_out"


async def test_in_setup_mode(play: Play) -> None:
    given = {"mode": "setup", "currency": "usd", "success_url": "https://shop.example/", "custom_fields": [COMPANY]}
    session = await play.api.checkout.sessions.create_async(given)
    assert 'name="field-company"' in (await play.http.get(session.url)).text
    assert (await play.pay(session)).status_code == 400
    assert (await play.pay(session, fields={"company": "Acme"})).status_code == 200


async def test_a_known_customer_s_phone(play: Play) -> None:
    customer = await play.api.customers.create_async({"email": "a@example.com", "phone": "1"})
    session = await play.session(await play.price(), customer=customer.id, phone_number_collection={"enabled": True})
    assert (await play.pay(session, phone="2")).status_code == 200
    assert (await play.api.customers.retrieve_async(customer.id)).phone == "2"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"custom_fields": [COMPANY, COMPANY]}, "custom_fields[1][key]"),
        ({"custom_fields": [COMPANY, ORDER, PLATFORM, {**COMPANY, "key": "d"}]}, "custom_fields"),
        ({"custom_fields": [{**COMPANY, "key": "a b"}]}, "custom_fields[0][key]"),
        ({"custom_fields": [{**COMPANY, "numeric": {"minimum_length": 1}}]}, "custom_fields[0][numeric]"),
        (
            {"custom_fields": [{**ORDER, "numeric": {"maximum_length": 256}}]},
            "custom_fields[0][numeric][maximum_length]",
        ),
        (
            {"custom_fields": [{**ORDER, "numeric": {"minimum_length": 5, "maximum_length": 3}}]},
            "custom_fields[0][numeric][minimum_length]",
        ),
        ({"custom_fields": [{**PLATFORM, "dropdown": {"options": []}}]}, "custom_fields[0][dropdown][options]"),
        (
            {"custom_fields": [{**PLATFORM, "dropdown": {**PLATFORM["dropdown"], "default_value": "x"}}]},
            "custom_fields[0][dropdown][default_value]",
        ),
        ({"consent_collection": {"terms_of_service": "perhaps"}}, "consent_collection[terms_of_service]"),
        ({"allowed_payment_method_types": ["sepa_debit"]}, "allowed_payment_method_types"),
        ({"excluded_payment_method_types": ["card"]}, "excluded_payment_method_types"),
        (
            {"payment_method_options": {"card": {"request_three_d_secure": "never"}}},
            "payment_method_options[card][request_three_d_secure]",
        ),
    ],
)
async def test_asking_what_cannot_be_asked(play: Play, given: dict[str, Any], param: str) -> None:
    assert await refused(asking(play, **given)) == (400, param)


def seats(price: Any, **bounds: int) -> dict[str, Any]:
    return {"price": price.id, "quantity": 2, "adjustable_quantity": {"enabled": True, **bounds}}


async def test_seats_that_the_buyer_chooses(play: Play) -> None:
    price = await play.price(500)
    session = await play.session(price, line_items=[seats(price, minimum=2, maximum=10)])
    (line,) = (await play.api.checkout.sessions.line_items.list_async(session.id)).data
    assert line.adjustable_quantity.to_dict() == {"enabled": True, "minimum": 2, "maximum": 10}
    assert (await play.pay(session, quantity=11)).json()["error"]["param"] == "quantity"
    page = await play.http.post(f"{session.url}/quantity", data={"line": line.id, "quantity": "4"})
    assert page.status_code == 303
    assert "$20.00" in (await play.http.get(session.url)).text
    for wrong in ("1", "x", "", "-3", "1e3"):
        answer = await play.http.post(f"{session.url}/quantity", data={"line": line.id, "quantity": wrong})
        assert answer.status_code == 400, wrong
    paid = await play.pay(session, quantity=7)
    assert paid.status_code == 200, paid.text
    done = await play.api.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription", "invoice"]})
    assert (done.amount_total, done.invoice.amount_paid) == (3500, 3500)
    assert done.subscription["items"].data[0].quantity == 7
    late = await play.http.post(f"{session.url}/quantity", data={"line": line.id, "quantity": "5"})
    assert "Already paid" in late.text


async def test_quantities_that_are_the_seller_s(play: Play) -> None:
    price = await play.price(500)
    fixed = await play.session(price)
    assert (await play.pay(fixed, quantity=3)).status_code == 400
    for bounds, name in (({"maximum": 1}, "maximum"), ({"minimum": 3}, "minimum"), ({"maximum": 10**6}, "maximum")):
        param = f"line_items[0][adjustable_quantity][{name}]"
        assert await refused(play.session(price, line_items=[seats(price, **bounds)])) == (400, param)


async def test_3d_secure_on_the_seller_s_wish(play: Play) -> None:
    # A card that knows 3-D Secure, and asks for it only where the seller does.
    wanted = {"payment_method_options": {"card": {"request_three_d_secure": "any"}}}
    for more, given in (({}, 200), (wanted, 402)):
        session = await play.session(await play.price(700, None), **more)
        answer = await play.pay(session, "4000000000003055", threeDS="fail")
        assert answer.status_code == given, answer.text
    session = await play.session(await play.price(700, None), **wanted)
    assert (await play.pay(session, "4000000000003055")).json()["status"] == "complete"


async def test_an_expired_session_can_be_had_again(play: Play) -> None:
    price = await play.price(900)
    wanted = {"after_expiration": {"recovery": {"enabled": True, "allow_promotion_codes": True}}}
    session = await play.session(price, client_reference_id="u1", metadata={"a": "1"}, **wanted)
    assert session.after_expiration.recovery.url is None
    assert (await play.http.get(f"/c/recover/{session.id}")).status_code == 410
    await play.advance(DAY + 1)
    expired = await play.api.checkout.sessions.retrieve_async(session.id)
    recovery = expired.after_expiration.recovery
    assert (expired.status, recovery.url) == ("expired", f"{play.url}/c/recover/{session.id}")
    assert recovery.expires_at - expired.expires_at == 30 * DAY
    answer = await play.http.get(recovery.url)
    again_id = answer.headers["location"].rpartition("/")[2]
    again = await play.api.checkout.sessions.retrieve_async(again_id)
    assert (again.recovered_from, again.status, again.amount_total) == (session.id, "open", 900)
    assert (again.client_reference_id, again.metadata.to_dict(), again.allow_promotion_codes) == (
        "u1",
        {"a": "1"},
        True,
    )
    assert (await play.pay(again)).status_code == 200
    assert (await play.api.checkout.sessions.retrieve_async(session.id)).status == "expired"
    await play.advance(30 * DAY)
    assert (await play.http.get(recovery.url)).status_code == 410


async def test_a_trial_that_is_over_is_not_had_again(play: Play) -> None:
    price = await play.price(900)
    made = await play.session(price)
    session = await play.session(
        price,
        subscription_data={"trial_end": made.created + 5 * DAY},
        after_expiration={"recovery": {"enabled": True}},
    )
    assert session.amount_total == 0
    await play.advance(6 * DAY)
    answer = await play.http.get(f"/c/recover/{session.id}")
    again = await play.api.checkout.sessions.retrieve_async(answer.headers["location"].rpartition("/")[2])
    assert again.amount_total == 900
    assert (await play.pay(again)).status_code == 200
    done = await play.api.checkout.sessions.retrieve_async(again.id, {"expand": ["subscription"]})
    assert (done.subscription.status, done.subscription.trial_end) == ("active", None)


async def test_a_field_left_as_it_stands_has_its_default(play: Play) -> None:
    field = {**COMPANY, "text": {"default_value": "Acme"}}
    session = await play.session(await play.price(), custom_fields=[field])
    assert 'value="Acme"' in (await play.http.get(session.url)).text
    assert (await play.pay(session)).status_code == 200
    done = await play.api.checkout.sessions.retrieve_async(session.id)
    assert done.custom_fields[0].text.value == "Acme"


async def test_without_recovery_it_is_gone(play: Play) -> None:
    session = await play.session(await play.price(), after_expiration={"recovery": {"enabled": False}})
    await play.api.checkout.sessions.expire_async(session.id)
    assert (await play.api.checkout.sessions.retrieve_async(session.id)).after_expiration.recovery.url is None
    assert (await play.http.get(f"/c/recover/{session.id}")).status_code == 410
    assert (await play.http.get("/c/recover/cs_none")).status_code == 404


async def test_what_its_invoices_say(play: Play) -> None:
    says = {"footer": "VAT 1", "custom_fields": [{"name": "PO", "value": "7"}]}
    subscription = await play.subscribe(subscription_data={"invoice_settings": says})
    invoice = await play.api.invoices.retrieve_async(subscription.latest_invoice)
    for shown in (subscription.invoice_settings, invoice):
        assert (shown.footer, shown.custom_fields[0].to_dict()) == ("VAT 1", {"name": "PO", "value": "7"})
