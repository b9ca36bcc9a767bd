"""Stripe's test cards that the demo uses."""

VISA = "4242424242424242"
INSUFFICIENT_FUNDS = "4000000000009995"
REQUIRES_3D_SECURE = "4000002500003155"
FAILS_AT_RENEWALS = "4000000000000341"

CARD_RESULTS = {
    VISA: "succeeds",
    REQUIRES_3D_SECURE: "asks for 3D Secure",
    INSUFFICIENT_FUNDS: "is declined",
    FAILS_AT_RENEWALS: "succeeds once, is declined at renewals",
}
"""By card number: what happens if you pay with it."""


def format_card(number: str) -> str:
    """`4242 4242 4242 4242`. All of these are Stripe's public test numbers."""
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))
