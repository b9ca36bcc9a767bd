"""The life of a subscription's license: renewal, failure, grace, a new card, refund, the end."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.shop import Shop


def at(license: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(license["expiresAt"])


async def get_or_create_customer(shop: Shop, account: str) -> str:
    found: str = await shop.context.pool.fetchval("SELECT stripe_customer_id FROM accounts WHERE id = $1", account)
    return found


async def statuses(shop: Shop, license: dict[str, Any]) -> list[str]:
    """The license's statuses, one after the other, as its timeline tells them."""
    newest_first = (await shop.get(f"/api/licenses/{license['id']}/timeline"))["data"]
    return [line["to"] for line in newest_first[::-1] if line["change"] in ("issued", "status")]


@pytest.mark.parametrize("card", ["4242424242424242", "5555555555554444", "4000002500003155"])
async def test_a_renewal_extends_the_license(shop: Shop, card: str) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", card=card)
    await shop.settle()
    before = await shop.license(account)
    await shop.turn(days=32)
    after = await shop.license(account)
    assert after["status"] == "active"
    assert timedelta(days=28) <= at(after) - at(before) <= timedelta(days=31)
    assert after["key"] == before["key"]
    assert len(await shop.emails("receipt")) == 2
    assert len(await shop.emails("welcome")) == 1


async def test_nobody_is_locked_out_between_the_period_s_turn_and_the_charge(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    license = await shop.license(account)
    left = at(license) - shop.context.now()
    await shop.turn(seconds=left.total_seconds() + 1800)
    assert at(await shop.license(account)) == at(license)
    assert (await shop.license(account))["status"] == "active"
    await shop.turn(hours=1)
    assert at(await shop.license(account)) > at(license)


@pytest.mark.parametrize("card", ["4000000000000341", "4000002760003184"])
async def test_a_failed_renewal_suspends_after_its_grace_and_a_new_card_reinstates(shop: Shop, card: str) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    first = await shop.license(account)
    await shop.stripe(f"customers/{await get_or_create_customer(shop, account)}/card", {"card": card})
    await shop.turn(seconds=(at(first) - shop.context.now()).total_seconds() + 2 * 3600)
    in_grace = await shop.license(account)
    assert (in_grace["status"], in_grace["expiresAt"]) == ("active", first["expiresAt"])
    (mail,) = await shop.emails("payment_failed")
    invoice_page = f"{shop.sandbox_url}/i/"
    assert invoice_page in (await shop.get(f"/api/admin/emails/{mail['id']}"))["text"]

    await shop.turn(days=3)
    assert (await shop.license(account))["status"] == "suspended"

    await shop.stripe(f"customers/{await get_or_create_customer(shop, account)}/card", {"card": "4242424242424242"})
    await shop.turn(days=6)
    after = await shop.license(account)
    assert after["status"] == "active"
    assert after["key"] == first["key"]
    assert at(after) > at(first)


async def test_retries_used_up_end_the_subscription_and_revoke(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    license = await shop.license(account)
    await shop.stripe(f"customers/{await get_or_create_customer(shop, account)}/card", {"card": "4000000000000341"})
    await shop.turn(days=60)
    assert (await shop.license(account))["status"] == "revoked"
    (order,) = (await shop.get("/api/orders", accountId=account))["data"]
    assert order["status"] == "cancelled"
    # The first try and those 3, 5 and 7 days after the one before.
    assert len(await shop.emails("payment_failed")) == 4
    assert await statuses(shop, license) == ["active", "suspended", "revoked"]


async def test_a_cancellation_at_the_period_s_end_lets_it_run_out(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    license = await shop.license(account)
    await shop.context.stripe.update("subscription", license["subscriptionId"], {"cancel_at_period_end": True})
    await shop.settle()
    assert (await shop.license(account))["status"] == "active"
    await shop.turn(days=29)
    assert (await shop.license(account))["status"] == "active"
    await shop.turn(days=4)
    assert (await shop.license(account))["status"] == "revoked"


async def test_a_trial_is_paid_through_its_end_and_then_by_its_first_invoice(shop: Shop) -> None:
    account = await shop.make_account()
    price = await shop.context.pool.fetchval(
        "SELECT stripe_price_id FROM prices JOIN products USING (stripe_product_id) "
        "WHERE products.name = 'Shopify Connector' AND interval = 'month'"
    )
    customer = await shop.context.stripe.create(
        "customer", {"email": "ada@example.com", "metadata": {"account_id": account}}
    )
    made = await shop.context.stripe.create(
        "checkout.session",
        {
            "mode": "subscription",
            "customer": customer["id"],
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": "http://localhost/thanks",
            "subscription_data": {"trial_period_days": 14},
        },
    )
    assert (await shop.pay(made["id"])).json()["paymentStatus"] == "no_payment_required"
    await shop.settle()
    trial = await shop.license(account)
    assert trial["status"] == "active"
    assert timedelta(days=13, hours=23) < at(trial) - shop.context.now() <= timedelta(days=14)
    assert await shop.emails("receipt") == []
    await shop.turn(days=15)
    paid = await shop.license(account)
    assert paid["status"] == "active"
    assert at(paid) - at(trial) >= timedelta(days=28)
    assert len(await shop.emails("receipt")) == 1


async def test_quantity_changes_move_the_units(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", quantity=2)
    await shop.settle()
    one, two = await shop.licenses(account)
    subscription = await shop.context.stripe.retrieve("subscription", one["subscriptionId"])
    assert subscription is not None
    item = subscription["items"]["data"][0]["id"]

    async def change(quantity: int) -> list[str]:
        items = [{"id": item, "quantity": quantity}]
        update = {"items": items, "proration_behavior": "none"}
        await shop.context.stripe.update("subscription", one["subscriptionId"], update)
        await shop.settle()
        return [license["status"] for license in await shop.licenses(account)]

    assert await change(1) == ["active", "revoked"]
    assert await change(3) == ["active", "active", "active"]
    assert [license["key"] for license in await shop.licenses(account)][:2] == [one["key"], two["key"]]
