"""A downgrade that is not made leaves a scheduled end where it was: nobody asked for a subscription that goes on."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from tests.support.face import assert_error
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, eventually, open_shop
from tests.support.stripe_proxy import Answer, PatternScript, stripe_error

from licet.actions.subscriptions.restore_cancellation import restore_cancellation_jobs

DOWN = Answer(500, stripe_error("Down."), {"stripe-should-retry": "false"})
NO = Answer(400, stripe_error("No."))

SCHEDULES = "/v1/subscription_schedules"
SCHEDULE = rf"{SCHEDULES}/[^/]+"


@pytest_asyncio.fixture
async def acme(shop: Shop) -> Organization:
    acme = await make_organization(shop)
    await acme.subscribe("Growth")
    return acme


async def at_stripe(acme: Organization) -> dict[str, Any]:
    """The subscription as Stripe has it."""
    found = await acme.shop.context.stripe.retrieve("subscription", (await acme.subscriptions())[0]["id"])
    assert found is not None
    return found


async def end_of(acme: Organization) -> tuple[bool, int | None, str | None]:
    """What Stripe holds of its end, and the schedule that has it."""
    found = await at_stripe(acme)
    return found["cancel_at_period_end"], found["cancel_at"], found["schedule"]


async def rows(shop: Shop) -> int:
    found: int = await shop.context.pool.fetchval("SELECT count(*) FROM ends_taken_back")
    return found


async def let_end(acme: Organization, how: str) -> None:
    """However it was scheduled: by our API, or for a time, as Stripe's portal does."""
    if how == "with the period":
        await acme.done("subscription-cancel")
    else:
        at = int((acme.shop.context.now() + timedelta(days=20)).timestamp())
        await acme.shop.context.stripe.update("subscription", (await at_stripe(acme))["id"], {"cancel_at": at})
    await acme.shop.settle()
    assert (await acme.info())["cancelAtPeriodEnd"] is True


async def fails(acme: Organization, status: int, code: str) -> None:
    assert_error(await acme.ask("subscription-update", **await acme.plan("Starter")), status, code)


@pytest.mark.parametrize("how", ["with the period", "at a time"])
@pytest.mark.parametrize("said", [NO, DOWN])
@pytest.mark.parametrize("path", [SCHEDULES, SCHEDULE, "/v1/subscriptions/.*"])
async def test_refused_or_away_at_any_call(acme: Organization, how: str, said: Answer, path: str) -> None:
    shop = acme.shop
    await let_end(acme, how)
    before = await end_of(acme)
    shop.between.script = PatternScript({("POST", path): [said] * (3 if said is NO else 1)})
    await fails(acme, *((502, "stripe_error") if said is NO else (503, "stripe_unavailable")))
    shop.between.script = {}
    # At once, before any job and any event.
    assert (await end_of(acme), await rows(shop)) == (before, 0)
    assert (await acme.info())["cancelAtPeriodEnd"] is True
    await shop.settle()
    assert len(await shop.emails("cancellation")) == 1
    # It can be had a moment later, and the end is taken back with it.
    assert (await acme.update("Starter"))["status"] == "scheduled"
    assert ((await end_of(acme))[:2], await rows(shop)) == ((False, None), 0)


async def test_a_price_that_stripe_does_not_sell_any_more(acme: Organization) -> None:
    shop = acme.shop
    starter = await acme.plan("Starter")
    await shop.stripe("faults", {"drop": 1})
    await shop.context.stripe.update("price", starter["priceId"], {"active": False})
    for how in (None, "with the period"):
        if how is not None:
            await acme.done("subscription-cancel")
        before, writes = await end_of(acme), len(shop.between.writes())
        answer = await acme.ask("subscription-update", **starter)
        assert answer.status_code in (422, 502), answer.text
        # No schedule is left that would keep the customer from ending it in Stripe's portal; asked once, not time after
        # time.
        assert (await end_of(acme), await rows(shop)) == (before, 0)
        assert len([one for one in shop.between.writes()[writes:] if one == f"POST {SCHEDULES}"]) == 1
    assert (await acme.info())["cancelAtPeriodEnd"] is True
    await shop.stripe("faults", {})
    await shop.turn(days=32)
    assert await acme.features() == []


