"""A purchase becomes a license, and what can befall it afterwards."""

import pytest
from tests.support.shop import Shop

from licet.errors import CardDeclined


async def test_a_paid_checkout_becomes_a_license(shop: Shop) -> None:
    account = await shop.make_account()
    session = await shop.buy(account, "Shopify Connector")
    await shop.settle()

    license = await shop.license(account)
    assert license["status"] == "active"
    assert license["key"].startswith("SHOP-")
    assert license["productName"] == "Shopify Connector"
    assert license["activationsLimit"] == 3
    assert license["expiresAt"] is not None
    (order,) = (await shop.get("/api/orders", accountId=account))["data"]
    assert (order["status"], order["amount"], order["currency"]) == ("paid", 14900, "usd")
    assert order["id"] == license["orderId"]
    mails = await shop.emails()
    assert sorted(mail["template"] for mail in mails) == ["receipt", "welcome"]
    welcome = next(mail for mail in mails if mail["template"] == "welcome")
    shown = await shop.get(f"/api/admin/emails/{welcome['id']}")
    assert license["key"] in shown["text"]
    assert license["key"] in shown["html"]
    assert session.startswith("cs_")


async def test_three_units_are_three_licenses_and_a_mixed_cart_one_of_each(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", quantity=3)
    await shop.settle()
    assert [license["productName"] for license in await shop.licenses(account)] == ["Shopify Connector"] * 3

    other = await shop.make_account("grace@example.com")
    await shop.buy(other, "Shopify Connector", "Data Migrator")
    await shop.settle()
    licenses = {license["productName"]: license for license in await shop.licenses(other)}
    assert set(licenses) == {"Shopify Connector", "Data Migrator"}
    assert licenses["Data Migrator"]["subscriptionId"] is None
    assert licenses["Data Migrator"]["expiresAt"] is None
    assert licenses["Shopify Connector"]["subscriptionId"].startswith("sub_")
    assert len({license["orderId"] for license in licenses.values()}) == 1


async def test_a_one_off_purchase_is_perpetual_and_has_its_receipt(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Data Migrator")
    await shop.settle()
    license = await shop.license(account)
    assert (license["status"], license["expiresAt"], license["activationsLimit"]) == ("active", None, 1)
    assert sorted(mail["template"] for mail in await shop.emails()) == ["receipt", "welcome"]
    await shop.turn(days=800)
    assert (await shop.license(account))["status"] == "active"


async def test_a_plan_issues_no_key_and_a_trial_no_receipt(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Scale")
    await shop.settle()
    assert await shop.licenses(account) == []
    (order,) = (await shop.get("/api/orders", accountId=account))["data"]
    assert (order["status"], order["amount"]) == ("paid", 0)
    assert [mail["template"] for mail in await shop.emails()] == ["welcome"]


async def test_a_declined_card_leaves_the_session_open_and_is_told_once(shop: Shop) -> None:
    account = await shop.make_account()
    for product in ("Shopify Connector", "Data Migrator"):
        session = await shop.checkout(account, product)
        for _ in range(2):
            declined = await shop.pay(session, "4000000000009995")
            assert declined.status_code == 402
            assert declined.json()["error"]["decline_code"] == "insufficient_funds"
        await shop.settle()
        assert await shop.licenses(account) == []
        (mail,) = await shop.emails("payment_failed")
        shown = await shop.get(f"/api/admin/emails/{mail['id']}")
        assert f"{shop.sandbox_url}/c/pay/{session}" in shown["text"]
        await shop.context.pool.execute("DELETE FROM emails")

        paid = await shop.pay(session, "4242424242424242")
        assert paid.status_code == 200
        await shop.settle()
        assert (await shop.license(account))["status"] == "active"
        await shop.context.pool.execute("DELETE FROM license_timeline")
        await shop.context.pool.execute("DELETE FROM licenses")


async def test_a_refused_card_is_told_of_its_own_checkout_or_not_at_all(shop: Shop) -> None:
    """A checkout for a subscription leaves no trace on its refused payment: its amount and its account tell it."""
    ada, grace = await shop.make_account(), await shop.make_account("grace@example.com")
    hers = await shop.checkout(ada, "Shopify Connector")
    await shop.checkout(ada, "Starter")
    await shop.checkout(grace, "Shopify Connector")
    assert (await shop.pay(hers, "4000000000009995")).status_code == 402
    await shop.settle()
    (mail,) = await shop.emails("payment_failed")
    assert mail["to"] == "ada@example.com"
    assert f"{shop.sandbox_url}/c/pay/{hers}" in (await shop.get(f"/api/admin/emails/{mail['id']}"))["text"]

    # Two over the same amount cannot be told apart.
    again = await shop.checkout(ada, "Shopify Connector")
    assert (await shop.pay(again, "4000000000009995")).status_code == 402
    await shop.settle()
    assert await shop.emails("payment_failed") == [mail]


async def test_a_refused_payment_with_copied_metadata_is_not_of_the_checkout(shop: Shop) -> None:
    account = await shop.make_account()
    session = await shop.checkout(account, "Data Migrator")
    at_stripe = await shop.context.stripe.retrieve("checkout.session", session)
    assert at_stripe is not None
    by_hand = {
        "amount": 100,
        "currency": "usd",
        "customer": at_stripe["customer"],
        "payment_method": "pm_card_visa_chargeDeclined",
        "confirm": True,
        "metadata": at_stripe["metadata"],
        "return_url": "https://example.com/",
    }
    with pytest.raises(CardDeclined):
        await shop.context.stripe.create("payment_intent", by_hand)
    await shop.settle()
    assert await shop.emails("payment_failed") == []


async def test_3d_secure_failed_and_then_completed(shop: Shop) -> None:
    account = await shop.make_account()
    session = await shop.checkout(account, "Shopify Connector")
    failed = await shop.pay(session, "4000002500003155", threeDS="fail")
    assert failed.status_code == 402
    await shop.settle()
    assert await shop.licenses(account) == []
    assert (await shop.pay(session, "4000002500003155")).status_code == 200
    await shop.settle()
    assert (await shop.license(account))["status"] == "active"


async def test_a_session_that_nobody_pays_expires_as_an_order(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.checkout(account, "Data Migrator")
    await shop.turn(hours=25)
    (order,) = (await shop.get("/api/orders", accountId=account))["data"]
    assert order["status"] == "expired"
    assert await shop.licenses(account) == []


async def test_a_checkout_made_elsewhere_is_read_and_fulfilled_for_its_customer(shop: Shop) -> None:
    """A payment link: its session is not ours, so its lines are read and what its buyer may set is not believed."""
    account = await shop.make_account()
    price = (await shop.product("Data Migrator"))["prices"][0]["id"]
    for mode_customer in ("always", None):
        made = await shop.context.stripe.create(
            "checkout.session",
            {
                "mode": "payment",
                "line_items": [{"price": price, "quantity": 2}],
                "success_url": "http://localhost/thanks",
                "client_reference_id": account,
                "customer_creation": mode_customer,
            },
        )
        assert (await shop.pay(made["id"], email="guest@example.com")).status_code == 200
    await shop.settle()
    assert await shop.licenses(account) == []
    everything = (await shop.get("/api/licenses"))["data"]
    assert [license["productName"] for license in everything] == ["Data Migrator"] * 4
    owners = await shop.context.pool.fetch("SELECT DISTINCT account_id FROM licenses")
    assert len(owners) == 2
    assert {mail["to"] for mail in await shop.emails("welcome")} == {"guest@example.com"}
