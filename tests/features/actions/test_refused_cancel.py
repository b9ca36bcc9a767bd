"""A cancellation that is refused or not answered leaves a downgrade where it was: it goes for an end alone."""

from typing import Any

import pytest
import pytest_asyncio
from tests.support.face import assert_error
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, eventually, open_shop
from tests.support.stripe_proxy import Answer, PatternScript, stripe_error

DOWN = Answer(500, stripe_error("Down."), {"stripe-should-retry": "false"})
NO = Answer(400, stripe_error("No."))
INACTIVE = Answer(400, stripe_error("The price specified is inactive.", param="phases[0][items][0][price]"))

SCHEDULE = r"/v1/subscription_schedules/[^/]+"
SUBSCRIPTION = r"/v1/subscriptions/[^/]+"


@pytest_asyncio.fixture
async def acme(shop: Shop) -> Organization:
    """On Growth, with Starter waiting for the period's end."""
    acme = await make_organization(shop)
    await acme.subscribe("Growth")
    assert (await acme.update("Starter"))["status"] == "scheduled"
    await shop.settle()
    return acme


async def at_stripe(acme: Organization) -> tuple[Any, list[str]]:
    """When it ends, and what it is on, by the names of plans, phase by phase."""
    stripe = acme.shop.context.stripe
    found = await stripe.retrieve("subscription", (await acme.subscriptions())[0]["id"])
    assert found is not None
    if found["schedule"] is None:
        return found["cancel_at"], []
    schedule = await stripe.retrieve("subscription_schedule", found["schedule"])
    assert schedule is not None
    names = {(await acme.plan(name))["priceId"]: name for name in ("Starter", "Growth", "Scale")}
    return found["cancel_at"], [names[phase["items"][0]["price"]] for phase in schedule["phases"]]


async def releases(shop: Shop) -> int:
    found: int = await shop.context.pool.fetchval("SELECT count(*) FROM plan_releases")
    return found


async def renewed_on(acme: Organization, plan: str | None, amount: int) -> None:
    await acme.shop.turn(days=32)
    assert (await acme.info())["activePriceId"] == (plan and (await acme.plan(plan))["priceId"])
    assert [one["amountPaid"] for one in await acme.invoices()] == [9900, amount][: 1 if plan is None else 2]


async def test_it_goes_for_the_end(acme: Organization) -> None:
    shop = acme.shop
    writes = len(shop.between.writes())
    period_end = (await acme.info())["currentPeriodEnd"]
    assert await acme.done("subscription-cancel") == {}
    info = await acme.info()
    assert (info["cancelAtPeriodEnd"], info["currentPeriodEnd"]) == (True, period_end)
    # Ended and dropped in one call, and then let go of, so that Stripe's portal can take it back.
    assert [one.split("/")[-1] for one in shop.between.writes()[writes:]][1:] == ["release"]
    assert (await at_stripe(acme))[1] == []
    # Asked for again, nothing is.
    writes = len(shop.between.writes())
    assert await acme.done("subscription-cancel") == {}
    assert len(shop.between.writes()) == writes
    await renewed_on(acme, None, 0)


async def test_taken_back_again_it_goes_on_as_it_is(acme: Organization) -> None:
    await acme.done("subscription-cancel")
    path = f"/api/billing/subscriptions/{(await acme.subscriptions())[0]['id']}/resume"
    assert (await acme.shop.api("POST", path, key=acme.key)).status_code == 200
    assert await at_stripe(acme) == (None, [])
    await renewed_on(acme, "Growth", 9900)


@pytest.mark.parametrize("said", [NO, DOWN])
async def test_refused_or_not_answered_it_waits_on(acme: Organization, said: Answer) -> None:
    shop = acme.shop
    before = await at_stripe(acme)
    shop.between.script = PatternScript({("POST", SCHEDULE): [said] * 3})
    answer = await acme.ask("subscription-cancel")
    assert_error(answer, *((502, "stripe_error") if said is NO else (503, "stripe_unavailable")))
    shop.between.script = {}
    assert await at_stripe(acme) == before
    await shop.turn(seconds=60)

    async def settled() -> bool:
        return await releases(shop) == 0

    await eventually(settled)
    assert await at_stripe(acme) == before
    await renewed_on(acme, "Starter", 2900)


@pytest.mark.parametrize("call", ["the end", "the release", "the look"])
async def test_made_and_not_heard_of_it_ends(acme: Organization, call: str) -> None:
    shop = acme.shop
    if call == "the end":
        shop.between.loses_next_write = True
    elif call == "the look":
        shop.between.script = PatternScript({("GET", SUBSCRIPTION): [DOWN]})
    else:
        shop.between.script = PatternScript({("POST", f"{SCHEDULE}/release"): [DOWN]})
    assert_error(await acme.ask("subscription-cancel"), 503, "stripe_unavailable")
    assert ((await at_stripe(acme))[1], await releases(shop)) == (["Growth"], 1)
    shop.between.script = {}
    await shop.turn(seconds=60)

    async def let_go() -> bool:
        return await releases(shop) == 0

    await eventually(let_go)
    ends_at, phases = await at_stripe(acme)
    assert (ends_at is not None, phases) == (True, [])
    assert (await acme.info())["cancelAtPeriodEnd"] is True
    await renewed_on(acme, None, 0)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_fails_it_ends_or_changes(acme: Organization, seed: int) -> None:
    shop = acme.shop
    await shop.stripe("faults", {"apiErrors": 0.8, "seed": seed, "apiTimeoutSeconds": 0.2})
    answer = await acme.ask("subscription-cancel")
    await shop.stripe("faults", {})
    await shop.settle()
    await shop.turn(seconds=60)

    async def settled() -> bool:
        return await releases(shop) == 0

    await eventually(settled)
    ends = (await acme.info())["cancelAtPeriodEnd"]
    assert ends or answer.status_code != 200
    await renewed_on(acme, None if ends else "Starter", 2900)


