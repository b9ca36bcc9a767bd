"""A price that is archived is paid on by who has it: no change waits for the end of its period, all else can be had."""

import pytest
import pytest_asyncio
from tests.support.face import assert_error
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, open_shop
from tests.support.stripe_proxy import Answer, stripe_error

STARTER, GROWTH, SCALE = 2900, 9900, 29900


async def archive(acme: Organization, name: str = "Growth") -> None:
    await acme.shop.context.stripe.update("price", (await acme.plan(name))["priceId"], {"active": False})
    await acme.shop.settle()


@pytest_asyncio.fixture
async def acme(shop: Shop) -> Organization:
    acme = await make_organization(shop)
    await acme.subscribe("Growth")
    return acme


async def at_stripe(acme: Organization) -> tuple[bool, str | None]:
    found = await acme.shop.context.stripe.retrieve("subscription", (await acme.subscriptions())[0]["id"])
    assert found is not None
    return found["cancel_at_period_end"], found["schedule"]


@pytest.mark.parametrize("ends", [False, True])
async def test_down_it_says_what_can_be_done(acme: Organization, ends: bool) -> None:
    growth, starter = await acme.plan("Growth"), await acme.plan("Starter")
    if ends:
        await acme.done("subscription-cancel")
    await archive(acme)
    before = await at_stripe(acme)
    # Whether Stripe lets it wait cannot be asked.
    assert (await acme.done("subscription-preview", **starter))["status"] == "scheduled"
    error = assert_error(await acme.ask("subscription-update", **starter), 409, "price_archived")
    (subscription,) = await acme.subscriptions()
    assert error["details"] == {"subscriptionId": subscription["id"], "priceId": growth["priceId"]}
    assert (await at_stripe(acme), (await acme.info())["cancelAtPeriodEnd"]) == (before, ends)
    await acme.shop.settle()
    assert await acme.shop.context.pool.fetchval("SELECT count(*) FROM ends_taken_back") == 0


async def test_up_it_can_be_had(acme: Organization) -> None:
    await archive(acme)
    assert (await acme.update("Scale"))["status"] == "updated"
    # And from there down, as ever.
    assert (await acme.update("Starter"))["status"] == "scheduled"


async def test_it_can_be_ended_and_another_be_had(acme: Organization) -> None:
    await archive(acme)
    await acme.done("subscription-cancel")
    await acme.shop.turn(days=32)
    await acme.subscribe("Starter")
    assert "1 shop" in await acme.features()


async def test_at_once_it_can_be_had(database: str) -> None:
    async with open_shop(database, downgrade="immediate") as shop:
        acme = await make_organization(shop)
        await acme.subscribe("Growth")
        await archive(acme)
        assert (await acme.update("Starter"))["status"] == "updated"


async def test_what_waits_already_waits_on_and_can_still_be_cancelled(acme: Organization) -> None:
    await acme.update("Starter")
    await archive(acme)
    schedule = (await at_stripe(acme))[1]
    assert (await acme.update("Starter"))["status"] == "scheduled"
    assert (await at_stripe(acme))[1] == schedule
    assert await acme.done("subscription-cancel") == {}
    await acme.shop.turn(days=32)
    assert [one["status"] for one in await acme.subscriptions()] == ["canceled"]
    assert [one["amountPaid"] for one in await acme.invoices()] == [GROWTH]


@pytest.mark.parametrize("param", ["phases[1][items][0][price]", "phases[0][items][0][tax_rates]", None])
async def test_what_else_stripe_refuses_is_told_as_that(acme: Organization, param: str | None) -> None:
    said = {} if param is None else {"param": param}
    refused = Answer(400, stripe_error("That is wrong.", **said))
    acme.shop.between.script["POST", "/v1/subscription_schedules"] = [refused] * 5
    assert_error(await acme.ask("subscription-update", **await acme.plan("Starter")), 502, "stripe_error")
