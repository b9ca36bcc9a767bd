"""No query takes longer the more there is: each finds what it wants by an index, in the run of a whole life."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.sandbox.play import DAY, Play, Receiver

from licet_sandbox.state.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

# What may read a whole table, or all objects of a kind, and why that does no harm.
ARGUED = {
    r"FROM objects WHERE kind = '(webhook_endpoint|test_helpers\.test_clock|product_feature)'": "a few at most",
    r"FROM objects WHERE .* ORDER BY seq DESC LIMIT \d+$": "a list: backwards from its newest, and never past its page",
    r"SELECT deliveries\.\*.* ORDER BY deliveries\.id DESC LIMIT \d+$": "the same, of deliveries",
    r"FROM deliveries WHERE state = 'queued'$": "only those that wait for their first try; an advance sends them at 32",
    r"FROM deliveries WHERE state = 'queued' AND event_seq <= \d+ AND id NOT IN .* LIMIT 1$": "the same",
    r"DELETE FROM (objects WHERE kind != 'webhook_endpoint'|deliveries|due|idempotency|fault_log)$": "a reset",
    r"DELETE FROM meta WHERE key LIKE": "a dozen facts about the sandbox itself",
    r"WHERE value ->> '\$\.price\.product' =": "when a feature is given to a product, for all who have that already",
}


def plan(store: Store, sql: str) -> list[str]:
    return [row["detail"] for row in store.rows(f"EXPLAIN QUERY PLAN {sql}")]


def reads_all(step: str) -> bool:
    """Is this step of a plan one that looks at a whole table, or at all objects of a kind?"""
    whole = re.match(r"SCAN (objects|deliveries|due|idempotency|fault_log|meta)\b", step)
    return whole is not None or re.search(r"INDEX objects_kind \(kind=\?\)$", step) is not None


def argued(sql: str) -> bool:
    return any(re.search(pattern, sql) for pattern in ARGUED)


LITERAL = re.compile(r"(?P<kind>kind = )?'(?P<text>(?:[^']|'')*)'|\b\d+")


def without_values(sql: str) -> str:
    """Kinds and paths stay: which index serves depends on them."""
    return LITERAL.sub(lambda found: found[0] if found["kind"] or (found["text"] or "").startswith("$") else "?", sql)


def shapes(traced: list[str]) -> Iterator[str]:
    """Each query once, whatever its values."""
    seen = set()
    for sql in (" ".join(text.split()) for text in traced):
        shape = without_values(sql)
        if sql.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")) and shape not in seen:
            seen.add(shape)
            yield sql


async def live(play: Play, receiver: Receiver) -> None:
    """A bit of everything: purchases, features, discounts, a renewal that fails, money back, lists, another card."""
    api = play.api
    await play.endpoint(receiver)
    price = await play.price(lookup_key="monthly")
    feature = await api.entitlements.features.create_async({"name": "Export", "lookup_key": "export"})
    await api.products.features.create_async(price.product, {"entitlement_feature": feature.id})
    coupon = await api.coupons.create_async({"percent_off": 10, "duration": "forever"})
    promotion = {"type": "coupon", "coupon": coupon.id}
    code = await api.promotion_codes.create_async({"promotion": promotion, "code": "LESS"})
    subscription = await play.subscribe(price=price, discounts=[{"promotion_code": code.id}])
    failing = await play.subscribe("4000000000000341", price=price, subscription_data={"trial_period_days": 5})
    bought = await play.buy()
    await api.refunds.create_async({"payment_intent": bought.payment_intent, "amount": 100})
    await play.advance(40 * DAY)
    await play.change_card(subscription.customer, "5555555555554444")
    methods = await api.payment_methods.list_async({"customer": failing.customer})
    await api.payment_methods.detach_async(methods.data[0].id)
    await api.coupons.delete_async(coupon.id)
    await api.subscriptions.cancel_async(subscription.id)
    await api.customers.delete_async(subscription.customer)
    assert len((await api.subscriptions.list_async({"status": "all"})).data) == 2
    for path in ("customers", "invoices", "charges", "payment_intents", "events", "refunds"):
        assert (await getattr(api, path).list_async({"limit": 3})).data
    await api.customers.list_async({"email": "a@example.com"})
    assert (await api.events.list_async({"created": {"gte": subscription.created}})).data
    assert (await api.events.list_async({"created": {"gt": 2 * subscription.created}})).data == []
    await api.subscription_items.retrieve_async(failing["items"].data[0].id)
    await api.invoices.list_async({"subscription": subscription.id, "expand": ["data.payments", "data.customer"]})
    assert (await play.http.get("/_sandbox/deliveries")).json()["data"]


async def test_every_query_has_its_index(play: Play, receiver: Receiver) -> None:
    store = play.sandbox._engine.store
    traced: list[str] = []
    store._db.set_trace_callback(traced.append)
    await live(play, receiver)
    store._db.set_trace_callback(None)
    found = {sql: plan(store, sql) for sql in shapes(traced)}
    assert len(found) > 50
    assert [sql for sql, steps in found.items() if any(map(reads_all, steps)) and not argued(sql)] == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM objects WHERE kind = 'invoice' AND NOT deleted AND json ->> '$.number' = 'A' ORDER BY seq",
        "SELECT id FROM objects WHERE json ->> '$.customer' = 'A'",
        "SELECT * FROM idempotency WHERE status = 200",
    ],
)
def test_a_query_without_one_is_seen(sql: str) -> None:
    store = Store(None)
    assert any(map(reads_all, plan(store, sql)))
    assert not argued(sql)
    store.close()
