"""A purchase becomes a license, and what can befall it afterwards."""

from support.shop import Shop


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
