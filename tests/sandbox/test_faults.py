"""Misbehaviour on request: what each fault does, and that a seed repeats it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import stripe
from tests.sandbox.conftest import KEY
from tests.sandbox.play import DAY, Play, Receiver, served
from tests.sandbox.test_persistence import play_with
from tests.support.client import open_client
from tests.support.patience import PATIENCE_SECONDS

from licet_sandbox.spec.document import API_VERSION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from licet_sandbox.validation import Checker

AUTH = {"Authorization": f"Bearer {KEY}"}


async def told(play: Play, path: str) -> list[dict[str, Any]]:
    """Oldest first."""
    data: list[dict[str, Any]] = (await play.http.get(f"/_sandbox/{path}")).json()["data"]
    return data


async def deliveries(play: Play, **query: str) -> list[dict[str, Any]]:
    """Oldest first."""
    answer = await play.http.get("/_sandbox/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json()["data"]))


def named(bodies: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """What came, in its order; ids are others each time, so an event is named by when it first came."""
    names: dict[str, int] = {}
    return [(body["type"], names.setdefault(body["id"], len(names))) for body in bodies]


async def log_of(play: Play) -> list[dict[str, Any]]:
    """What the faults did, without what is another each time."""
    entries = await told(play, "faults/log")
    return [{key: entry[key] for key in entry if key not in {"at", "deliveryId", "requestId"}} for entry in entries]


async def story(play: Play, receiver: Receiver, **faults: Any) -> list[Any]:
    """A purchase and a renewal, and all that was told of them: what came, and what the faults did."""
    await play.http.post("/_sandbox/reset")
    # Not by the month: each is as long as the one before, wherever the clock stands by now.
    price = await play.price(recurring={"interval": "day", "interval_count": 30})
    before = len(await deliveries(play))
    receiver.bodies.clear()
    await play.faults(**faults)
    await play.subscribe(price=price)
    await play.advance(33 * DAY)
    sent = [(entry["eventType"], entry["state"], entry["faults"]) for entry in (await deliveries(play))[before:]]
    return [named(receiver.bodies), sent, await log_of(play)]


@pytest.mark.parametrize(
    "faults",
    [
        {"duplicate": 0.3},
        {"reorder": 0.4},
        {"delay": 0.3},
        {"delay": 0.5, "delaySeconds": [5, 20 * DAY]},
        {"drop": 0.3},
        {"duplicate": 0.2, "reorder": 0.3, "delay": 0.2, "drop": 0.1},
    ],
)
async def test_events_repeat_by_their_seed(play: Play, receiver: Receiver, faults: dict[str, Any]) -> None:
    await play.endpoint(receiver)
    first = await story(play, receiver, **faults, seed=7)
    assert first[2], "nothing happened"
    assert {entry["fault"] for entry in first[2]} <= faults.keys()
    again = await story(play, receiver, **faults, seed=7)
    assert again == first
    other = await story(play, receiver, **faults, seed=8)
    assert other[2] != first[2]
    assert other[0] != first[0]


async def insist(make: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until there is an answer, at once each time."""
    for _ in range(50):
        try:
            return await make()
        except (stripe.RateLimitError, stripe.APIConnectionError, stripe.APIError):
            continue
    raise AssertionError("no answer in fifty tries")


