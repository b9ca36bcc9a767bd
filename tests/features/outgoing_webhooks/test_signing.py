"""What a delivery is signed with, asked of the library that its receivers use."""

import base64
from datetime import timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from licet.kit.ids import new_id
from licet.kit.times import wall_now
from licet.outgoing_webhooks.transport.signing import new_secret, signed_headers

BODY = '{"event":"license.issued","data":{"name":"Zoë 東京"}}'.encode()


def signed(*secrets: str, event_id: UUID | None = None, **given: Any) -> dict[str, str]:
    usual: dict[str, Any] = {
        "event_id": event_id or new_id(),
        "delivery_id": new_id(),
        "event": "license.issued",
        "body": BODY,
        "secrets": secrets,
        "at": wall_now(),
    }
    return signed_headers(**usual | given)


def test_a_receiver_believes_it() -> None:
    secret = new_secret()
    assert Webhook(secret).verify(BODY, signed(secret))["data"] == {"name": "Zoë 東京"}


def test_after_a_rotation_both_secrets_are_believed_the_new_one_first() -> None:
    new, old = new_secret(), new_secret()
    headers = signed(new, old)
    assert Webhook(new).verify(BODY, headers) == Webhook(old).verify(BODY, headers)
    first, second = headers["webhook-signature"].split(" ")
    for signature, secret, other in ((first, new, old), (second, old, new)):
        alone = headers | {"webhook-signature": signature}
        assert Webhook(secret).verify(BODY, alone)
        with pytest.raises(WebhookVerificationError):
            Webhook(other).verify(BODY, alone)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body"])
def test_nothing_of_it_can_be_changed(changed: str) -> None:
    secret = new_secret()
    headers, body = signed(secret), BODY
    if changed == "body":
        body = body.replace(b"issued", b"undone")
    elif changed == "webhook-id":
        headers[changed] = str(new_id())
    else:
        headers[changed] = str(int(headers[changed]) + 1)
    with pytest.raises(WebhookVerificationError, match="No matching"):
        Webhook(secret).verify(body, headers)


def test_what_else_the_headers_say() -> None:
    event_id, delivery_id, at = new_id(), new_id(), wall_now()
    headers = signed(new_secret(), event_id=event_id, delivery_id=delivery_id, at=at)
    signature = headers.pop("webhook-signature")
    agent = headers.pop("user-agent")
    assert headers == {
        "content-type": "application/json",
        "webhook-id": str(event_id),
        "webhook-timestamp": str(int(at.timestamp())),
        "x-licet-event": "license.issued",
        "x-licet-delivery": str(delivery_id),
    }
    assert signature.startswith("v1,")
    assert agent.startswith("Licet/")


def test_the_moment_is_the_same_in_whatever_zone_it_is_told() -> None:
    secret, at = new_secret(), wall_now()
    there = at.astimezone(timezone(timedelta(hours=-7)))
    assert Webhook(secret).verify(BODY, signed(secret, at=there))
    one = new_id()
    assert signed(secret, at=there, event_id=one)["webhook-timestamp"] == signed(secret, at=at)["webhook-timestamp"]


def test_secrets_are_256_random_bits() -> None:
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    for secret in secrets:
        kind, _, rest = secret.partition("_")
        assert kind == "whsec"
        assert len(base64.b64decode(rest, validate=True)) == 32
