"""The OpenAPI 3.1 document at `/openapi.json`, with the errors of every operation and examples."""

import json
import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from licet.http.openapi.errors import ERROR_SCHEMA, ErrorExample, add_error, add_usual_error
from licet.http.openapi.operations import complete
from licet.http.openapi.scopes import add_scope, scopes_of
from licet.http.openapi.webhooks import add_webhooks
from licet.http.rate_limits.rules import UNLIMITED_PATHS

DESCRIPTION = """Turns Stripe payments into software licenses and organisation plans.

Amounts of money are integers in the minor unit of the `currency` beside them. Times are RFC 3339 in UTC, to the second.
Every error has the shape `Error` and a stable `code`. This includes unknown addresses (404 `not_found`) and methods
that an address does not support (405 `method_not_allowed`, with the header `Allow`).
"""

TAGS = [
    {"name": "billing", "description": "Checkout, subscriptions, payment methods and invoices of an account."},
    {"name": "portal", "description": "The dashboard of a customer."},
    {"name": "products", "description": "The products on sale."},
    {"name": "orders", "description": "The orders of an account."},
    {"name": "licenses", "description": "The licenses of an account, and validation and activation of license keys."},
    {"name": "payment", "description": "The plan that an organisation subscribes to."},
    {"name": "operators", "description": "For operators: needs a key with the scope admin and no account."},
    {"name": "webhooks", "description": "The endpoint for Stripe's webhooks."},
    {"name": "deliveries", "description": "For operators: endpoints of outgoing webhooks, and their deliveries."},
    {"name": "events", "description": "The outgoing webhooks, which your endpoints receive."},
    {"name": "health", "description": "Liveness and readiness checks."},
]


_REF = "#/components/schemas/"


def responses(*statuses: int, **codes: ErrorExample) -> dict[int | str, dict[str, Any]]:
    """The value of a route's `responses=`: its errors, each with an example.

    statuses: errors with the usual code of their status. codes: errors with other codes, such as
    `empty_cart=(422, "The cart is empty.")`. Errors that every route has (413, 422, 429, 500, and 503
    `database_unavailable`) and errors that a body implies (400, 415) are added automatically.
    """
    by_status: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        add_usual_error(by_status.setdefault(status, {}), status)
    for code, example in codes.items():
        add_error(by_status.setdefault(example[0], {}), code, example)
    return by_status


def add_openapi(app: FastAPI) -> None:
    """Replaces FastAPI's OpenAPI document with the completed one.

    The document is made at the first request for it. It includes the outgoing webhooks that `app.state.webhooks` lists
    (`Webhook`).
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI documents it


def _document(app: FastAPI) -> dict[str, Any]:
    generated = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        openapi_version="3.1.0",
    )
    add_webhooks(generated, app.state.webhooks)
    document = _by_title(generated)
    schemas = document["components"]["schemas"]
    schemas["Error"] = ERROR_SCHEMA
    scopes = scopes_of(app)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            complete(operation, schemas, limited=path not in UNLIMITED_PATHS)
            if operation["operationId"] in scopes:
                add_scope(operation, scopes[operation["operationId"]])
    return document


def _by_title(document: dict[str, Any]) -> dict[str, Any]:
    """Names each schema by its title, and removes the schemas that FastAPI adds.

    The title is the name of the body's class. FastAPI names a generic body differently (`InvoiceList_Invoice_`), and
    adds the module if two classes have the same name. Raises ValueError for two classes with the same name.
    """
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    titles = {name: schema["title"] for name, schema in schemas.items()}
    text = re.sub(rf'(?<="{_REF})[^"]+', lambda name: titles.get(name[0], name[0]), json.dumps(document))
    renamed: dict[str, Any] = json.loads(text)
    by_title = {schema["title"]: schema for schema in renamed["components"]["schemas"].values()}
    if len(by_title) < len(schemas):
        raise ValueError("two bodies have the same title: rename one of their classes")
    renamed["components"]["schemas"] = by_title
    return renamed
