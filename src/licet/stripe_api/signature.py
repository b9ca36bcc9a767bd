"""Verifies the signature of a Stripe webhook: `Stripe-Signature: t=<unix>,v1=<hex>[,v1=<hex>…]`.

The signature is the HMAC-SHA256 of `"<t>.<raw body>"` with the whole `whsec_…` string as the key. The SDK's own check
is not used, because it accepts any time in the future. Source: contract, section 5; Stripe's documentation, "Verify
webhook signatures".
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from licet.errors import InvalidSignature

TOLERANCE_SECONDS = 300

MAX_SIGNATURES = 10
"""During a rotation Stripe sends one for each active secret, and each is compared with each of Licet's."""


def verify(raw: bytes, header: str | None, secrets: Sequence[str], now: datetime) -> None:
    """Raises InvalidSignature unless one of the secrets signed the body within the tolerance.

    raw: the body before any parsing. secrets: any of them may match, so that they can be rotated. now: wall time
    (aware), not business time. Any `v1` may match; other schemes are ignored.
    """
    signed_at, signatures = read_header(header)
    expected = [
        hmac.new(secret.encode(), signed_at.encode() + b"." + raw, sha256).hexdigest().encode() for secret in secrets
    ]
    if not any(hmac.compare_digest(digest, signature) for digest in expected for signature in signatures):
        raise InvalidSignature(
            "The signature matches no signing secret. Compare LICET_STRIPE_WEBHOOK_SECRETS with the endpoint's secret "
            "in Stripe's dashboard, and check that no proxy changes the body."
        )
    if abs(int(now.timestamp()) - int(signed_at)) > TOLERANCE_SECONDS:
        raise InvalidSignature(
            f"The signature's time is more than {TOLERANCE_SECONDS} s from now. Check this machine's clock; if it is "
            "right, the request is a replay."
        )


def read_header(header: str | None) -> tuple[str, list[bytes]]:
    """The time (Unix seconds, as written) and the signatures of a header.

    Raises InvalidSignature if the header is missing or malformed: then the body need not be read.
    """
    if not header:
        raise InvalidSignature("The request has no Stripe-Signature header. Only Stripe may call this address.")
    fields = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in fields if name == "t"]
    signatures = [value.encode(errors="replace") for name, _, value in fields if name == "v1"]
    # Only a few ASCII digits: int() would also accept signs, underscores, spaces, digits of other scripts, any length.
    if (
        len(times) != 1
        or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12)
        or not signatures
        or len(signatures) > MAX_SIGNATURES
    ):
        raise InvalidSignature("The Stripe-Signature header is malformed. Send it as t=…,v1=….")
    return times[0], signatures
