"""What buyers, cards, operators and time do: through the API, and through the sandbox's controls."""

import hmac
import json
import time
from datetime import datetime
from hashlib import sha256
from typing import Any

from licet.demo.answers import Answer
from licet.demo.cast import DemoCustomer, DemoDelivery
from licet.demo.shop import Shop
from licet.kit.times import rfc3339


def product(shop: Shop, name: str) -> dict[str, Any]:
    """What is on sale under this name."""
    on_sale = shop.licet("GET /api/products", params={"limit": 100}).body["data"]
    found: dict[str, Any] = next(one for one in on_sale if one["name"] == name)
    return found


def check_out(shop: Shop, who: DemoCustomer, name: str) -> Answer:
    """The customer puts one of this product into the cart and goes to the checkout."""
    cart = {
        "items": [{"productId": product(shop, name)["id"], "quantity": 1}],
        "successUrl": "http://localhost/thanks?session_id={CHECKOUT_SESSION_ID}",
        "cancelUrl": "http://localhost/cart",
    }
    reply = shop.licet("POST /api/billing/checkout", key=who.api_key, status=201, body=cart)
    who.session_id = reply.body["sessionId"]
    on_stripe = reply.body["url"].startswith(shop.opened.sandbox_url)
    return Answer(reply.call, reply.status, "checkout", {"paymentPage": on_stripe}, "a payment page at Stripe")


def pay(shop: Shop, who: DemoCustomer, card: str, *, three_d_secure: str = "complete") -> Answer:
    """What the customer does on the payment page. three_d_secure: complete or fail, where the card's bank asks."""
    body = {"card": card, "threeDS": three_d_secure, "email": who.email}
    reply = shop.control("POST /_sandbox/checkout/{id}/pay", body, status=None, id=who.session_id)
    if reply.status == 200:
        paid = reply.body["paymentStatus"]
        return Answer(reply.call, reply.status, "payment", {"payment": paid}, paid)
    refused = reply.body["error"]
    why = refused.get("decline_code") or refused.get("code")
    facts = {"payment": "refused", "why": why}
    return Answer(reply.call, reply.status, "payment", facts, f"refused: {refused['message'].split('. ')[0]}")


def change_card(shop: Shop, who: DemoCustomer, card: str) -> Answer:
    """The customer gives another card for everything that renews."""
    customer = shop.stripe("GET /v1/checkout/sessions/{id}", id=who.session_id)["customer"]
    reply = shop.control("POST /_sandbox/customers/{id}/card", {"card": card}, id=customer)
    last4 = reply.body["last4"]
    return Answer(reply.call, reply.status, "card", {"last4": last4}, f"ends in {last4}")


def refund(shop: Shop, who: DemoCustomer) -> Answer:
    """An operator gives the customer's newest purchase back, in Stripe's dashboard."""
    invoice = shop.stripe("GET /v1/checkout/sessions/{id}", id=who.session_id)["invoice"]
    reply = shop.control("POST /_sandbox/refunds", {"invoice": invoice})
    status = reply.body["status"]
    return Answer(reply.call, reply.status, "refund", {"refund": status, "amount": reply.body["amount"]}, status)


def now(shop: Shop) -> datetime:
    """What time it is in the story."""
    return datetime.fromisoformat(shop.control("GET /_sandbox/clock").body["now"])


def turn_clock_to(shop: Shop, moment: datetime) -> None:
    """Time passes, for the sandbox and for Licet; what falls due on the way happens, in order."""
    shop.control("POST /_sandbox/clock/advance", {"to": rfc3339(moment)})


def deliveries(shop: Shop) -> list[DemoDelivery]:
    """Every event that the sandbox has sent so far, the newest first."""
    sent = shop.control("GET /_sandbox/deliveries").body["data"]
    return [DemoDelivery(one["id"], one["eventId"]) for one in sent]


def send_again(shop: Shop, delivery: DemoDelivery) -> int | None:
    """The sandbox sends an event once more; the status that Licet answered with."""
    sent = shop.control("POST /_sandbox/deliveries/{id}/resend", id=str(delivery.id)).body
    status: int | None = sent["answers"][-1]["status"]
    return status


def tell_anew(shop: Shop, delivery: DemoDelivery) -> int:
    """The same news as an event of another id, signed as Stripe would; the status that Licet answered with."""
    event = shop.stripe("GET /v1/events/{id}", id=delivery.event_id)
    raw = json.dumps({**event, "id": f"{event['id']}again"}).encode()
    at = int(time.time())
    digest = hmac.new(shop.opened.webhook_secret.encode(), f"{at}.".encode() + raw, sha256).hexdigest()
    return shop.deliver(raw, f"t={at},v1={digest}").status
