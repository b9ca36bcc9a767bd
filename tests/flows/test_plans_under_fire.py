"""Changes of plan under fire: many callers at once, answers lost, events late, what is bought beside the plan."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest_asyncio
from tests.support.face import assert_error
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, open_shop
from tests.support.stripe_proxy import Answer, stripe_error

from licet.actions.subscriptions.cancel import cancellation_jobs
from licet.actions.subscriptions.schedule_release import schedule_release_jobs
from licet.kit.cause import Cause
from licet.stripe_events import sync

TOO_MANY = ((409, "subscription_changing"), (503, "stripe_unavailable"))
"""What the last of twenty may be told: that others were quicker each time, or that its own time was up meanwhile."""


@pytest_asyncio.fixture
async def acme(shop: Shop) -> AsyncIterator[Organization]:
    yield await make_organization(shop)


async def passes(shop: Shop, **by: float) -> None:
    """Time passes, and no event of it arrives."""
    await shop.stripe("faults", {"drop": 1})
    await shop.stripe("clock/advance", {"seconds": int(timedelta(**by).total_seconds())})


async def at_once(acme: Organization, **end: Any) -> list[Any]:
    """Twenty callers who want four different things of one subscription."""
    (subscription,) = await acme.subscriptions()
    resume = f"/api/billing/subscriptions/{subscription['id']}/resume"
    starter, scale = await acme.plan("Starter"), await acme.plan("Scale")
    calls = []
    for _ in range(5):
        calls += [
            acme.ask("subscription-cancel", **end),
            acme.shop.api("POST", resume, key=acme.key),
            acme.ask("subscription-update", **starter),
            acme.ask("subscription-update", **scale),
        ]
    answers = await asyncio.gather(*calls)
    await acme.shop.settle()
    return list(answers)


async def test_twenty_callers_cancel_resume_and_change_it(acme: Organization) -> None:
    await acme.subscribe("Growth")
    for answer in await at_once(acme):
        if answer.status_code != 200:
            assert (answer.status_code, answer.json()["code"]) in TOO_MANY
    (subscription,) = await acme.subscriptions()
    at_stripe = await acme.shop.context.stripe.retrieve("subscription", subscription["id"])
    assert at_stripe is not None
    info = await acme.info()
    assert info["activePriceId"] == at_stripe["items"]["data"][0]["price"]["id"]
    assert info["cancelAtPeriodEnd"] == (at_stripe["cancel_at"] is not None)
    # Up is paid once: from Growth to Scale, whichever of the twenty did it.
    assert len([one for one in await acme.invoices() if one["amountPaid"] > 0]) == 2
    # Whatever came of it, it obeys the next one.
    assert (await acme.update("Scale"))["status"] in ("unchanged", "updated")
    assert (await acme.info())["cancelAtPeriodEnd"] is False


async def test_twenty_callers_while_it_is_ended_at_once(acme: Organization) -> None:
    await acme.subscribe("Growth")
    for answer in await at_once(acme, immediately=True):
        if answer.status_code != 200:
            assert (answer.status_code, answer.json()["code"]) in (
                (404, "no_subscription"),
                (409, "cancellation_under_way"),
                (409, "subscription_ended"),
                *TOO_MANY,
            )
    assert [one["status"] for one in await acme.subscriptions()] == ["canceled"]
    assert await acme.features() == []


async def test_who_is_overtaken_every_time_is_told_so(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Growth")
    (subscription,) = await acme.subscriptions()
    path = f"/v1/subscriptions/{subscription['id']}"
    # Stripe refuses, and each time it is asked what there is, that is something else.
    shop.between.always["POST", path] = Answer(400, stripe_error("It is managed by a schedule."))
    said = await shop.context.stripe.retrieve("subscription", subscription["id"])
    assert said is not None
    shop.between.script["GET", path] = [
        Answer(200, {**said, "metadata": {}, "trial_end": said["start_date"] + number, "canceled_at": None})
        for number in range(1, 12)
    ]
    assert_error(await acme.ask("subscription-cancel"), 409, "subscription_changing")


async def test_a_refusal_is_asked_about_again_where_others_changed_it_there_and_back(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Growth")
    (subscription,) = await acme.subscriptions()
    path = f"/v1/subscriptions/{subscription['id']}"
    said = await shop.context.stripe.retrieve("subscription", subscription["id"])
    assert said is not None
    # What is read each time differs in what does not matter here, as after a change there and back.
    shop.between.always["POST", path] = Answer(400, stripe_error("It is managed by a schedule."))
    shop.between.script["GET", path] = [Answer(200, {**said, "metadata": {"was": str(number)}}) for number in range(9)]
    writes = len(shop.between.writes())
    assert_error(await acme.ask("subscription-cancel"), 502, "stripe_error")
    assert shop.between.writes()[writes:] == [f"POST {path}"] * 3
    # The last of them was refused no more.
    shop.between.always.clear()
    shop.between.script["POST", path] = [Answer(400, stripe_error("It is managed by a schedule."))] * 2
    assert await acme.done("subscription-cancel") == {}


async def test_a_refusal_that_nothing_explains_is_told_at_once(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Growth")
    (subscription,) = await acme.subscriptions()
    path = f"/v1/subscriptions/{subscription['id']}"
    shop.between.always["POST", path] = Answer(400, stripe_error("No."))
    writes = len(shop.between.writes())
    assert_error(await acme.ask("subscription-cancel"), 502, "stripe_error")
    assert_error(await acme.ask("subscription-update", **await acme.plan("Scale")), 502, "stripe_error")
    assert shop.between.writes()[writes:] == [f"POST {path}"] * 2


async def test_a_smaller_plan_leaves_what_was_bought_beside_it(acme: Organization) -> None:
    shop = acme.shop
    await shop.buy(acme.id, "Shopify Connector", "Growth")
    await shop.settle()
    changed = await acme.update("Starter")
    writes = len(shop.between.writes())
    assert await acme.update("Starter") == changed
    assert len(shop.between.writes()) == writes
    await shop.turn(days=32)
    (subscription,) = await acme.subscriptions()
    assert {one["productName"] for one in subscription["items"]} == {"Shopify Connector", "Starter"}
    assert (await shop.license(acme.id))["status"] == "active"
    assert [one["amountPaid"] for one in await acme.invoices()] == [14900 + 9900, 14900 + 2900]


async def test_a_discount_and_a_new_card_outlast_the_change(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Growth")
    (subscription,) = await acme.subscriptions()
    coupon = await shop.context.stripe.create("coupon", {"percent_off": 50, "duration": "forever"})
    await shop.context.stripe.update("subscription", subscription["id"], {"discounts": [{"coupon": coupon["id"]}]})
    await shop.settle()
    await acme.update("Starter")
    card = {"paymentMethodId": "pm_card_mastercard", "setDefault": True}
    added = await shop.api("POST", "/api/billing/payment-methods", key=acme.key, json=card)
    assert added.status_code == 201, added.text
    for _ in range(2):
        await shop.turn(days=32)
        assert (await acme.invoices())[-1]["amountPaid"] == 1450
        assert (await acme.info())["defaultCardBrand"] == "mastercard"


async def test_down_after_an_upgrade_whose_answer_was_lost(acme: Organization) -> None:
    """The job that sees to the lost one does not drop what was asked for since."""
    shop = acme.shop
    await acme.subscribe("Growth")
    await acme.update("Starter")
    shop.between.loses_next_write = True
    assert_error(await acme.ask("subscription-update", **await acme.plan("Scale")), 503, "stripe_unavailable")
    await shop.settle()
    assert (await acme.update("Starter"))["status"] == "scheduled"
    assert "Unlimited shops" in await acme.features()
    await shop.turn(seconds=90)
    await shop.turn(days=32)
    assert (await acme.invoices())[-1]["amountPaid"] == 2900


async def test_an_end_that_stands_in_a_schedule_is_taken_back(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Growth")
    for wanted, status in (("Starter", "scheduled"), ("Growth", "unchanged"), ("Scale", "updated")):
        await acme.done("subscription-cancel")
        (subscription,) = await acme.subscriptions()
        await shop.context.stripe.create("subscription_schedule", {"from_subscription": subscription["id"]})
        await shop.settle()
        assert (await acme.update(wanted))["status"] == status
        assert (await acme.info())["cancelAtPeriodEnd"] is False
    await shop.turn(days=32)
    assert (await acme.info())["subscriptionStatus"] == "active"


async def test_a_trial_that_is_over_unheard_of_gives_nothing_away(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Scale")
    await acme.update("Starter")
    await passes(shop, days=15)
    assert (await acme.info())["subscriptionStatus"] == "trialing"
    said = await acme.done("subscription-preview", **await acme.plan("Scale"))
    changed = await acme.update("Scale", quoteId=said["quoteId"])
    assert changed["prorationAmount"] == said["prorationAmount"] > 20000


async def test_down_after_a_renewal_that_we_have_not_heard_of(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Growth")
    await passes(shop, days=32)
    for verb in ("subscription-preview", "subscription-update"):
        changed = await acme.done(verb, **await acme.plan("Starter"))
        assert changed["status"] == "scheduled"
        assert changed["effectiveAt"] == (await acme.info())["currentPeriodEnd"]
    await shop.stripe("faults", {})
    await shop.turn(days=32)
    assert (await acme.invoices())[-1]["amountPaid"] == 2900


async def test_no_plan_is_changed_to_another_currency(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Starter")
    growth = (await acme.plan("Growth"))["productId"]
    recurring = {"currency": "eur", "unit_amount": 9000, "recurring": {"interval": "month"}}
    euros = await shop.context.stripe.create("price", {"product": growth, **recurring})
    await shop.settle()
    await shop.context.pool.execute("UPDATE prices SET position = 9 WHERE stripe_price_id = $1", euros["id"])
    for verb in ("subscription-preview", "subscription-update"):
        answer = await acme.ask(verb, productId=growth, priceId=euros["id"])
        assert assert_error(answer, 422, "mixed_currencies")["details"] == {"priceId": euros["id"]}


async def test_an_empty_address_is_none(acme: Organization) -> None:
    plan = await acme.plan("Starter")
    for verb, field, body in (
        ("subscription-checkout", "successUrl", plan),
        ("subscription-checkout", "cancelUrl", plan),
        ("customer-portal", "returnUrl", {}),
    ):
        error = assert_error(await acme.ask(verb, **{field: ""}, **body), 422, "invalid_redirect_url")
        assert error["details"] == {"field": field}


async def test_one_key_for_two_organisations_and_two_callers_is_four_checkouts(acme: Organization) -> None:
    shop = acme.shop
    other = await make_organization(shop, "other")
    plan = await acme.plan("Starter")

    async def started(organization: Organization, key: str) -> str:
        body = {"organizationId": organization.name, **plan}
        headers = {"Idempotency-Key": "the same"}
        answer = await shop.api("POST", "/payment/subscription-checkout", key=key, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        url: str = answer.json()["url"]
        return url

    def all_four() -> Iterator[Any]:
        for organization in (acme, other):
            for key in (organization.key, shop.operator_key):
                yield started(organization, key)

    urls = await asyncio.gather(*all_four())
    assert len(set(urls)) == 4
    assert await asyncio.gather(*all_four()) == urls


async def test_what_ended_unheard_of_is_not_changed(acme: Organization) -> None:
    shop = acme.shop
    growth = await acme.plan("Growth")
    for verb in ("subscription-preview", "subscription-update"):
        await acme.subscribe("Starter")
        (subscription,) = (await shop.get("/api/billing/subscriptions", key=acme.key))["data"]
        await shop.stripe("faults", {"drop": 1})
        await shop.context.stripe.delete("subscription", subscription["id"])
        assert (await acme.info())["subscriptionStatus"] == "active"
        assert_error(await acme.ask(verb, **growth), 404, "no_subscription")
        assert await acme.features() == []
        await shop.stripe("faults", {})


async def test_down_at_once_gives_no_credit_for_what_was_not_paid(database: str) -> None:
    async with open_shop(database, downgrade="immediate") as shop:
        acme = await make_organization(shop)
        await acme.subscribe("Growth")
        customer = (await acme.info())["customerId"]
        await shop.stripe(f"customers/{customer}/card", {"card": "4000000000000341"})
        await shop.turn(days=31, hours=2)
        starter = await acme.plan("Starter")
        said = await acme.done("subscription-preview", **starter)
        changed = await acme.update("Starter", quoteId=said["quoteId"])
        assert (changed["status"], said["prorationAmount"], changed["prorationAmount"]) == ("updated", 0, 0)
        at_stripe = await shop.context.stripe.retrieve("customer", customer)
        assert at_stripe is not None
        assert at_stripe["balance"] == 0
        await shop.settle()
        # It still owes what it owed.
        assert (await acme.info())["subscriptionStatus"] == "past_due"
        assert [(one["status"], one["amountDue"]) for one in await acme.invoices()] == [("paid", 9900), ("open", 9900)]


async def test_an_answer_that_nobody_understands_is_not_asked_for_every_second(database: str) -> None:
    async with open_shop(database, with_worker=False) as shop:
        acme = await make_organization(shop)
        session = await acme.session("Growth")
        await shop.pay(session)
        await shop.stripe("clock/advance", {"seconds": 2})
        await acme.update("Starter")
        (subscription,) = await acme.subscriptions()
        path = f"/v1/subscriptions/{subscription['id']}"
        odd = Answer(200, {"object": "subscription", "id": subscription["id"]})
        shop.between.always["POST", path] = odd
        assert_error(await acme.ask("subscription-update", **await acme.plan("Scale")), 500, "internal_error")
        shop.between.always |= dict.fromkeys([("GET", path), ("DELETE", path)], odd)
        assert_error(await acme.ask("subscription-cancel", immediately=True), 500, "internal_error")
        for job in (*schedule_release_jobs(shop.context), *cancellation_jobs(shop.context)):
            assert job.due is not None
            in_a_minute = shop.context.now() + timedelta(minutes=1)
            assert await job.due(in_a_minute) == [subscription["id"]]
            await job.run(subscription["id"])
            assert await job.due(shop.context.now() + timedelta(seconds=10)) == []
            assert await job.due(shop.context.now() + timedelta(minutes=2)) == [subscription["id"]]


async def test_who_reads_what_another_has_just_read_does_not_ask_again(database: str) -> None:
    async with open_shop(database, with_worker=False) as shop:
        acme = await make_organization(shop)
        await shop.pay(await acme.session("Growth"))
        await shop.stripe("clock/advance", {"seconds": 2})
        (subscription,) = await acme.subscriptions()
        cause = Cause("api_call", "test")
        path = f"/v1/subscriptions/{subscription['id']}"
        before = len([one for one in shop.between.seen if one.path == path])
        revision = await sync.baseline(shop.context, subscription["id"])
        found = await shop.context.stripe.retrieve("subscription", subscription["id"])
        assert found is not None
        await sync.read(shop.context, shop.context.stripe, "subscription", subscription["id"], cause)
        await sync.apply_answer(shop.context, "subscription", found, revision, cause)
        assert len([one for one in shop.between.seen if one.path == path]) == before + 2
