"""The table of operations: what this sandbox does of Stripe's API. The rest answers 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.resources import (
    account,
    checkout_sessions,
    customers,
    events,
    payment_methods,
    prices,
    products,
    webhook_endpoints,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from licet_sandbox.api.shapes import Obj

# Called with the transaction, the parameters, and the values in the path.
OPERATIONS: dict[str, Callable[..., Obj]] = {
    "GET /v1/account": account.retrieve,
    "POST /v1/checkout/sessions": checkout_sessions.create,
    "GET /v1/checkout/sessions": checkout_sessions.list_all,
    "GET /v1/checkout/sessions/{session}": checkout_sessions.retrieve,
    "POST /v1/checkout/sessions/{session}": checkout_sessions.update,
    "POST /v1/checkout/sessions/{session}/expire": checkout_sessions.expire,
    "GET /v1/checkout/sessions/{session}/line_items": checkout_sessions.list_line_items,
    "POST /v1/customers": customers.create,
    "GET /v1/customers": customers.list_all,
    "GET /v1/customers/{customer}": customers.retrieve,
    "POST /v1/customers/{customer}": customers.update,
    "GET /v1/customers/{customer}/payment_methods": payment_methods.list_of_customer,
    "GET /v1/customers/{customer}/payment_methods/{payment_method}": payment_methods.retrieve_of_customer,
    "GET /v1/events": events.list_all,
    "GET /v1/events/{id}": events.retrieve,
    "POST /v1/payment_methods": payment_methods.create,
    "GET /v1/payment_methods": payment_methods.list_all,
    "GET /v1/payment_methods/{payment_method}": payment_methods.retrieve,
    "POST /v1/payment_methods/{payment_method}": payment_methods.update,
    "POST /v1/payment_methods/{payment_method}/attach": payment_methods.attach,
    "POST /v1/payment_methods/{payment_method}/detach": payment_methods.detach,
    "POST /v1/prices": prices.create,
    "GET /v1/prices": prices.list_all,
    "GET /v1/prices/{price}": prices.retrieve,
    "POST /v1/prices/{price}": prices.update,
    "POST /v1/products": products.create,
    "GET /v1/products": products.list_all,
    "GET /v1/products/{id}": products.retrieve,
    "POST /v1/products/{id}": products.update,
    "DELETE /v1/products/{id}": products.delete,
    "POST /v1/webhook_endpoints": webhook_endpoints.create,
    "GET /v1/webhook_endpoints": webhook_endpoints.list_all,
    "GET /v1/webhook_endpoints/{webhook_endpoint}": webhook_endpoints.retrieve,
    "POST /v1/webhook_endpoints/{webhook_endpoint}": webhook_endpoints.update,
    "DELETE /v1/webhook_endpoints/{webhook_endpoint}": webhook_endpoints.delete,
}
