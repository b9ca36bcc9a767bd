"""Whose account a token opens: issuer and subject decide, and nothing else."""

import asyncio
import json
from typing import Any
from uuid import UUID

from fastapi import Request
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tests.factories.accounts import make_account, make_api_key
from tests.factories.catalog import make_product
from tests.factories.orders import make_order
from tests.support.face import Face, assert_error
from tests.support.issuer import AUDIENCE, Issuer, issuer
from tests.support.stripe_events import event, example

from licet.accounts.core import Caller
from licet.accounts.credentials import authenticate_caller
from licet.http.context import Context
from licet.kit.ids import new_id
from licet.oidc.provider import IdentityProvider
from licet.stripe_events.receive import receive_event

PATH = "/api/orders"


async def accounts(context: Context) -> list[dict[str, Any]]:
    rows = await context.pool.fetch("SELECT * FROM accounts ORDER BY id")
    return [dict(row) for row in rows]


async def sign_in(face: Face, provider: Issuer, **claims: Any) -> UUID:
    assert (await face.get(PATH, key=provider.token(**claims))).status_code == 200
    subject = claims.get("sub", "ada")
    found: UUID = await face.context.pool.fetchval("SELECT id FROM accounts WHERE oidc_subject = $1", subject)
    return found


async def test_it_is_made_at_first_sight(face: Face, provider: Issuer) -> None:
    account = await sign_in(face, provider, name=" Ada ", email="ada@example.com", email_verified=True)
    (made,) = await accounts(face.context)
    made.pop("created_at")
    assert made == {
        "id": account,
        "kind": "user",
        "name": "Ada",
        "email": "ada@example.com",
        "external_id": None,
        "stripe_customer_id": None,
        "made_for_customer": None,
        "oidc_issuer": provider.name,
        "oidc_subject": "ada",
    }
    assert await sign_in(face, provider) == account
    assert (await face.get(f"/api/admin/accounts/{account}")).json()["name"] == "Ada"


