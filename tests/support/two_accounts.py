"""Two accounts of one shop, each with purchases, and the texts that only one of them may see."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.issuer import AUDIENCE, Issuer, issuer
from tests.support.shop import Shop, open_shop

_TOO_COMMON = re.compile(r".{0,5}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
"""Texts that both accounts may have: short ones, and times."""

VIEWS = (
    "/api/portal/billing",
    "/api/billing/subscriptions?status=all",
    "/api/billing/invoices",
    "/api/billing/payment-methods",
    "/api/orders",
    "/api/licenses",
)
"""The paths of an account's own data."""


@dataclass(frozen=True)
class Side:
    """An account and its data.

    key: its API key; ids: by path; marks: texts that only its responses contain
    """

    account_id: str
    external_id: str
    subject: str
    key: str
    ids: Mapping[str, tuple[str, ...]]
    marks: frozenset[str]


@dataclass(frozen=True)
class Both:
    shop: Shop
    provider: Issuer
    sides: tuple[Side, Side]

    def other(self, side: Side) -> Side:
        return self.sides[1 - self.sides.index(side)]

    def token(self, side: Side) -> str:
        return self.provider.token(sub=side.subject)


@asynccontextmanager
async def two_accounts(dsn: str) -> AsyncIterator[Both]:
    async with issuer() as provider, open_shop(dsn, oidc_issuer=provider.name, oidc_audience=AUDIENCE) as shop:
        made = [await _fill(shop, provider, name) for name in ("one", "two")]
        await shop.settle()
        sides = [
            await _side(shop, name, account, key) for name, (account, key) in zip(("one", "two"), made, strict=True)
        ]
        one, two = sides
        yield Both(shop, provider, (_apart(one, two), _apart(two, one)))


def seen_in(text: str, marks: frozenset[str]) -> list[str]:
    """The marks that a response contains."""
    return [mark for mark in marks if mark in text]


async def _fill(shop: Shop, provider: Issuer, name: str) -> tuple[str, str]:
    """Creates an account by its token's first request, with purchases, a second card and an API key."""
    email = f"{name}@customer-{name}.example.com"
    token = provider.token(sub=name, name=f"Customer {name}", email=email, email_verified=True)
    account: str = (await shop.get("/api/portal/billing", key=token))["account"]["id"]
    changed = await shop.api("PATCH", f"/api/admin/accounts/{account}", json={"externalId": f"external-{name}"})
    assert changed.status_code == 200, changed.text
    await shop.buy(account, "Shopify Connector", "Data Migrator")
    fields = {"name": f"key of {name}", "scopes": ["read", "write"], "accountId": account}
    key = (await shop.api("POST", "/api/admin/api-keys", json=fields)).json()["key"]
    await shop.settle()
    card = {"paymentMethodId": "pm_card_mastercard"}
    assert (await shop.api("POST", "/api/billing/payment-methods", key=key, json=card)).status_code == 201
    return account, key


async def _side(shop: Shop, name: str, account: str, key: str) -> Side:
    views = [(await shop.api("GET", path, key=key)).json() for path in VIEWS]
    dashboard, subscriptions, invoices, methods, orders, licenses = views
    ids = {
        "/api/billing/subscriptions": subscriptions["data"],
        "/api/billing/invoices": invoices["data"],
        "/api/billing/payment-methods": methods,
        "/api/orders": orders["data"],
        "/api/licenses": licenses["data"],
        "/api/admin/accounts": [dashboard["account"]],
    }
    assert all(ids.values()), ids
    in_full = [
        await shop.get(f"{path}/{one['id']}", key=key)
        for path in ("/api/billing/subscriptions", "/api/billing/invoices", "/api/orders", "/api/licenses")
        for one in ids[path]
    ]
    marks = frozenset(_texts([*views, *in_full]))
    by_path = {path: tuple(one["id"] for one in found) for path, found in ids.items()}
    return Side(account, f"external-{name}", name, key, by_path, marks)


def _apart(side: Side, other: Side) -> Side:
    marks = frozenset(mark for mark in side.marks - other.marks if not _TOO_COMMON.fullmatch(mark))
    return Side(side.account_id, side.external_id, side.subject, side.key, side.ids, marks)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a response, as it is encoded in JSON."""
    if isinstance(value, str):
        yield json.dumps(value, ensure_ascii=False)[1:-1]
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(one)