@pytest.mark.parametrize(("then", "status"), [(None, 200), (DOWN, 503), (NO, 502)])
async def test_of_a_price_that_no_schedule_takes_any_more(acme: Organization, then: Answer | None, status: int) -> None:
    """A schedule is told what is bought now, too: then what waits is dropped first, and a job sees to the end."""
    shop = acme.shop
    script = {("POST", SCHEDULE): [INACTIVE] * 3, ("POST", SUBSCRIPTION): [] if then is None else [then] * 3}
    shop.between.script = PatternScript(script)
    answer = await acme.ask("subscription-cancel")
    assert answer.status_code == status, answer.text
    shop.between.script = {}
    await shop.turn(seconds=60)

    async def settled() -> bool:
        return bool(await shop.context.pool.fetchval("SELECT count(*) FROM ends_taken_back") == 0)

    await eventually(settled)
    ends_at, phases = await at_stripe(acme)
    assert (ends_at is not None, phases) == (then is not NO, [])


async def test_refused_at_once_what_waited_waits_again(acme: Organization) -> None:
    shop = acme.shop
    before, features = await at_stripe(acme), await acme.features()
    shop.between.script = PatternScript({("DELETE", SUBSCRIPTION): [NO]})
    assert_error(await acme.ask("subscription-cancel", immediately=True), 502, "stripe_error")
    assert (await at_stripe(acme), await acme.features()) == (before, features)
    # It is known here, too: the same again asks for nothing.
    writes = len(shop.between.writes())
    assert (await acme.update("Starter"))["status"] == "scheduled"
    assert len(shop.between.writes()) == writes
    await shop.settle()
    await renewed_on(acme, "Starter", 2900)


@pytest.mark.parametrize("path", ["/v1/subscription_schedules", SCHEDULE])
async def test_refused_at_once_by_a_stripe_that_then_goes_away(acme: Organization, path: str) -> None:
    """The refusal is what the caller is told; what could not be put back, the log."""
    script = {("DELETE", SUBSCRIPTION): [NO], ("POST", path): [DOWN]}
    acme.shop.between.script = PatternScript(script)
    assert_error(await acme.ask("subscription-cancel", immediately=True), 502, "stripe_error")
    assert (await acme.info())["subscriptionStatus"] == "active"


async def test_refused_at_once_an_end_in_a_schedule_stands_in_one_again(database: str) -> None:
    async with open_shop(database) as shop:
        acme = await make_organization(shop)
        await acme.subscribe("Growth")
        await acme.done("subscription-cancel")
        subscription_id = (await acme.subscriptions())[0]["id"]
        await shop.context.stripe.create("subscription_schedule", {"from_subscription": subscription_id})
        await shop.settle()
        before = await at_stripe(acme)
        shop.between.script = PatternScript({("DELETE", SUBSCRIPTION): [NO]})
        assert_error(await acme.ask("subscription-cancel", immediately=True), 502, "stripe_error")
        assert await at_stripe(acme) == before
        await renewed_on(acme, None, 0)


async def test_resumed_in_vain_the_end_stands(database: str) -> None:
    """One that stands in a schedule: that is let go of first, and keeps it."""
    async with open_shop(database) as shop:
        acme = await make_organization(shop)
        await acme.subscribe("Growth")
        await acme.done("subscription-cancel")
        subscription_id = (await acme.subscriptions())[0]["id"]
        await shop.context.stripe.create("subscription_schedule", {"from_subscription": subscription_id})
        await shop.settle()
        path = f"/api/billing/subscriptions/{subscription_id}/resume"
        shop.between.script = PatternScript({("POST", SUBSCRIPTION): [DOWN]})
        assert_error(await shop.api("POST", path, key=acme.key), 503, "stripe_unavailable")
        assert (await at_stripe(acme))[0] is not None
        assert (await shop.api("POST", path, key=acme.key)).json()["cancelAtPeriodEnd"] is False
        await renewed_on(acme, "Growth", 9900)


async def test_in_a_trial_it_ends_with_that_and_nothing_is_paid(shop: Shop) -> None:
    """A schedule that was made in Stripe's dashboard, of one in a trial: to say its phase again must not end that."""
    acme, stripe = await make_organization(shop), shop.context.stripe
    await acme.subscribe("Scale")
    subscription_id = (await acme.subscriptions())[0]["id"]
    schedule = await stripe.create("subscription_schedule", {"from_subscription": subscription_id})
    (phase,) = schedule["phases"]
    starter = {"items": [{"price": (await acme.plan("Starter"))["priceId"]}], "duration": {"interval": "month"}}
    now = {
        "items": [{"price": phase["items"][0]["price"]}],
        **{name: phase[name] for name in ("start_date", "end_date", "trial_end")},
    }
    await stripe.update("subscription_schedule", schedule["id"], {"phases": [now, starter]})
    await shop.settle()
    assert await acme.done("subscription-cancel") == {}
    assert (await acme.info())["subscriptionStatus"] == "trialing"
    await shop.turn(days=15)
    assert [one["status"] for one in await acme.subscriptions()] == ["canceled"]
    assert sum(one["amountPaid"] for one in await acme.invoices()) == 0
