"""A shop with a test's own catalogue and one account, and a Stripe that can be made to fail."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx
from tests.factories.accounts import make_api_key
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.face import Face
from tests.support.patience import PATIENCE_SECONDS
from tests.support.serving import serve
from tests.support.stripe_proxy import StripeProxy, stripe_proxy

from licet.accounts.core import Scope
from licet.accounts.store import AccountRecord, insert_account
from licet.app import create_app
from licet.catalog.core import Catalog, CatalogPrice, CatalogProduct, Interval, ProductKind
from licet.catalog.push import push_catalog
from licet.db.pool import Pool
from licet.kit.ids import new_id
from licet.stripe_api.client import StripeApi
from licet_sandbox import Sandbox
from licet_sandbox.validation import Checker

_numbers = count(1)


def price(
    amount: int,
    *,
    interval: Interval | None = "month",
    interval_count: int = 1,
    currency: str = "usd",
    trial_days: int = 0,
) -> CatalogPrice:
    """A price whose key consists of its interval and currency."""
    often = interval or "once"
    return CatalogPrice(
        f"{interval_count}-{often}-{currency}",
        amount,
        currency,
        interval,
        interval_count if interval else None,
        trial_days,
    )


def product(
    key: str, *prices: CatalogPrice, kind: ProductKind = "license", prefix: str | None = None
) -> CatalogProduct:
    """A product whose name is its key in title case."""
    return CatalogProduct(
        key=key,
        kind=kind,
        name=key.title(),
        description=f"The {key}.",
        rank=0,
        group=None,
        features=("One", "Two"),
        prices=prices,
        license_policy={"prefix": prefix, "activations": 3} if prefix else None,
    )


def catalog_of(*products: CatalogProduct) -> Catalog:
    return Catalog(products)


@dataclass
class Selling:
    """The shop of a checkout test. between: the proxy between Licet and the sandbox."""

    face: Face
    between: StripeProxy
    sandbox_url: str
    stripe: StripeApi
    account_id: UUID
    key: str
    product_ids: dict[str, UUID] = field(default_factory=dict)
    price_ids: dict[str, list[str]] = field(default_factory=dict)

    @property
    def pool(self) -> Pool:
        return self.face.context.pool

    async def sell(self, catalog: Catalog) -> None:
        """Pushes the catalogue, and stores the ids of its products and prices by catalogue key."""
        await push_catalog(catalog, self.pool, self.stripe)
        self.between.seen.clear()
        rows = await self.pool.fetch(
            """
            SELECT catalog_key, products.id, array_agg(stripe_price_id ORDER BY prices.position) AS prices
            FROM products JOIN prices USING (stripe_product_id)
            WHERE products.active AND prices.active GROUP BY products.id
            """
        )
        self.product_ids = {row["catalog_key"]: row["id"] for row in rows}
        self.price_ids = {row["catalog_key"]: row["prices"] for row in rows}

    def body(self, items: Sequence[tuple[str, int] | tuple[str, int, str]], **more: Any) -> dict[str, Any]:
        """The body of a checkout. items: (catalogue key, quantity) or (catalogue key, quantity, price id)."""
        return {
            "items": [
                {"productId": str(self.product_ids[item[0]]), "quantity": item[1]}
                | ({"priceId": item[2]} if len(item) == 3 else {})
                for item in items
            ],
            "successUrl": "https://shop.example/thanks?id={CHECKOUT_SESSION_ID}",
            "cancelUrl": "https://shop.example/cart",
            **more,
        }

    async def checkout(self, items: Sequence[tuple[str, int] | tuple[str, int, str]], **more: Any) -> httpx.Response:
        """Creates a checkout for the account."""
        return await self.face.post("/api/billing/checkout", key=self.key, json=self.body(items, **more))

    async def post(self, body: dict[str, Any]) -> httpx.Response:
        """Creates a checkout with this body; fields that are left out have defaults."""
        return await self.face.post("/api/billing/checkout", key=self.key, json={**self.body([]), **body})

    async def pay(self, session_id: str) -> None:
        """Pays a checkout session as the buyer."""
        async with open_client() as client:
            path = f"{self.sandbox_url}/_sandbox/checkout/{session_id}/pay"
            paid = await client.post(path, json={"card": "4242424242424242", "threeDS": "complete"})
        assert paid.status_code == 200, paid.text

    async def customer_of_account(self) -> str:
        found: str = await self.pool.fetchval("SELECT stripe_customer_id FROM accounts WHERE id = $1", self.account_id)
        return found

    async def make_account(self) -> UUID:
        """Creates another account; returns its id."""
        account = AccountRecord(new_id(), "user", "Other", "other@example.com", None, None, self.face.context.now())
        async with self.pool.acquire() as conn:
            await insert_account(conn, account)
        return account.id

    async def make_key(self, *scopes: Scope) -> str:
        """Creates another API key of the account."""
        return await make_api_key(self.face.context, self.account_id, *scopes)

    async def had_subscription(
        self,
        key: str,
        *,
        status: str,
        trial: bool = False,
        account_id: UUID | None = None,
        bought_as: str | None = None,
    ) -> str:
        """Inserts a subscription of the account to a product; returns its Stripe id.

        bought_as: the id of the checkout session that created it
        """
        number, now = next(_numbers), self.face.context.now()
        await self.pool.execute(
            """
            INSERT INTO subscriptions (stripe_subscription_id, account_id, stripe_customer_id, status,
                                       cancel_at_period_end, trial_end_at, created_at)
            VALUES ($1, $2, 'cus_1', $3, false, $4, $5)
            """,
            f"sub_{number}",
            account_id or self.account_id,
            status,
            now - timedelta(days=20) if trial else None,
            now,
        )
        await self.pool.execute(
            """
            INSERT INTO subscription_items (stripe_subscription_item_id, stripe_subscription_id, position,
                stripe_price_id, stripe_product_id, quantity, currency, interval, interval_count,
                current_period_start_at, current_period_end_at)
            SELECT $1, $2, 0, $3, stripe_product_id, 1, 'usd', 'month', 1, $4, $4
            FROM products WHERE catalog_key = $5
            """,
            f"si_{number}",
            f"sub_{number}",
            self.price_ids[key][0],
            now,
            key,
        )
        if bought_as is not None:
            await self.pool.execute(
                "UPDATE checkout_sessions SET stripe_subscription_id = $2 WHERE stripe_session_id = $1",
                bought_as,
                f"sub_{number}",
            )
        return f"sub_{number}"

    @asynccontextmanager
    async def with_settings(self, **changed: Any) -> AsyncIterator[None]:
        """Changes settings of the application while the block lasts."""
        before = self.face.app.state.context
        self.face.app.state.context = replace(before, settings=before.settings.model_copy(update=changed))
        try:
            yield
        finally:
            self.face.app.state.context = before


@asynccontextmanager
async def open_selling(pool: Pool) -> AsyncIterator[Selling]:
    """Opens a shop with an empty catalogue. Checks all traffic against Stripe's OpenAPI document."""
    checker = Checker()
    running = await Sandbox(None, validate=checker).serve()
    try:
        async with stripe_proxy(running.url) as between:
            stripe = StripeApi("sk_test_123", base_url=between.url, timeout_seconds=PATIENCE_SECONDS)
            context = replace(make_context(pool, now=running.sandbox.now), stripe=stripe)
            app = create_app(context)
            account = AccountRecord(new_id(), "user", "Ada Lovelace", "ada@example.com", None, None, context.now())
            async with pool.acquire() as conn:
                await insert_account(conn, account)
            operator = await make_api_key(context, None)
            key = await make_api_key(context, account.id)
            try:
                async with serve(app) as url, open_client(base_url=url) as client:
                    face = Face(context, url, operator, client, app)
                    yield Selling(face, between, running.url, stripe, account.id, key)
            finally:
                await stripe.close()
        checker.raise_any()
    finally:
        await running.stop()
