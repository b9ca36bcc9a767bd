"""The application and an identity provider, both over real HTTP."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.contexts import make_context
from tests.support.issuer import AUDIENCE, Issuer, issuer

from licet.db.pool import Pool
from licet.http.context import Context


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Issuer]:
    async with issuer() as running:
        yield running


@pytest.fixture
def context(pool: Pool, provider: Issuer) -> Context:
    return make_context(pool, oidc_issuer=provider.name, oidc_audience=AUDIENCE)