async def left_to_the_job(acme: Organization) -> None:
    """The end is taken back, the answer is lost, and Stripe is gone when it is to be set again."""
    shop = acme.shop
    await acme.done("subscription-cancel")
    await shop.settle()
    path = f"/v1/subscriptions/{(await acme.subscriptions())[0]['id']}"
    shop.between.loses_next_write = True
    shop.between.always["GET", path] = DOWN
    await fails(acme, 503, "stripe_unavailable")
    shop.between.always.clear()
    assert ((await end_of(acme))[:2], await rows(shop)) == ((False, None), 1)
    await shop.settle()
    assert (await acme.info())["cancelAtPeriodEnd"] is False


async def the_job_has_been(shop: Shop) -> None:
    await shop.turn(seconds=60)

    async def looked_at() -> bool:
        return await rows(shop) == 0

    await eventually(looked_at)


async def test_where_it_cannot_be_set_at_once_a_job_sets_it(acme: Organization) -> None:
    await left_to_the_job(acme)
    await the_job_has_been(acme.shop)
    assert (await acme.info())["cancelAtPeriodEnd"] is True
    await acme.shop.turn(days=32)
    assert [one["status"] for one in await acme.subscriptions()] == ["canceled"]
    assert [one["amountPaid"] for one in await acme.invoices()] == [9900]


@pytest.mark.parametrize("since", ["resume", "cancel", "Starter", "Growth", "Scale"])
async def test_what_the_customer_decides_since_holds(acme: Organization, since: str) -> None:
    await left_to_the_job(acme)
    shop = acme.shop
    if since == "resume":
        path = f"/api/billing/subscriptions/{(await acme.subscriptions())[0]['id']}/resume"
        assert (await shop.api("POST", path, key=acme.key)).status_code == 200
    elif since == "cancel":
        await acme.done("subscription-cancel")
    else:
        await acme.update(since)
    assert await rows(shop) == 0
    await the_job_has_been(shop)
    assert (await acme.info())["cancelAtPeriodEnd"] is (since == "cancel")
    await shop.turn(days=32)
    active = {"resume": "Growth", "cancel": None}.get(since, since)
    assert (await acme.info())["activePriceId"] == (active and (await acme.plan(active))["priceId"])


async def test_made_after_all_it_stands(database: str) -> None:
    """Everything went through but the last look."""
    async with open_shop(database, with_worker=False) as shop:
        acme = await make_organization(shop)
        await shop.pay(await acme.session("Growth"))
        await shop.stripe("clock/advance", {"seconds": 2})
        await acme.done("subscription-cancel")
        await shop.stripe("clock/advance", {"seconds": 2})
        shop.between.script["GET", f"/v1/subscriptions/{(await acme.subscriptions())[0]['id']}"] = [DOWN]
        await fails(acme, 503, "stripe_unavailable")
        assert ((await end_of(acme))[:2], await rows(shop)) == ((False, None), 0)
        assert (await acme.update("Starter"))["status"] == "scheduled"
        await shop.stripe("clock/advance", {"seconds": 32 * 24 * 3600})
        assert [one["amountPaid"] for one in await acme.invoices()] == [9900, 2900]


async def test_a_change_that_took_effect_before_the_job_looked(acme: Organization) -> None:
    shop = acme.shop
    await acme.done("subscription-cancel")
    await shop.settle()
    # Nothing is heard from the last look on, for longer than the period lasts.
    path = f"/v1/subscriptions/{(await acme.subscriptions())[0]['id']}"
    shop.between.always["GET", path] = DOWN
    await fails(acme, 503, "stripe_unavailable")
    assert await rows(shop) == 1
    await shop.turn(days=32)
    shop.between.always.clear()
    await the_job_has_been(shop)
    starter = await acme.plan("Starter")
    info = await acme.info()
    assert (info["activePriceId"], info["cancelAtPeriodEnd"]) == (starter["priceId"], False)


async def test_an_end_that_is_past_by_then_comes_with_the_period(acme: Organization) -> None:
    shop = acme.shop
    await let_end(acme, "at a time")
    path = f"/v1/subscriptions/{(await acme.subscriptions())[0]['id']}"
    shop.between.loses_next_write = True
    shop.between.always["GET", path] = DOWN
    await fails(acme, 503, "stripe_unavailable")
    await shop.turn(days=21)
    assert await rows(shop) == 1
    shop.between.always.clear()
    await the_job_has_been(shop)
    found = await at_stripe(acme)
    assert found["cancel_at_period_end"] is True


async def test_ended_meanwhile_there_is_nothing_to_set(acme: Organization) -> None:
    await left_to_the_job(acme)
    assert await acme.done("subscription-cancel", immediately=True) == {}
    await the_job_has_been(acme.shop)
    assert [one["status"] for one in await acme.subscriptions()] == ["canceled"]


