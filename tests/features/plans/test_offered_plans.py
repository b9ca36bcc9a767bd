"""What an organisation is offered: what is on sale, and what it has, though nobody else can buy that any more."""

from dataclasses import replace

import pytest
import pytest_asyncio
from tests.support.face import assert_error
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, open_shop

from licet.catalog.core import Catalog
from licet.catalog.file import EXAMPLE, read_catalog
from licet.catalog.push import push_catalog

CATALOG = read_catalog(EXAMPLE)


@pytest_asyncio.fixture
async def acme(shop: Shop) -> Organization:
    return await make_organization(shop)


def without(name: str) -> Catalog:
    return replace(CATALOG, products=tuple(one for one in CATALOG.products if one.name != name))


def dearer(name: str) -> Catalog:
    """The same with one product's only price raised, so that the price before it is archived."""
    return replace(
        CATALOG,
        products=tuple(
            replace(one, prices=(replace(one.prices[0], amount=one.prices[0].amount + 1000),))
            if one.name == name
            else one
            for one in CATALOG.products
        ),
    )


async def sell(shop: Shop, catalog: Catalog) -> None:
    await push_catalog(catalog, shop.context.pool, shop.context.stripe)
    await shop.settle()


async def test_a_price_that_is_archived_is_still_its_own(acme: Organization) -> None:
    await acme.subscribe("Growth")
    own = await acme.plan("Growth")
    await sell(acme.shop, dearer("Growth"))
    starter, growth, scale = await acme.plans()
    assert (growth["isCurrent"], growth["currentPriceId"]) == (True, own["priceId"])
    assert [(one["amount"], one["change"]) for one in growth["prices"]] == [(10900, "upgrade"), (9900, "same")]
    # It takes its end back by it, and previews it.
    await acme.done("subscription-cancel")
    shown = await acme.done("subscription-preview", **own)
    assert (shown["status"], shown["prorationAmount"]) == ("unchanged", 0)
    changed = await acme.done("subscription-update", **own, quoteId=shown["quoteId"])
    assert changed["status"] == "unchanged"
    assert (await acme.info())["cancelAtPeriodEnd"] is False
    # To anybody else it is not there.
    other = await make_organization(acme.shop, "other")
    assert [len(plan["prices"]) for plan in await other.plans()] == [1, 1, 1]
    assert_error(await other.ask("subscription-checkout", **own), 422, "invalid_price")
    await other.subscribe("Starter")
    for verb in ("subscription-preview", "subscription-update"):
        assert_error(await other.ask(verb, **own), 422, "invalid_price")
    # Nor to itself, once it has another.
    await acme.done("subscription-update", productId=own["productId"], priceId=growth["prices"][0]["priceId"])
    assert_error(await acme.ask("subscription-update", **own), 422, "invalid_price")
    assert starter["isCurrent"] is scale["isCurrent"] is False


async def test_a_plan_that_is_archived_is_still_its_own(acme: Organization) -> None:
    await acme.subscribe("Growth")
    own = await acme.plan("Growth")
    await sell(acme.shop, without("Growth"))
    # In its place.
    assert [(one["name"], one["isCurrent"]) for one in await acme.plans()] == [
        ("Starter", False),
        ("Growth", True),
        ("Scale", False),
    ]
    assert (await acme.update("Growth"))["status"] == "unchanged"
    assert (await acme.done("subscription-preview", **own))["status"] == "unchanged"
    assert (await acme.update("Scale"))["status"] == "updated"
    assert [one["name"] for one in await acme.plans()] == ["Starter", "Scale"]
    assert_error(await acme.ask("subscription-update", **own), 422, "invalid_product")
    other = await make_organization(acme.shop, "other")
    assert [one["name"] for one in await other.plans()] == ["Starter", "Scale"]
    assert_error(await other.ask("subscription-checkout", **own), 422, "invalid_product")


async def test_who_has_a_plan_is_told_so_whatever_is_chosen(acme: Organization) -> None:
    await acme.subscribe("Growth")
    own = await acme.plan("Growth")
    await sell(acme.shop, without("Growth"))
    (subscription,) = await acme.subscriptions()
    for choice in (own, {"productId": "prod_nobody", "priceId": "price_nobody"}):
        error = assert_error(await acme.ask("subscription-checkout", **choice), 409, "subscription_exists")
        assert error["details"] == {"subscriptionId": subscription["id"]}


@pytest.mark.parametrize("verb", ["subscription-preview", "subscription-update"])
async def test_an_archived_price_that_has_given_way_meanwhile(database: str, verb: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        acme = await make_organization(shop)
        session = await acme.subscribe("Growth")
        await shop.client.post(f"{shop.url}/payment/subscription-process", params={"secret": session})
        own = await acme.plan("Growth")
        await acme.update("Starter")
        await sell(shop, dearer("Growth"))
        # No event tells us that the period has turned, and that what waited is billed by now.
        await shop.turn(days=32)
        assert_error(await acme.ask(verb, **own), 422, "invalid_price")
        assert (await acme.info())["activePriceId"] == (await acme.plan("Starter"))["priceId"]


async def test_a_trial_is_offered_until_it_was_had(acme: Organization) -> None:
    async def days() -> dict[str, int]:
        return {one["name"]: one["prices"][0]["trialDays"] for one in await acme.plans()}

    assert await days() == {"Starter": 0, "Growth": 0, "Scale": 14}
    await acme.subscribe("Scale")
    assert (await days())["Scale"] == 0
    await acme.done("subscription-cancel", immediately=True)
    assert (await days())["Scale"] == 0
    # As the list says, so it is.
    session = await acme.subscribe("Scale")
    assert (await acme.info())["subscriptionStatus"] == "active"
    at_stripe = await acme.shop.context.stripe.retrieve("checkout.session", session)
    assert at_stripe is not None
    assert at_stripe["amount_total"] == 29900
    assert (await (await make_organization(acme.shop, "other")).plans())[2]["prices"][0]["trialDays"] == 14
