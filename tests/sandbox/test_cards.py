"""Every test card: what it does when it is attached, set up, charged in its customer's presence and without."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import stripe
from tests.sandbox.play import Play

OK, ASKED, WANTED = "succeeded", "requires_action", "authentication_required"
GENERIC, POOR = "generic_decline", "insufficient_funds"


class Row(NamedTuple):
    """What each of these comes to: a status, or the reason of the refusal."""

    number: str
    token: str
    attach: str = OK
    set_up: str = OK
    on_session: str = OK
    off_session: str = OK
    brand: str = "visa"
    funding: str = "credit"


def refused(number: str, token: str, reason: str) -> Row:
    return Row(number, token, reason, reason, reason, reason)


TABLE = [
    Row("4242424242424242", "pm_card_visa"),
    Row("4000056655665556", "pm_card_visa_debit", funding="debit"),
    Row("5555555555554444", "pm_card_mastercard", brand="mastercard"),
    Row("5200828282828210", "pm_card_mastercard_debit", brand="mastercard", funding="debit"),
    Row("5105105105105100", "pm_card_mastercard_prepaid", brand="mastercard", funding="prepaid"),
    Row("378282246310005", "pm_card_amex", brand="amex"),
    Row("6011111111111117", "pm_card_discover", brand="discover"),
    Row("3056930009020004", "pm_card_diners", brand="diners"),
    Row("3566002020360505", "pm_card_jcb", brand="jcb"),
    Row("6200000000000005", "pm_card_unionpay", brand="unionpay"),
    refused("4000000000000002", "pm_card_visa_chargeDeclined", GENERIC),
    refused("4000000000009995", "pm_card_visa_chargeDeclinedInsufficientFunds", POOR),
    refused("4000000000009987", "pm_card_visa_chargeDeclinedLostCard", "lost_card"),
    refused("4000000000009979", "pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
    refused("4000000000006975", "pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"),
    refused("4000000000000069", "pm_card_chargeDeclinedExpiredCard", "expired_card"),
    refused("4000000000000127", "pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
    refused("4000000000000119", "pm_card_chargeDeclinedProcessingError", "processing_error"),
    Row("4000000000000341", "pm_card_chargeCustomerFail", OK, OK, GENERIC, GENERIC),
    Row("4000002500003155", "pm_card_authenticationRequiredOnSetup", OK, ASKED, ASKED, WANTED),
    Row("4000002760003184", "pm_card_authenticationRequired", OK, ASKED, ASKED, WANTED),
    Row("4000003800000446", "pm_card_authenticationRequiredSetupForOffSession", OK, ASKED, ASKED, OK),
    Row(
        "4000008260003178",
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        OK,
        ASKED,
        ASKED,
        WANTED,
    ),
    Row("4000000000003220", "pm_card_threeDSecure2Required", OK, ASKED, ASKED, WANTED),
    Row("4000008400001629", "pm_card_threeDSecureRequiredChargeDeclined", OK, ASKED, ASKED, WANTED),
    Row("4000008400001280", "pm_card_threeDSecureRequiredProcessingError", OK, GENERIC, GENERIC, GENERIC),
    Row("4000000000003055", "pm_card_threeDSecureOptional"),
    Row("4000000000003097", "pm_card_threeDSecureOptionalProcessingError"),
    Row("4100000000000019", "pm_card_radarBlock", OK, OK, "fraudulent", "fraudulent"),
    Row("4000000000004954", "pm_card_riskLevelHighest", OK, OK, "fraudulent", "fraudulent"),
    Row("4000000000009235", "pm_card_riskLevelElevated"),
    Row("4000000000000077", "pm_card_bypassPending"),
    Row("4000000000000259", "pm_card_createDispute"),
    Row("4000000000002685", "pm_card_createDisputeProductNotReceived"),
    Row("4000000000001976", "pm_card_createDisputeInquiry"),
    Row("4000000404000079", "pm_card_createMultipleDisputes"),
    Row("4000008400000779", "pm_card_createComplianceDispute"),
    Row("4000000000007726", "pm_card_pendingRefund"),
    Row("4000000000005126", "pm_card_refundFail"),
]
IDS = [row.token.removeprefix("pm_card_") for row in TABLE]

# Reasons that are error codes of their own; all others are decline codes.
CODES = {
    "expired_card": ("expired_card", None, "exp_month"),
    "incorrect_cvc": ("incorrect_cvc", None, "cvc"),
    "processing_error": ("processing_error", None, None),
    WANTED: (WANTED, WANTED, None),
}


async def outcome(call: Any, expected: str) -> None:
    """The call comes to this status, or raises Stripe's 402 for this reason."""
    if expected in (OK, ASKED):
        assert getattr(await call, "status", OK) == expected
        return
    with pytest.raises(stripe.CardError) as caught:
        await call
    error: Any = caught.value.error
    found = (caught.value.code, getattr(error, "decline_code", None), getattr(error, "param", None))
    assert caught.value.http_status == 402
    assert found == CODES.get(expected, ("card_declined", expected, None))


