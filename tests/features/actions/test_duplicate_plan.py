"""A plan is bought once: two sessions that are both paid make one subscription, and the other's money goes back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.support.face import assert_error
from tests.support.organization import make_organization
from tests.support.shop import Shop, eventually, open_shop
from tests.support.stripe_proxy import Answer, stripe_error

from licet.actions.plans.undo_duplicate import duplicate_plan_jobs

SUBSCRIPTIONS = "/api/billing/subscriptions"


async def subscriptions(shop: Shop, account: str) -> list[dict[str, Any]]:
    """All of the account's, the oldest first."""
    found = (await shop.get(SUBSCRIPTIONS, accountId=account, status="all"))["data"]
    pool = shop.context.pool
    made = {
        row["id"]: row["created_at"]
        for row in await pool.fetch("SELECT stripe_subscription_id AS id, created_at FROM subscriptions")
    }
    return sorted(found, key=lambda one: (made[one["id"]], one["id"]))


async def undone(shop: Shop) -> None:
    """Wait until what was found is undone."""

    async def nothing_left() -> bool:
        await shop.worker.hand_over_due()
        return bool(
            await shop.context.pool.fetchval(
                """
                SELECT count(*) > 0 AND bool_and(due_at IS NULL) AND NOT EXISTS (SELECT 1 FROM cancellations)
                FROM second_plans
                """
            )
        )

    for _ in range(3):
        await shop.turn(seconds=10)
    await eventually(nothing_left)
    await shop.settle()


async def refunds(shop: Shop) -> list[Any]:
    return list(await shop.context.pool.fetch("SELECT amount, currency, status FROM refunds"))


async def test_both_sessions_are_paid(shop: Shop) -> None:
    account = await shop.make_account()
    first, second = [await shop.checkout(account, "Growth") for _ in range(2)]
    for session in (first, second):
        assert (await shop.pay(session)).status_code == 200
    await undone(shop)
    kept, gone = await subscriptions(shop, account)
    assert (kept["status"], gone["status"]) == ("active", "canceled")
    assert [tuple(row) for row in await refunds(shop)] == [(9900, "usd", "succeeded")]
    orders = (await shop.get("/api/orders", accountId=account))["data"]
    assert sorted(order["status"] for order in orders) == ["paid", "refunded"]
    assert len(await shop.emails("welcome")) == 1
    error = assert_error(
        await shop.api(
            "POST",
            f"/api/billing/checkout?accountId={account}",
            json={
                "items": [{"productId": (await shop.product("Growth"))["id"], "quantity": 1}],
                "successUrl": "http://localhost/",
                "cancelUrl": "http://localhost/",
            },
        ),
        409,
        "already_subscribed",
    )
    assert error["details"]["subscriptionId"] == kept["id"]


async def test_at_the_same_time(shop: Shop) -> None:
    account = await shop.make_account()
    sessions = [await shop.checkout(account, "Starter") for _ in range(4)]
    await asyncio.gather(*(shop.pay(session) for session in sessions))
    await undone(shop)
    statuses = [one["status"] for one in await subscriptions(shop, account)]
    assert statuses == ["active", "canceled", "canceled", "canceled"]
    assert len(await refunds(shop)) == 3


async def test_in_a_trial_there_is_no_money_to_give_back(shop: Shop) -> None:
    account = await shop.make_account()
    sessions = [await shop.checkout(account, "Scale") for _ in range(2)]
    for session in sessions:
        await shop.pay(session)
    await undone(shop)
    assert [one["status"] for one in await subscriptions(shop, account)] == ["trialing", "canceled"]
    assert await refunds(shop) == []


@pytest.mark.parametrize("email", ["boss@acme.example", None])
async def test_the_operator_is_told(shop: Shop, email: str | None) -> None:
    # The jobs hold the settings of their start.
    object.__setattr__(shop.context.settings, "operator_email", email)
    account = await shop.make_account()
    for session in [await shop.checkout(account, "Growth") for _ in range(2)]:
        await shop.pay(session)
    await undone(shop)
    told = await shop.emails("duplicate_plan")
    if email is None:
        assert told == []
        return
    (mail,) = told
    assert mail["to"] == email
    text = (await shop.get(f"/api/admin/emails/{mail['id']}"))["text"]
    kept, gone = await subscriptions(shop, account)
    assert "Growth" in text
    assert f"Cancelled: {gone['id']}" in text
    assert f"Kept: {kept['id']}" in text


