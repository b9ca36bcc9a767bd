"""`/openapi.json` says of each route that makes something how it takes a key, and no route was forgotten."""

from typing import Any

import pytest_asyncio
from tests.support.face import Face


@pytest_asyncio.fixture
async def operations(face: Face) -> dict[str, dict[str, Any]]:
    """Every operation, by `POST /path`."""
    document = (await face.call("GET", "/openapi.json")).json()
    return {
        f"{method.upper()} {path}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def key_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    return next((one for one in operation.get("parameters", ()) if one["name"] == "Idempotency-Key"), None)


async def test_whatever_makes_something_takes_a_key(operations: dict[str, dict[str, Any]]) -> None:
    making = {name for name, one in operations.items() if name.startswith("POST ") and "201" in one["responses"]}
    assert {"POST /api/billing/checkout", "POST /api/admin/accounts", "POST /api/admin/api-keys"} <= making
    assert [name for name in making if key_of(operations[name]) is None] == []
    assert [name for name, one in operations.items() if key_of(one) and not name.startswith("POST ")] == []


async def test_what_is_said_of_a_key(operations: dict[str, dict[str, Any]]) -> None:
    for operation in operations.values():
        parameter = key_of(operation)
        if parameter is None:
            assert "idempoten" not in str(operation).lower()
            continue
        assert (parameter["in"], parameter["required"]) == ("header", False)
        assert "24 hours" in parameter["description"]
        shape = parameter["schema"]
        assert (shape["type"], shape["minLength"], shape["maxLength"]) == ("string", 1, 255)
        for status, code in (("409", "idempotency_in_progress"), ("422", "idempotency_key_reused")):
            assert code in operation["responses"][status]["content"]["application/json"]["examples"]
        for status, answer in operation["responses"].items():
            assert ("Idempotent-Replayed" in answer["headers"]) == (int(status) < 500)
        (made,) = [answer for status, answer in operation["responses"].items() if int(status) < 300]
        assert "$ref" in str(made["content"]["application/json"]["schema"])


async def test_a_secret_that_is_shown_once(operations: dict[str, dict[str, Any]]) -> None:
    answers = operations["POST /api/admin/api-keys"]["responses"]
    assert "idempotency_answer_not_kept" in answers["409"]["content"]["application/json"]["examples"]
