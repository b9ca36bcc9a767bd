"""The test cards: what each one does. Source: Stripe's documentation, page "Testing"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A test card. Its name and last four digits are stored, its number never.

    token: its test payment method; None if only its number is known
    authentication: when 3D Secure is required. None, `unless_set_up` (until the card was set up for later use),
        `on_session` (not for off-session payments), `optional` (only if the seller requests it) or `always`
    authentication_fails: 3D Secure ends in an error before the customer is asked; the payment is declined
    three_d_secure: whether it supports 3D Secure
    declines: the reason why every charge is declined (a reason of `cards.decline`), or None
    attaches: False if attaching it to a customer is declined too
    disputes: the disputes that follow a payment: reasons of chargebacks, or `inquiry`; several share the amount
    refunds: None (they succeed at once), `pending` (they succeed later) or `fails` (they fail later)
    risk: the fraud risk: `normal`, `elevated`, or `highest`, which is never sent to the bank
    country: where it was issued
    failing_checks: `cvc_check`, `address_postal_code_check`, `address_line1_check`; a check is made of what is given
    unavailable_checks: the checks that the bank does not make
    network: the second network of a co-branded card
    """

    name: str
    brand: str
    last4: str
    token: str | None
    funding: str = "credit"
    authentication: str | None = None
    authentication_fails: bool = False
    three_d_secure: bool = True
    declines: str | None = None
    attaches: bool = True
    disputes: tuple[str, ...] = ()
    refunds: str | None = None
    risk: str = "normal"
    country: str = "US"
    failing_checks: tuple[str, ...] = ()
    unavailable_checks: tuple[str, ...] = ()
    network: str | None = None


def _from(country: str, last4: str, name: str | None = None, brand: str = "visa", funding: str = "credit") -> Card:
    """A card of another country, whose token is `pm_card_` and its name."""
    name = name or country.lower()
    return Card(name, brand, last4, f"pm_card_{name}", funding, country=country)


def _failing(name: str, last4: str, *checks: str, risk: str = "normal") -> Card:
    return Card(name, "visa", last4, f"pm_card_{name}", failing_checks=checks, risk=risk)


def _refused(name: str, last4: str, token: str, reason: str) -> Card:
    return Card(name, "visa", last4, token, declines=reason, attaches=False)


def _authenticating(name: str, last4: str, token: str, when: str, *, fails: bool = False) -> Card:
    return Card(name, "visa", last4, token, authentication=when, authentication_fails=fails)


def _blocked(name: str, last4: str, token: str) -> Card:
    return Card(name, "visa", last4, token, declines="fraudulent", risk="highest")


def _disputed(name: str, last4: str, token: str, *disputes: str) -> Card:
    return Card(name, "visa", last4, token, disputes=disputes)


_CVC, _POSTAL_CODE, _LINE1 = "cvc_check", "address_postal_code_check", "address_line1_check"

