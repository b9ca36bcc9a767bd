"""The shop that the stories are told in."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog
from tests.support.shop import Shop, open_shop

from licet.kit.redact import redact_secrets


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """One line each: structlog's own default draws a box around every traceback."""
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, redact_secrets, structlog.processors.JSONRenderer()]
    )


@pytest_asyncio.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    """Licet and its sandbox, running, with the example catalogue on sale."""
    async with open_shop(database) as opened:
        yield opened
