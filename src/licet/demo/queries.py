"""What the demo reads from Licet after an action. License keys are shortened."""

from datetime import datetime
from typing import Any

from licet.demo.actions import DemoCustomer
from licet.demo.checks import FactValue, Observation
from licet.demo.client import DemoClient, Reply
from licet.kit.money import format_money
from licet.kit.times import from_epoch

_DOTS = "····"


def short_key(key: str) -> str:
    """`SHOP-····-····-····-9F3K`: enough to tell two keys apart, not enough to use one."""
    prefix, *groups = key.split("-")
    return "-".join([prefix, *[_DOTS] * (len(groups) - 1), groups[-1]])


def format_day(at: str | datetime) -> str:
    """`21 Nov 2026`."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.day} {moment:%b %Y}"


def format_price(product: dict[str, Any]) -> str:
    """`149.00 USD a month`: the product's first price."""
    price = product["prices"][0]
    interval = f" a {price['interval']}" if price["interval"] else " once"
    return format_money(price["amount"], price["currency"]) + interval


def read_order(client: DemoClient, customer: DemoCustomer) -> Observation:
    """The customer's newest order, read with the customer's key."""
    reply = client.licet("GET /api/orders", key=customer.api_key)
    if not reply.body["data"]:
        return _none(reply, "order", "orders")
    newest = reply.body["data"][0]
    amount = format_money(newest["amount"], newest["currency"])
    refunded = format_money(newest["amountRefunded"], newest["currency"])
    facts = {"orders": reply.body["meta"]["total"], "status": newest["status"], "amount": amount, "refunded": refunded}
    text = f"{newest['status']}, {amount}"
    if newest["amountRefunded"]:
        text = f"{newest['status']}, {refunded} of {amount}"
    return Observation(reply.call, reply.status, "order", facts, text)


def read_license(client: DemoClient, customer: DemoCustomer) -> Observation:
    """The customer's newest license, read with the customer's key."""
    reply = client.licet("GET /api/licenses", key=customer.api_key)
    if not reply.body["data"]:
        return _none(reply, "license", "licenses")
    newest = reply.body["data"][0]
    key, expires_at = short_key(newest["key"]), newest["expiresAt"]
    facts = {
        "licenses": reply.body["meta"]["total"],
        "key": key,
        "product": newest["productName"],
        "status": newest["status"],
        "expiresAt": expires_at,
    }
    text = f"{key}, {newest['status']}"
    if newest["status"] != "revoked":
        text += f", paid until {format_day(expires_at)}" if expires_at else ", never expires"
    return Observation(reply.call, reply.status, "license", facts, text)


def read_status_change(client: DemoClient, customer: DemoCustomer) -> Observation:
    """The newest change of status in the timeline of the customer's license."""
    license_id = client.licet("GET /api/licenses", key=customer.api_key).body["data"][0]["id"]
    reply = client.licet("GET /api/licenses/{id}/timeline", key=customer.api_key, id=license_id)
    changes = [change for change in reply.body["data"] if change["change"] == "status"]
    if not changes:
        return _none(reply, "timeline", "changes")
    newest = changes[0]
    reason, cause = str(newest["because"].get("reason")), _cause(client, newest["because"])
    facts = {"from": newest["from"], "to": newest["to"], "reason": reason, "cause": cause}
    reason_text = f" ({reason.replace('_', ' ')})" if newest["to"] != "active" else ""
    text = f"{newest['from']} → {newest['to']}{reason_text}, caused by {cause}"
    return Observation(reply.call, reply.status, "timeline", facts, text)


def _cause(client: DemoClient, cause: dict[str, Any]) -> str:
    """The type of the Stripe event that is the cause; the kind of any other cause."""
    if cause["kind"] != "stripe_event":
        return str(cause["kind"])
    event = client.licet("GET /api/admin/events/{id}", id=cause["id"])
    return str(event.body["type"])