async def year(play: Play, receivers: list[Receiver]) -> list[Any]:
    """A year of a subscription with everything going wrong, told to three endpoints: one listens to little, one is old.

    A card fails in the fifth month, another takes its place; then the end.
    """
    heard = [["*"], ["invoice.paid", "customer.subscription.updated"], ["*"]]
    versions = [API_VERSION, API_VERSION, "2024-12-18.acacia"]
    for receiver, types, version in zip(receivers, heard, versions, strict=True):
        given = {"url": receiver.url, "enabled_events": types, "api_version": version}
        receiver.endpoint = await play.api.webhook_endpoints.create_async(given)
    price = await play.price()
    events = {"duplicate": 0.1, "reorder": 0.2, "delay": 0.2, "drop": 0.05, "delaySeconds": [60, 20 * DAY]}
    await play.faults(**events, apiErrors=0.4, apiLostAnswers=0.2, apiTimeoutSeconds=0.1, apiLatencyMs=[0, 5], seed=11)
    session = await insist(lambda: play.session(price))
    assert (await play.pay(session)).status_code == 200
    session = await insist(lambda: play.api.checkout.sessions.retrieve_async(session.id))
    for month in range(12):
        if month == 4:
            await play.change_card(session.customer, "4000000000000341")
        if month == 5:
            await play.change_card(session.customer, "4242424242424242")
        await play.advance(31 * DAY)
        await insist(lambda: play.api.invoices.list_async({"subscription": session.subscription}))
    ending: Any = {"invoice_now": True}
    await insist(lambda: play.api.subscriptions.cancel_async(session.subscription, ending, {"idempotency_key": "end"}))
    await play.advance(30 * DAY)
    sent = [(entry["eventType"], entry["state"], entry["faults"]) for entry in await deliveries(play)]
    return [*(named(receiver.bodies) for receiver in receivers), sent, await log_of(play)]


async def test_a_year_repeats_by_its_seed(checker: Checker, transport: Any) -> None:
    lived = []
    for _ in range(2):
        async with AsyncExitStack() as stack:
            running = await stack.enter_async_context(served(validate=checker))
            http = await stack.enter_async_context(open_client(base_url=running.url))
            receivers = [Receiver() for _ in range(3)]
            for receiver in receivers:
                await receiver.start()
                stack.push_async_callback(receiver.stop)
            lived.append(await year(play_with(running, transport, http), receivers))
    first, again = lived
    for told_first, told_again in zip(first, again, strict=True):
        assert told_first == told_again
    everything, little, old, sent, log = first
    assert {entry["fault"] for entry in log} == {"duplicate", "reorder", "delay", "drop", "apiErrors"}
    assert {event_type for event_type, _ in little} == {"invoice.paid", "customer.subscription.updated"}
    assert {event_type for event_type, _ in everything} > {event_type for event_type, _ in old}
    assert {state for _, state, _ in sent} == {"delivered", "dropped"}
    assert sum(event_type == "invoice.paid" for event_type, _ in everything) >= 12


async def test_no_faults_no_log(play: Play, receiver: Receiver) -> None:
    await play.endpoint(receiver)
    came, sent, log = await story(play, receiver)
    assert log == []
    assert len(came) == len(set(came)) == len(sent)
    assert {(state, len(names)) for _, state, names in sent} == {("delivered", 0)}


async def test_duplicates_are_the_same_event(play: Play, receiver: Receiver) -> None:
    await play.endpoint(receiver)
    await play.faults(duplicate=1)
    await play.buy()
    assert set(Counter(body["id"] for body in receiver.bodies).values()) == {2}


async def test_another_order_of_the_same_events(play: Play, receiver: Receiver) -> None:
    price = await play.price()
    await play.endpoint(receiver)
    await play.faults(reorder=1, seed=1)
    await play.subscribe(price=price)
    ids = [body["id"] for body in receiver.bodies]
    made = [event.id for event in await play.events()][-len(ids) :]
    assert sorted(ids) == sorted(made)
    assert ids != made


async def test_a_moved_event_comes_even_where_none_follows(play: Play, receiver: Receiver) -> None:
    await play.endpoint(receiver)
    await play.faults(reorder=1)
    await play.api.products.create_async({"name": "T"})
    assert receiver.bodies == []
    await receiver.until(1)


async def test_delayed_events_come_on_the_way(play: Play, receiver: Receiver) -> None:
    came: list[float] = []

    async def note(_: dict[str, Any]) -> None:
        came.append(play.sandbox.now().timestamp())

    await play.endpoint(receiver, "product.created")
    receiver.hook = note
    await play.faults(delay=1, delaySeconds=[600, 7200], seed=3)
    made = [(await play.api.products.create_async({"name": str(at)})).id for at in range(6)]
    began = play.sandbox.now().timestamp()
    assert (await play.api.events.list_async({"delivery_success": False})).data[0].pending_webhooks == 1
    await play.advance(599)
    assert came == []
    waits = [entry["seconds"] for entry in await told(play, "faults/log")]
    await play.advance(7200)
    assert sorted(body["data"]["object"]["id"] for body in receiver.bodies) == sorted(made)
    assert [moment - began for moment in came] == pytest.approx(sorted(waits), abs=3)
    assert len({round(wait) for wait in waits}) == 6
    assert (await play.api.events.list_async({"delivery_success": False})).data == []


