"""When a customer turns out to be another account's, all that came with it goes along."""

import asyncio

import pytest
from tests.factories.accounts import make_account
from tests.support.stripe_events import event, example

from licet.accounts.mirror import MOVE_STATEMENTS
from licet.checkout.store import Buyer, write_customer
from licet.db.pool import Pool
from licet.http.context import Context
from licet.stripe_events.receive import receive_event

STAYS = {"api_keys", "idempotency_keys"}
"""Who may act for the account that was made for the customer; nobody may for the other. And what was answered to those
who did, for a day: it was told them, and is looked up by the account it was for."""


async def test_whatever_is_an_account_s_goes_along(pool: Pool) -> None:
    rows = await pool.fetch(
        """
        SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'account_id'
        """
    )
    of_an_account = {row["table_name"] for row in rows} - STAYS
    assert {statement.split()[1] for statement in MOVE_STATEMENTS} == of_an_account


SLOWLY = """
    CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END $$;
    CREATE TRIGGER slowly AFTER INSERT ON customers FOR EACH ROW EXECUTE FUNCTION pause();
"""


@pytest.mark.parametrize("first", ["its maker", "the event"])
async def test_a_customer_is_told_of_while_its_maker_writes_it_down(context: Context, first: str) -> None:
    account = await make_account(context)
    told = event("customer.created", example("customer", id="cus_1", metadata={"account_id": str(account)}))
    buyer = Buyer(account, "Ada", "ada@example.com", None, customer_deleted=False, customer_is_blank=False)
    await context.pool.execute(SLOWLY)

    async def make() -> None:
        await asyncio.sleep(0.1 if first == "the event" else 0)
        await write_customer(context.pool, buyer, "cus_1", None)

    async def tell() -> None:
        await asyncio.sleep(0.1 if first == "its maker" else 0)
        await receive_event(context, told)

    await asyncio.gather(make(), tell())
    rows = await context.pool.fetch("SELECT id, stripe_customer_id FROM accounts")
    assert [tuple(row) for row in rows] == [(account, "cus_1")]
    assert await context.pool.fetchval("SELECT account_id FROM customers") == account