def read_email(client: DemoClient, customer: DemoCustomer, template: str) -> Observation:
    """The newest email of a template to the customer, and whether it contains the license key or a link."""
    params = {"template": template, "accountId": customer.account_id}
    listed = client.licet("GET /api/admin/emails", params=params)
    if not listed.body["data"]:
        return _none(listed, "mail", "mails")
    reply = client.licet("GET /api/admin/emails/{id}", id=listed.body["data"][0]["id"])
    email, total = reply.body, listed.body["meta"]["total"]
    facts: dict[str, FactValue] = {"mails": total, "template": template, "to": email["to"], "subject": email["subject"]}
    facts |= {"status": email["status"], "holdsKey": _contains_key(client, customer, email["text"])}
    facts |= {"linksTo": _links_to(client, email["text"])}
    text = f"“{email['subject']}” to {email['to']}"
    if facts["holdsKey"]:
        text += ", with the license key"
    if facts["linksTo"]:
        text += f", with a link to the {facts['linksTo']}"
    return Observation(reply.call, reply.status, "mail", facts, text)


def read_subscription_at_stripe(client: DemoClient, customer: DemoCustomer, *, after: datetime) -> Observation:
    """The customer's subscription at Stripe, and whether its current period ends after `after`."""
    subscription = _subscription(client, customer)
    end = _period_end(subscription)
    facts = {"status": subscription["status"], "renewed": end > after}
    text = f"{subscription['status']}, billed until {format_day(end)}"
    return Observation("GET /v1/subscriptions/{id}", 200, "Stripe", facts, text)


def read_period_end(client: DemoClient, customer: DemoCustomer) -> datetime:
    """When the current period of the customer's subscription ends at Stripe."""
    return _period_end(_subscription(client, customer))


def _subscription(client: DemoClient, customer: DemoCustomer) -> Any:
    session = client.stripe("GET /v1/checkout/sessions/{id}", id=customer.session_id)
    return client.stripe("GET /v1/subscriptions/{id}", id=session["subscription"])


def _period_end(subscription: Any) -> datetime:
    return from_epoch(subscription["items"]["data"][0]["current_period_end"])


def read_pending_work(client: DemoClient) -> Observation:
    """The number of pending jobs, reads from Stripe and emails. Without any, nothing changes by itself."""
    emails = client.licet("GET /api/admin/emails", params={"limit": 100}).body["data"]
    queued = sum(1 for email in emails if email["status"] == "queued")
    reply = client.licet("GET /readyz")
    checks = reply.body["checks"]
    facts = {"jobs": checks["queue"]["waiting"], "reads": checks["refreshes"]["count"], "mails": queued}
    pending = [f"{number} {noun}" for noun, number in facts.items() if number]
    return Observation(
        reply.call, reply.status, "work", facts, f"pending: {', '.join(pending)}" if pending else "nothing pending"
    )


def read_failed_events(client: DemoClient) -> Observation:
    """How many of Stripe's events failed."""
    reply = client.licet("GET /api/admin/events", params={"outcome": "failed"})
    total = reply.body["meta"]["total"]
    return Observation(reply.call, reply.status, "events", {"failed": total}, f"{total or 'none'} failed")


def _contains_key(client: DemoClient, customer: DemoCustomer, text: str) -> bool:
    licenses = client.licet("GET /api/licenses", key=customer.api_key).body["data"]
    return any(license["key"] in text for license in licenses)


def _links_to(client: DemoClient, text: str) -> str | None:
    """The page at Stripe that the email links to, if any: checkout or invoice."""
    pages = {"checkout": f"{client.addresses.sandbox_url}/c/pay/", "invoice": f"{client.addresses.sandbox_url}/i/"}
    return next((name for name, address in pages.items() if address in text), None)


def _none(reply: Reply, subject: str, plural: str) -> Observation:
    return Observation(reply.call, reply.status, subject, {plural: 0}, "none")
