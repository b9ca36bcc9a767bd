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


def _refused(name: str, last4: str, token: str, reason: str) -> Card:
    return Card(name, "visa", last4, token, declines=reason, attaches=False)


def _authenticating(name: str, last4: str, token: str, when: str, *, fails: bool = False) -> Card:
    return Card(name, "visa", last4, token, authentication=when, authentication_fails=fails)


def _blocked(name: str, last4: str, token: str) -> Card:
    return Card(name, "visa", last4, token, declines="fraudulent", risk="highest")


def _disputed(name: str, last4: str, token: str, *disputes: str) -> Card:
    return Card(name, "visa", last4, token, disputes=disputes)


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
}  # fmt: skip
