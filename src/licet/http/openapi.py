"""The description of the API: OpenAPI 3.1 at `/openapi.json`, all failures in one shape, everything with an example."""

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from licet.http.described_errors import ERROR_SCHEMA, Failure, add_failure, add_usual
from licet.http.described_headers import headers_of, replayed
from licet.http.examples import alternatives
from licet.http.rate_limits.rules import NEVER

KEY_HEADER = "Idempotency-Key"
"""A route that has it among its parameters can be asked again (`licet.idempotency`)."""

RAW_BODY = "x-raw-body"
"""In a route's `openapi_extra`: it takes its body as bytes, whatever their type. It stays out of the description."""

TAGS = [
    {"name": "billing", "description": "What a customer buys, pays with and cancels."},
    {"name": "portal", "description": "A customer's own page."},
    {"name": "products", "description": "What can be bought."},
    {"name": "orders", "description": "What was bought."},
    {"name": "licenses", "description": "What a customer holds."},
    {"name": "payment", "description": "The plan that an organisation subscribes to."},
    {"name": "operators", "description": "For whoever runs the service: keys with the scope admin and no account."},
    {"name": "webhooks", "description": "For Stripe."},
    {"name": "health", "description": "For whatever watches the process."},
]

_EVERYWHERE = (413, 422, 500)
"""A body too large, a NUL in the address, and what nobody foresaw can befall any path."""
_WITH_BODY = (400, 415)
_ONCE: dict[str, Failure] = {
    "idempotency_in_progress": (409, "The first request with this Idempotency-Key is still running."),
    "idempotency_key_reused": (422, "This Idempotency-Key came before with another request."),
}
_NO_TOKEN_CHECKED: Failure = (503, "A token cannot be checked: the identity provider does not answer.")


def responses(*statuses: int, **codes: Failure) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses=`: the failures it has, each with an example.

    statuses: by their usual code; codes: further ones by their own, `empty_cart=(422, "The cart is empty.")`.
    What every route has (413, 422, 429, 500) or its shape implies (400 and 415 with a body) is added by itself.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        add_usual(found.setdefault(status, {}), status)
    for code, failure in codes.items():
        add_failure(found.setdefault(failure[0], {}), code, failure)
    return found


def describe(app: FastAPI) -> None:
    """Makes `/openapi.json` say what every route has in common. To be called once, when all routes are there."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI documents it


def _document(app: FastAPI) -> dict[str, Any]:
    found = _by_public_names(
        get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
            openapi_version="3.1.0",
        )
    )
    schemas = found["components"]["schemas"]
    schemas["Error"] = ERROR_SCHEMA
    for path, operations in found["paths"].items():
        for operation in operations.values():
            _complete(operation, schemas, limited=path not in NEVER)
    return found


def _by_public_names(document: dict[str, Any]) -> dict[str, Any]:
    """Each schema under its title, and without what FastAPI has of its own."""
    schemas = document["components"]["schemas"]
    for fastapis_own in ("HTTPValidationError", "ValidationError"):
        schemas.pop(fastapis_own, None)
    text = json.dumps(document)
    for name, schema in schemas.items():
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{schema["title"]}"')
    renamed: dict[str, Any] = json.loads(text)
    renamed["components"]["schemas"] = {schema["title"]: schema for schema in renamed["components"]["schemas"].values()}
    if len(renamed["components"]["schemas"]) < len(schemas):
        raise ValueError("two bodies have one title: give one of them its own, model_config = ConfigDict(title=…)")
    return renamed


def _complete(operation: dict[str, Any], schemas: dict[str, Any], *, limited: bool) -> None:
    answers: dict[str, Any] = operation["responses"]
    _say_what_may_be_left_out(operation)
    _add_examples(operation, schemas)
    raw = operation.pop(RAW_BODY, False)
    implied = _EVERYWHERE + ((429,) if limited else ())
    for status in implied + (_WITH_BODY if "requestBody" in operation and not raw else ()):
        answer = answers.setdefault(str(status), {})
        if "HTTPValidationError" in str(answer):
            answer.clear()
        add_usual(answer, status)
    if operation.get("security"):
        add_failure(answers.setdefault("503", {}), "identity_provider_unavailable", _NO_TOKEN_CHECKED)
    again = any(parameter["name"] == KEY_HEADER for parameter in operation.get("parameters", ()))
    if again:
        for code, failure in _ONCE.items():
            add_failure(answers.setdefault(str(failure[0]), {}), code, failure)
    for said, answer in answers.items():
        answer.setdefault("headers", {}).update(headers_of(said) | (replayed(said) if again else {}))
    operation["responses"] = dict(sorted(answers.items()))


def _say_what_may_be_left_out(operation: dict[str, Any]) -> None:
    """FastAPI calls it null, which no query or header can be; and a body of null is none."""
    body = operation.get("requestBody", {"content": {}})
    for holder in [*operation.get("parameters", ()), *body["content"].values()]:
        schema = holder["schema"]
        kept = [one for one in schema.pop("anyOf", ()) if one != {"type": "null"}]
        schema |= kept[0] if len(kept) == 1 else {"anyOf": kept} if kept else {}


def _add_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """To the body that is asked for, where it has none, and to what is answered when all goes well."""
    bodies = []
    for status, answer in operation["responses"].items():
        if int(status) < 400:
            answer["description"] = HTTPStatus(int(status)).phrase
            bodies.append(answer)
    bodies += [operation["requestBody"]] if "requestBody" in operation else []
    for body in bodies:
        for content in body.get("content", {}).values():
            # FastAPI's title is the operation's name again.
            content["schema"].pop("title", None)
            if "example" not in content and "examples" not in content:
                found = alternatives(content["schema"], schemas)
                content["examples"] = {name: {"value": value} for name, value in found.items()}
