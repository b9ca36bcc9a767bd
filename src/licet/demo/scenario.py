"""The steps of the demo, in order: what happens, and what is expected of Licet afterwards."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

from licet.demo import actions, cards, queries
from licet.demo.actions import Customers
from licet.demo.cards import format_card
from licet.demo.checks import Observation
from licet.demo.client import DemoClient, Reply
from licet.demo.output import ServedDemo
from licet.demo.queries import format_day, format_price
from licet.demo.steps import Step, StepRun
from licet.kit.times import rfc3339

_GRACE = timedelta(days=3)
"""The grace period in the example catalogue."""
_CHARGED_AFTER = timedelta(hours=2)
"""Stripe charges a renewal about an hour after the period starts."""
_RETRIED_WITHIN = timedelta(days=6)
"""The sandbox retries a failed renewal 3, 5 and 7 days after the previous attempt."""
_REPEATS = 3
_SEED = 7
"""Makes each run of the demo shuffle the events in the same order."""
_LISTS = {"orders": "/api/orders", "licenses": "/api/licenses", "mails": "/api/admin/emails"}


def purchase(run: StepRun, client: DemoClient, customers: Customers) -> None:
    """A license is issued for a paid purchase, and sent by email."""
    ada = customers.ada
    price = format_price(actions.get_product(client, "Shopify Connector"))
    run.describe(f"Ada buys the Shopify Connector, {price}, and pays with {format_card(cards.VISA)}.")
    before = actions.list_sandbox_deliveries(client)
    run.check(actions.check_out(client, ada, "Shopify Connector"), paymentPage=True)
    with run.waiting("paying"):
        run.check(actions.pay_checkout(client, ada, cards.VISA), payment="paid")
    run.wait_for(lambda: queries.read_order(client, ada), orders=1, status="paid", amount="149.00 USD")
    license = run.wait_for(
        lambda: queries.read_license(client, ada),
        licenses=1,
        product="Shopify Connector",
        status="active",
        expiresAt=rfc3339(queries.read_period_end(client, ada)),
    )
    ada.license_key = str(license.facts["key"])
    run.wait_for(
        lambda: queries.read_email(client, ada, "welcome"), mails=1, to=ada.email, status="kept", holdsKey=True
    )
    run.wait_for(
        lambda: queries.read_email(client, ada, "receipt"), mails=1, to=ada.email, status="kept", holdsKey=False
    )
    deliveries = actions.list_sandbox_deliveries(client)
    customers.purchase = [delivery for delivery in deliveries if delivery not in before]


def declined_card(run: StepRun, client: DemoClient, customers: Customers) -> None:
    """No license is issued, and an email explains how to try again."""
    grace = customers.grace
    price = format_price(actions.get_product(client, "Data Migrator"))
    card = format_card(cards.INSUFFICIENT_FUNDS)
    run.describe(f"Grace buys the Data Migrator, {price}. Her card {card} has insufficient funds.")
    run.check(actions.check_out(client, grace, "Data Migrator"), paymentPage=True)
    with run.waiting("paying"):
        refused = actions.pay_checkout(client, grace, cards.INSUFFICIENT_FUNDS)
    run.check(refused, payment="refused", why="insufficient_funds")
    run.wait_for(lambda: queries.read_license(client, grace), licenses=0)
    run.wait_for(
        lambda: queries.read_email(client, grace, "payment_failed"),
        mails=1,
        to=grace.email,
        status="kept",
        linksTo="checkout",
    )


def three_d_secure(run: StepRun, client: DemoClient, customers: Customers) -> None:
    """The same checkout: 3D Secure fails, then succeeds."""
    grace = customers.grace
    card = format_card(cards.REQUIRES_3D_SECURE)
    run.describe(f"On the same payment page she pays with {card}. Her bank asks for 3D Secure, and it fails.")
    with run.waiting("3D Secure"):
        failed = actions.pay_checkout(client, grace, cards.REQUIRES_3D_SECURE, three_d_secure="fail")
    run.check(failed, payment="refused")
    run.wait_for(lambda: queries.read_license(client, grace), licenses=0)
    run.describe("She tries again and confirms the payment.")
    with run.waiting("3D Secure"):
        run.check(actions.pay_checkout(client, grace, cards.REQUIRES_3D_SECURE), payment="paid")
    run.wait_for(lambda: queries.read_order(client, grace), orders=1, status="paid", amount="499.00 USD")
    run.wait_for(
        lambda: queries.read_license(client, grace),
        licenses=1,
        product="Data Migrator",
        status="active",
        expiresAt=None,
    )
    run.wait_for(lambda: queries.read_email(client, grace, "welcome"), mails=1, to=grace.email, holdsKey=True)


def renewal(run: StepRun, client: DemoClient, customers: Customers) -> None:
    """A month later, the renewal extends the license."""
    ada = customers.ada
    period_end = queries.read_period_end(client, ada)
    run.describe(f"The clock moves to {format_day(period_end)}. Stripe renews Ada's subscription and charges her card.")
    with run.waiting("a month passes"):
        actions.advance_clock(client, period_end + _CHARGED_AFTER)
    run.check(queries.read_subscription_at_stripe(client, ada, after=period_end), status="active", renewed=True)
    run.wait_for(
        lambda: queries.read_license(client, ada),
        licenses=1,
        key=ada.license_key,
        status="active",
        expiresAt=rfc3339(queries.read_period_end(client, ada)),
    )
    run.wait_for(lambda: queries.read_email(client, ada, "receipt"), mails=2, to=ada.email)


def failed_renewal(run: StepRun, client: DemoClient, customers: Customers) -> None:
    """The license is active during the grace period, and suspended after it."""
    ada = customers.ada
    period_end = queries.read_period_end(client, ada)
    run.describe(f"Ada changes her card to {format_card(cards.FAILS_AT_RENEWALS)}, on which every charge fails.")
    run.check(actions.change_card(client, ada, cards.FAILS_AT_RENEWALS), last4="0341")
    run.describe(f"The clock moves to {format_day(period_end)}. The renewal fails, and three days of grace begin.")
    with run.waiting("a month passes"):
        actions.advance_clock(client, period_end + _CHARGED_AFTER)
    run.check(queries.read_subscription_at_stripe(client, ada, after=period_end), status="past_due")
    run.wait_for(lambda: queries.read_license(client, ada), status="active", expiresAt=rfc3339(period_end))
    run.wait_for(
        lambda: queries.read_email(client, ada, "payment_failed"),
        mails=1,
        to=ada.email,
        status="kept",
        linksTo="invoice",
    )
    run.describe(f"The clock moves to {format_day(period_end + _GRACE)}. The grace period is over.")
    with run.waiting("three days pass"):
        actions.advance_clock(client, period_end + _GRACE + _CHARGED_AFTER)
    run.wait_for(
        lambda: queries.read_license(client, ada),
        licenses=1,
        key=ada.license_key,
        status="suspended",
        expiresAt=rfc3339(period_end),
    )
    run.wait_for(lambda: queries.read_status_change(client, ada), to="suspended", reason="payment_overdue")


def new_card(run: StepRun, client: DemoClient, customers: Customers) -> None:
    """Stripe's retry succeeds, and the license is active again."""
    ada = customers.ada
    run.describe(f"Ada changes her card to {format_card(cards.VISA)}, which works.")
    run.check(actions.change_card(client, ada, cards.VISA), last4="4242")
    retried_by = actions.get_clock(client) + _RETRIED_WITHIN
    run.describe(f"The clock moves to {format_day(retried_by)}. Stripe has retried the payment.")
    with run.waiting("days pass"):
        actions.advance_clock(client, retried_by)
    run.wait_for(
        lambda: queries.read_license(client, ada),
        licenses=1,
        key=ada.license_key,
        status="active",
        expiresAt=rfc3339(queries.read_period_end(client, ada)),
    )
    run.wait_for(lambda: queries.read_status_change(client, ada), **{"from": "suspended", "to": "active"})
    run.wait_for(lambda: queries.read_email(client, ada, "receipt"), mails=3, to=ada.email)