async def charge(play: Play, method: str, **more: Any) -> Any:
    given = {"amount": 1000, "currency": "usd", "payment_method": method, "confirm": True, **more}
    return await play.api.payment_intents.create_async(given)


@pytest.mark.parametrize("row", TABLE, ids=IDS)
async def test_what_each_card_does(play: Play, row: Row) -> None:
    buyer = await play.api.customers.create_async()
    await outcome(play.api.payment_methods.attach_async(row.token, {"customer": buyer.id}), row.attach)
    given = {"customer": buyer.id, "payment_method": row.token, "confirm": True}
    await outcome(play.api.setup_intents.create_async(given), row.set_up)
    await outcome(charge(play, row.token), row.on_session)
    await outcome(charge(play, row.token, off_session=True), row.off_session)


@pytest.mark.parametrize("row", TABLE, ids=IDS)
async def test_what_each_card_looks_like(play: Play, row: Row) -> None:
    given = {"type": "card", "card": {"number": row.number, "exp_month": 1, "exp_year": 2040, "cvc": "123"}}
    card = (await play.api.payment_methods.create_async(given)).card
    assert (card.brand, card.funding, card.last4) == (row.brand, row.funding, row.number[-4:])
    token = await charge(play, row.token) if row.on_session == OK else None
    if token is not None:
        details = (await play.api.charges.retrieve_async(token.latest_charge)).payment_method_details.card
        assert (details.brand, details.network, details.last4) == (row.brand, row.brand, row.number[-4:])


@pytest.mark.parametrize(
    ("token", "shown"),
    [("pm_card_amex", "american_express"), ("pm_card_diners", "diners_club"), ("pm_card_unionpay", "union_pay")],
)
async def test_brands_that_are_shown_by_another_name(play: Play, token: str, shown: str) -> None:
    buyer = await play.api.customers.create_async()
    method = await play.api.payment_methods.attach_async(token, {"customer": buyer.id})
    assert method.card.display_brand == shown


async def test_a_refusal_to_attach_leaves_nothing(play: Play) -> None:
    buyer = await play.api.customers.create_async()
    with pytest.raises(stripe.CardError):
        await play.api.payment_methods.attach_async("pm_card_visa_chargeDeclined", {"customer": buyer.id})
    assert (await play.api.payment_methods.list_async({"customer": buyer.id})).data == []
    assert await play.types() == ["customer.created"]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("pm_card_authenticationRequired", WANTED),
        ("pm_card_authenticationRequiredOnSetup", OK),
        ("pm_card_authenticationRequiredSetupForOffSession", OK),
    ],
)
async def test_off_session_after_a_setup_with_3d_secure(play: Play, token: str, expected: str) -> None:
    buyer = await play.api.customers.create_async()
    given = {"customer": buyer.id, "payment_method": token, "confirm": True}
    setup = await play.api.setup_intents.create_async(given)
    await play.http.post(f"/_sandbox/setup_intents/{setup.id}/authenticate", json={})
    await outcome(charge(play, setup.payment_method, customer=buyer.id, off_session=True), expected)


async def test_declined_after_3d_secure(play: Play) -> None:
    intent = await charge(play, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    answer = await play.http.post(f"/_sandbox/payment_intents/{intent.id}/authenticate", json={})
    assert (answer.status_code, answer.json()["error"]["decline_code"]) == (402, POOR)
    after = await play.api.payment_intents.retrieve_async(intent.id)
    assert (after.status, after.last_payment_error.decline_code) == ("requires_payment_method", POOR)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4242424242424241", "incorrect_number"),
        ("4111111111111111", "card_declined"),
        ("４２４２４２４２４２４２４２４２", "incorrect_number"),  # noqa: RUF001  # Digits, but not ASCII ones.
        ("42", "incorrect_number"),
    ],
)
async def test_numbers_of_no_test_card(play: Play, number: str, code: str) -> None:
    given = {"type": "card", "card": {"number": number, "exp_month": 1, "exp_year": 2040, "cvc": "123"}}
    with pytest.raises(stripe.CardError) as caught:
        await play.api.payment_methods.create_async(given)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("number", "brand", "funding"),
    [
        ("2223003122003222", "mastercard", "credit"),
        ("371449635398431", "amex", "credit"),
        ("6011000990139424", "discover", "credit"),
        ("6011981111111113", "discover", "debit"),
        ("36227206271667", "diners", "credit"),
        ("6200000000000047", "unionpay", "debit"),
        ("6205500000000000004", "unionpay", "credit"),
    ],
)
async def test_numbers_without_a_token_of_their_own(play: Play, number: str, brand: str, funding: str) -> None:
    given = {"type": "card", "card": {"number": number, "exp_month": 1, "exp_year": 2040, "cvc": "1234"}}
    method = await play.api.payment_methods.create_async(given)
    assert (method.card.brand, method.card.funding, method.card.last4) == (brand, funding, number[-4:])
    assert (await charge(play, method.id)).status == OK


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("pm_card_threeDSecureOptional", ASKED),
        ("pm_card_threeDSecureOptionalProcessingError", GENERIC),
        ("pm_card_visa", OK),
        ("pm_card_amex_threeDSecureNotSupported", OK),
    ],
)
async def test_3d_secure_on_the_seller_s_wish(play: Play, token: str, expected: str) -> None:
    wish: Any = {"payment_method_options": {"card": {"request_three_d_secure": "any"}}}
    await outcome(charge(play, token, **wish), expected)
    given = {"payment_method": token, "confirm": True, **wish}
    await outcome(play.api.setup_intents.create_async(given), expected)
    # While the customer is away, nobody can be asked.
    await outcome(charge(play, token, off_session=True, **wish), OK)


