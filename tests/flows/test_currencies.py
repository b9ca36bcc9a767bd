"""Two currencies at one account, and sums of twelve digits."""

import pytest_asyncio
from tests.support.face import assert_error
from tests.support.selling import catalog_of, price, product
from tests.support.shop import Shop

from licet.catalog.push import push_catalog


@pytest_asyncio.fixture
async def account(shop: Shop) -> str:
    """An account that has bought a monthly product in usd, in a shop that also sells in eur and idr."""
    catalog = catalog_of(
        product("dollar", price(14900), prefix="USD"),
        product("euro", price(12900, currency="eur"), prefix="EUR"),
        product("rupiah", price(150_000_000, interval=None, currency="idr"), prefix="IDR"),
    )
    await push_catalog(catalog, shop.context.pool, shop.context.stripe)
    account = await shop.make_account()
    await shop.buy(account, "Dollar")
    await shop.settle()
    return account


async def body(shop: Shop, name: str) -> dict[str, object]:
    items = [{"productId": (await shop.product(name))["id"], "quantity": 1}]
    return {"items": items, "successUrl": f"{shop.url}/healthz", "cancelUrl": f"{shop.url}/healthz"}


async def test_the_second_currency_is_refused_until_the_first_has_ended(shop: Shop, account: str) -> None:
    path = f"/api/billing/checkout?accountId={account}"
    (subscription,) = (await shop.get("/api/billing/subscriptions", accountId=account))["data"]
    answer = await shop.api("POST", path, json=await body(shop, "Euro"))
    details = assert_error(answer, 409, "currency_conflict")["details"]
    assert details == {"currency": "usd", "subscriptionId": subscription["id"]}

    cancel = f"/api/billing/subscriptions/{subscription['id']}/cancel?accountId={account}"
    assert (await shop.api("POST", cancel, json={"cancelAtPeriodEnd": True})).status_code == 200
    assert_error(await shop.api("POST", path, json=await body(shop, "Euro")), 409, "currency_conflict")
    await shop.turn(days=33)
    await shop.buy(account, "Euro")
    await shop.settle()
    licenses = {license["productName"]: license["status"] for license in await shop.licenses(account)}
    assert licenses == {"Dollar": "revoked", "Euro": "active"}


async def test_a_page_that_was_opened_before_the_other_currency_was_bought(shop: Shop, account: str) -> None:
    """Two pages are open. Only one can be paid, and nothing is issued for the other."""
    other = await shop.make_account("grace@example.com")
    sessions = [await shop.checkout(other, name) for name in ("Dollar", "Euro")]
    answers = [await shop.pay(session) for session in sessions]
    assert [answer.status_code for answer in answers] == [200, 400]
    await shop.settle()
    assert [license["productName"] for license in await shop.licenses(other)] == ["Dollar"]


async def test_a_purchase_of_ten_digits(shop: Shop) -> None:
    catalog = catalog_of(product("rupiah", price(150_000_000, interval=None, currency="idr"), prefix="IDR"))
    await push_catalog(catalog, shop.context.pool, shop.context.stripe)
    account = await shop.make_account()
    await shop.buy(account, "Rupiah", quantity=50)
    await shop.settle()
    (order,) = (await shop.get("/api/orders", accountId=account))["data"]
    assert (order["status"], order["amount"], order["currency"]) == ("paid", 7_500_000_000, "idr")
    (receipt,) = await shop.emails("receipt")
    assert "75,000,000.00 IDR" in (await shop.get(f"/api/admin/emails/{receipt['id']}"))["text"]
    dashboard = await shop.get("/api/portal/billing", accountId=account)
    assert dashboard["spendByMonth"][0]["amount"] == 7_500_000_000
