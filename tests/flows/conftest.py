"""The shop of the flow tests."""

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.support.shop import Shop, open_shop


@pytest_asyncio.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    """Licet and its sandbox, running, with the example catalogue on sale."""
    async with open_shop(database) as opened:
        yield opened