def full_refund(run: StepRun, client: DemoClient, customers: Customers) -> None:
    """A full refund revokes the license."""
    grace = customers.grace
    run.describe("Grace asks for her money back, and gets a full refund of 499.00 USD.")
    with run.waiting("refunding"):
        run.check(actions.refund_purchase(client, grace), refund="succeeded", amount=49900)
    run.wait_for(lambda: queries.read_order(client, grace), status="refunded", refunded="499.00 USD")
    run.wait_for(lambda: queries.read_license(client, grace), licenses=1, status="revoked")
    run.wait_for(lambda: queries.read_status_change(client, grace), to="revoked", reason="refunded")
    run.wait_for(lambda: queries.read_email(client, grace, "refund"), mails=1, to=grace.email, status="kept")


def repeated_events(run: StepRun, client: DemoClient, customers: Customers) -> None:
    """Events that are repeated, reordered or sent with new ids change nothing."""
    run.wait_for(lambda: queries.read_pending_work(client), jobs=0, reads=0, mails=0)
    before = _read_everything(client)
    shuffle = random.Random(_SEED)  # noqa: S311 - not for secrets
    events = len(customers.purchase)
    run.describe(
        f"Stripe may repeat and reorder events. The {events} events of Ada's purchase are delivered again: "
        f"each {_REPEATS} times, shuffled."
    )
    repeated = customers.purchase * _REPEATS
    shuffle.shuffle(repeated)
    with run.waiting("delivering events"):
        statuses = Counter(actions.resend_event(client, delivery) for delivery in repeated)
    run.check(_count_accepted(statuses), accepted=len(repeated), others=0)
    run.describe("Stripe may also send two events for one change. The same events are delivered with new ids.")
    with run.waiting("delivering events"):
        statuses = Counter(
            actions.send_as_new_event(client, delivery) for delivery in shuffle.sample(customers.purchase, events)
        )
    run.check(_count_accepted(statuses), accepted=events, others=0)
    run.wait_for(lambda: queries.read_pending_work(client), jobs=0, reads=0, mails=0)
    after = _read_everything(client)
    for name in (*_LISTS, "timelines"):
        run.check(_compare(name, before[name], after[name]), asBefore=True)
    run.wait_for(lambda: queries.read_failed_events(client), failed=0)


