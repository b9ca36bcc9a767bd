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


async def test_a_plan_that_was_changed_since_it_was_bought_stays(shop: Shop) -> None:
    """The buyer upgraded the second purchase before Licet heard of the first one."""
    acme = await make_organization(shop)
    first, second = [await acme.session("Starter") for _ in range(2)]
    await shop.stripe("faults", {"drop": 1})
    await shop.pay(first)
    await shop.turn(seconds=2)
    unheard = await dropped(shop)
    await shop.stripe("faults", {})
    await shop.pay(second)
    await shop.settle()
    await acme.update("Growth")
    await shop.settle()
    for delivery in unheard:
        await shop.stripe(f"deliveries/{delivery['id']}/resend")
    await shop.settle()
    await job_done(shop)
    assert [one["status"] for one in await subscriptions(shop, acme.id)] == ["active", "active"]
    assert await refunds(shop) == []
    assert await shop.emails("duplicate_plan") == []


async def balance_of(shop: Shop, account: str) -> int:
    """The customer's balance at Stripe: negative is credit."""
    customer = (await shop.get(f"/api/admin/accounts/{account}"))["customerId"]
    at_stripe = await shop.context.stripe.retrieve("customer", customer)
    assert at_stripe is not None
    balance: int = at_stripe["balance"]
    return balance


@pytest.mark.parametrize(
    ("cart", "refunded", "credited"), [(["Growth"], 4900, 5000), (["Growth", "Data Migrator"], 9073, 827)]
)
async def test_credit_that_paid_for_it_goes_back_once(
    database: str, cart: list[str], refunded: int, credited: int
) -> None:
    """The credit paid the same part of each line. The sandbox's checkout uses no credit, so Stripe's answer says so."""
    async with open_shop(database, with_worker=False) as shop:
        account = await shop.make_account()
        for session in [await shop.checkout(account, "Growth"), await shop.checkout(account, *cart)]:
            await shop.pay(session)
        await shop.stripe("clock/advance", {"seconds": 2})
        invoice_id = await shop.context.pool.fetchval(
            "SELECT stripe_invoice_id FROM second_plans JOIN checkout_sessions USING (stripe_subscription_id)"
        )
        invoice = await shop.context.stripe.retrieve("invoice", invoice_id, ["payments"])
        assert invoice is not None
        by_credit = {"starting_balance": -5000, "ending_balance": 0, "amount_paid": invoice["amount_paid"] - 5000}
        (job,) = duplicate_plan_jobs(shop.context)
        assert job.due is not None
        (key,) = await job.due(shop.context.now())
        # Twice, the second time as after a crash before it was written down.
        for _ in range(2):
            shop.between.script["GET", f"/v1/invoices/{invoice_id}"] = [Answer(200, {**invoice, **by_credit})] * 2
            await job.run(key)
            assert [row["amount"] for row in await refunds(shop)] == [refunded]
            assert await balance_of(shop, account) == -credited
            row = await shop.context.pool.fetchrow("SELECT paid_amount, refund_amount, credit_amount FROM second_plans")
            assert row is not None
            assert tuple(row) == (9900, refunded, credited)
            await shop.context.pool.execute("UPDATE second_plans SET due_at = found_at")


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


async def test_one_made_at_stripe_before_undoes_no_purchase(shop: Shop) -> None:
    acme = await make_organization(shop)
    await acme.subscribe("Starter")
    (starter,) = await subscriptions(shop, acme.id)
    await acme.done("subscription-cancel", immediately=True)
    session = await acme.session("Growth")
    await by_hand(shop, acme.id)
    await shop.settle()
    await shop.pay(session)
    await shop.settle()
    await job_done(shop)
    statuses = {one["id"]: one["status"] for one in await subscriptions(shop, acme.id)}
    assert statuses.pop(starter["id"]) == "canceled"
    assert list(statuses.values()) == ["active", "active"]
    assert await refunds(shop) == []


async def by_hand(shop: Shop, account: str, name: str = "Growth", **more: Any) -> str:
    """A subscription of the account's customer that is made in the dashboard; its id."""
    customer = (await shop.get(f"/api/admin/accounts/{account}"))["customerId"]
    price = (await shop.product(name))["prices"][0]["id"]
    card = (await shop.get("/api/billing/payment-methods", accountId=account))[0]
    made = {"customer": customer, "items": [{"price": price}], "default_payment_method": card["id"], **more}
    subscription_id: str = (await shop.context.stripe.create("subscription", made))["id"]
    return subscription_id


