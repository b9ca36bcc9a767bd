"""What the story asks Licet after each step. Answers come with license keys shortened."""

from datetime import datetime
from typing import Any

from licet.demo.answers import Answer, Fact
from licet.demo.cast import DemoCustomer
from licet.demo.shop import Reply, Shop
from licet.demo.words import day, short_key
from licet.kit.money import format_money
from licet.kit.times import from_epoch


def order(shop: Shop, who: DemoCustomer) -> Answer:
    """The customer's newest order, asked for with their own key."""
    reply = shop.licet("GET /api/orders", key=who.api_key)
    if not reply.body["data"]:
        return _none(reply, "order", "orders")
    newest = reply.body["data"][0]
    amount = format_money(newest["amount"], newest["currency"])
    returned = format_money(newest["amountRefunded"], newest["currency"])
    facts = {"orders": reply.body["meta"]["total"], "status": newest["status"], "amount": amount, "refunded": returned}
    words = f"{newest['status']}, {amount}"
    if newest["amountRefunded"]:
        words = f"{newest['status']}, {returned} of {amount} given back"
    return Answer(reply.call, reply.status, "order", facts, words)


def license_of(shop: Shop, who: DemoCustomer) -> Answer:
    """The customer's newest license, asked for with their own key."""
    reply = shop.licet("GET /api/licenses", key=who.api_key)
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
    words = f"{key}, {newest['status']}"
    if newest["status"] != "revoked":
        words += f", paid through {day(expires_at)}" if expires_at else ", never expires"
    return Answer(reply.call, reply.status, "license", facts, words)


def why(shop: Shop, who: DemoCustomer) -> Answer:
    """The newest change in the timeline of the customer's license."""
    license_id = shop.licet("GET /api/licenses", key=who.api_key).body["data"][0]["id"]
    reply = shop.licet("GET /api/licenses/{id}/timeline", key=who.api_key, id=license_id)
    changes = [one for one in reply.body["data"] if one["change"] == "status"]
    if not changes:
        return _none(reply, "timeline", "changes")
    newest = changes[0]
    reason, cause = str(newest["because"].get("reason")), _cause(shop, newest["because"])
    facts = {"from": newest["from"], "to": newest["to"], "reason": reason, "cause": cause}
    what_for = f" ({reason.replace('_', ' ')})" if newest["to"] != "active" else ""
    words = f"{newest['from']} → {newest['to']}{what_for}, because of {cause}"
    return Answer(reply.call, reply.status, "timeline", facts, words)


def _cause(shop: Shop, because: dict[str, Any]) -> str:
    """The type of the Stripe event that changed something; for any other cause its kind."""
    if because["kind"] != "stripe_event":
        return str(because["kind"])
    event = shop.licet("GET /api/admin/events/{id}", id=because["id"])
    return str(event.body["type"])


def mail(shop: Shop, who: DemoCustomer, template: str) -> Answer:
    """The newest mail of a kind to the customer, and whether it holds what it is for."""
    params = {"template": template, "accountId": who.account_id}
    found = shop.licet("GET /api/admin/emails", params=params)
    if not found.body["data"]:
        return _none(found, "mail", "mails")
    reply = shop.licet("GET /api/admin/emails/{id}", id=found.body["data"][0]["id"])
    shown, total = reply.body, found.body["meta"]["total"]
    facts: dict[str, Fact] = {"mails": total, "template": template, "to": shown["to"], "subject": shown["subject"]}
    facts |= {"status": shown["status"], "holdsKey": _holds_key(shop, who, shown["text"])}
    facts |= {"linksTo": _links_to(shop, shown["text"])}
    words = f"“{shown['subject']}” to {shown['to']}"
    if facts["holdsKey"]:
        words += ", with the license key"
    if facts["linksTo"]:
        words += f", with a link to the {facts['linksTo']}"
    return Answer(reply.call, reply.status, "mail", facts, words)


def subscription(shop: Shop, who: DemoCustomer, *, after: datetime) -> Answer:
    """The customer's subscription as Stripe has it, and whether its period now ends later than `after`."""
    found = _subscription(shop, who)
    end = _period_end(found)
    facts = {"status": found["status"], "renewed": end > after}
    return Answer("GET /v1/subscriptions/{id}", 200, "Stripe", facts, f"{found['status']}, billed until {day(end)}")


def period_end(shop: Shop, who: DemoCustomer) -> datetime:
    """Until when the customer's subscription is billed, as Stripe has it."""
    return _period_end(_subscription(shop, who))


def _subscription(shop: Shop, who: DemoCustomer) -> Any:
    session = shop.stripe("GET /v1/checkout/sessions/{id}", id=who.session_id)
    return shop.stripe("GET /v1/subscriptions/{id}", id=session["subscription"])


def _period_end(subscription: Any) -> datetime:
    return from_epoch(subscription["items"]["data"][0]["current_period_end"])


def waiting_work(shop: Shop) -> Answer:
    """What is still to be done: jobs, reads from Stripe, mails. With none of it nothing changes any more by itself."""
    mails = shop.licet("GET /api/admin/emails", params={"limit": 100}).body["data"]
    queued = sum(1 for mail in mails if mail["status"] == "queued")
    reply = shop.licet("GET /readyz")
    checks = reply.body["checks"]
    facts = {"jobs": checks["queue"]["waiting"], "reads": checks["refreshes"]["count"], "mails": queued}
    left = [f"{number} {what}" for what, number in facts.items() if number]
    return Answer(reply.call, reply.status, "work", facts, f"waiting: {', '.join(left)}" if left else "all done")


def failed_events(shop: Shop) -> Answer:
    """How many of Stripe's events could not be handled."""
    reply = shop.licet("GET /api/admin/events", params={"outcome": "failed"})
    total = reply.body["meta"]["total"]
    return Answer(reply.call, reply.status, "events", {"failed": total}, f"{total or 'none'} failed")


def _holds_key(shop: Shop, who: DemoCustomer, text: str) -> bool:
    licenses = shop.licet("GET /api/licenses", key=who.api_key).body["data"]
    return any(license["key"] in text for license in licenses)


def _links_to(shop: Shop, text: str) -> str | None:
    """Which page of Stripe's the mail leads to, if any: the checkout or the invoice."""
    pages = {"checkout": f"{shop.opened.sandbox_url}/c/pay/", "invoice": f"{shop.opened.sandbox_url}/i/"}
    return next((name for name, address in pages.items() if address in text), None)


def _none(reply: Reply, subject: str, plural: str) -> Answer:
    return Answer(reply.call, reply.status, subject, {plural: 0}, "none")
