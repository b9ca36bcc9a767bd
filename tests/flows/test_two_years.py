"""One organisation over two years: trial, upgrade, failed renewal, new card, downgrade, cancellation, return.

Each step is looked at through both APIs, and every invoice to the cent.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from tests.support.organization import Organization, make_organization
from tests.support.shop import open_shop

from licet.kit.times import rfc3339

STARTER, GROWTH, SCALE = 2900, 9900, 29900


@pytest_asyncio.fixture(params=["2026-10-28.endive", "2024-12-18.acacia"])
async def acme(request: pytest.FixtureRequest, database: str) -> Any:
    """The organisation, told of in today's layout and in the one before."""
    async with open_shop(database, webhooks_version=request.param) as shop:
        yield await make_organization(shop)


class Story:
    """What was billed so far, as it must be; looked at with every step."""

    def __init__(self, acme: Organization) -> None:
        self.acme = acme
        self.billed: list[tuple[str, int]] = []
        """(status, amount due) of each invoice, the oldest first."""

    async def holds(self, *, plan: str | None, status: str | None, features: bool, **more: Any) -> None:
        """That this is how things stand, whichever API is asked."""
        acme, shop = self.acme, self.acme.shop
        invoices = await acme.invoices()
        assert [(one["status"], one["amountDue"]) for one in invoices] == self.billed
        assert all(one["amountPaid"] == (one["amountDue"] if one["status"] == "paid" else 0) for one in invoices)
        info = await acme.info()
        assert info["subscriptionStatus"] == status
        wanted = await acme.plan(plan) if plan else {"productId": None, "priceId": None}
        assert (info["activeProductId"], info["activePriceId"]) == (wanted["productId"], wanted["priceId"])
        current = [one for one in await acme.plans() if one["isCurrent"]]
        assert [one["name"] for one in current] == ([plan] if plan else [])
        live = [one for one in await acme.subscriptions() if one["status"] != "canceled"]
        assert [one["status"] for one in live] == ([status] if status else [])
        board = await shop.get("/api/portal/billing", key=acme.key)
        assert board["subscriptions"] == live
        paid = sum(one["amountPaid"] for one in invoices)
        assert sum(one["amount"] for one in board["spendByMonth"]) <= paid
        said = (await shop.product(plan))["features"] if plan else []
        assert await acme.features() == (said if features else [])
        for name, value in more.items():
            assert info[name] == value, name

    async def turned(self, **by: float) -> None:
        await self.acme.shop.turn(**by)

    async def turned_past(self, moment: str) -> None:
        """To two hours after it: a draft is charged an hour after the period's turn."""
        left = datetime.fromisoformat(moment) - self.acme.shop.context.now()
        await self.turned(seconds=left.total_seconds() + 2 * 3600)

    async def renewed(self, months: int, amount: int) -> None:
        """So many months of 31 days pass, and each renewal is billed and paid."""
        for _ in range(months):
            await self.turned(days=31)
        new = len(await self.acme.invoices()) - len(self.billed)
        assert months - 1 <= new <= months + 1
        self.billed += [("paid", amount)] * new

    async def card(self, number: str) -> None:
        customer = (await self.acme.info())["customerId"]
        await self.acme.shop.stripe(f"customers/{customer}/card", {"card": number})
        await self.acme.shop.settle()


async def test_two_years(acme: Organization) -> None:
    story = Story(acme)
    await story.holds(plan=None, status=None, features=False)
    for chapter in (trial, upgrade, failed_renewal, downgrade, leave, come_back):
        await chapter(acme, story)


async def trial(acme: Organization, story: Story) -> None:
    """Two weeks for nothing, in which it looks around."""
    await acme.subscribe("Scale")
    story.billed.append(("paid", 0))
    await story.holds(plan="Scale", status="trialing", features=True)
    assert (await acme.update("Starter"))["prorationAmount"] == 0
    await story.holds(plan="Starter", status="trialing", features=True)
    await story.turned(days=14, hours=2)
    story.billed.append(("paid", STARTER))
    await story.holds(plan="Starter", status="active", features=True)


async def upgrade(acme: Organization, story: Story) -> None:
    """Up in the middle of a month, for what was shown; then half a year of renewals."""
    await story.turned(days=12)
    shown = await acme.done("subscription-preview", **await acme.plan("Growth"))
    changed = await acme.update("Growth", quoteId=shown["quoteId"])
    assert 0 < changed["prorationAmount"] == shown["prorationAmount"] < GROWTH - STARTER
    story.billed.append(("paid", changed["prorationAmount"]))
    await acme.shop.settle()
    await story.holds(plan="Growth", status="active", features=True, defaultCardLast4="4242")
    await story.renewed(6, GROWTH)
    await story.holds(plan="Growth", status="active", features=True)


async def failed_renewal(acme: Organization, story: Story) -> None:
    """The card fails: three days of grace, then nothing; a new card, and all is as before."""
    await story.card("4000000000000341")
    await story.turned_past((await acme.info())["currentPeriodEnd"])
    story.billed.append(("open", GROWTH))
    await story.holds(plan="Growth", status="past_due", features=True)
    await story.turned(days=3, hours=1)
    await story.holds(plan="Growth", status="past_due", features=False)
    shop, path, whose = acme.shop, "/api/billing/payment-methods", {"accountId": acme.id}
    added = await shop.api("POST", path, params=whose, json={"paymentMethodId": "pm_card_mastercard"})
    body = {"setDefault": True, "payOpenInvoices": True}
    answer = await shop.api("PATCH", f"{path}/{added.json()['id']}", params=whose, json=body)
    assert answer.status_code == 200, answer.text
    await shop.settle()
    story.billed[-1] = ("paid", GROWTH)
    await story.holds(plan="Growth", status="active", features=True, defaultCardBrand="mastercard")


async def downgrade(acme: Organization, story: Story) -> None:
    """Down when the period ends, thought better of, and then for good."""
    assert (await acme.update("Starter"))["status"] == "scheduled"
    assert (await acme.update("Growth"))["status"] == "unchanged"
    waits = await acme.update("Starter")
    assert waits["effectiveAt"] == (await acme.info())["currentPeriodEnd"]
    await story.holds(plan="Growth", status="active", features=True)
    await story.turned_past(waits["effectiveAt"])
    story.billed.append(("paid", STARTER))
    await story.holds(plan="Starter", status="active", features=True)


async def leave(acme: Organization, story: Story) -> None:
    """Some months later it goes, at the end of one."""
    await story.renewed(5, STARTER)
    await acme.done("subscription-cancel")
    await story.holds(plan="Starter", status="active", features=True, cancelAtPeriodEnd=True)
    await story.turned(days=32)
    await story.holds(plan=None, status=None, features=False)


async def come_back(acme: Organization, story: Story) -> None:
    """Two years after it came it is here again; there is no second trial."""
    began = datetime.fromisoformat((await acme.invoices())[0]["createdAt"])
    await story.turned_past(rfc3339(began + timedelta(days=730)))
    await acme.subscribe("Scale")
    story.billed.append(("paid", SCALE))
    await story.holds(plan="Scale", status="active", features=True)
    await acme.done("subscription-cancel", immediately=True)
    await acme.shop.settle()
    await story.holds(plan=None, status=None, features=False)
