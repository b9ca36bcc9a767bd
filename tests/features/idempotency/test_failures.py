"""What went wrong for a moment is tried anew under the same key, under the same id; what stays wrong is kept."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import Response
from tests.factories.accounts import make_api_key
from tests.support.client import open_client
from tests.support.face import Face, assert_error
from tests.support.keyed import assert_replayed, count, post
from tests.support.serving import serve

from licet.accounts.auth import Operator
from licet.app import create_app
from licet.errors import LicetError
from licet.http.context import Context
from licet.http.router import api_router
from licet.http.shapes import RequestBody, ResponseBody
from licet.idempotency.once import Once


class Made(ResponseBody):
    id: UUID


class Nothing(RequestBody):
    pass


@dataclass
class Making:
    """A route that fails as it is told, in turn, and then makes something."""

    face: Face
    fails: list[Exception] = field(default_factory=list)
    ids: list[UUID] = field(default_factory=list)
    forgets_to_answer: bool = False

    async def post(self) -> httpx.Response:
        return await post(self.face, "/things", "k", {})


@pytest_asyncio.fixture
async def making(context: Context) -> AsyncIterator[Making]:
    router = api_router(tag="test")
    app = create_app(context)
    it: Making

    @router.post("/things", status_code=201, response_model=Made)
    async def make(_: Operator, once: Once, asked: Nothing, other: str = "") -> Response:
        async with once.attempt(acting_for=None) as attempt:
            it.ids.append(attempt.id)
            if it.fails:
                raise it.fails.pop(0)
            if it.forgets_to_answer:
                return Response()
            return await attempt.answer(context.pool, Made(id=attempt.id))

    @router.post("/bare", status_code=201, response_model=Made)
    async def make_of_nothing(_: Operator, once: Once) -> Response:
        async with once.attempt(acting_for=None) as attempt:
            return await attempt.answer(context.pool, Made(id=attempt.id))

    app.include_router(router)
    key = await make_api_key(context, None)
    async with serve(app) as url, open_client(base_url=url) as client:
        it = Making(Face(context, url, key, client, app))
        yield it


def failing(status: int) -> LicetError:
    kind: Any = type("Failing", (LicetError,), {"status": status})
    error: LicetError = kind("It went wrong.", code=f"failed_{status}")
    return error


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503])
async def test_what_may_pass_is_tried_again(making: Making, status: int) -> None:
    making.fails = [failing(status), failing(status)]
    for _ in range(2):
        answer = await making.post()
        assert_error(answer, status, f"failed_{status}")
        assert "idempotent-replayed" not in answer.headers
    made = await making.post()
    assert made.status_code == 201
    # A thing half made elsewhere by the first try is found again by its id.
    assert set(making.ids) == {UUID(made.json()["id"])}
    assert_replayed(await making.post(), made)
    assert len(making.ids) == 3


@pytest.mark.parametrize("status", [400, 402, 404, 409, 422])
async def test_what_stays_wrong_is_kept(making: Making, status: int) -> None:
    making.fails = [failing(status)]
    first = await making.post()
    assert_error(first, status, f"failed_{status}")
    assert_replayed(await making.post(), first)
    assert len(making.ids) == 1


async def test_what_nobody_foresaw_is_tried_again(making: Making) -> None:
    making.fails = [RuntimeError("boom")]
    assert_error(await making.post(), 500, "internal_error")
    assert (await making.post()).status_code == 201
    assert len(set(making.ids)) == 1


async def test_a_key_stays_with_its_request_while_that_is_tried_again(making: Making) -> None:
    making.fails = [failing(503)]
    await making.post()
    answer = await post(making.face, "/things?other", "k", {})
    assert_error(answer, 422, "idempotency_key_reused")
    assert await count(making.face.context.pool, "idempotency_keys") == 1


async def test_a_route_that_forgets_to_answer_is_a_mistake_of_ours(making: Making) -> None:
    making.forgets_to_answer = True
    assert_error(await making.post(), 500, "internal_error")


async def test_a_route_that_takes_no_body(making: Making) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await making.face.post("/bare", headers=headers)
    assert first.status_code == 201
    assert_replayed(await making.face.post("/bare", headers=headers), first)
    assert_error(await making.face.post("/bare", headers=headers, json={}), 422, "idempotency_key_reused")
    assert_error(await making.face.post("/bare", headers=headers, content="{"), 400, "malformed_json")
