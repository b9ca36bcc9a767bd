"""When a customer turns out to be another account's, all that came with it goes along."""

from licet.accounts.mirror import OF_AN_ACCOUNT
from licet.db.pool import Pool

STAYS = {"api_keys"}
"""Who may act for the account that was made for the customer; nobody may for the other."""


async def test_whatever_is_an_account_s_goes_along(pool: Pool) -> None:
    rows = await pool.fetch(
        """
        SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'account_id'
        """
    )
    of_an_account = {row["table_name"] for row in rows} - STAYS
    assert {statement.split()[1] for statement in OF_AN_ACCOUNT} == of_an_account
