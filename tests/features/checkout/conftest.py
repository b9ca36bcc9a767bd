"""The shop that checkouts are tried in."""

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.support.selling import Selling, open_selling

from licet.db.pool import Pool


@pytest_asyncio.fixture
async def selling(pool: Pool) -> AsyncIterator[Selling]:
    """A shop over a sandbox, with an account, that sells nothing yet."""
    async with open_selling(pool) as opened:
        yield opened
