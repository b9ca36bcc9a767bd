"""The demo's actions: of customers and operators, through Licet's API and the sandbox's controls."""

import hmac
import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from licet.demo.checks import Observation
from licet.demo.client import DemoClient, Reply
from licet.kit.times import rfc3339


@dataclass
class DemoCustomer:
    """A customer of the vendor, with an account and an API key."""

    name: str
    email: str
    account_id: str
    api_key: str = field(repr=False)
    session_id: str = field(default="", repr=False)
    """The id of the newest checkout session."""
    license_key: str | None = None
    """Shortened. It never changes."""


@dataclass(frozen=True)
class DemoDelivery:
    """One delivery of an event by the sandbox. id: of the delivery."""

    id: int
    event_id: str


@dataclass
class Customers:
    """All customers, and what later steps need. purchase: the deliveries of the events of Ada's purchase."""

    ada: DemoCustomer
    grace: DemoCustomer
    purchase: list[DemoDelivery] = field(default_factory=list)


def create_customers(client: DemoClient) -> Customers:
    """Creates accounts and API keys, as the operator."""
    return Customers(
        _create_customer(client, "Ada", "ada@example.com"), _create_customer(client, "Grace", "grace@example.com")
    )


def _create_customer(client: DemoClient, name: str, email: str) -> DemoCustomer:
    account = {"kind": "user", "name": name, "email": email}
    account_id = client.licet("POST /api/admin/accounts", status=201, body=account).body["id"]
    key = {"name": f"{name}'s key", "scopes": ["read", "write"], "accountId": account_id}
    api_key = client.licet("POST /api/admin/api-keys", status=201, body=key).body["key"]
    return DemoCustomer(name, email, account_id, api_key)


def get_product(client: DemoClient, name: str) -> dict[str, Any]:
    """The product of this name in the catalogue."""
    products = client.licet("GET /api/products", params={"limit": 100}).body["data"]
    found: dict[str, Any] = next(product for product in products if product["name"] == name)
    return found


def open_checkout(client: DemoClient, customer: DemoCustomer, product_name: str, return_url: str) -> Reply:
    """Creates a checkout session for one unit of a product.

    return_url: where the buyer goes after paying, and after leaving without paying.
    """
    cart = {
        "items": [{"productId": get_product(client, product_name)["id"], "quantity": 1}],
        "successUrl": f"{return_url}?session={{CHECKOUT_SESSION_ID}}",
        "cancelUrl": return_url,
    }
    return client.licet("POST /api/billing/checkout", key=customer.api_key, status=201, body=cart)


def check_out(client: DemoClient, customer: DemoCustomer, product_name: str) -> Observation:
    """The customer buys a product and is sent to the payment page."""
    reply = open_checkout(client, customer, product_name, "http://localhost/shop")
    customer.session_id = reply.body["sessionId"]
    at_stripe = reply.body["url"].startswith(client.addresses.sandbox_url)
    return Observation(reply.call, reply.status, "checkout", {"paymentPage": at_stripe}, "a payment page at Stripe")


def pay_checkout(
    client: DemoClient, customer: DemoCustomer, card: str, *, three_d_secure: str = "complete"
) -> Observation:
    """The customer pays on the payment page. three_d_secure: complete or fail, if the bank asks for it."""
    body = {"card": card, "threeDS": three_d_secure, "email": customer.email}
    reply = client.control("POST /_sandbox/checkout/{id}/pay", body, status=None, id=customer.session_id)
    if reply.status == 200:
        status = reply.body["paymentStatus"]
        return Observation(reply.call, reply.status, "payment", {"payment": status}, status)
    error = reply.body["error"]
    facts = {"payment": "refused", "why": error.get("decline_code") or error.get("code")}
    return Observation(reply.call, reply.status, "payment", facts, f"refused: {error['message'].split('. ')[0]}")


def change_card(client: DemoClient, customer: DemoCustomer, card: str) -> Observation:
    """The customer replaces the card that pays for renewals."""
    customer_id = client.stripe("GET /v1/checkout/sessions/{id}", id=customer.session_id)["customer"]
    reply = client.control("POST /_sandbox/customers/{id}/card", {"card": card}, id=customer_id)
    last4 = reply.body["last4"]
    return Observation(reply.call, reply.status, "card", {"last4": last4}, f"ends in {last4}")


def refund_purchase(client: DemoClient, customer: DemoCustomer) -> Observation:
    """An operator refunds the customer's newest purchase in full, as in Stripe's dashboard."""
    invoice = client.stripe("GET /v1/checkout/sessions/{id}", id=customer.session_id)["invoice"]
    reply = client.control("POST /_sandbox/refunds", {"invoice": invoice})
    status = reply.body["status"]
    return Observation(reply.call, reply.status, "refund", {"refund": status, "amount": reply.body["amount"]}, status)


def get_clock(client: DemoClient) -> datetime:
    """The sandbox's current time."""
    return datetime.fromisoformat(client.control("GET /_sandbox/clock").body["now"])


def advance_clock(client: DemoClient, to: datetime) -> None:
    """Moves the clock of the sandbox and of Licet forward. Everything due until then happens, in order."""
    client.control("POST /_sandbox/clock/advance", {"to": rfc3339(to)})


def list_sandbox_deliveries(client: DemoClient) -> list[DemoDelivery]:
    """All deliveries of events by the sandbox, newest first."""
    deliveries = client.control("GET /_sandbox/deliveries").body["data"]
    return [DemoDelivery(delivery["id"], delivery["eventId"]) for delivery in deliveries]


def resend_event(client: DemoClient, delivery: DemoDelivery) -> int | None:
    """Delivers an event once more. Returns the status of Licet's response."""
    sent = client.control("POST /_sandbox/deliveries/{id}/resend", id=str(delivery.id)).body
    status: int | None = sent["answers"][-1]["status"]
    return status


def send_as_new_event(client: DemoClient, delivery: DemoDelivery) -> int:
    """Delivers an event with another id, signed as by Stripe. Returns the status of Licet's response."""
    event = client.stripe("GET /v1/events/{id}", id=delivery.event_id)
    raw = json.dumps({**event, "id": f"{event['id']}again"}).encode()
    timestamp = int(time.time())
    signed = f"{timestamp}.".encode() + raw
    digest = hmac.new(client.addresses.webhook_secret.encode(), signed, sha256).hexdigest()
    return client.deliver(raw, f"t={timestamp},v1={digest}").status
