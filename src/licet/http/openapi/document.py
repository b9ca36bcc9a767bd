"""The description of the API: OpenAPI 3.1 at `/openapi.json`, all failures in one shape, everything with an example."""

import json
import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from licet.http.openapi.errors import ERROR_SCHEMA, Failure, add_failure, add_usual
from licet.http.openapi.operations import complete
from licet.http.openapi.scopes import say_scope, scopes_of
from licet.http.openapi.webhooks import add_webhooks
from licet.http.rate_limits.rules import NEVER

DESCRIPTION = """Turns Stripe payments into software licenses and organisation plans.

Money is an integer in the currency's minor unit beside its `currency`; times are RFC 3339 in UTC, to the second.
Every failure has one shape, `Error`, and a stable `code`: also on addresses that are not here (404 `not_found`) and for
methods that an address does not take (405 `method_not_allowed`, with `Allow`).
"""

TAGS = [
    {"name": "billing", "description": "What a customer buys, pays with and cancels."},
    {"name": "portal", "description": "A customer's own page."},
    {"name": "products", "description": "What can be bought."},
    {"name": "orders", "description": "What was bought."},
    {"name": "licenses", "description": "What a customer holds."},
    {"name": "payment", "description": "The plan that an organisation subscribes to."},
    {"name": "operators", "description": "For whoever runs the service: keys with the scope admin and no account."},
    {"name": "webhooks", "description": "For Stripe."},
    {"name": "deliveries", "description": "For whoever runs the service: who is told what happens, and was."},
    {"name": "events", "description": "What we tell the vendor's own systems, where they listen for it."},
    {"name": "health", "description": "For whatever watches the process."},
]


_REF = "#/components/schemas/"


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
    """Makes `/openapi.json` say what every route has in common. To be called once, when all routes are there.

    What `app.state.webhooks` lists (`Webhook`s) is described with them.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI documents it


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        openapi_version="3.1.0",
    )
    add_webhooks(made, app.state.webhooks)
    found = _by_title(made)
    schemas = found["components"]["schemas"]
    schemas["Error"] = ERROR_SCHEMA
    scopes = scopes_of(app)
    for path, operations in found["paths"].items():
        for operation in operations.values():
            complete(operation, schemas, limited=path not in NEVER)
            if operation["operationId"] in scopes:
                say_scope(operation, scopes[operation["operationId"]])
    return found


def _by_title(document: dict[str, Any]) -> dict[str, Any]:
    """The document with each schema under its title, and without the schemas that FastAPI adds.

    The title is the name of the body's class. FastAPI keys a generic body otherwise (`InvoiceList_Invoice_`), and tells
    two classes of one name apart by their modules. Raises ValueError for two classes of one name.
    """
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    titles = {name: schema["title"] for name, schema in schemas.items()}
    text = re.sub(rf'(?<="{_REF})[^"]+', lambda name: titles.get(name[0], name[0]), json.dumps(document))
    renamed: dict[str, Any] = json.loads(text)
    found = {schema["title"]: schema for schema in renamed["components"]["schemas"].values()}
    if len(found) < len(schemas):
        raise ValueError("two bodies have one title: give one of their classes another name")
    renamed["components"]["schemas"] = found
    return renamed
