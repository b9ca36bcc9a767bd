"""`/openapi.json` says which scope each call needs, and it is so."""

import re
from typing import Any

from tests.factories.accounts import make_account, make_api_key
from tests.support.face import Face, assert_error

from licet.http.shapes import EXAMPLE_ID

SCOPE = re.compile(r"scope `(\w+)`")
BELOW = {"write": "read", "admin": "write"}


def scope_of(operation: dict[str, Any]) -> str | None:
    found = SCOPE.findall(operation["description"])
    return found[0] if found else None


async def test_every_call_that_needs_a_key_says_which(face: Face) -> None:
    paths = face.app.openapi()["paths"]
    told = {f"{method.upper()} {path}": scope_of(one) for path, does in paths.items() for method, one in does.items()}
    assert told["GET /payment/customer-info"] == "read"
    assert told["POST /payment/subscription-preview"] == "write"
    assert told["GET /api/admin/accounts"] == "admin"
    assert told["POST /payment/subscription-process"] is None
    secured = {
        f"{method.upper()} {path}"
        for path, does in paths.items()
        for method, one in does.items()
        if {} not in one.get("security", [{}])
    }
    assert secured == {call for call, scope in told.items() if scope}


async def test_a_key_with_less_is_refused(face: Face) -> None:
    account = await make_account(face.context)
    keys = {scope: await make_api_key(face.context, account, scope) for scope in ("read", "write")}
    refused = 0
    for path, does in face.app.openapi()["paths"].items():
        for method, operation in does.items():
            scope = scope_of(operation)
            if scope in BELOW:
                address = path.replace("{id}", EXAMPLE_ID).replace("{deliveryId}", EXAMPLE_ID)
                answer = await face.call(method.upper(), address, key=keys[BELOW[scope]])
                example = operation["responses"]["403"]["content"]["application/json"]["examples"]["forbidden"]
                assert assert_error(answer, 403, "forbidden") == example["value"], (method, path)
                refused += 1
    assert refused > 20


async def test_what_is_missing_is_a_thing_that_the_call_takes(face: Face) -> None:
    for path, does in face.app.openapi()["paths"].items():
        for method, operation in does.items():
            example = operation["responses"]["422"]["content"]["application/json"]["examples"]["validation_failed"]
            (fault,) = example["value"]["details"]["fields"]
            if path.startswith("/payment"):
                expected = "secret" if path.endswith("process") else "organizationId"
                assert fault == {"field": expected, "message": "field required"}, (method, path)