CARDS = {
    "4242424242424242": Card("visa", "visa", "4242", "pm_card_visa"),
    "4000056655665556": Card("visa_debit", "visa", "5556", "pm_card_visa_debit", "debit"),
    "5555555555554444": Card("mastercard", "mastercard", "4444", "pm_card_mastercard"),
    "2223003122003222": Card("mastercard_2_series", "mastercard", "3222", None),
    "5200828282828210": Card("mastercard_debit", "mastercard", "8210", "pm_card_mastercard_debit", "debit"),
    "5105105105105100": Card("mastercard_prepaid", "mastercard", "5100", "pm_card_mastercard_prepaid", "prepaid"),
    "378282246310005": Card("amex", "amex", "0005", "pm_card_amex", three_d_secure=False),
    "371449635398431": Card("amex_2", "amex", "8431", None),
    "6011111111111117": Card("discover", "discover", "1117", "pm_card_discover"),
    "6011000990139424": Card("discover_2", "discover", "9424", None),
    "6011981111111113": Card("discover_debit", "discover", "1113", None, "debit"),
    "3056930009020004": Card("diners", "diners", "0004", "pm_card_diners"),
    "36227206271667": Card("diners_14_digits", "diners", "1667", None),
    "3566002020360505": Card("jcb", "jcb", "0505", "pm_card_jcb"),
    "6200000000000005": Card("unionpay", "unionpay", "0005", "pm_card_unionpay"),
    "6200000000000047": Card("unionpay_debit", "unionpay", "0047", None, "debit"),
    "6205500000000000004": Card("unionpay_19_digits", "unionpay", "0004", None),
    "4000000000000077": Card("bypass_pending", "visa", "0077", "pm_card_bypassPending"),
    "4000000000000002": _refused("declined", "0002", "pm_card_visa_chargeDeclined", "generic_decline"),
    "4000000000009995": _refused(
        "insufficient_funds", "9995", "pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"
    ),
    "4000000000009987": _refused("lost", "9987", "pm_card_visa_chargeDeclinedLostCard", "lost_card"),
    "4000000000009979": _refused("stolen", "9979", "pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
    "4000000000006975": _refused(
        "velocity", "6975", "pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"
    ),
    "4000000000000069": _refused("expired", "0069", "pm_card_chargeDeclinedExpiredCard", "expired_card"),
    "4000000000000127": _refused("incorrect_cvc", "0127", "pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
    "4000000000000119": _refused(
        "processing_error", "0119", "pm_card_chargeDeclinedProcessingError", "processing_error"
    ),
    "4000000000000341": Card(
        "charge_fails", "visa", "0341", "pm_card_chargeCustomerFail", declines="generic_decline"
    ),
    "4000002500003155": Card(
        "authentication_on_setup",
        "visa",
        "3155",
        "pm_card_authenticationRequiredOnSetup",
        authentication="unless_set_up",
    ),
    "4000002760003184": Card(
        "authentication_always", "visa", "3184", "pm_card_authenticationRequired", authentication="always"
    ),
    "4000003800000446": Card(
        "set_up_already",
        "visa",
        "0446",
        "pm_card_authenticationRequiredSetupForOffSession",
        authentication="on_session",
    ),
    "4000008260003178": Card(
        "authentication_declined",
        "visa",
        "3178",
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        authentication="always",
        declines="insufficient_funds",
    ),
    "4000000000003220": _authenticating("3ds_required", "3220", "pm_card_threeDSecure2Required", "always"),
    "4000008400001629": Card(
        "3ds_declined",
        "visa",
        "1629",
        "pm_card_threeDSecureRequiredChargeDeclined",
        authentication="always",
        declines="generic_decline",
    ),
    "4000008400001280": _authenticating(
        "3ds_error", "1280", "pm_card_threeDSecureRequiredProcessingError", "always", fails=True
    ),
    "4000000000003055": _authenticating("3ds_optional", "3055", "pm_card_threeDSecureOptional", "optional"),
    "4000000000003097": _authenticating(
        "3ds_optional_error", "3097", "pm_card_threeDSecureOptionalProcessingError", "optional", fails=True
    ),
    "4100000000000019": _blocked("radar_block", "0019", "pm_card_radarBlock"),
    "4000000000004954": _blocked("highest_risk", "4954", "pm_card_riskLevelHighest"),
    "4000000000009235": Card("elevated_risk", "visa", "9235", "pm_card_riskLevelElevated", risk="elevated"),
    "4000000000000259": _disputed("disputed", "0259", "pm_card_createDispute", "fraudulent"),
    "4000000000002685": _disputed(
        "not_received", "2685", "pm_card_createDisputeProductNotReceived", "product_not_received"
    ),
    "4000000000001976": _disputed("inquiry", "1976", "pm_card_createDisputeInquiry", "inquiry"),
    "4000000404000079": _disputed(
        "disputed_twice", "0079", "pm_card_createMultipleDisputes", "fraudulent", "product_not_received"
    ),
    "4000008400000779": _disputed("noncompliant", "0779", "pm_card_createComplianceDispute", "noncompliant"),
    "4000000000007726": Card("refund_pending", "visa", "7726", "pm_card_pendingRefund", refunds="pending"),
    "4000000000005126": Card("refund_fails", "visa", "5126", "pm_card_refundFail", refunds="fails"),
    "4000000320000021": _from("AR", "0021"),
    "4000000760000002": _from("BR", "0002"),
    "4000001240000000": _from("CA", "0000"),
    "4000001520000001": _from("CL", "0001"),
    "4000001700000003": _from("CO", "0003"),
    "4000001880000005": _from("CR", "0005"),
    "4000002180000000": _from("EC", "0000"),
    "4000004840008001": _from("MX", "8001"),
    "4000005910000000": _from("PA", "0000"),
    "4000006000000066": _from("PY", "0066"),
    "4000006040000068": _from("PE", "0068"),
    "4000008580000003": _from("UY", "0003"),
    "4000007840000001": _from("AE", "0001"),
    "4000000400000008": _from("AT", "0008"),
    "4000000560000004": _from("BE", "0004"),
    "4000001000000000": _from("BG", "0000"),
    "4000001120000005": _from("BY", "0005"),
    "4000001910000009": _from("HR", "0009"),
    "4000001960000008": _from("CY", "0008"),
    "4000002030000002": _from("CZ", "0002"),
    "4000002080000001": _from("DK", "0001"),
    "4000002330000009": _from("EE", "0009"),
    "4000002460000001": _from("FI", "0001"),
    "4000002500000003": _from("FR", "0003"),
    "4000002760000016": _from("DE", "0016"),
    "4000002920000005": _from("GI", "0005"),
    "4000003000000030": _from("GR", "0030"),
    "4000003480000005": _from("HU", "0005"),
    "4000003720000005": _from("IE", "0005"),
    "4000003800000008": _from("IT", "0008"),
    "4000004280000005": _from("LV", "0005"),
    "4000004380000004": _from("LI", "0004"),
    "4000004400000000": _from("LT", "0000"),
    "4000004420000006": _from("LU", "0006"),
    "4000004700000007": _from("MT", "0007"),
    "4000005280000002": _from("NL", "0002"),
    "4000005780000007": _from("NO", "0007"),
    "4000006160000005": _from("PL", "0005"),
    "4000006200000007": _from("PT", "0007"),
    "4000006420000001": _from("RO", "0001"),
    "4000007050000006": _from("SI", "0006"),
    "4000007030000001": _from("SK", "0001"),
    "4000007240000007": _from("ES", "0007"),
    "4000007520000008": _from("SE", "0008"),
    "4000007560000009": _from("CH", "0009"),
    "4000008260000000": _from("GB", "0000"),
    "4000000360000006": _from("AU", "0006"),
    "4000001560000002": _from("CN", "0002"),
    "4000003440000004": _from("HK", "0004"),
    "4000003560000008": _from("IN", "0008"),
    "4000003920000003": _from("JP", "0003"),
    "4000004580000002": _from("MY", "0002"),
    "4000005540000008": _from("NZ", "0008"),
    "4000007020000003": _from("SG", "0003"),
    "4000001580000008": _from("TW", "0008"),
    "5200007840000022": _from("AE", "0022", "ae_mastercard", "mastercard"),
    "4000006820000007": Card("sa", "visa", "0007", None, country="SA"),
    "4000058260000005": _from("GB", "0005", "gb_debit", funding="debit"),
    "5555558265554449": _from("GB", "4449", "gb_mastercard", "mastercard"),
    "4000007640000003": _from("TH", "0003", "th_credit"),
    "4000057640000008": _from("TH", "0008", "th_debit", funding="debit"),
    "3530111333300000": Card("jp_jcb", "jcb", "0000", None, country="JP"),
    "4000003720000278": _from("IE", "0278", "bypassPendingInternational"),
    "4000002500001001": Card(
        "visa_cartes_bancaires", "visa", "1001", "pm_card_visa_cartesBancaires", country="FR",
        network="cartes_bancaires",
    ),
    "5555552500001001": Card(
        "mastercard_cartes_bancaires", "mastercard", "1001", "pm_card_mastercard_cartesBancaires", country="FR",
        network="cartes_bancaires",
    ),
    "4000050360000001": Card(
        "visa_eftpos_au", "visa", "0001", "pm_card_visa_debit_eftposAuCoBranded", "debit", country="AU",
        network="eftpos_au",
    ),
    "5555050360000080": Card(
        "mastercard_eftpos_au", "mastercard", "0080", "pm_card_mastercard_debit_eftposAuCoBranded", "debit",
        country="AU", network="eftpos_au",
    ),
    "4000051230000072": Card("visa_fsa", "visa", "0072", "pm_card_debit_visaFsaProductCode", "debit"),
    "5200828282828897": Card(
        "mastercard_fsa", "mastercard", "8897", "pm_card_mastercard_debit_mastercardFsaProductCode", "debit"
    ),
    "4000000000000101": _failing("cvcCheckFail", "0101", _CVC),
    "4000000000000036": _failing("avsZipFail", "0036", _POSTAL_CODE),
    "4000000000000028": _failing("avsLine1Fail", "0028", _LINE1),
    "4000000000000010": _failing("avsFail", "0010", _LINE1, _POSTAL_CODE),
    "4000000000000044": Card(
        "avsUnchecked", "visa", "0044", "pm_card_avsUnchecked", unavailable_checks=(_LINE1, _POSTAL_CODE)
    ),
    "4000058400307872": _failing("cvcCheckFailElevatedRisk", "7872", _CVC, risk="elevated"),
    "4000058400306072": _failing("avsZipFailElevatedRisk", "6072", _POSTAL_CODE, risk="elevated"),
    "4000000000005423": Card("fraud_warning", "visa", "5423", "pm_card_createIssuerFraudRecord"),
    # The controls that would stop these are off by default.
    "4000008400000407": Card("high_dispute_score", "visa", "0407", "pm_card_highFraudDisputeScore"),
    "4000008400000159": Card("high_efw_score", "visa", "0159", "pm_card_highEfwScore"),
    "4000008400001017": Card("dynamic_risk", "visa", "1017", "pm_card_radarDynamicRiskThreshold"),
    "4001858821843804": Card("free_trial_abuse", "visa", "3804", "pm_card_freeTrialAbuseBlock"),
    "4000008405600003": Card("adaptive_3ds", "visa", "0003", "pm_card_adaptive3dsChallenge"),
    "4000000404000038": _disputed("disputed_ce3", "0038", "pm_card_createCe3EligibleDispute", "fraudulent"),
    "4000000001000043": _disputed(
        "disputed_smart", "0043", "pm_card_createAutoRepresentmentEligibleDispute", "fraudulent"
    ),
    "5105008400000002": Card(
        "mastercard_noncompliant", "mastercard", "0002", "pm_card_createMastercardComplianceDispute",
        disputes=("noncompliant",),
    ),
}  # fmt: skip