async def test_dropped_events_are_lost_and_can_be_found(play: Play, receiver: Receiver) -> None:
    await play.endpoint(receiver, "product.created")
    await play.faults(drop=1)
    product = await play.api.products.create_async({"name": "T"})
    await play.advance(4 * DAY)
    assert receiver.bodies == []
    [event] = (await play.api.events.list_async({"delivery_success": False})).data
    assert (event.data.object.id, event.pending_webhooks) == (product.id, 1)
    [delivery] = await deliveries(play, state="dropped")
    assert (delivery["eventId"], delivery["attempts"], delivery["faults"]) == (event.id, 0, ["drop"])
    again = await play.http.post(f"/_sandbox/deliveries/{delivery['id']}/resend")
    assert again.json()["state"] == "delivered"
    assert [body["id"] for body in receiver.bodies] == [event.id]
    assert (await play.api.events.retrieve_async(event.id)).pending_webhooks == 0
    assert (await play.api.events.list_async({"delivery_success": False})).data == []


async def test_each_endpoint_has_its_own_luck(play: Play, receiver: Receiver) -> None:
    await play.endpoint(receiver, "product.created")
    await play.api.webhook_endpoints.create_async({"url": receiver.url + "2", "enabled_events": ["product.created"]})
    receiver.endpoint = None
    await play.faults(drop=0.5, seed=1)
    for at in range(12):
        await play.api.products.create_async({"name": str(at)})
    states: dict[str, set[str]] = {}
    for entry in await deliveries(play):
        states.setdefault(entry["eventId"], set()).add(str("drop" in entry["faults"]))
    assert {"True", "False"} in states.values()


async def call(play: Play, path: str = "/v1/products", method: str = "GET") -> str:
    """What became of a call."""
    try:
        answer = await play.http.request(method, path, headers=AUTH)
    except httpx.RemoteProtocolError:
        return "cut"
    return f"{answer.status_code}{' later' if 'retry-after' in answer.headers else ''}"


async def test_calls_fail_in_each_way_and_repeat_by_their_seed(play: Play) -> None:
    async def calls(seed: int) -> list[Any]:
        await play.faults(apiErrors=0.5, apiTimeoutSeconds=0.1, seed=seed)
        outcomes = [await call(play) for _ in range(40)]
        log = await told(play, "faults/log")
        return [outcomes, [(entry["fault"], entry["kind"], entry["operation"]) for entry in log]]

    first = await calls(3)
    assert set(first[0]) == {"200", "429", "429 later", "500", "cut"}
    assert {kind for _, kind, _ in first[1]} == {
        "rate_limit",
        "rate_limit_retry_after",
        "server_error",
        "lost_answer",
        "timeout",
    }
    assert {operation for _, _, operation in first[1]} == {"GET /v1/products"}
    assert await calls(3) == first
    assert await calls(4) != first


async def test_somebody_s_polling_moves_nobody_s_draws(play: Play) -> None:
    settings = {"apiErrors": 0.5, "apiTimeoutSeconds": 0.1, "seed": 5}
    await play.faults(**settings)
    alone = [await call(play) for _ in range(15)]
    await play.faults(**settings)
    among_others = []
    for _ in range(15):
        await call(play, "/v1/customers")
        among_others.append(await call(play))
    assert among_others == alone


