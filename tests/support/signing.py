"""Signs bodies as Stripe does, for any time."""

import hmac
from datetime import datetime
from hashlib import sha256


def signed(raw: bytes, secret: str, at: datetime) -> str:
    """The `Stripe-Signature` header of a body."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + raw, sha256).hexdigest()
    return f"t={seconds},v1={digest}"
