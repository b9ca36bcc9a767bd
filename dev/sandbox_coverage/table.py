"""A successful call for each operation."""

from __future__ import annotations

from calls import Sandbox, Tree, find
from world import CARD, SITE, World

from licet_sandbox.api.table import OPERATIONS


class Table(World):
    """The calls of each operation.

    calls: ids in the path and parameters, by operation; others: more calls of an operation
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.calls = self._table()
        self.others = self._others()

    def _table(self) -> dict[str, tuple[tuple[str, ...], Tree]]:
        """The calls by operation. Operations without parameters of their own are left out."""
        subscription, schedule = self._subscription["id"], self._schedule["id"]
        self.known |= {"subscription": subscription, "invoice": self._draft, "charge": self._charge}
        self.known |= {"payment_intent": self._paid["id"], "plan": self._higher_price, "schedule": schedule}
        now = int(self._sandbox.engine.clock.timestamp())
        self.known["proration_date"] = now + 5 * 24 * 3600
        return self._lists() | {
            "GET /v1/payment_intents/{intent}": ((self._intent,), {}),
            "GET /v1/setup_intents/{intent}": ((self._setup,), {}),
            "POST /v1/billing_portal/configurations": ((), {"features": {"invoice_history": {"enabled": True}}}),
            "POST /v1/billing_portal/configurations/{configuration}": ((self._portal,), {}),
            "POST /v1/billing_portal/sessions": ((), {"customer": self._customer_id}),
            "POST /v1/charges/{charge}": ((self._charge,), {}),
            "POST /v1/checkout/sessions": (
                (),
                {"mode": "subscription", "line_items": [{"price": self._price, "quantity": 1}], "success_url": SITE},
            ),
            "POST /v1/checkout/sessions/{session}": ((self._session,), {}),
            "POST /v1/checkout/sessions/{session}/expire": ((self._session,), {}),
            "POST /v1/coupons": ((), {"percent_off": 10}),
            "POST /v1/coupons/{coupon}": ((self._coupon,), {}),
            "POST /v1/customers": ((), {}),
            "POST /v1/customers/{customer}": ((self._customer_id,), {}),
            "POST /v1/disputes/{dispute}": ((self._dispute,), {"evidence": {"uncategorized_text": "x"}}),
            "POST /v1/entitlements/features": ((), {"lookup_key": "h", "name": "H"}),
            "POST /v1/entitlements/features/{id}": ((self._feature,), {}),
            "POST /v1/invoiceitems": ((), {"customer": self._customer_id, "amount": 5, "currency": "usd"}),
            "POST /v1/invoices": ((), {"customer": self._customer_id}),
            "POST /v1/invoices/create_preview": (
                (),
                {"customer": self._customer_id, "subscription_details": {"items": [{"price": self._price}]}},
            ),
            "POST /v1/invoices/{invoice}": ((self._draft,), {}),
            "POST /v1/invoices/{invoice}/finalize": ((self._draft,), {}),
            "POST /v1/invoices/{invoice}/mark_uncollectible": ((self._open,), {}),
            "POST /v1/invoices/{invoice}/pay": ((self._open,), {}),
            "POST /v1/invoices/{invoice}/void": ((self._open,), {}),
            "POST /v1/payment_intents": ((), {"amount": 500, "currency": "usd"}),
            "POST /v1/payment_intents/{intent}": ((self._intent,), {}),
            "POST /v1/payment_intents/{intent}/cancel": ((self._intent,), {}),
            "POST /v1/payment_intents/{intent}/confirm": ((self._confirmable_intent,), {}),
            "POST /v1/payment_methods": ((), CARD),
            "POST /v1/payment_methods/{payment_method}": ((self._card,), {}),
            "POST /v1/payment_methods/{payment_method}/attach": (
                (self._unattached_card,),
                {"customer": self._customer_id},
            ),
            "POST /v1/payment_methods/{payment_method}/detach": ((self._card,), {}),
            "POST /v1/prices": ((), {"product": self._product, "currency": "usd", "unit_amount": 5}),
            "POST /v1/prices/{price}": ((self._price,), {}),
            "POST /v1/products": ((), {"name": "N"}),
            "POST /v1/products/{id}": ((self._product,), {}),
            "POST /v1/products/{product}/features": ((self._other_product,), {"entitlement_feature": self._feature}),
            "POST /v1/promotion_codes": ((), {"promotion": {"type": "coupon", "coupon": self._coupon}}),
            "POST /v1/promotion_codes/{promotion_code}": ((self._code,), {}),
            "POST /v1/refunds": ((), {"charge": self._charge}),
            "POST /v1/refunds/{refund}": ((self._refund,), {}),
            "POST /v1/setup_intents": ((), {}),
            "POST /v1/setup_intents/{intent}": ((self._setup,), {}),
            "POST /v1/setup_intents/{intent}/cancel": ((self._setup,), {}),
            "POST /v1/setup_intents/{intent}/confirm": ((self._setup,), {}),
            "POST /v1/subscription_items": ((), {"subscription": subscription, "price": self._higher_price}),
            "POST /v1/subscription_items/{item}": ((self._item,), {}),
            "DELETE /v1/subscription_items/{item}": ((self._item,), {}),
            "POST /v1/subscription_schedules": (
                (),
                {
                    "customer": self._customer_id,
                    "start_date": now + 60,
                    "phases": [{"items": [{"price": self._price}], "end_date": now + 40 * 24 * 3600}],
                },
            ),
            "POST /v1/subscription_schedules/{schedule}": ((schedule,), {}),
            "POST /v1/subscription_schedules/{schedule}/cancel": ((schedule,), {}),
            "POST /v1/subscription_schedules/{schedule}/release": ((schedule,), {}),
            "POST /v1/subscriptions": ((), {"customer": self._customer_id, "items": [{"price": self._price}]}),
            "POST /v1/subscriptions/{subscription_exposed_id}": ((subscription,), {}),
            "DELETE /v1/subscriptions/{subscription_exposed_id}": ((subscription,), {}),
            "POST /v1/subscriptions/{subscription}/pause": ((subscription,), {"type": "subscription"}),
            "POST /v1/subscriptions/{subscription}/resume": ((self._paused,), {}),
            "POST /v1/test_helpers/test_clocks": ((), {"frozen_time": now + 40 * 24 * 3600}),
            "POST /v1/test_helpers/test_clocks/{test_clock}/advance": ((self._clock,), {"frozen_time": 1_700_000_500}),
            "POST /v1/webhook_endpoints": ((), {"url": SITE, "enabled_events": ["product.created"]}),
            "POST /v1/webhook_endpoints/{webhook_endpoint}": ((self._endpoint,), {}),
        }

    def _others(self) -> dict[str, list[tuple[tuple[str, ...], Tree]]]:
        """More calls of an operation, for parameters that are not valid in the first one."""
        subscription, item = self._subscription["id"], self._subscription["items"]["data"][0]["id"]
        one_off = [{"price": self._one_time_price, "quantity": 1}]
        change = {"subscription": subscription, "items": [{"id": item, "price": self._yearly, "quantity": 1}]}
        swap = {"id": item, "deleted": True}
        seller: Tree = {"customer": self._customer_id, "configuration": self._portal}
        flows: list[Tree] = [
            {"type": "subscription_cancel", "subscription_cancel": {"subscription": subscription}},
            {"type": "subscription_pause", "subscription_pause": {"subscription": subscription}},
            {"type": "subscription_update", "subscription_update": {"subscription": subscription}},
            {"type": "subscription_update_confirm", "subscription_update_confirm": change},
        ]
        return {
            "POST /v1/billing_portal/sessions": [((), seller | {"flow_data": flow}) for flow in flows],
            "POST /v1/checkout/sessions": [
                ((), {"mode": "payment", "line_items": one_off, "success_url": SITE}),
                ((), {"mode": "setup", "currency": "usd", "success_url": SITE}),
            ],
            "POST /v1/invoices/create_preview": [
                ((), {"subscription": subscription}),
                ((), {"customer": self._customer_id}),
                ((), {"subscription": subscription, "subscription_details": {"items": [swap, {"price": self._price}]}}),
                ((), {"subscription_details": {"items": [{"price": self._price}]}}),
            ],
            "GET /v1/invoice_payments": [
                ((), {"payment": {"type": "payment_intent", "payment_intent": self._paid["id"]}})
            ],
        }

    def _lists(self) -> dict[str, tuple[tuple[str, ...], Tree]]:
        needed = {"entitlements/active_entitlements": {"customer": self._customer_id}}
        needed["subscription_items"] = {"subscription": self._other_subscription}
        owners = {
            "customers": self._customer_id,
            "checkout": self._session,
            "invoices": self._draft,
            "products": self._product,
        }
        found: dict[str, tuple[tuple[str, ...], Tree]] = {}
        for name in OPERATIONS:
            method, path = name.split(" ")
            if method == "GET" and "limit" in find(name).schema["properties"]:
                steps = path.removeprefix("/v1/")
                given = {"query": "metadata['a']:null"} if path.endswith("/search") else needed.get(steps, {})
                found[name] = ((owners[steps.split("/")[0]],) if "{" in path else (), given)
        return found
