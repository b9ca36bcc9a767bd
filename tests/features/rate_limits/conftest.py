"""An application with small limits, so that few requests use them up."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest_asyncio
from fastapi import Request
from tests.factories.accounts import make_api_key
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.face import Face
from tests.support.serving import serve

from licet.accounts.auth import Reader
from licet.app import create_app
from licet.db.pool import Pool
from licet.http.rate_limits.admission import limit

SMALL = {
    "rate_limits": "on",
    "rate_limit_per_minute": 4,
    "rate_limit_payment_per_minute": 6,
    "rate_limit_validation_per_minute": 2,
}

StartNode = Callable[..., Awaitable[Face]]


@pytest_asyncio.fixture
async def start_node(pool: Pool) -> AsyncIterator[StartNode]:
    """Starts an application over the test's database: `await start_node(trusted_proxies="127.0.0.1")`."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Face:
            context = make_context(pool, **{**SMALL, **settings})
            app = create_app(context)

            @app.get("/payment/plans")
            async def plans(_: Reader) -> str:
                return "plans"

            @app.get("/breaks")
            async def breaks() -> None:
                raise RuntimeError("unexpected")

            @app.get("/validate")
            async def validate(request: Request, key: str) -> str:
                await limit(request, "validation", key)
                return "valid"

            url = await stack.enter_async_context(serve(app))
            client = await stack.enter_async_context(open_client(base_url=url))
            return Face(context, url, await make_api_key(context, None), client, app)

        yield start


@pytest_asyncio.fixture
async def node(start_node: StartNode) -> Face:
    """An application that counts requests in its own memory."""
    return await start_node()
