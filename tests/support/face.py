"""Calls of a served application, as an API client makes them."""

from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from licet.http.context import Context


@dataclass(frozen=True)
class Face:
    """A served application: its context, its URL, and an operator's key."""

    context: Context
    url: str
    operator_key: str
    client: httpx.AsyncClient
    app: FastAPI

    async def call(self, method: str, path: str, *, key: str | None = None, **given: Any) -> httpx.Response:
        """Sends a request with this API key, or without one."""
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **given.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **given)

    async def get(self, path: str, *, key: str | None = None, **given: Any) -> httpx.Response:
        return await self.call("GET", path, key=key or self.operator_key, **given)

    async def post(self, path: str, *, key: str | None = None, **given: Any) -> httpx.Response:
        return await self.call("POST", path, key=key or self.operator_key, **given)


def assert_error(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Asserts the error shape, with this status and code and a request id. Returns the body."""
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert list(body) == ["statusCode", "error", "code", "message", "details"]
    assert body["statusCode"] == status
    assert body["code"] == code
    assert body["message"]
    assert isinstance(body["details"], dict)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    return body


def fields_of(response: httpx.Response) -> list[str]:
    """The invalid fields that a 422 lists."""
    body = assert_error(response, 422, "validation_failed")
    return [fault["field"] for fault in body["details"]["fields"]]