@pytest.mark.parametrize(("wanted", "status"), [("Starter", 502), ("Scale", 402), ("Scale", 503)])
async def test_an_end_that_stands_in_a_schedule_outlasts_it_too(acme: Organization, wanted: str, status: int) -> None:
    shop = acme.shop
    await acme.done("subscription-cancel")
    subscription = await at_stripe(acme)
    await shop.context.stripe.create("subscription_schedule", {"from_subscription": subscription["id"]})
    await shop.settle()
    if wanted == "Starter":
        shop.between.script = PatternScript({("POST", SCHEDULES): [NO] * 5})
    elif status == 402:
        await shop.stripe(f"customers/{(await acme.info())['customerId']}/card", {"card": "4000000000000341"})
    else:
        shop.between.script["POST", f"/v1/subscriptions/{subscription['id']}"] = [DOWN]
    answer = await acme.ask("subscription-update", **await acme.plan(wanted))
    assert answer.status_code == status, answer.text
    assert (await end_of(acme))[1] == subscription["cancel_at"]
    await shop.settle()
    assert ((await acme.info())["cancelAtPeriodEnd"], await rows(shop)) == (True, 0)
    shop.between.script = {}
    await shop.turn(days=32)
    assert [one["status"] for one in await acme.subscriptions()] == ["canceled"]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_fails_it_ends_or_changes(acme: Organization, seed: int) -> None:
    """Stripe fails three calls of four, two callers ask: one of the two things that were asked for comes of it."""
    shop = acme.shop
    await acme.done("subscription-cancel")
    await shop.settle()
    starter = await acme.plan("Starter")
    await shop.stripe("faults", {"apiErrors": 0.75, "seed": seed, "apiTimeoutSeconds": 0.2})
    answers = await asyncio.gather(*(acme.ask("subscription-update", **starter) for _ in range(2)))
    await shop.stripe("faults", {})
    await shop.settle()
    await the_job_has_been(shop)
    ends_by_itself = (await acme.info())["cancelAtPeriodEnd"]
    if any(answer.status_code == 200 for answer in answers):
        assert ends_by_itself is False
    await shop.turn(days=32)
    expected = [] if ends_by_itself else ["1 shop", "500 orders a month", "E-mail support"]
    assert await acme.features() == expected


async def test_twenty_callers_of_which_some_are_refused(acme: Organization) -> None:
    shop = acme.shop
    await acme.done("subscription-cancel")
    await shop.settle()
    starter = await acme.plan("Starter")
    shop.between.script = PatternScript({("POST", SCHEDULE): [DOWN] * 5, ("POST", SCHEDULES): [DOWN] * 3})
    answers = await asyncio.gather(*(acme.ask("subscription-update", **starter) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {200, 409, 502, 503}
    await shop.settle()
    assert (await acme.update("Starter"))["status"] == "scheduled"
    await the_job_has_been(shop)
    assert (await acme.info())["cancelAtPeriodEnd"] is False
    await shop.turn(days=32)
    assert [one["amountPaid"] for one in await acme.invoices()] == [9900, 2900]


async def test_an_answer_that_nobody_understands_is_not_asked_for_every_second(database: str) -> None:
    async with open_shop(database, with_worker=False) as shop:
        acme = await make_organization(shop)
        await shop.pay(await acme.session("Growth"))
        await shop.stripe("clock/advance", {"seconds": 2})
        await acme.done("subscription-cancel")
        subscription_id = (await acme.subscriptions())[0]["id"]
        odd = Answer(200, {"object": "subscription", "id": subscription_id})
        shop.between.loses_next_write = True
        shop.between.always["GET", f"/v1/subscriptions/{subscription_id}"] = odd
        await fails(acme, 503, "stripe_unavailable")
        (job,) = restore_cancellation_jobs(shop.context)
        assert job.due is not None
        assert await job.due(shop.context.now()) == []
        assert await job.due(shop.context.now() + timedelta(minutes=1)) == [subscription_id]
        for said in (odd, DOWN):
            shop.between.always["GET", f"/v1/subscriptions/{subscription_id}"] = said
            await job.run(subscription_id)
            assert await job.due(shop.context.now() + timedelta(seconds=50)) == []
            assert await job.due(shop.context.now() + timedelta(minutes=2)) == [subscription_id]
        shop.between.always.clear()
        await job.run(subscription_id)
        assert ((await end_of(acme))[0], await rows(shop)) == (True, 0)
        # Handed out twice, it does nothing more.
        writes = len(shop.between.writes())
        await job.run(subscription_id)
        assert len(shop.between.writes()) == writes
