"""A life through the official SDK as most programs use it: synchronously, to a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
import stripe
from tests.sandbox.conftest import KEY
from tests.support.patience import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = 24 * 3600


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A sandbox that runs by itself."""
    command = [sys.executable, "-m", "licet_sandbox", "--port", "0", "--db", str(tmp_path / "sandbox.db")]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("STRIPE", "LICET"))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0


def control(url: str, path: str, body: dict[str, Any]) -> Any:
    request = Request(f"{url}/_sandbox/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def test_a_year_of_a_subscription(url: str) -> None:
    api = stripe.StripeClient(KEY, base_addresses={"api": url}).v1
    product = api.products.create({"name": "Connector"})
    price = api.prices.create(
        {"product": product.id, "currency": "usd", "unit_amount": 14900, "recurring": {"interval": "month"}}
    )
    customer = api.customers.create({"email": "ada@example.com", "name": "Ada"})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    subscription = api.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": price.id}],
            "default_payment_method": method.id,
            "expand": ["latest_invoice.payments"],
        }
    )
    assert subscription.status == "active"
    (payment,) = subscription.latest_invoice.payments.data
    intent = api.payment_intents.retrieve(payment.payment.payment_intent, {"expand": ["latest_charge"]})
    assert (intent.status, intent.latest_charge.amount) == ("succeeded", 14900)
    control(url, "clock/advance", {"seconds": 365 * DAY + 7200})
    invoices = list(api.invoices.list({"subscription": subscription.id, "limit": 5}).auto_paging_iter())
    assert [one.status for one in invoices] == ["paid"] * 13
    assert sum(one.amount_paid for one in invoices) == 13 * 14900
    refund = api.refunds.create({"charge": intent.latest_charge.id, "amount": 900})
    assert refund.status == "succeeded"
    control(url, f"customers/{customer.id}/card", {"card": "4000000000000341"})
    control(url, "clock/advance", {"seconds": 50 * DAY})
    ended = api.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")
    kinds = {event.type for event in api.events.list({"limit": 100}).auto_paging_iter()}
    assert {"customer.subscription.deleted", "invoice.payment_failed", "charge.refunded", "invoice.paid"} <= kinds


def test_refusals_are_the_sdks_own_errors(url: str) -> None:
    api = stripe.StripeClient(KEY, base_addresses={"api": url}).v1
    with pytest.raises(stripe.InvalidRequestError) as missing:
        api.customers.retrieve("cus_nobody")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert missing.value.request_id.startswith("req_")
    with pytest.raises(stripe.CardError) as declined:
        api.payment_intents.create(
            {
                "amount": 5000,
                "currency": "usd",
                "payment_method": "pm_card_visa_chargeDeclined",
                "confirm": True,
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            }
        )
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("sk_live_nothing", base_addresses={"api": url}).v1.customers.list()