async def test_a_subscription_that_carries_copied_metadata_is_no_purchase(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Growth")
    await shop.settle()
    (bought,) = await subscriptions(shop, account)
    at_stripe = await shop.context.stripe.retrieve("subscription", bought["id"])
    assert at_stripe is not None
    assert at_stripe["metadata"]["licet_order_id"]
    await by_hand(shop, account, metadata=at_stripe["metadata"])
    await shop.settle()
    await job_done(shop)
    assert await shop.context.pool.fetchval("SELECT count(*) FROM second_plans") == 0
    assert [one["status"] for one in await subscriptions(shop, account)] == ["active", "active"]
    assert await refunds(shop) == []


async def test_the_session_says_which_of_two_with_its_metadata_it_bought(shop: Shop) -> None:
    """Licet hears of a copy first: until the session is read, both could be its purchase."""
    account = await shop.make_account()
    first, second = [await shop.checkout(account, "Growth") for _ in range(2)]
    await shop.pay(first)
    await shop.settle()
    await shop.stripe("faults", {"drop": 1})
    await shop.pay(second)
    await shop.turn(seconds=2)
    unheard = await dropped(shop)
    await shop.stripe("faults", {})
    order = await shop.context.pool.fetchval(
        "SELECT order_id FROM checkout_sessions WHERE stripe_session_id = $1", second
    )
    copy = await by_hand(shop, account, metadata={"licet_order_id": str(order)})
    await shop.settle()
    await shop.turn(seconds=10)
    await job_done(shop)
    for delivery in unheard:
        await shop.stripe(f"deliveries/{delivery['id']}/resend")
    await undone(shop)
    statuses = {one["id"]: one["status"] for one in await subscriptions(shop, account)}
    assert statuses.pop(copy) == "active"
    assert sorted(statuses.values()) == ["active", "canceled"]
    assert [row["amount"] for row in await refunds(shop)] == [9900]


@pytest.mark.parametrize("change", ["add", "replace"])
async def test_a_plan_that_is_put_into_a_license_subscription_undoes_nothing(shop: Shop, change: str) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Growth")
    await shop.turn(minutes=1)
    await shop.buy(account, "Shopify Connector", quantity=3)
    await shop.settle()
    growth = (await shop.product("Growth"))["prices"][0]["id"]
    _, connectors = await subscriptions(shop, account)
    await shop.turn(days=100)
    at_stripe = await shop.context.stripe.retrieve("subscription", connectors["id"])
    assert at_stripe is not None
    item = {"price": growth} if change == "add" else {"id": at_stripe["items"]["data"][0]["id"], "price": growth}
    await shop.context.stripe.update("subscription", connectors["id"], {"items": [item]})
    await shop.turn(seconds=10)
    await job_done(shop)
    assert [one["status"] for one in await subscriptions(shop, account)] == ["active", "active"]
    assert await shop.context.pool.fetchval("SELECT count(*) FROM second_plans") == 0
    assert await refunds(shop) == []
    if change == "add":
        assert [one["status"] for one in await shop.licenses(account)] == ["active"] * 3


async def test_a_product_that_becomes_a_plan_undoes_nothing(shop: Shop) -> None:
    account = await shop.make_account()
    for _ in range(2):
        await shop.buy(account, "Shopify Connector")
    await shop.settle()
    await shop.context.pool.execute("UPDATE products SET kind = 'plan' WHERE name = 'Shopify Connector'")
    _, second = await subscriptions(shop, account)
    await shop.context.stripe.update("subscription", second["id"], {"metadata": {"note": "any change"}})
    await shop.settle()
    await job_done(shop)
    assert [one["status"] for one in await subscriptions(shop, account)] == ["active", "active"]
    assert await shop.context.pool.fetchval("SELECT count(*) FROM second_plans") == 0


async def test_the_rest_of_the_cart_stays(shop: Shop) -> None:
    object.__setattr__(shop.context.settings, "operator_email", "boss@acme.example")
    account = await shop.make_account()
    first = await shop.checkout(account, "Growth")
    second = await shop.checkout(account, "Growth", "Shopify Connector", "Data Migrator")
    for session in (first, second):
        assert (await shop.pay(session)).status_code == 200
    await undone(shop)
    kept, rest = await subscriptions(shop, account)
    assert [(one["status"], [item["productName"] for item in one["items"]]) for one in (kept, rest)] == [
        ("active", ["Growth"]),
        ("active", ["Shopify Connector"]),
    ]
    assert [tuple(row) for row in await refunds(shop)] == [(9900, "usd", "succeeded")]
    orders = {order["subscriptionId"]: order for order in (await shop.get("/api/orders", accountId=account))["data"]}
    order = orders[rest["id"]]
    assert (order["status"], order["amount"], order["amountRefunded"]) == ("partially_refunded", 74700, 9900)
    assert sorted((one["productName"], one["status"]) for one in await shop.licenses(account)) == [
        ("Data Migrator", "active"),
        ("Shopify Connector", "active"),
    ]
    assert await processed(shop, second) == "processed"
    _, welcome = await shop.emails("welcome")
    assert welcome["subject"] == "Welcome to Data Migrator, Shopify Connector"
    text = (await shop.get(f"/api/admin/emails/{welcome['id']}"))["text"]
    assert "Growth" not in text
    (mail,) = await shop.emails("duplicate_plan")
    text = (await shop.get(f"/api/admin/emails/{mail['id']}"))["text"]
    assert "continues with its other items" in text
    assert "99.00" in text
    # What is refunded later is not mixed up with it: all the rest.
    invoice = await shop.context.pool.fetchval("SELECT purchase_invoice_id FROM second_plans")
    await shop.stripe("refunds", {"invoice": invoice})
    await shop.settle()
    assert {one["status"] for one in await shop.licenses(account)} == {"revoked"}
    assert (await shop.get(f"/api/orders/{order['id']}"))["status"] == "refunded"


async def test_a_policy_for_partial_refunds_does_not_count_the_plan(shop: Shop) -> None:
    await shop.context.pool.execute(
        """
        UPDATE products SET license_policy = license_policy || '{"refundPartial": "revoke"}'
        WHERE license_policy IS NOT NULL
        """
    )
    account = await shop.make_account()
    first = await shop.checkout(account, "Growth")
    second = await shop.checkout(account, "Growth", "Shopify Connector", "Data Migrator")
    for session in (first, second):
        await shop.pay(session)
    await undone(shop)
    assert [one["status"] for one in await shop.licenses(account)] == ["active", "active"]


async def test_a_one_time_product_stays_where_the_subscription_was_the_plan_alone(shop: Shop) -> None:
    account = await shop.make_account()
    first, second = await shop.checkout(account, "Growth"), await shop.checkout(account, "Growth", "Data Migrator")
    for session in (first, second):
        await shop.pay(session)
    await undone(shop)
    assert [one["status"] for one in await subscriptions(shop, account)] == ["active", "canceled"]
    assert [row["amount"] for row in await refunds(shop)] == [9900]
    assert (await shop.license(account))["status"] == "active"
    assert len(await shop.emails("welcome")) == 2
    orders = (await shop.get("/api/orders", accountId=account))["data"]
    assert sorted(order["status"] for order in orders) == ["paid", "partially_refunded"]


async def test_what_was_refunded_in_part_before_counts_for_the_plan(database: str) -> None:
    async with open_shop(database, with_worker=False) as shop:
        account = await shop.make_account()
        sessions = [await shop.checkout(account, "Growth"), await shop.checkout(account, "Growth", "Data Migrator")]
        for session in sessions:
            await shop.pay(session)
        await shop.stripe("clock/advance", {"seconds": 2})
        payment = await shop.context.pool.fetchval(
            """
            SELECT payment.stripe_payment_intent_id
            FROM invoice_payments AS payment JOIN invoices USING (stripe_invoice_id)
            JOIN second_plans USING (stripe_subscription_id)
            """
        )
        await shop.stripe("refunds", {"paymentIntent": payment, "amount": 4000})
        (job,) = duplicate_plan_jobs(shop.context)
        assert job.due is not None
        (key,) = await job.due(shop.context.now())
        await job.run(key)
        assert sorted(row["amount"] for row in await refunds(shop)) == [4000, 5900]
        assert (await shop.license(account))["status"] == "active"


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
        row = await shop.context.pool.fetchrow(
            """
            SELECT kept_subscription_id, session.stripe_session_id, session.stripe_invoice_id
            FROM second_plans JOIN checkout_sessions AS session USING (stripe_subscription_id)
            """
        )
        assert row is not None
        kept, session, invoice = row
        for step in (
            ("GET", f"/v1/subscriptions/{key}"),
            ("GET", f"/v1/subscriptions/{kept}"),
            ("GET", f"/v1/checkout/sessions/{session}"),
            ("GET", f"/v1/invoices/{invoice}"),
            ("GET", "/v1/refunds"),
            ("DELETE", f"/v1/subscriptions/{key}"),
            ("GET", "/v1/invoice_payments"),
            ("POST", "/v1/refunds"),
        ):
            shop.between.script[step] = [failing]
            await job.run(key)
            assert shop.between.script[step] == []
            assert await job.due(shop.context.now()) == []
            assert await job.due(shop.context.now() + timedelta(hours=1)) == [key]
        # What nobody understands is no reason to ask every second, either.
        odd = {"object": "list", "url": "/v1/refunds", "has_more": False, "data": [{"object": "refund"}]}
        shop.between.script["GET", "/v1/refunds"] = [Answer(200, odd)]
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