async def test_however_many_race_they_get_one(face: Face, provider: Issuer) -> None:
    token = provider.token()
    answers = await asyncio.gather(*(face.get(PATH, key=token) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await accounts(face.context)) == 1


NOT_TAKEN: list[dict[str, Any]] = [
    {"email": "ada@example.com"},
    {"email": "ada@example.com", "email_verified": False},
    {"email": "ada@example.com", "email_verified": "true"},
    {"email": "ada@example.com", "email_verified": 1},
    {"email": "no address", "email_verified": True},
    {"email": "ada@example.com\nBcc: all@example.com", "email_verified": True},
    {"email": ["ada@example.com"], "email_verified": True},
    {"name": "a\0b"},
    {"name": "\ud800"},
    {"name": " "},
    {"name": {"given": "Ada"}},
]


async def test_what_is_not_taken_keeps_nobody_out(face: Face, provider: Issuer) -> None:
    for n, claims in enumerate(NOT_TAKEN):
        await sign_in(face, provider, sub=f"user {n}", **claims)
    told = [(one["oidc_subject"], one["name"], one["email"]) for one in await accounts(face.context)]
    assert told == [(f"user {n}", None, None) for n in range(len(NOT_TAKEN))]


async def test_what_is_missing_is_filled_in_and_what_is_there_stays(face: Face, provider: Issuer) -> None:
    verified = {"email_verified": True}
    for claims, expected in (
        ({"email": "ada@example.com"}, (None, None)),
        ({"name": "A" * 300}, ("A" * 200, None)),
        ({"name": "Other", "email": "ada@example.com", **verified}, ("A" * 200, "ada@example.com")),
        ({"name": "Other", "email": "other@example.com", **verified}, ("A" * 200, "ada@example.com")),
    ):
        await sign_in(face, provider, **claims)
        assert [(one["name"], one["email"]) for one in await accounts(face.context)] == [expected]


async def test_nothing_else_finds_an_account(face: Face, provider: Issuer) -> None:
    """Not an e-mail address, an external id, an id of ours, or the same subject at another issuer."""
    context = face.context
    theirs = await make_account(context, external_id="ada")
    address = await context.pool.fetchval("SELECT email FROM accounts WHERE id = $1", theirs)
    mine = await sign_in(face, provider, sub="ada", email=address, email_verified=True)
    by_id = await sign_in(face, provider, sub=str(theirs))
    async with issuer() as another:
        face.app.state.identity_provider = IdentityProvider(another.name, AUDIENCE)
        assert (await face.get(PATH, key=another.token(sub="ada"))).status_code == 200
    assert len({theirs, mine, by_id}) == 3
    assert len(await accounts(context)) == 4


async def test_it_reads_and_writes_its_own_and_never_more(face: Face, provider: Issuer) -> None:
    context = face.context
    claims: dict[str, Any] = {
        "scope": "read write admin",
        "scopes": ["admin"],
        "roles": ["admin"],
        "admin": True,
        "account_id": None,
    }
    token = provider.token(**claims)
    mine, other = await sign_in(face, provider), await make_account(context, external_id="other")
    product = await make_product(context)
    own, theirs = await make_order(context, mine, [product]), await make_order(context, other, [product])
    shown = (await face.get(PATH, key=token)).json()["data"]
    assert [order["id"] for order in shown] == [str(own.id)]
    assert (await face.get(PATH, key=token, params={"accountId": str(mine)})).status_code == 200
    assert_error(await face.get(f"{PATH}/{theirs.id}", key=token), 404, "not_found")
    for named in (str(other), "other"):
        assert_error(await face.get(PATH, key=token, params={"accountId": named}), 404, "not_found")
    # Writing is let through as far as the cart, which is empty.
    cart = {"items": [], "successUrl": "https://a.example", "cancelUrl": "https://a.example"}
    assert_error(await face.post("/api/billing/checkout", key=token, json=cart), 422, "empty_cart")
    for method, path in (("GET", "/api/admin/accounts"), ("POST", "/api/admin/api-keys"), ("GET", "/readyz")):
        body = {"json": {"name": "n", "scopes": ["admin"]}} if method == "POST" else {}
        assert_error(await face.call(method, path, key=token, **body), 403, "forbidden")


async def test_a_key_of_a_signed_in_account_opens_the_same(face: Face, provider: Issuer) -> None:
    account = await sign_in(face, provider)
    order = await make_order(face.context, account, [await make_product(face.context)])
    key = await make_api_key(face.context, account, "read")
    for credential in (key, provider.token()):
        assert [one["id"] for one in (await face.get(PATH, key=credential)).json()["data"]] == [str(order.id)]


async def test_the_callers_name(face: Face, provider: Issuer) -> None:
    """One name per caller, whichever token comes: what a caller's idempotency keys and limits hang on."""
    seen: list[Caller] = []

    @face.app.get("/who")
    async def who(request: Request) -> None:
        seen.append(await authenticate_caller(request, request.headers["x-api-key"]))

    account = await sign_in(face, provider)
    for credential in (provider.token(), provider.token(jti="another"), await make_api_key(face.context, account)):
        await face.call("GET", "/who", headers={"X-API-Key": credential})
    key_id = await face.context.pool.fetchval("SELECT id FROM api_keys WHERE account_id = $1", account)
    assert [caller.name for caller in seen] == [f"oidc:{account}", f"oidc:{account}", f"key:{key_id}"]
    assert Caller(None, new_id(), frozenset()).name != Caller(None, new_id(), frozenset()).name


async def test_a_token_is_one_query_along_an_index(face: Face, provider: Issuer) -> None:
    account = await sign_in(face, provider, name="Ada", email="ada@example.com", email_verified=True)
    asked: list[tuple[str, Any]] = []
    for holder in face.context.pool._holders:  # type: ignore[attr-defined]  # not in the stubs
        if holder._con is not None:
            holder._con.add_query_logger(lambda record: asked.append((record.query, record.args)))
    assert await sign_in(face, provider) == account
    ((query, arguments),) = [one for one in asked if "oidc_issuer = $1" in one[0]]
    assert not [one for one, _ in asked if "INSERT" in one or "api_keys" in one]
    async with face.context.pool.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await conn.fetch(f"EXPLAIN {query}", *arguments))
    assert "using accounts_oidc_issuer_oidc_subject_key" in plan


async def test_the_log_names_the_account_and_never_the_token(face: Face, provider: Issuer) -> None:
    account, token = await sign_in(face, provider), provider.token()
    with capture_logs(processors=[merge_contextvars]) as lines:
        assert (await face.get(PATH, key=token)).status_code == 200
        assert (await face.get(PATH, key=token[:-4])).status_code == 401
    requests = [line for line in lines if line["event"] == "request"]
    assert requests[0]["account_id"] == str(account)
    assert "api_key_id" not in requests[0]
    assert "account_id" not in requests[1]
    for part in token.split("."):
        assert part not in json.dumps(lines, default=str)


async def test_an_account_somebody_signs_in_to_is_not_swept_away(context: Context) -> None:
    """A customer's own account goes when the customer turns out to be another's; one that can be opened stays."""
    named = await make_account(context)
    for customer, subject in (("cus_1", None), ("cus_2", "ada")):
        await receive_event(context, event("customer.created", example("customer", id=customer, metadata={})))
        found = "UPDATE accounts SET oidc_issuer = $2, oidc_subject = $3 WHERE made_for_customer = $1"
        await context.pool.execute(found, customer, subject and "https://login.example.com", subject)
        told = example("customer", id=customer, metadata={"account_id": str(named)})
        await receive_event(context, event("customer.updated", told))
    left = {one["oidc_subject"] for one in await accounts(context) if one["id"] != named}
    assert left == {"ada"}
