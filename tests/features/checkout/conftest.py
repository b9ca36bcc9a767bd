"""The shop of the checkout tests."""

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.support.selling import Selling, open_selling

from licet.db.pool import Pool


@pytest_asyncio.fixture
async def selling(pool: Pool) -> AsyncIterator[Selling]:
    """A shop with a sandbox and one account, and an empty catalogue."""
    async with open_selling(pool) as opened:
        yield opened
