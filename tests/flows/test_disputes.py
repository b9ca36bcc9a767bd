"""A buyer turns to the bank: suspended while it is argued over, back when it is won, gone for good when it is lost."""

from typing import Any

import pytest
from tests.flows.test_refunds import order_of, payment_of
from tests.support.shop import Shop


async def dispute(shop: Shop, payment: str, **more: Any) -> str:
    """What the buyer's bank does; the dispute's id."""
    made = await shop.stripe("disputes", {"paymentIntent": payment, **more})
    await shop.settle()
    return str(made["id"])


async def close(shop: Shop, dispute_id: str, status: str) -> None:
    await shop.stripe(f"disputes/{dispute_id}/close", {"status": status})
    await shop.settle()


async def bought(shop: Shop, *names: str, email: str = "ada@example.com") -> str:
    """An account that has bought these; its id."""
    account = await shop.make_account(email)
    await shop.buy(account, *names)
    await shop.settle()
    return account


async def told_by_timeline(shop: Shop, license: dict[str, Any]) -> list[tuple[str, str]]:
    """(to, the type of the event that did it) of each change of the license's status, oldest first."""
    lines = (await shop.get(f"/api/licenses/{license['id']}/timeline"))["data"]
    return [(line["to"], line["because"].get("detail", "")) for line in lines[::-1] if line["change"] == "status"]


@pytest.mark.parametrize("name", ["Data Migrator", "Shopify Connector"])
async def test_won_it_is_as_before(shop: Shop, name: str) -> None:
    account = await bought(shop, name)
    before = await shop.license(account)
    opened = await dispute(shop, await payment_of(shop, account))
    assert (await shop.license(account))["status"] == "suspended"
    await close(shop, opened, "won")
    assert await shop.license(account) == before
    suspended, active = await told_by_timeline(shop, before)
    assert suspended[0] == "suspended"
    assert suspended[1].startswith("charge.dispute.")
    assert active[0] == "active"
    assert (await order_of(shop, account))["status"] == "paid"


async def test_lost_it_is_revoked_whatever_is_paid_later(shop: Shop) -> None:
    account = await bought(shop, "Shopify Connector")
    opened = await dispute(shop, await payment_of(shop, account))
    await close(shop, opened, "lost")
    lost = await shop.license(account)
    assert lost["status"] == "revoked"
    await shop.turn(days=32)
    later = await shop.license(account)
    assert later["status"] == "revoked"
    # It was paid: only the license says that it is of no use.
    assert later["expiresAt"] > lost["expiresAt"]
    assert await shop.context.pool.fetchval("SELECT count(*) FROM invoices WHERE status = 'paid'") == 2


@pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review", "warning_closed", "prevented"])
async def test_what_takes_no_money_does_nothing(shop: Shop, status: str) -> None:
    account = await bought(shop, "Data Migrator")
    license = await shop.license(account)
    await dispute(shop, await payment_of(shop, account), status=status)
    assert await shop.license(account) == license
    assert await told_by_timeline(shop, license) == []


async def test_an_inquiry_that_becomes_a_chargeback_suspends(shop: Shop) -> None:
    account = await bought(shop, "Data Migrator")
    asked = await dispute(shop, await payment_of(shop, account), status="warning_needs_response")
    assert (await shop.license(account))["status"] == "active"
    await shop.stripe(f"disputes/{asked}/escalate")
    await shop.settle()
    assert (await shop.license(account))["status"] == "suspended"


async def test_an_appeal_keeps_it_open_until_it_is_decided(shop: Shop) -> None:
    account = await bought(shop, "Data Migrator")
    appealed = await dispute(shop, await payment_of(shop, account), status="appeal_needs_response")
    assert (await shop.license(account))["status"] == "suspended"
    await close(shop, appealed, "won")
    assert (await shop.license(account))["status"] == "active"


async def test_what_nobody_answers_is_lost(shop: Shop) -> None:
    account = await bought(shop, "Data Migrator")
    await dispute(shop, await payment_of(shop, account))
    assert (await shop.license(account))["status"] == "suspended"
    await shop.turn(days=30)
    assert (await shop.license(account))["status"] == "revoked"


async def test_a_first_payment_covers_the_order_and_a_renewal_its_subscription(shop: Shop) -> None:
    def by_product(licenses: list[dict[str, Any]]) -> dict[str, str]:
        return {license["productName"]: license["status"] for license in licenses}

    first = await bought(shop, "Shopify Connector", "Data Migrator")
    other = await bought(shop, "Shopify Connector", "Data Migrator", email="grace@example.com")
    opened = await dispute(shop, await payment_of(shop, first))
    assert set(by_product(await shop.licenses(first)).values()) == {"suspended"}
    assert set(by_product(await shop.licenses(other)).values()) == {"active"}
    await close(shop, opened, "won")
    await shop.turn(days=32)
    renewal = await dispute(shop, await payment_of(shop, first))
    assert by_product(await shop.licenses(first)) == {"Shopify Connector": "suspended", "Data Migrator": "active"}
    await close(shop, renewal, "lost")
    assert by_product(await shop.licenses(first)) == {"Shopify Connector": "revoked", "Data Migrator": "active"}
    assert set(by_product(await shop.licenses(other)).values()) == {"active"}


async def test_a_dispute_of_what_was_refunded_in_part(shop: Shop) -> None:
    account = await bought(shop, "Data Migrator")
    payment = await payment_of(shop, account)
    await shop.stripe("refunds", {"paymentIntent": payment, "amount": 10000})
    opened = await dispute(shop, payment)
    assert (await shop.license(account))["status"] == "suspended"
    await close(shop, opened, "won")
    assert (await shop.license(account))["status"] == "active"
    order = await order_of(shop, account)
    assert (order["status"], order["amountRefunded"]) == ("partially_refunded", 10000)


async def test_a_dispute_that_was_told_before_its_purchase(shop: Shop) -> None:
    """Whatever was missed: the dispute alone leads to the purchase."""
    account = await bought(shop, "Shopify Connector")
    payment = await payment_of(shop, account)
    pool = shop.context.pool
    await pool.execute("DELETE FROM invoice_payments")
    await pool.execute("DELETE FROM mirrors WHERE kind IN ('invoice', 'invoice_payment')")
    await dispute(shop, payment)
    assert (await shop.license(account))["status"] == "suspended"
    assert await pool.fetchval("SELECT count(*) FROM invoice_payments") == 1