@pytest.mark.parametrize(("token", "supported"), [("pm_card_visa", True), ("pm_card_amex", False)])
async def test_whether_it_knows_3d_secure(play: Play, token: str, supported: bool) -> None:
    buyer = await play.api.customers.create_async()
    method = await play.api.payment_methods.attach_async(token, {"customer": buyer.id})
    assert method.card.three_d_secure_usage.supported is supported


async def test_risk(play: Play) -> None:
    paid = await charge(play, "pm_card_riskLevelElevated", expand=["latest_charge"])
    outcome_of = paid.latest_charge.outcome
    assert (outcome_of.risk_level, outcome_of.risk_score, outcome_of.type) == ("elevated", 65, "authorized")
    with pytest.raises(stripe.CardError):
        await charge(play, "pm_card_radarBlock")
    blocked = (await play.api.charges.list_async({"limit": 1})).data[0]
    said = blocked.outcome
    assert (said.risk_level, said.type, said.network_status) == ("highest", "blocked", "not_sent_to_network")
    assert (said.reason, blocked.status, blocked.failure_code) == ("highest_risk_level", "failed", "card_declined")


@pytest.mark.parametrize(
    ("token", "advice"),
    [
        ("pm_card_visa_chargeDeclined", "try_again_later"),
        ("pm_card_visa_chargeDeclinedStolenCard", "do_not_try_again"),
        ("pm_card_chargeDeclinedIncorrectCvc", "confirm_card_data"),
    ],
)
async def test_what_to_do_after_a_decline(play: Play, token: str, advice: str) -> None:
    with pytest.raises(stripe.CardError) as caught:
        await charge(play, token)
    error: Any = caught.value.error
    assert error.advice_code == advice
    assert error.payment_intent.last_payment_error.advice_code == advice
    failed = await play.api.charges.retrieve_async(error.charge)
    assert (failed.outcome.advice_code, failed.outcome.type) == (advice, "issuer_declined")


COUNTRIES = (
    *("us", "ar", "br", "ca", "cl", "co", "cr", "ec", "mx", "pa", "py", "pe", "uy"),
    *("ae", "at", "be", "bg", "by", "hr", "cy", "cz", "dk", "ee", "fi", "fr", "de", "gi", "gr", "hu", "ie", "it", "lv"),
    *("li", "lt", "lu", "mt", "nl", "no", "pl", "pt", "ro", "si", "sk", "es", "se", "ch", "gb"),
    *("au", "cn", "hk", "in", "jp", "my", "nz", "sg", "tw"),
)
ABROAD = [
    *((f"pm_card_{code}", code.upper(), "visa", "credit") for code in COUNTRIES),
    ("pm_card_ae_mastercard", "AE", "mastercard", "credit"),
    ("pm_card_gb_debit", "GB", "visa", "debit"),
    ("pm_card_gb_mastercard", "GB", "mastercard", "credit"),
    ("pm_card_th_credit", "TH", "visa", "credit"),
    ("pm_card_th_debit", "TH", "visa", "debit"),
    ("pm_card_bypassPendingInternational", "IE", "visa", "credit"),
    ("pm_card_visa_cartesBancaires", "FR", "visa", "credit"),
    ("pm_card_mastercard_cartesBancaires", "FR", "mastercard", "credit"),
    ("pm_card_visa_debit_eftposAuCoBranded", "AU", "visa", "debit"),
    ("pm_card_mastercard_debit_eftposAuCoBranded", "AU", "mastercard", "debit"),
]