async def test_errors_as_the_sdk_sees_them(play: Play) -> None:
    await play.faults(apiErrors=1, apiTimeoutSeconds=0.1, seed=2)
    failures: list[stripe.StripeError] = []
    for _ in range(30):
        with pytest.raises(stripe.StripeError) as failed:
            await play.api.products.create_async({"name": "T"})
        failures.append(failed.value)
    kinds = {type(failure) for failure in failures}
    assert kinds == {stripe.RateLimitError, stripe.APIError, stripe.APIConnectionError}
    limited: Any = next(failure for failure in failures if isinstance(failure, stripe.RateLimitError))
    assert (limited.http_status, limited.error.code) == (429, "rate_limit")
    assert limited.headers["stripe-rate-limited-reason"] == "global-rate"
    assert limited.headers["request-id"].startswith("req_")
    assert "stripe-should-retry" not in limited.headers
    broken: Any = next(failure for failure in failures if isinstance(failure, stripe.APIError))
    assert (broken.http_status, broken.headers["stripe-should-retry"]) == (500, "true")
    lost = [entry for entry in await told(play, "faults/log") if entry["kind"] == "lost_answer"]
    await play.faults()
    # Only what was done and not answered is there.
    assert len((await play.api.products.list_async({"limit": 100})).data) == len(lost) > 0


async def test_a_call_that_is_never_answered(play: Play) -> None:
    await play.faults(apiTimeouts=1, apiTimeoutSeconds=60)
    headers, impatient = {**AUTH, "Idempotency-Key": "k"}, httpx.Timeout(PATIENCE_SECONDS, read=0.2)
    with pytest.raises(httpx.ReadTimeout):
        await play.http.post("/v1/products", data={"name": "T"}, headers=headers, timeout=impatient)
    await play.faults()
    # It did nothing, and its key is free.
    assert (await play.api.products.list_async()).data == []
    again = await play.http.post("/v1/products", data={"name": "T"}, headers=headers)
    assert (again.status_code, again.headers.get("idempotent-replayed")) == (200, None)


async def test_a_held_call_keeps_no_sandbox_from_stopping(checker: Checker, transport: Any) -> None:
    async with served(validate=checker) as running, open_client(base_url=running.url) as http:
        play = play_with(running, transport, http)
        await play.faults(apiTimeouts=1, apiTimeoutSeconds=600)
        held = asyncio.create_task(http.get("/v1/products", headers=AUTH))
        while not await told(play, "faults/log"):
            assert not held.done()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await running.stop()
            with pytest.raises(httpx.RemoteProtocolError):
                await held


async def test_an_answer_that_is_lost_is_given_to_the_retry(play: Play, transport: Any) -> None:
    await play.faults(apiLostAnswers=1)
    lost = {"name": "T"}
    with pytest.raises(stripe.APIConnectionError):
        await play.api.products.create_async(lost, {"idempotency_key": "once"})
    await play.faults()
    made = await play.api.products.create_async(lost, {"idempotency_key": "once"})
    assert [product.id for product in (await play.api.products.list_async()).data] == [made.id]
    # The SDK retries by itself, with the key that it keeps: however often answers are lost, one product is made.
    patient = stripe.StripeClient(KEY, base_addresses={"api": play.url}, http_client=transport, max_network_retries=8)
    await play.faults(apiLostAnswers=0.6, seed=1)
    created = [(await patient.v1.products.create_async({"name": str(at)})).id for at in range(4)]
    assert [entry["kind"] for entry in await told(play, "faults/log")] != []
    await play.faults()
    assert [product.id for product in (await play.api.products.list_async()).data] == [*created[::-1], made.id]


async def test_a_declined_payment_whose_answer_is_lost(play: Play) -> None:
    await play.faults(apiLostAnswers=1)
    given = {"amount": 100, "currency": "usd", "payment_method": "pm_card_visa_chargeDeclined", "confirm": True}
    with pytest.raises(stripe.APIConnectionError):
        await play.api.payment_intents.create_async(given, {"idempotency_key": "pay"})
    await play.faults()
    with pytest.raises(stripe.CardError) as declined:
        await play.api.payment_intents.create_async(given, {"idempotency_key": "pay"})
    assert declined.value.code == "card_declined"
    assert len((await play.api.payment_intents.list_async()).data) == 1


