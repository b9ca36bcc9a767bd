"""`kill -9` during a request with an `Idempotency-Key`; the same request again makes it once."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.client import open_client
from tests.support.commit_proxy import CommitProxy
from tests.support.face import assert_error
from tests.support.keyed import ACCOUNTS, account
from tests.support.killed import close_output, fetch_value, killed_or_idle, same_ports, start_behind
from tests.support.running import Running

KEEPS_THE_ANSWER = b"UPDATE idempotency_keys SET status"
WRITES_THE_SESSION = b"INSERT INTO checkout_sessions"

SESSIONS = "SELECT array_agg(stripe_session_id) FROM checkout_sessions"


class Caller:
    """Sends the same request under the same key to each of Licet's lives."""

    def __init__(self, client: httpx.AsyncClient, url: str, path: str, body: Any) -> None:
        self._client = client
        self._address = url + path
        self._body = body

    async def ask(self) -> httpx.Response:
        return await self._client.post(self._address, json=self._body, headers={"Idempotency-Key": "k"})


async def alive(place: Path, proxy: CommitProxy) -> tuple[Running, httpx.AsyncClient]:
    licet = await start_behind(place, proxy)
    assert licet is not None
    headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
    return licet, open_client(headers=headers)


async def killed_and_started(licet: Running, place: Path, proxy: CommitProxy, caller: Caller) -> Running:
    """Asks, is killed over it, and lives again at the same address."""
    proxy.armed = True
    with pytest.raises(httpx.TransportError):
        await caller.ask()
    assert await killed_or_idle(licet)
    again = await start_behind(place, proxy, same_ports(licet))
    assert again is not None
    return again


async def a_checkout(client: httpx.AsyncClient, licet: Running) -> Caller:
    made = (await client.post(f"{licet.url}{ACCOUNTS}", json=account())).json()["id"]
    product = (await client.get(f"{licet.url}/api/products")).json()["data"][0]["id"]
    back = {"successUrl": "http://localhost/thanks", "cancelUrl": "http://localhost/back"}
    body = {"items": [{"productId": product, "quantity": 1}], **back}
    return Caller(client, licet.url, f"/api/billing/checkout?accountId={made}", body)


async def sessions_at_stripe(licet: Running) -> list[str]:
    headers = {"Authorization": "Bearer sk_test_any"}
    async with open_client(headers=headers) as client:
        listed = (await client.get(f"{licet.ready['sandboxUrl']}/v1/checkout/sessions")).json()
    return [session["id"] for session in listed["data"]]


async def end(licet: Running) -> None:
    assert await asyncio.to_thread(licet.end) == 0
    close_output(licet)


async def test_an_account_whose_answer_was_never_sent(database: str, place: Path) -> None:
    """Made and answered in one transaction: what was committed is the answer, at once."""
    async with CommitProxy(database, statement=KEEPS_THE_ANSWER).running() as proxy:
        licet, client = await alive(place, proxy)
        async with client:
            caller = Caller(client, licet.url, ACCOUNTS, account())
            licet = await killed_and_started(licet, place, proxy, caller)
            answer = await caller.ask()
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (201, "true")
        assert await fetch_value(database, "SELECT array_agg(id::text) FROM accounts") == [answer.json()["id"]]
        await end(licet)


async def test_a_checkout_whose_answer_was_never_sent(database: str, place: Path) -> None:
    async with CommitProxy(database, statement=KEEPS_THE_ANSWER).running() as proxy:
        licet, client = await alive(place, proxy)
        async with client:
            caller = await a_checkout(client, licet)
            licet = await killed_and_started(licet, place, proxy, caller)
            answer = await caller.ask()
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (201, "true")
        session = answer.json()["sessionId"]
        assert await fetch_value(database, SESSIONS) == await sessions_at_stripe(licet) == [session]
        await end(licet)


async def test_a_session_that_stripe_made_and_we_did_not_write_down(database: str, place: Path) -> None:
    """While the lease lasts the first try may still run; after it, Stripe returns the same session."""
    async with CommitProxy(database, statement=WRITES_THE_SESSION, before=True).running() as proxy:
        licet, client = await alive(place, proxy)
        async with client:
            caller = await a_checkout(client, licet)
            licet = await killed_and_started(licet, place, proxy, caller)
            (made,) = await sessions_at_stripe(licet)
            assert await fetch_value(database, SESSIONS) is None
            assert_error(await caller.ask(), 409, "idempotency_in_progress")
            # As after a minute.
            await fetch_value(database, "UPDATE idempotency_keys SET leased_until = leased_until - interval '1 minute'")
            answer = await caller.ask()
            again = await caller.ask()
        assert (answer.status_code, answer.json()["sessionId"]) == (201, made)
        assert (again.headers["idempotent-replayed"], again.content) == ("true", answer.content)
        assert await fetch_value(database, SESSIONS) == await sessions_at_stripe(licet) == [made]
        order = "SELECT order_id = made_id FROM checkout_sessions, idempotency_keys"
        assert await fetch_value(database, order) is True
        await end(licet)
