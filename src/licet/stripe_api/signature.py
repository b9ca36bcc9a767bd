"""The signature of an incoming webhook: `Stripe-Signature: t=<unix>,v1=<hex>[,v1=<hex>…]`.

HMAC-SHA256 of `"<t>.<raw body>"` with the whole `whsec_…` string as the key. The SDK's own check believes any time in
the future, so this one is ours. Source: contract, section 5; Stripe's documentation, "Verify webhook signatures".
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from licet.errors import InvalidSignature

TOLERANCE_SECONDS = 300


def verify(raw: bytes, header: str | None, secrets: Sequence[str], now: datetime) -> None:
    """Believe the body, or raise InvalidSignature.

    raw: the body as it came, before any parsing. secrets: any may have signed it, which is how they are rotated.
    now: the real time (wall clock, aware), whatever business time says. Any `v1` may match; other schemes are ignored.
    """
    if not header:
        raise InvalidSignature("There is no Stripe-Signature header: only Stripe may call this address.")
    signed_at, signatures = _parse(header)
    expected = [
        hmac.new(secret.encode(), signed_at.encode() + b"." + raw, sha256).hexdigest().encode() for secret in secrets
    ]
    if not any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in signatures):
        raise InvalidSignature(
            "No signing secret of ours made this signature: compare LICET_STRIPE_WEBHOOK_SECRETS with the endpoint's "
            "secret in Stripe's dashboard, and see that no proxy changes the body."
        )
    if abs(int(now.timestamp()) - int(signed_at)) > TOLERANCE_SECONDS:
        raise InvalidSignature(
            f"The signature was made over {TOLERANCE_SECONDS} s from now: a replay, or this machine's clock is off."
        )


def _parse(header: str) -> tuple[str, list[bytes]]:
    fields = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in fields if name == "t"]
    signatures = [value.encode(errors="replace") for name, _, value in fields if name == "v1"]
    # Plain digits and few: int() would take signs, underscores, blanks, other scripts' digits and any length.
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12) or not signatures:
        raise InvalidSignature("The Stripe-Signature header does not read t=…,v1=….")
    return times[0], signatures