async def test_latency(play: Play) -> None:
    async def seconds(**settings: Any) -> float:
        await play.faults(**settings)
        began = asyncio.get_running_loop().time()
        await play.api.products.list_async()
        return asyncio.get_running_loop().time() - began

    assert await seconds(apiLatencyMs=80) >= 0.08
    assert await seconds(apiLatencyMs=[120, 200], seed=1) >= 0.12

    async def drawn(**settings: Any) -> list[float]:
        await play.faults(**settings)
        return [play.sandbox._engine.faults.draw_call_fault("GET /v1/products").latency_seconds for _ in range(9)]

    slow = await drawn(apiLatencyMs=[100, 200], seed=1)
    assert all(0.1 <= latency <= 0.2 for latency in slow)
    assert len(set(slow)) == 9
    assert await drawn(apiLatencyMs=[100, 200], seed=1) == slow
    assert await drawn(apiLatencyMs=[100, 200], seed=2) != slow
    assert set(await drawn()) == {0.0}


async def test_the_rate_limit(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("licet_sandbox.api.rate.time", SimpleNamespace(monotonic=lambda: now))
    await play.faults(apiRateLimit=5)
    outcomes = await asyncio.gather(*(call(play) for _ in range(12)))
    assert Counter(outcomes) == {"200": 5, "429": 7}
    now += 0.9
    assert await call(play) == "429"
    now += 0.1
    assert await call(play) == "200"
    await play.faults()
    assert set(await asyncio.gather(*(call(play) for _ in range(12)))) == {"200"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"duplicate": 2}, "duplicate is a share"),
        ({"drop": -0.1}, "drop is a share"),
        ({"delay": True}, "delay is a share"),
        ({"reorder": "0.1"}, "reorder is a share"),
        ({"apiErrors": None}, "apiErrors is a share"),
        ({"apiTimeouts": 1.5}, "apiTimeouts is a share"),
        ({"apiLostAnswers": []}, "apiLostAnswers is a share"),
        ({"seed": "x"}, "seed is a whole number"),
        ({"seed": 1.5}, "seed is a whole number"),
        ({"nonsense": 1}, "unknown fault: nonsense"),
        ({"apiLatencyMs": -1}, "apiLatencyMs is milliseconds"),
        ({"apiLatencyMs": [50, 10]}, "from and to"),
        ({"apiLatencyMs": [1, 2, 3]}, "apiLatencyMs is milliseconds"),
        ({"delaySeconds": 0}, "delaySeconds is seconds"),
        ({"delaySeconds": 31 * DAY}, "delaySeconds is seconds from 0.1 to 2592000"),
        ({"apiTimeoutSeconds": 0}, "apiTimeoutSeconds is seconds"),
        ({"apiRateLimit": 0}, "at least 1"),
        ([1], "JSON object"),
    ],
)
async def test_faults_that_are_none(play: Play, wrong: object, says: str) -> None:
    await play.faults(drop=0.5)
    answer = await play.http.post("/_sandbox/faults", json=wrong)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]
    assert (await play.http.get("/_sandbox/faults")).json() == {"drop": 0.5}


async def test_reset_ends_them(play: Play) -> None:
    await play.faults(apiErrors=1, apiTimeoutSeconds=0.1)
    await call(play)
    assert await told(play, "faults/log")
    await play.http.post("/_sandbox/reset")
    assert (await play.http.get("/_sandbox/faults")).json() == {}
    assert await told(play, "faults/log") == []
    assert await call(play) == "200"


async def test_they_go_on_after_a_restart(tmp_path: Path, checker: Checker, transport: Any) -> None:
    @asynccontextmanager
    async def playing(path: Path) -> AsyncIterator[Play]:
        async with served(path, validate=checker) as running, open_client(base_url=running.url) as http:
            yield play_with(running, transport, http)

    settings = {"apiErrors": 0.6, "apiTimeoutSeconds": 0.1, "seed": 28}
    async with playing(tmp_path / "one.db") as play:
        await play.faults(**settings)
        whole = [await call(play) for _ in range(8)]
    assert len(set(whole)) > 1
    async with playing(tmp_path / "other.db") as play:
        await play.faults(**settings)
        first = [await call(play) for _ in range(4)]
    async with playing(tmp_path / "other.db") as play:
        assert first + [await call(play) for _ in range(4)] == whole
