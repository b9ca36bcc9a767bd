"""Who changes one subscription changes it alone: the others wait for their turn, and look anew."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from tests.support.face import assert_error
from tests.support.organization import Organization, make_organization
from tests.support.serving import serve
from tests.support.shop import Shop, eventually
from tests.support.stripe_proxy import Answer, stripe_error

from licet.actions.subscriptions import lease_store, lock
from licet.actions.subscriptions.cancel import cancellation_jobs
from licet.actions.subscriptions.lock import SubscriptionChanging, subscription_lock
from licet.actions.subscriptions.restore_cancellation import restore_cancellation_jobs
from licet.actions.subscriptions.schedule_release import schedule_release_jobs
from licet.app import create_app
from licet.db.pool import open_pool
from licet.kit.times import wall_now

STARTER, GROWTH, SCALE = 2900, 9900, 29900
DOWN = Answer(500, stripe_error("Down."), {"stripe-should-retry": "false"})


@pytest_asyncio.fixture
async def acme(shop: Shop) -> Organization:
    acme = await make_organization(shop)
    await acme.subscribe("Starter")
    return acme


async def subscription_of(acme: Organization) -> str:
    subscription_id: str = (await acme.subscriptions())[0]["id"]
    return subscription_id


async def rows(shop: Shop) -> list[tuple[datetime, bool]]:
    found = await shop.context.pool.fetch("SELECT until, taken_over FROM subscription_leases")
    return [tuple(row) for row in found]


async def leave_behind(acme: Organization, seconds: float) -> None:
    """A lease whose holder was killed, and that lasts so much longer."""
    await acme.shop.context.pool.execute(
        """
        INSERT INTO subscription_leases VALUES ($1, $2, $3)
        ON CONFLICT (stripe_subscription_id) DO UPDATE SET holder = excluded.holder, until = excluded.until
        """,
        await subscription_of(acme),
        uuid4(),
        wall_now() + timedelta(seconds=seconds),
    )


async def credit(acme: Organization) -> int:
    customer = await acme.shop.context.stripe.retrieve("customer", (await acme.info())["customerId"])
    assert customer is not None
    return -int(customer["balance"])


async def paid(acme: Organization) -> list[int]:
    """The smallest first: several of them are made in one second."""
    await acme.shop.settle()
    return sorted(one["amountPaid"] for one in await acme.invoices())


def told(answers: list[Any]) -> list[tuple[int, str, int | None]]:
    """What each was answered, in order of the alphabet."""
    bodies = [answer.json() for answer in answers]
    return sorted(
        (answer.status_code, body.get("status") or body["code"], body.get("prorationAmount"))
        for answer, body in zip(answers, bodies, strict=True)
    )


@pytest.mark.parametrize("order", [("Scale", "Growth"), ("Growth", "Scale")])
async def test_of_two_quotes_one_is_charged(acme: Organization, order: tuple[str, str]) -> None:
    plans = {name: await acme.plan(name) for name in order}
    said = {name: await acme.done("subscription-preview", **plans[name]) for name in order}
    calls = [acme.ask("subscription-update", **plans[name], quoteId=said[name]["quoteId"]) for name in order]
    answers = dict(zip(order, await asyncio.gather(*calls), strict=True))
    (won,) = [name for name in order if answers[name].status_code == 200]
    (lost,) = [name for name in order if name != won]
    assert answers[won].json()["prorationAmount"] == said[won]["prorationAmount"]
    assert_error(answers[lost], 409, "quote_expired")
    assert await paid(acme) == [STARTER, said[won]["prorationAmount"]]
    assert ((await acme.info())["activePriceId"], await credit(acme)) == (plans[won]["priceId"], 0)


@pytest.mark.parametrize("quoted", [True, False])
async def test_twenty_who_want_the_same(acme: Organization, quoted: bool) -> None:
    growth = await acme.plan("Growth")
    said = await acme.done("subscription-preview", **growth)
    body = {**growth, **({"quoteId": said["quoteId"]} if quoted else {})}
    answers = await asyncio.gather(*(acme.ask("subscription-update", **body) for _ in range(20)))
    assert all(answer.json().get("code") in (None, "quote_expired") for answer in answers)
    first, charged = await paid(acme)
    other = (409, "quote_expired", None) if quoted else (200, "unchanged", 0)
    assert told(answers) == sorted([(200, "updated", charged)] + [other] * 19)
    assert (first, await rows(acme.shop)) == (STARTER, [])


async def test_an_upgrade_that_meets_a_higher_one_waits_for_the_period_s_end(acme: Organization) -> None:
    """Whichever is first, nobody is credited for what he has just paid."""
    growth, scale = await acme.plan("Growth"), await acme.plan("Scale")
    both = await asyncio.gather(*(acme.ask("subscription-update", **plan) for plan in (scale, growth)))
    assert [answer.status_code for answer in both] == [200, 200]
    assert both[0].json()["status"] == "updated"
    assert (await acme.info())["activePriceId"] == scale["priceId"]
    assert SCALE - STARTER - 10 < sum((await paid(acme))[1:]) <= SCALE - STARTER
    assert await credit(acme) == 0


@pytest.mark.parametrize("callers", [2, 20])
async def test_what_is_overdue_is_paid_by_one_who_then_changes_it(acme: Organization, callers: int) -> None:
    """Two invoices are open: nobody pays one of them, and is told that his quote has expired."""
    shop = acme.shop
    await shop.stripe("dunning", {"afterRetries": "past_due", "retryDays": [1]})
    customer = (await acme.info())["customerId"]
    await shop.stripe(f"customers/{customer}/card", {"card": "4000000000000341"})
    await shop.turn(days=63)
    await shop.stripe(f"customers/{customer}/card", {"card": "4242424242424242"})
    await shop.settle()
    growth = await acme.plan("Growth")
    said = await acme.done("subscription-preview", **growth)
    assert said["prorationAmount"] > 2 * STARTER
    body = {**growth, "quoteId": said["quoteId"]}
    answers = await asyncio.gather(*(acme.ask("subscription-update", **body) for _ in range(callers)))
    expired = (409, "quote_expired", None)
    assert told(answers) == [(200, "updated", said["prorationAmount"])] + [expired] * (callers - 1)
    assert sum((await paid(acme))[1:]) == said["prorationAmount"]


async def test_a_preview_waits_for_nobody(acme: Organization) -> None:
    await leave_behind(acme, 3600)
    assert (await acme.done("subscription-preview", **await acme.plan("Growth")))["prorationAmount"] > 0


@pytest.mark.parametrize("what", ["update", "cancel", "cancel at once", "resume"])
async def test_beyond_its_time_it_is_told_so_and_nothing_has_changed(
    acme: Organization, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LEASE_WAIT_SECONDS", 0.2)
    await leave_behind(acme, 3600)
    shop, growth = acme.shop, await acme.plan("Growth")
    path = f"/api/billing/subscriptions/{await subscription_of(acme)}/resume"
    before, writes = await acme.subscriptions(), len(shop.between.writes())
    asks: dict[str, Callable[[], Awaitable[Any]]] = {
        "update": lambda: acme.ask("subscription-update", **growth),
        "cancel": lambda: acme.ask("subscription-cancel"),
        "cancel at once": lambda: acme.ask("subscription-cancel", immediately=True),
        "resume": lambda: shop.api("POST", path, key=acme.key),
    }
    assert_error(await asks[what](), 409, "subscription_changing")
    assert (await acme.subscriptions(), len(shop.between.writes())) == (before, writes)
    assert await acme.features() != []


async def test_who_waits_is_served_when_the_one_before_lets_go(acme: Organization) -> None:
    """A slow one first: nobody else asks Stripe for anything meanwhile."""
    shop, path = acme.shop, f"/v1/subscriptions/{await subscription_of(acme)}"
    held = asyncio.Event()
    shop.between.script["POST", path] = [Answer(400, stripe_error("No."), held=held)]
    growth = await acme.plan("Growth")
    slow = asyncio.create_task(acme.ask("subscription-update", **growth))

    async def asks() -> bool:
        return f"POST {path}" in shop.between.writes()

    await eventually(asks)
    seen = len(shop.between.seen)
    waits = asyncio.create_task(acme.ask("subscription-cancel"))
    await asyncio.sleep(0.2)
    assert (len(shop.between.seen), slow.done(), waits.done()) == (seen, False, False)
    held.set()
    assert_error(await slow, 502, "stripe_error")
    assert (await waits).status_code == 200
    assert (await acme.info())["cancelAtPeriodEnd"] is True
    assert await rows(shop) == []


@pytest.mark.parametrize("wanted", ["Starter", "Growth"])
async def test_who_comes_after_a_lost_answer_looks_at_stripe_first(acme: Organization, wanted: str) -> None:
    """Scale was bought, and nobody here knows."""
    shop = acme.shop
    plan = await acme.plan(wanted)
    await shop.stripe("faults", {"drop": 1})
    shop.between.loses_next_write = True
    assert_error(await acme.ask("subscription-update", **await acme.plan("Scale")), 503, "stripe_unavailable")
    assert (await acme.info())["activePriceId"] == (await acme.plan("Starter"))["priceId"]
    ((until, _),) = await rows(shop)
    assert until <= wall_now()
    # Neither "unchanged", nor an upgrade that would credit what was just paid.
    assert (await acme.done("subscription-update", **plan))["status"] == "scheduled"
    assert ((await acme.info())["activePriceId"], await credit(acme)) == ((await acme.plan("Scale"))["priceId"], 0)
    assert await rows(shop) == []


async def test_a_job_does_not_hide_that_something_is_unknown(acme: Organization) -> None:
    shop, context = acme.shop, acme.shop.context
    await leave_behind(acme, -1)
    subscription_id = await subscription_of(acme)
    for job in (*schedule_release_jobs(context), *restore_cancellation_jobs(context), *cancellation_jobs(context)):
        await job.run(subscription_id)
    async with subscription_lock(context, subscription_id):
        pass
    ((until, taken_over),) = await rows(shop)
    assert (until <= wall_now(), taken_over) == (True, True)
    # Who is next looks, once.
    path = f"/v1/subscriptions/{subscription_id}"
    for _ in range(2):
        assert (await acme.update("Starter"))["status"] == "unchanged"
    assert len([one for one in shop.between.seen if (one.method, one.path) == ("GET", path)]) == 1


@pytest.mark.parametrize("after", ["an answer", "a fault of ours"])
async def test_it_is_let_go_of_whatever_happens(acme: Organization, after: str) -> None:
    context, subscription_id = acme.shop.context, await subscription_of(acme)
    error = SubscriptionChanging() if after == "an answer" else RuntimeError("a fault")
    with pytest.raises(type(error)):
        async with subscription_lock(context, subscription_id):
            raise error
    # A fault of ours may have come after Stripe's answer.
    assert len(await rows(acme.shop)) == (0 if after == "an answer" else 1)
    async with subscription_lock(context, subscription_id):
        assert len(await rows(acme.shop)) == 1


async def test_who_was_taken_over_lets_nobody_else_s_go(acme: Organization) -> None:
    context, subscription_id = acme.shop.context, await subscription_of(acme)
    async with subscription_lock(context, subscription_id):
        # Far beyond what he may take.
        await context.pool.execute("UPDATE subscription_leases SET until = $1", wall_now())
        now = wall_now()
        later = now + timedelta(seconds=30)
        assert await lease_store.acquire(context.pool, subscription_id, later, now=now) is not None
    assert await rows(acme.shop) == [(later, True)]


async def test_one_takes_what_has_run_out_however_many_wait(acme: Organization) -> None:
    context, subscription_id = acme.shop.context, await subscription_of(acme)
    await leave_behind(acme, -1)
    now = wall_now()
    until = now + timedelta(seconds=30)
    takes = [lease_store.acquire(context.pool, subscription_id, until, now=now) for _ in range(20)]
    taken = [one for one in await asyncio.gather(*takes) if one is not None]
    assert [one.taken_over for one in taken] == [True]


async def test_a_lease_outlasts_what_its_holder_may_take(acme: Organization) -> None:
    async with subscription_lock(acme.shop.context, await subscription_of(acme)):
        ((until, _),) = await rows(acme.shop)
        assert until - wall_now() > timedelta(seconds=lock.CHANGE_TIMEOUT_SECONDS + lock.LEASE_MARGIN_SECONDS - 1)


async def test_another_s_subscription_is_not_held(acme: Organization) -> None:
    other = await make_organization(acme.shop, "other")
    path = f"/api/billing/subscriptions/{await subscription_of(acme)}"
    for verb in ("cancel", "resume"):
        assert_error(await acme.shop.api("POST", f"{path}/{verb}", key=other.key), 404, "not_found")
    assert await rows(acme.shop) == []


@asynccontextmanager
async def another_node(acme: Organization, dsn: str) -> AsyncIterator[Organization]:
    """The same organisation, asking another Licet over the same database."""
    pool = await open_pool(dsn, min_size=1, max_size=10)
    try:
        context = replace(acme.shop.context, pool=pool)
        async with serve(create_app(context)) as url:
            yield replace(acme, shop=replace(acme.shop, context=context, url=url))
    finally:
        await pool.close()


async def test_two_nodes(acme: Organization, database: str) -> None:
    growth, scale = await acme.plan("Growth"), await acme.plan("Scale")
    said = {plan["priceId"]: await acme.done("subscription-preview", **plan) for plan in (growth, scale)}
    async with another_node(acme, database) as there:
        calls = [
            one.ask("subscription-update", **plan, quoteId=said[plan["priceId"]]["quoteId"])
            for _ in range(5)
            for one, plan in ((acme, growth), (there, scale), (there, growth), (acme, scale))
        ]
        answers = await asyncio.gather(*calls)
    (won,) = [answer.json() for answer in answers if answer.status_code == 200]
    for answer in answers:
        assert answer.json() == won or answer.json()["code"] == "quote_expired"
    assert won["prorationAmount"] == said[won["priceId"]]["prorationAmount"]
    assert await paid(acme) == [STARTER, won["prorationAmount"]]
    assert await credit(acme) == 0