async def test_license_products_may_be_bought_again_and_other_plans_too(shop: Shop) -> None:
    account = await shop.make_account()
    for name in ("Shopify Connector", "Shopify Connector", "Starter", "Growth"):
        await shop.buy(account, name)
    await shop.settle()
    assert [one["status"] for one in await subscriptions(shop, account)] == ["active"] * 4
    assert await shop.context.pool.fetchval("SELECT count(*) FROM second_plans") == 0
    assert len(await shop.licenses(account)) == 2


async def test_bought_again_after_its_end(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Growth")
    await shop.settle()
    (first,) = await subscriptions(shop, account)
    await shop.api("POST", f"{SUBSCRIPTIONS}/{first['id']}/cancel", json={"cancelAtPeriodEnd": False})
    await shop.buy(account, "Growth")
    await shop.settle()
    assert [one["status"] for one in await subscriptions(shop, account)] == ["canceled", "active"]
    assert await shop.context.pool.fetchval("SELECT count(*) FROM second_plans") == 0


async def test_a_later_change_to_the_same_plan_undoes_nothing(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Starter")
    await shop.buy(account, "Growth")
    await shop.settle()
    starter, _ = await subscriptions(shop, account)
    growth = (await shop.product("Growth"))["prices"][0]["id"]
    at_stripe = await shop.context.stripe.retrieve("subscription", starter["id"])
    assert at_stripe is not None
    change = {"items": [{"id": at_stripe["items"]["data"][0]["id"], "price": growth}]}
    await shop.context.stripe.update("subscription", starter["id"], change)
    await shop.settle()
    assert [one["status"] for one in await subscriptions(shop, account)] == ["active", "active"]


async def test_what_an_operator_made_at_stripe_is_let_be(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Growth")
    await shop.settle()
    customer = (await shop.get(f"/api/admin/accounts/{account}"))["customerId"]
    growth = (await shop.product("Growth"))["prices"][0]["id"]
    (card,) = await shop.get("/api/billing/payment-methods", accountId=account)
    made = {"customer": customer, "items": [{"price": growth}], "default_payment_method": card["id"]}
    await shop.context.stripe.create("subscription", made)
    await shop.settle()
    assert [one["status"] for one in await subscriptions(shop, account)] == ["active", "active"]


async def test_the_later_one_goes_also_where_we_hear_of_it_first(shop: Shop) -> None:
    account = await shop.make_account()
    first, second = [await shop.checkout(account, "Growth") for _ in range(2)]
    await shop.stripe("faults", {"drop": 1})
    await shop.pay(first)
    await shop.stripe("faults", {})
    await shop.turn(seconds=2)
    await shop.pay(second)
    await shop.settle()
    (heard_of,) = await subscriptions(shop, account)
    assert heard_of["status"] == "active"
    dropped = (await shop.client.get(f"{shop.sandbox_url}/_sandbox/deliveries?state=dropped")).json()["data"]
    for delivery in dropped[::-1]:
        await shop.stripe(f"deliveries/{delivery['id']}/resend")
    await undone(shop)
    kept, gone = await subscriptions(shop, account)
    assert (kept["status"], gone["status"], gone["id"]) == ("active", "canceled", heard_of["id"])


async def job_done(shop: Shop) -> None:
    """Wait until the job has decided over all that was found."""

    async def decided() -> bool:
        await shop.worker.hand_over_due()
        return bool(
            await shop.context.pool.fetchval("SELECT NOT EXISTS (SELECT 1 FROM second_plans WHERE due_at IS NOT NULL)")
        )

    await eventually(decided)
    await shop.settle()


async def dropped(shop: Shop) -> list[dict[str, Any]]:
    """What was not delivered, the oldest first."""
    found = await shop.client.get(f"{shop.sandbox_url}/_sandbox/deliveries?state=dropped&limit=100")
    deliveries: list[dict[str, Any]] = found.json()["data"]
    return deliveries[::-1]


async def test_what_replaced_an_ended_one_stays_though_we_hear_of_the_end_last(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.stripe("faults", {"drop": 1})
    await shop.buy(account, "Growth")
    await shop.turn(seconds=2)
    (ended,) = [one async for one in shop.context.stripe.list_all("subscription")]
    late = await dropped(shop)
    await shop.context.stripe.delete("subscription", ended["id"])
    await shop.turn(seconds=2)
    await shop.stripe("faults", {})
    await shop.buy(account, "Growth")
    await shop.settle()
    # No read answers before all is told: it would show the first one as ended before it is known as a purchase.
    await shop.stripe("faults", {"apiErrors": 1.0})
    for delivery in late:
        await shop.stripe(f"deliveries/{delivery['id']}/resend")
    await shop.stripe("faults", {})
    await shop.turn(seconds=60)
    await job_done(shop)
    assert [one["status"] for one in await subscriptions(shop, account)] == ["canceled", "active"]
    assert await refunds(shop) == []
    assert await shop.emails("duplicate_plan") == []
    # Each was a purchase in its own time.
    assert len(await shop.emails("welcome")) == 2


async def test_another_plan_that_the_buyer_was_let_buy_stays(shop: Shop) -> None:
    acme = await make_organization(shop)
    await acme.subscribe("Starter")
    await shop.buy(acme.id, "Growth")
    await shop.settle()
    await job_done(shop)
    assert [one["status"] for one in await subscriptions(shop, acme.id)] == ["active", "active"]
    # The other way about it was not: who subscribes by /payment has one plan at a time.
    other = await make_organization(shop, "other")
    session = await other.session("Starter")
    await shop.buy(other.id, "Growth")
    await shop.turn(seconds=2)
    await shop.pay(session)
    await undone(shop)
    kept, gone = await subscriptions(shop, other.id)
    assert (kept["items"][0]["productName"], kept["status"]) == ("Growth", "active")
    assert (gone["items"][0]["productName"], gone["status"]) == ("Starter", "canceled")


async def test_all_that_was_paid_for_it_goes_back(shop: Shop) -> None:
    acme = await make_organization(shop)
    first, second = [await acme.session("Starter") for _ in range(2)]
    await shop.stripe("faults", {"drop": 1})
    await shop.pay(first)
    await shop.turn(seconds=2)
    unheard = await dropped(shop)
    await shop.stripe("faults", {})
    await shop.pay(second)
    await shop.settle()
    up = (await acme.update("Growth"))["prorationAmount"]
    await shop.settle()
    for delivery in unheard:
        await shop.stripe(f"deliveries/{delivery['id']}/resend")
    await undone(shop)
    assert [one["status"] for one in await subscriptions(shop, acme.id)] == ["active", "canceled"]
    assert sorted(row["amount"] for row in await refunds(shop)) == sorted([2900, up])


async def test_credit_that_it_used_up_goes_back_once(shop: Shop) -> None:
    acme = await make_organization(shop)
    first, second = [await acme.session("Starter") for _ in range(2)]
    await shop.stripe("faults", {"drop": 1})
    await shop.pay(first)
    await shop.turn(seconds=2)
    unheard = await dropped(shop)
    await shop.stripe("faults", {})
    await shop.pay(second)
    await shop.settle()
    customer = (await acme.info())["customerId"]
    await shop.context.stripe.update("customer", customer, {"balance": -5000})
    by_card = (await acme.update("Growth"))["prorationAmount"]
    assert by_card == 7000 - 5000
    await shop.settle()
    for delivery in unheard:
        await shop.stripe(f"deliveries/{delivery['id']}/resend")
    await undone(shop)
    assert sorted(row["amount"] for row in await refunds(shop)) == sorted([2900, by_card])
    at_stripe = await shop.context.stripe.retrieve("customer", customer)
    assert at_stripe is not None
    assert at_stripe["balance"] == -5000
    # Once more, as after a crash before it was written down.
    await shop.context.pool.execute("UPDATE second_plans SET due_at = found_at")
    await undone(shop)
    at_stripe = await shop.context.stripe.retrieve("customer", customer)
    assert at_stripe is not None
    assert at_stripe["balance"] == -5000
    assert len(await refunds(shop)) == 2


async def test_of_two_that_replace_an_ended_one_one_stays(shop: Shop) -> None:
    """Both were found to be second to the one that has ended, so to each other they are compared anew."""
    acme = await make_organization(shop)
    first, second, third = [await acme.session("Growth") for _ in range(3)]
    await shop.pay(first)
    await shop.settle()
    (ended,) = await subscriptions(shop, acme.id)
    await shop.stripe("faults", {"drop": 1})
    await shop.context.stripe.delete("subscription", ended["id"])
    await shop.stripe("faults", {})
    await shop.turn(seconds=2)
    await asyncio.gather(shop.pay(second), shop.pay(third))
    await undone(shop)
    assert sorted(one["status"] for one in await subscriptions(shop, acme.id)) == ["active", "canceled", "canceled"]
    assert [row["amount"] for row in await refunds(shop)] == [9900]
    outcomes = [await processed(shop, session) for session in (second, third)]
    assert sorted(outcomes) == ["failed", "processed"]


async def processed(shop: Shop, session: str) -> str:
    """What the buyer is told who comes back."""
    answer = await shop.client.post(f"{shop.url}/payment/subscription-process", params={"secret": session})
    assert answer.status_code == 200, answer.text
    status: str = answer.json()["status"]
    return status


async def test_whose_purchase_is_not_decided_over_yet_is_asked_to_wait(database: str) -> None:
    async with open_shop(database, with_worker=False) as shop:
        acme = await make_organization(shop)
        first, second = [await acme.session("Growth") for _ in range(2)]
        for session in (first, second):
            assert (await shop.pay(session)).status_code == 200
        await shop.stripe("clock/advance", {"seconds": 2})
        assert [await processed(shop, session) for session in (first, second)] == ["processed", "pending"]
        (job,) = duplicate_plan_jobs(shop.context)
        assert job.due is not None
        (key,) = await job.due(shop.context.now())
        await job.run(key)
        assert [await processed(shop, session) for session in (first, second)] == ["processed", "failed"]


async def test_one_made_at_stripe_before_stays_whichever_is_heard_of_first(shop: Shop) -> None:
    acme = await make_organization(shop)
    await acme.subscribe("Starter")
    (starter,) = await subscriptions(shop, acme.id)
    await acme.done("subscription-cancel", immediately=True)
    session = await acme.session("Growth")
    customer = (await acme.info())["customerId"]
    (card,) = await shop.get("/api/billing/payment-methods", accountId=acme.id)
    growth = (await shop.product("Growth"))["prices"][0]["id"]
    made = {"customer": customer, "items": [{"price": growth}], "default_payment_method": card["id"]}
    await shop.stripe("faults", {"drop": 1})
    by_hand = await shop.context.stripe.create("subscription", made)
    await shop.turn(seconds=2)
    unheard = await dropped(shop)
    await shop.stripe("faults", {})
    await shop.pay(session)
    await shop.settle()
    for delivery in unheard:
        await shop.stripe(f"deliveries/{delivery['id']}/resend")
    await undone(shop)
    statuses = {one["id"]: one["status"] for one in await subscriptions(shop, acme.id)}
    assert statuses.pop(starter["id"]) == "canceled"
    assert statuses.pop(by_hand["id"]) == "active"
    assert list(statuses.values()) == ["canceled"]


@pytest.mark.parametrize("other_way", ["refunds", "disputes"])
async def test_what_went_back_some_other_way_does_not_go_back_twice(database: str, other_way: str) -> None:
    async with open_shop(database, with_worker=False) as shop:
        account = await shop.make_account()
        for session in [await shop.checkout(account, "Growth") for _ in range(2)]:
            await shop.pay(session)
        await shop.stripe("clock/advance", {"seconds": 2})
        payment = await shop.context.pool.fetchval(
            """
            SELECT payment.stripe_payment_intent_id
            FROM invoice_payments AS payment JOIN invoices USING (stripe_invoice_id)
            JOIN second_plans USING (stripe_subscription_id)
            """
        )
        await shop.stripe(other_way, {"paymentIntent": payment})
        (job,) = duplicate_plan_jobs(shop.context)
        assert job.due is not None
        (key,) = await job.due(shop.context.now())
        await job.run(key)
        assert await job.due(shop.context.now() + timedelta(days=1)) == []
        assert [one["status"] for one in await subscriptions(shop, account)] == ["active", "canceled"]
        assert len(await refunds(shop)) == (1 if other_way == "refunds" else 0)


async def test_stripe_away_at_each_step(database: str) -> None:
    """Whatever is not answered is done the next time, and the money goes back once."""
    async with open_shop(database, with_worker=False) as shop:
        account = await shop.make_account()
        for session in [await shop.checkout(account, "Growth") for _ in range(2)]:
            await shop.pay(session)
        await shop.stripe("clock/advance", {"seconds": 2})
        (job,) = duplicate_plan_jobs(shop.context)
        assert job.due is not None
        (key,) = await job.due(shop.context.now())
        failing = Answer(500, stripe_error(), {"stripe-should-retry": "false"})
        kept = await shop.context.pool.fetchval("SELECT kept_subscription_id FROM second_plans")
        for step in (
            ("GET", f"/v1/subscriptions/{kept}"),
            ("DELETE", f"/v1/subscriptions/{key}"),
            ("GET", "/v1/invoices"),
            ("POST", "/v1/refunds"),
        ):
            shop.between.script[step] = [failing]
            await job.run(key)
            assert shop.between.script[step] == []
            assert await job.due(shop.context.now()) == []
            assert await job.due(shop.context.now() + timedelta(hours=1)) == [key]
        # What nobody understands is no reason to ask every second, either.
        odd = {"object": "list", "url": "/v1/invoices", "has_more": False, "data": [{"object": "invoice"}]}
        shop.between.script["GET", "/v1/invoices"] = [Answer(200, odd)]
        await job.run(key)
        assert await job.due(shop.context.now()) == []
        shop.between.loses_next_write = True
        await job.run(key)
        await job.run(key)
        assert await job.due(shop.context.now() + timedelta(hours=1)) == []
        assert [tuple(row) for row in await refunds(shop)] == [(9900, "usd", "succeeded")]


async def license_with_growth(shop: Shop) -> None:
    """The plan issues a license key too."""
    await shop.context.pool.execute(
        """UPDATE products SET license_policy = '{"prefix": "GROW", "activations": 1}' WHERE name = 'Growth'"""
    )


async def test_until_stripe_was_asked_it_brings_nothing(database: str) -> None:
    async with open_shop(database, with_worker=False) as shop:
        await license_with_growth(shop)
        acme = await make_organization(shop)
        for session in [await acme.session("Growth") for _ in range(2)]:
            await shop.pay(session)
        await shop.stripe("clock/advance", {"seconds": 2})
        features = await acme.features()
        assert len(features) == len(set(features)) > 0
        first = await shop.license(acme.id)
        assert first["status"] == "active"
        # It was a false alarm: the first one has ended, which nobody told us.
        await shop.stripe("faults", {"drop": 1})
        await shop.context.stripe.delete("subscription", first["subscriptionId"])
        await shop.stripe("faults", {})
        (job,) = duplicate_plan_jobs(shop.context)
        assert job.due is not None
        (key,) = await job.due(shop.context.now())
        await job.run(key)
        assert await acme.features() == features
        assert [one["status"] for one in await shop.licenses(acme.id)] == ["revoked", "active"]
        assert (await acme.info())["subscriptionStatus"] == "active"
