"""Signs deliveries and builds their headers. Source: the Standard Webhooks specification."""

import base64
import secrets as random
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from uuid import UUID

from standardwebhooks import Webhook

_AGENT = f"Licet/{version('licet')}"


def new_secret() -> str:
    """Generate a secret for an endpoint: `whsec_` and 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(random.token_bytes(32)).decode()}"


def signed_headers(
    *, event_id: UUID, delivery_id: UUID, event: str, body: bytes, secrets: Sequence[str], at: datetime
) -> dict[str, str]:
    """Return the headers of a delivery, signed with each secret.

    body: as it is sent, UTF-8. secrets: newest first. at: wall time, which receivers compare with their own clock.
    `webhook-id` is the event's id, the same in every attempt and for every endpoint, so that a receiver can ignore
    repeated deliveries.
    """
    at = at.astimezone(UTC)
    text = body.decode()
    signatures = [Webhook(secret).sign(msg_id=str(event_id), timestamp=at, data=text) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": _AGENT,
        "webhook-id": str(event_id),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
        "x-licet-event": event,
        "x-licet-delivery": str(delivery_id),
    }
