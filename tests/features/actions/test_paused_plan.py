"""A change of plan is refused while the subscription, or the collection of its payments, is paused."""

from typing import Any

import pytest
import pytest_asyncio
from tests.support.face import assert_error
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, open_shop

STARTER, GROWTH, SCALE = 2900, 9900, 29900
BEHAVIORS = ("void", "keep_as_draft", "mark_uncollectible")
VERBS = ("subscription-preview", "subscription-update")


@pytest_asyncio.fixture
async def acme(shop: Shop) -> Organization:
    return await make_organization(shop)


async def subscribe(acme: Organization, name: str) -> str:
    """Subscribes to a plan; returns the subscription's id."""
    await acme.subscribe(name)
    subscription_id: str = (await acme.subscriptions())[0]["id"]
    return subscription_id


async def pause_collection(acme: Organization, subscription_id: str, behavior: str) -> None:
    pause: Any = {"behavior": behavior} if behavior else ""
    await acme.shop.context.stripe.update("subscription", subscription_id, {"pause_collection": pause})
    await acme.shop.settle()


async def assert_refused(acme: Organization, code: str, subscription_id: str, **choice: str) -> None:
    """Preview and update are refused alike, and nothing is written at Stripe."""
    writes = acme.shop.between.writes()
    for verb in VERBS:
        error = assert_error(await acme.ask(verb, **choice), 409, code)
        assert error["details"] == {"subscriptionId": subscription_id}
    assert acme.shop.between.writes() == writes


@pytest.mark.parametrize("behavior", BEHAVIORS)
async def test_an_upgrade_that_was_quoted_before(acme: Organization, behavior: str) -> None:
    subscription_id = await subscribe(acme, "Starter")
    growth = await acme.plan("Growth")
    quote = (await acme.done("subscription-preview", **growth))["quoteId"]
    await pause_collection(acme, subscription_id, behavior)
    assert_error(await acme.ask("subscription-update", **growth, quoteId=quote), 409, "collection_paused")
    await assert_refused(acme, "collection_paused", subscription_id, **growth)
    assert [one["amountPaid"] for one in await acme.invoices()] == [STARTER]
    await pause_collection(acme, subscription_id, "")
    changed = await acme.done("subscription-update", **growth)
    assert changed["status"] == "updated"
    assert changed["prorationAmount"] > 0


@pytest.mark.parametrize("downgrade", ["period_end", "immediate"])
async def test_a_downgrade(database: str, downgrade: str) -> None:
    async with open_shop(database, downgrade=downgrade) as shop:
        acme = await make_organization(shop)
        subscription_id = await subscribe(acme, "Growth")
        await pause_collection(acme, subscription_id, "void")
        await assert_refused(acme, "collection_paused", subscription_id, **await acme.plan("Starter"))


async def test_a_change_in_a_trial(acme: Organization) -> None:
    subscription_id = await subscribe(acme, "Scale")
    await pause_collection(acme, subscription_id, "void")
    await assert_refused(acme, "collection_paused", subscription_id, **await acme.plan("Growth"))


async def test_a_pause_that_licet_has_not_heard_of(acme: Organization) -> None:
    subscription_id = await subscribe(acme, "Starter")
    await acme.shop.stripe("faults", {"drop": 1.0})
    await pause_collection(acme, subscription_id, "void")
    await assert_refused(acme, "collection_paused", subscription_id, **await acme.plan("Growth"))


async def test_an_end_of_the_pause_that_licet_has_not_heard_of(acme: Organization) -> None:
    subscription_id = await subscribe(acme, "Starter")
    await pause_collection(acme, subscription_id, "void")
    await acme.shop.stripe("faults", {"drop": 1.0})
    await pause_collection(acme, subscription_id, "")
    assert (await acme.update("Growth"))["status"] == "updated"


@pytest.mark.parametrize(("name", "to"), [("Starter", "Growth"), ("Growth", "Starter")])
async def test_a_paused_subscription(acme: Organization, name: str, to: str) -> None:
    subscription_id = await subscribe(acme, name)
    await acme.shop.context.stripe.act("subscription", subscription_id, "pause", {"type": "subscription"})
    await acme.shop.settle()
    await assert_refused(acme, "subscription_paused", subscription_id, **await acme.plan(to))
    await acme.shop.context.stripe.act("subscription", subscription_id, "resume")
    await acme.shop.settle()
    assert (await acme.done("subscription-preview", **await acme.plan(to)))["status"] in ("updated", "scheduled")
