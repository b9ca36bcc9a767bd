"""Fixtures of the features' tests: a context, the served application, a shop."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.factories.accounts import make_api_key
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.face import Face
from tests.support.serving import serve
from tests.support.shop import Shop, open_shop

from licet.app import create_app
from licet.db.pool import Pool
from licet.http.context import Context


@pytest.fixture
def context(pool: Pool) -> Context:
    """A context in sandbox mode whose Stripe client cannot reach anything."""
    return make_context(pool)


@pytest_asyncio.fixture
async def face(context: Context) -> AsyncIterator[Face]:
    """The whole application over HTTP."""
    key = await make_api_key(context, None)
    app = create_app(context)
    async with serve(app) as url, open_client(base_url=url) as client:
        yield Face(context, url, key, client, app)


@pytest_asyncio.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    """Licet and its sandbox, running, with the example catalogue on sale."""
    async with open_shop(database) as opened:
        yield opened
