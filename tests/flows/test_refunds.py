"""Money returned: in full it revokes, in part it only shows, and one that fails gives back what it took."""

from typing import Any

from tests.support.shop import Shop


async def order_of(shop: Shop, account: str) -> dict[str, Any]:
    (order,) = (await shop.get("/api/orders", accountId=account))["data"]
    return dict(order)


async def payment_of(shop: Shop, account: str) -> str:
    """The payment intent of the account's newest payment."""
    found: str = await shop.context.pool.fetchval(
        """
        SELECT payment.stripe_payment_intent_id FROM invoice_payments AS payment JOIN invoices USING (stripe_invoice_id)
        WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1
        """,
        account,
    )
    return found


async def test_a_full_refund_of_a_one_off_purchase_revokes(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Data Migrator")
    await shop.settle()
    await shop.stripe("refunds", {"paymentIntent": await payment_of(shop, account)})
    await shop.settle()
    assert (await shop.license(account))["status"] == "revoked"
    order = await order_of(shop, account)
    assert (order["status"], order["amountRefunded"]) == ("refunded", 49900)
    assert len(await shop.emails("refund")) == 1


async def test_a_refund_in_part_takes_back_nothing_and_two_halves_all(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Data Migrator")
    await shop.settle()
    payment = await payment_of(shop, account)
    await shop.stripe("refunds", {"paymentIntent": payment, "amount": 20000})
    await shop.settle()
    order = await order_of(shop, account)
    assert (order["status"], order["amountRefunded"]) == ("partially_refunded", 20000)
    assert (await shop.license(account))["status"] == "active"
    await shop.stripe("refunds", {"paymentIntent": payment, "amount": 29900})
    await shop.settle()
    assert (await order_of(shop, account))["status"] == "refunded"
    assert (await shop.license(account))["status"] == "revoked"
    assert len(await shop.emails("refund")) == 2


async def test_a_full_refund_of_the_newest_period_revokes_until_a_later_one_is_paid(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    await shop.stripe("refunds", {"paymentIntent": await payment_of(shop, account)})
    await shop.settle()
    refunded = await shop.license(account)
    assert refunded["status"] == "revoked"
    assert (await order_of(shop, account))["status"] == "refunded"
    await shop.turn(days=32)
    again = await shop.license(account)
    assert again["status"] == "active"
    assert again["key"] == refunded["key"]


async def test_a_refund_of_an_older_period_changes_amounts_only(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    first = await payment_of(shop, account)
    await shop.turn(days=32)
    await shop.stripe("refunds", {"paymentIntent": first})
    await shop.settle()
    assert (await shop.license(account))["status"] == "active"
    assert (await order_of(shop, account))["amountRefunded"] == 14900


async def test_a_mixed_cart_s_first_refund_revokes_both_and_a_later_one_only_what_recurs(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", "Data Migrator")
    await shop.settle()
    await shop.turn(days=32)
    await shop.stripe("refunds", {"paymentIntent": await payment_of(shop, account)})
    await shop.settle()
    licenses = {license["productName"]: license["status"] for license in await shop.licenses(account)}
    assert licenses == {"Shopify Connector": "revoked", "Data Migrator": "active"}

    other = await shop.make_account("grace@example.com")
    await shop.buy(other, "Shopify Connector", "Data Migrator")
    await shop.settle()
    await shop.stripe("refunds", {"paymentIntent": await payment_of(shop, other)})
    await shop.settle()
    assert [license["status"] for license in await shop.licenses(other)] == ["revoked", "revoked"]
