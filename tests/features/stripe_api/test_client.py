"""The Stripe client over real HTTP: against the sandbox, and against a scripted proxy that fails."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
import stripe
import structlog
from structlog.testing import LogCapture
from tests.support.client import open_client
from tests.support.patience import PATIENCE_SECONDS
from tests.support.stripe_proxy import (
    NEVER,
    Answer,
    StripeProxy,
    set_stripe_timeout,
    stripe_error,
    stripe_proxy,
)

from licet.errors import CardDeclined, StripeRefused, StripeUnavailable
from licet.stripe_api import calls
from licet.stripe_api.calls import time_limit
from licet.stripe_api.client import StripeApi
from licet.stripe_api.once import create_once
from licet.stripe_api.version import API_VERSION, SDK_VERSION
from licet_sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("patient_licet")

KEY = "sk_test_very_secret_indeed"


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[StripeApi]:
    """The door, with a sandbox behind it."""
    running = await Sandbox(None).serve()
    api = StripeApi(KEY, base_url=running.url, timeout_seconds=PATIENCE_SECONDS)
    yield api
    await api.close()
    await running.stop()


@pytest_asyncio.fixture
async def fickle() -> AsyncIterator[StripeProxy]:
    """A proxy that only answers by script."""
    async with stripe_proxy() as made:
        yield made


@pytest_asyncio.fixture
async def api(fickle: StripeProxy) -> AsyncIterator[StripeApi]:
    """The door to it."""
    made = StripeApi(KEY, base_url=fickle.url, timeout_seconds=PATIENCE_SECONDS)
    yield made
    await made.close()


def test_the_three_pinned_words_belong_together() -> None:
    assert SDK_VERSION == stripe.VERSION
    assert stripe.api_version == API_VERSION


async def test_objects_are_plain_dicts_as_in_stripes_json(sandbox: StripeApi) -> None:
    made = await sandbox.create("product", {"name": "Thing", "metadata": {"a": "ü"}})
    assert type(made) is dict
    assert made["metadata"] == {"a": "ü"}
    assert await sandbox.retrieve("product", made["id"]) == made
    renamed = await sandbox.update("product", made["id"], {"name": "Other", "description": None})
    assert renamed["name"] == "Other"
    price = await sandbox.create("price", {"product": made["id"], "currency": "usd", "unit_amount": 5})
    read = await sandbox.retrieve("price", price["id"], expand=["product"])
    assert read is not None
    assert read["product"]["name"] == "Other"
    customer = await sandbox.create("customer", {})
    assert (await sandbox.delete("customer", customer["id"]))["deleted"] is True


async def test_what_is_not_there_is_none(sandbox: StripeApi) -> None:
    assert await sandbox.retrieve("customer", "cus_nobody") is None
    with pytest.raises(ValueError, match="id is needed"):
        await sandbox.retrieve("customer", "")
    account = await sandbox.retrieve("account", "")
    assert account is not None
    assert account["object"] == "account"


async def test_a_list_is_read_to_its_end(sandbox: StripeApi) -> None:
    made = [(await sandbox.create("customer", {"name": str(n)}))["id"] for n in range(7)]
    assert [one["id"] async for one in sandbox.list_all("customer", limit=3)] == made[::-1]
    assert [one async for one in sandbox.list_all("customer", email="nobody@example.com")] == []
    assert [one["id"] async for one in sandbox.in_background.list_all("customer")] == made[::-1]


async def test_a_key_makes_one_thing(sandbox: StripeApi) -> None:
    both = await asyncio.gather(*(sandbox.create("customer", {"metadata": {"a": "b"}}, "key") for _ in range(5)))
    assert len({one["id"] for one in both}) == 1
    with pytest.raises(StripeRefused):
        await sandbox.create("customer", {"metadata": {"a": "c"}}, "key")


async def test_an_id_stays_within_its_place_in_the_path(fickle: StripeProxy, api: StripeApi) -> None:
    with pytest.raises(StripeRefused):
        await api.retrieve("customer", "cus_1/../../account?x=")
    assert fickle.seen[0].path.startswith("/v1/customers/")


async def test_an_unknown_parameter_is_refused(sandbox: StripeApi) -> None:
    with pytest.raises(StripeRefused) as refused:
        await sandbox.create("customer", {"nonsense": "x"})
    assert refused.value.details["stripeRequestId"].startswith("req_")


async def test_a_wrong_key_says_to_check_it() -> None:
    running = await Sandbox(None).serve()
    api = StripeApi("sk_live_wrong_place", base_url=running.url, timeout_seconds=PATIENCE_SECONDS)
    try:
        assert api.live
        with pytest.raises(StripeRefused, match="STRIPE_SECRET_KEY") as refused:
            await api.retrieve("account", "")
        assert "wrong_place" not in refused.value.message
    finally:
        await api.close()
        await running.stop()


@pytest.mark.parametrize("status", [409, 429, 500, 503])
async def test_what_passes_by_itself_is_tried_again(fickle: StripeProxy, api: StripeApi, status: int) -> None:
    fickle.script["POST", "/v1/customers"] = [
        Answer(status, stripe_error()),
        Answer(200, {"id": "cus_1"}),
    ]
    assert (await api.create("customer", {}))["id"] == "cus_1"
    first, second = fickle.seen
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] != ""
    assert first.headers["stripe-version"] == API_VERSION
    assert "x-stripe-client-telemetry" not in second.headers


async def test_it_gives_up_in_time_and_says_so(fickle: StripeProxy, api: StripeApi) -> None:
    fickle.always["GET", "/v1/customers/cus_1"] = Answer(503, "<html>no</html>")
    with pytest.raises(StripeUnavailable, match="503") as gone:
        await api.retrieve("customer", "cus_1")
    assert gone.value.retry_after_seconds == 5
    assert len(fickle.seen) == 5


async def test_its_tries_share_the_time_of_one_call(
    fickle: StripeProxy, api: StripeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CALL_TIMEOUT_SECONDS", 0.5)
    fickle.always["GET", "/v1/customers/cus_1"] = Answer(200, {"id": "cus_1"}, seconds=NEVER)
    with pytest.raises(StripeUnavailable, match="in time"):
        await api.retrieve("customer", "cus_1")
    assert len(fickle.seen) <= 1


async def test_no_answer_is_waited_for_only_so_long(fickle: StripeProxy, api: StripeApi) -> None:
    unanswered = Answer(200, {"id": "cus_1"}, seconds=NEVER, then=lambda: set_stripe_timeout(api, PATIENCE_SECONDS))
    fickle.script["GET", "/v1/customers/cus_1"] = [unanswered, Answer(200, {"id": "cus_1"})]
    set_stripe_timeout(api, 0.5)
    assert await api.retrieve("customer", "cus_1") == {"id": "cus_1"}
    assert len(fickle.seen) == 2


async def test_several_calls_share_the_time_of_one_who_waits(fickle: StripeProxy, api: StripeApi) -> None:
    fickle.always["GET", "/v1/customers/cus_1"] = Answer(200, {"id": "cus_1"})
    with time_limit(PATIENCE_SECONDS):
        assert await api.retrieve("customer", "cus_1") == {"id": "cus_1"}
    fickle.script["GET", "/v1/customers/cus_1"] = [Answer(200, {"id": "cus_1"}, seconds=NEVER)]
    with time_limit(0.5):
        with pytest.raises(StripeUnavailable, match="in time"):
            await api.retrieve("customer", "cus_1")
        # It would be answered, and nothing of the time is left.
        with pytest.raises(StripeUnavailable, match="in time"):
            await api.retrieve("customer", "cus_1")
    fickle.script.clear()
    assert await api.retrieve("customer", "cus_1") == {"id": "cus_1"}


async def test_nobody_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    api = StripeApi(KEY, base_url=f"http://127.0.0.1:{port}", timeout_seconds=PATIENCE_SECONDS)
    try:
        with pytest.raises(StripeUnavailable, match="cannot be reached"):
            await api.create("customer", {})
    finally:
        await api.close()


async def test_a_long_retry_after_is_passed_on_instead_of_waited_for(fickle: StripeProxy, api: StripeApi) -> None:
    fickle.script["GET", "/v1/customers/cus_1"] = [Answer(429, stripe_error(), {"retry-after": "60"})]
    with pytest.raises(StripeUnavailable) as gone:
        await api.retrieve("customer", "cus_1")
    assert gone.value.retry_after_seconds == 60


async def test_a_declined_card(fickle: StripeProxy, api: StripeApi) -> None:
    body = stripe_error("Your card has insufficient funds.", code="card_declined", decline_code="insufficient_funds")
    body["error"]["type"] = "card_error"
    fickle.script["POST", "/v1/invoices"] = [Answer(402, body)]
    with pytest.raises(CardDeclined) as declined:
        await api.create("invoice", {})
    assert declined.value.message == "Your card has insufficient funds."
    assert declined.value.details["declineCode"] == "insufficient_funds"
    assert declined.value.details["stripeRequestId"] == "req_scripted"


async def test_a_missing_page_is_no_missing_object(fickle: StripeProxy, api: StripeApi) -> None:
    fickle.script["GET", "/v1/customers/cus_1"] = [Answer(404, stripe_error("Unrecognized request URL"))]
    with pytest.raises(StripeRefused, match="Unrecognized"):
        await api.retrieve("customer", "cus_1")


async def test_a_kept_failure_does_not_stand_in_the_way(fickle: StripeProxy, api: StripeApi) -> None:
    kept = Answer(500, stripe_error(), {"idempotent-replayed": "true", "stripe-should-retry": "false"})
    fickle.script["POST", "/v1/customers"] = [kept, kept, Answer(200, {"id": "cus_1"})]
    assert (await create_once(api, "customer", {}, "key"))["id"] == "cus_1"
    assert [one.headers["idempotency-key"] for one in fickle.seen] == ["key", "key-2", "key-3"]


async def test_a_fresh_failure_is_not_walked_around(fickle: StripeProxy, api: StripeApi) -> None:
    fickle.script["POST", "/v1/customers"] = [Answer(500, stripe_error(), {"stripe-should-retry": "false"})]
    with pytest.raises(StripeUnavailable):
        await create_once(api, "customer", {}, "key")
    assert len(fickle.seen) == 1


async def test_each_try_is_one_log_line_with_both_request_ids(fickle: StripeProxy, api: StripeApi) -> None:
    said = LogCapture()
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, said])
    try:
        fickle.script["GET", "/v1/customers/cus_1"] = [
            Answer(500, stripe_error()),
            Answer(200, {"id": "cus_1"}),
        ]
        with structlog.contextvars.bound_contextvars(request_id="ours"):
            await api.retrieve("customer", "cus_1", expand=["secret_looking_parameter"])
    finally:
        structlog.configure(processors=before)
    lines = [line for line in said.entries if line["event"] == "stripe_call"]
    assert [line["status"] for line in lines] == [500, 200]
    assert [line["attempt"] for line in lines] == [1, 2]
    assert {(line["request_id"], line["stripe_request_id"]) for line in lines} == {("ours", "req_scripted")}
    assert KEY not in str(lines)
    assert "secret_looking_parameter" not in str(lines)


async def test_a_proxy_is_passed_by_on_this_machine(
    fickle: StripeProxy, api: StripeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    fickle.script["GET", "/v1/customers/cus_1"] = [Answer(200, {"id": "cus_1"})]
    async with open_client() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{fickle.url}/v1/customers/cus_1")
    assert await api.retrieve("customer", "cus_1") == {"id": "cus_1"}


async def test_text_that_cannot_be_stored_is_replaced_in_answers_and_refusals(
    fickle: StripeProxy, api: StripeApi
) -> None:
    name = "a\\u0000b\\ud800c \\ud83d\\ude00"
    fickle.script["GET", "/v1/customers/cus_1"] = [
        Answer(body=f'{{"id": "cus_1", "metadata": {{"{name}": ["{name}"]}}}}')
    ]
    found = await api.retrieve("customer", "cus_1")
    assert found is not None
    assert found["metadata"] == {"a\ufffdb\ufffdc 😀": ["a\ufffdb\ufffdc 😀"]}
    fickle.script["GET", "/v1/customers/cus_1"] = [Answer(400, '{"error": {"message": "x\\u0000y\\ud800\\u001b[2J"}}')]
    with pytest.raises(StripeRefused) as caught:
        await api.retrieve("customer", "cus_1")
    assert caught.value.message.isprintable()
    assert caught.value.message.endswith("x y [2J")
