"""Two purchases of a plan by one account, in two transactions at the same moment."""

import asyncio

from tests.support.selling import catalog_of, open_selling, price, product
from tests.support.shop import eventually

from licet.db.pool import Pool
from licet.subscriptions.duplicate_plans import find_duplicate_plans

LIVE = "UPDATE subscriptions SET status = 'active', stripe_customer_id = $2 WHERE stripe_subscription_id = $1"


async def test_they_are_compared_one_after_the_other(pool: Pool) -> None:
    """Also where the account buys as two customers, whose events hold locks of their own."""
    async with open_selling(pool) as selling:
        await selling.sell(catalog_of(product("growth", price(9900), kind="plan")))
        sessions = [(await selling.checkout([("growth", 1)])).json()["sessionId"] for _ in range(2)]
        first, second = [
            await selling.had_subscription("growth", status="incomplete", bought_as=session) for session in sessions
        ]
    async with pool.acquire() as one, pool.acquire() as other, pool.acquire() as watching:
        mine, theirs = one.transaction(), other.transaction()
        await mine.start()
        await theirs.start()
        await one.execute(LIVE, first, "cus_1")
        assert await find_duplicate_plans(one, first) == []
        await other.execute(LIVE, second, "cus_2")
        comparing = asyncio.create_task(find_duplicate_plans(other, second))

        async def waits() -> bool:
            return bool(
                await watching.fetchval(
                    """
                    SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
                    """
                )
            )

        await eventually(waits)
        await mine.commit()
        (found,) = await comparing
        assert (found.stripe_subscription_id, found.kept_subscription_id) == (second, first)
        assert len(found.products) == 1
        await theirs.rollback()