@pytest.mark.parametrize(("token", "country", "brand", "funding"), ABROAD, ids=[row[0] for row in ABROAD])
async def test_cards_of_other_countries(play: Play, token: str, country: str, brand: str, funding: str) -> None:
    buyer = await play.api.customers.create_async()
    card = (await play.api.payment_methods.attach_async(token, {"customer": buyer.id})).card
    assert (card.country, card.brand, card.funding) == (country, brand, funding)
    details = (await paid_with(play, token)).payment_method_details.card
    assert (details.country, details.last4) == (country, card.last4)


async def paid_with(play: Play, method: str) -> Any:
    """The charge of a payment that succeeds."""
    intent = await charge(play, method)
    assert intent.status == OK
    return await play.api.charges.retrieve_async(intent.latest_charge)


async def test_co_branded_cards_show_both_networks(play: Play) -> None:
    buyer = await play.api.customers.create_async()
    method = await play.api.payment_methods.attach_async("pm_card_visa_cartesBancaires", {"customer": buyer.id})
    assert method.card.networks.available == ["visa", "cartes_bancaires"]


CVC, POSTAL_CODE, LINE1 = "cvc_check", "address_postal_code_check", "address_line1_check"
PASSED = dict.fromkeys((LINE1, POSTAL_CODE, CVC), "pass")


@pytest.mark.parametrize(
    ("number", "token", "different", "risk"),
    [
        ("4242424242424242", "visa", {}, "normal"),
        ("4000000000000101", "cvcCheckFail", {CVC: "fail"}, "normal"),
        ("4000000000000036", "avsZipFail", {POSTAL_CODE: "fail"}, "normal"),
        ("4000000000000028", "avsLine1Fail", {LINE1: "fail"}, "normal"),
        ("4000000000000010", "avsFail", {POSTAL_CODE: "fail", LINE1: "fail"}, "normal"),
        ("4000000000000044", "avsUnchecked", {POSTAL_CODE: "unavailable", LINE1: "unavailable"}, "normal"),
        ("4000058400307872", "cvcCheckFailElevatedRisk", {CVC: "fail"}, "elevated"),
        ("4000058400306072", "avsZipFailElevatedRisk", {POSTAL_CODE: "fail"}, "elevated"),
    ],
)
async def test_checks(play: Play, number: str, token: str, different: dict[str, str], risk: str) -> None:
    expected = PASSED | different
    buyer = await play.api.customers.create_async()
    attached = await play.api.payment_methods.attach_async(f"pm_card_{token}", {"customer": buyer.id})
    # What is not given is not checked.
    assert attached.card.checks.to_dict() == {LINE1: None, POSTAL_CODE: None, CVC: expected[CVC]}
    assert (await paid_with(play, f"pm_card_{token}")).outcome.risk_level == risk
    given: Any = {
        "type": "card",
        "card": {"number": number, "exp_month": 1, "exp_year": 2040, "cvc": "123"},
        "billing_details": {"address": {"line1": "1 Main Street", "postal_code": "12345"}},
    }
    assert (await play.api.payment_methods.create_async(given)).card.checks.to_dict() == expected


@pytest.mark.parametrize(
    "token",
    [
        "pm_card_adaptive3dsChallenge",
        "pm_card_createIssuerFraudRecord",
        "pm_card_debit_visaFsaProductCode",
        "pm_card_debit_visaHsaProductCode",
        "pm_card_freeTrialAbuseBlock",
        "pm_card_highEfwScore",
        "pm_card_highFraudDisputeScore",
        "pm_card_mastercard_debit_mastercardFsaProductCode",
        "pm_card_radarDynamicRiskThreshold",
    ],
)
async def test_cards_that_pay_by_default(play: Play, token: str) -> None:
    buyer = await play.api.customers.create_async()
    await play.api.payment_methods.attach_async(token, {"customer": buyer.id})
    await paid_with(play, token)


@pytest.mark.parametrize(
    ("token", "reason", "brand"),
    [
        ("pm_card_createCe3EligibleDispute", "fraudulent", "visa"),
        ("pm_card_createAutoRepresentmentEligibleDispute", "fraudulent", "visa"),
        ("pm_card_createMastercardComplianceDispute", "noncompliant", "mastercard"),
    ],
)
async def test_more_cards_that_are_disputed(play: Play, token: str, reason: str, brand: str) -> None:
    done = await paid_with(play, token)
    (case,) = (await play.api.disputes.list_async({"charge": done.id})).data
    assert (case.reason, case.payment_method_details.card.brand) == (reason, brand)


async def test_other_names_of_the_same_cards(play: Play) -> None:
    required = await charge(play, "pm_card_threeDSecureRequired")
    assert required.status == ASKED
    await outcome(charge(play, "pm_card_chargeDeclinedFraudulent"), "fraudulent")