def _count_accepted(statuses: Counter[int | None]) -> Observation:
    accepted = statuses[200]
    others = statuses.total() - accepted
    text = f"{accepted} deliveries, each answered with 200" if not others else f"{others} not answered with 200"
    return Observation(
        "POST /api/billing/webhooks",
        200 if not others else 0,
        "events",
        {"accepted": accepted, "others": others},
        text,
    )


def _compare(name: str, before: dict[str, Any], after: dict[str, Any]) -> Observation:
    same = before == after
    count = len(after["data"])
    call = f"GET {_LISTS.get(name, '/api/licenses/{id}/timeline')}"
    text = f"{count}, unchanged" if same else "changed"
    return Observation(call, 200, name, {"count": count, "asBefore": same}, text)


def _read_everything(client: DemoClient) -> dict[str, dict[str, Any]]:
    """Everything that the operator can read, including license keys: to compare, not to print."""
    params = {"limit": 100}
    lists = {name: client.licet(f"GET {path}", params=params).body for name, path in _LISTS.items()}
    ids = [license["id"] for license in lists["licenses"]["data"]]
    timelines = [client.licet("GET /api/licenses/{id}/timeline", params=params, id=id_).body["data"] for id_ in ids]
    return {**lists, "timelines": {"data": timelines}}


STEPS: tuple[Step, ...] = (
    Step("purchase", "A purchase becomes a license", purchase),
    Step("declined", "A card is declined", declined_card),
    Step("three_d_secure", "3D Secure", three_d_secure),
    Step("renewal", "A month later, a renewal", renewal),
    Step("failed_renewal", "A renewal fails", failed_renewal),
    Step("new_card", "A new card", new_card),
    Step("refund", "A full refund", full_refund),
    Step("repetition", "Repeated events, three times and out of order", repeated_events),
)


class ServeStep:
    """The last step of a demo that keeps running. It sets `served`, which is None until it has run."""

    def __init__(self) -> None:
        self.served: ServedDemo | None = None

    @property
    def step(self) -> Step:
        """The step, to be run after all others."""
        return Step("open_house", "Try it yourself", self._run)

    def _run(self, run: StepRun, client: DemoClient, customers: Customers) -> None:
        customer, addresses = customers.ada, client.addresses
        docs_url = f"{addresses.url}/docs"
        run.describe(f"{customer.name} starts another checkout. You can pay it yourself.")
        # A product that can be bought any number of times. The return URL is a page that exists.
        checkout = actions.open_checkout(client, customer, "Data Migrator", docs_url)
        portal = client.licet(
            "POST /api/billing/portal-session", key=customer.api_key, status=201, body={"returnUrl": docs_url}
        )
        invoices = client.licet("GET /api/billing/invoices", key=customer.api_key)
        invoice = Reply(invoices.call, invoices.status, {"url": invoices.body["data"][0]["hostedInvoiceUrl"]})
        self.served = ServedDemo(
            url=addresses.url,
            sandbox_url=addresses.sandbox_url,
            customer=customer.name,
            checkout_url=_check_url(run, client, checkout, "checkout", "a payment page"),
            portal_url=_check_url(run, client, portal, "portal", "Stripe's customer portal"),
            invoice_url=_check_url(run, client, invoice, "invoice", "its page"),
            operator_key=addresses.operator_key,
            account_key=customer.api_key,
        )


def _check_url(run: StepRun, client: DemoClient, reply: Reply, subject: str, text: str) -> str:
    """Returns the URL in a reply, and checks that it is the sandbox's."""
    url: str = reply.body["url"]
    at_stripe = url.startswith(client.addresses.sandbox_url)
    run.check(Observation(reply.call, reply.status, subject, {"atStripe": at_stripe}, text), atStripe=True)
    return url
