"""A sandbox with something of everything, and for each operation a call that goes through."""

from __future__ import annotations

from typing import Any

from calls import Sandbox, Tree, find

from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.billing import portal
from licet_sandbox.controls import buyer
from licet_sandbox.spec.document import API_VERSION

_SITE = "https://example.com/"
_CARD: Tree = {"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2050}}
_DISPUTED = "pm_card_createDispute"


class World:
    """What there is, and how to call each operation.

    known: values for parameters, by the last part of their names, or the last two
    calls: ids in the path, and parameters; others: the same for calls that want other parameters beside them
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._call = sandbox.call
        self.known: dict[str, Any] = {
            "currency": "usd",
            "country": "US",
            "email": "a@example.com",
            "tax_code": "txcd_10000000",
            "api_version": API_VERSION,
            "allowed_payment_method_types": ["card"],
            "excluded_payment_method_types": ["sepa_debit"],
            "amount_to_confirm": 500,
        }
        self._catalogue()
        self._customer()
        self._subscriptions()
        self._payments()
        self._invoices()
        self.calls = self._table()
        self.others = self._others()

    def _catalogue(self) -> None:
        self._product = self._call("POST /v1/products", name="T")["id"]
        self._empty = self._call("POST /v1/products", name="E")["id"]
        self._price = self._make_price(1000)
        self._dearer = self._make_price(2000)
        self._yearly = self._make_price(9000, "year")
        self._once = self._call("POST /v1/prices", product=self._product, currency="usd", unit_amount=700)["id"]
        self._coupon = self._call("POST /v1/coupons", percent_off=10)["id"]
        promotion = {"type": "coupon", "coupon": self._coupon}
        self._code = self._call("POST /v1/promotion_codes", promotion=promotion)["id"]
        self._feature = self._call("POST /v1/entitlements/features", lookup_key="f", name="F")["id"]
        self._other_feature = self._call("POST /v1/entitlements/features", lookup_key="g", name="G")["id"]
        attached = self._call("POST /v1/products/{product}/features", self._product, entitlement_feature=self._feature)
        self._attached = attached["id"]
        self._clock = self._call("POST /v1/test_helpers/test_clocks", frozen_time=1_700_000_000)["id"]
        hook = {"url": _SITE, "enabled_events": ["product.created"]}
        self._endpoint = self._call("POST /v1/webhook_endpoints", **hook)["id"]
        plans = [{"product": self._product, "prices": [self._price, self._yearly]}]
        changes = {"enabled": True, "default_allowed_updates": ["price"], "products": plans}
        features = {
            "subscription_cancel": {"enabled": True},
            "subscription_update": changes,
            "subscription_pause": {"enabled": True},
        }
        with self._sandbox.engine.transaction() as tx:
            portal.save_default(tx)
        self._portal = self._call("POST /v1/billing_portal/configurations", features=features)["id"]

    def _make_price(self, amount: int, interval: str = "month") -> str:
        recurring = {"interval": interval}
        given = {"product": self._product, "currency": "usd", "unit_amount": amount, "recurring": recurring}
        return str(self._call("POST /v1/prices", **given)["id"])

    def _customer(self) -> None:
        self._who = self._call("POST /v1/customers", email="a@example.com", payment_method="pm_card_visa")["id"]
        listed = self._call("GET /v1/customers/{customer}/payment_methods", self._who)
        self._card = listed["data"][0]["id"]
        settings = {"default_payment_method": self._card}
        self._call("POST /v1/customers/{customer}", self._who, invoice_settings=settings)
        self._loose = self._call("POST /v1/payment_methods", **_CARD)["id"]
        self.known |= {
            "customer": self._who,
            "default_payment_method": self._card,
            "payment_method": self._card,
            "product": self._product,
            "default_price": self._price,
            "coupon": self._coupon,
            "promotion_code": self._code,
            "test_clock": self._clock,
            "entitlement_feature": self._other_feature,
            "configuration": self._portal,
            "price": self._dearer,
            "prices": [self._dearer],
            "add_invoice_items.price": self._once,
            "invoice_items.price": self._once,
            "pricing.price": self._once,
        }

    def _subscribe(self, **more: Any) -> Any:
        items = [{"price": self._price}]
        return self._call("POST /v1/subscriptions", customer=self._who, items=items, **more)

    def _subscriptions(self) -> None:
        self._subscription = self._subscribe()
        self._several = self._subscribe()["id"]
        item = {"subscription": self._several, "price": self._dearer}
        self._item = self._call("POST /v1/subscription_items", **item)["id"]
        self._asleep = self._subscribe()["id"]
        self._call("POST /v1/subscriptions/{subscription}/pause", self._asleep, type="subscription")
        managed = self._subscribe()["id"]
        self._schedule = self._call("POST /v1/subscription_schedules", from_subscription=managed)

    def _payments(self) -> None:
        price = {"price": self._price, "quantity": 1}
        given = {"mode": "subscription", "line_items": [price], "success_url": _SITE}
        self._session = self._call("POST /v1/checkout/sessions", **given)["id"]
        bought = self._call("POST /v1/checkout/sessions", **given)["id"]
        buyer.pay(self._sandbox.engine, bought, "4242424242424242", complete=True, email=None)
        money = {"amount": 500, "currency": "usd"}
        paying = {"payment_method": "pm_card_visa", "confirm": True, "customer": self._who}
        self._paid = self._call("POST /v1/payment_intents", **money, **paying)
        self._charge = self._paid["latest_charge"]
        self._intent = self._call("POST /v1/payment_intents", **money)["id"]
        self._ready = self._call("POST /v1/payment_intents", **money, payment_method="pm_card_visa")["id"]
        self._call("POST /v1/payment_intents", **money, payment_method=_DISPUTED, confirm=True)
        pending = self._call("POST /v1/payment_intents", **money, payment_method="pm_card_visa", confirm=True)
        self._refund = self._call("POST /v1/refunds", payment_intent=pending["id"], amount=100)["id"]
        self._setup = self._call("POST /v1/setup_intents", payment_method="pm_card_visa")["id"]
        self._sandbox.live_through(60)
        self._dispute = self._call("GET /v1/disputes")["data"][0]["id"]

    def _invoices(self) -> None:
        self._call("POST /v1/invoiceitems", customer=self._who, amount=300, currency="usd")
        self._draft = self._make_invoice()
        self._open = self._make_invoice()
        self._call("POST /v1/invoices/{invoice}/finalize", self._open, auto_advance=False)

    def _make_invoice(self) -> str:
        invoice = self._call("POST /v1/invoices", customer=self._who, currency="usd")["id"]
        self._call("POST /v1/invoiceitems", customer=self._who, amount=300, currency="usd", invoice=invoice)
        return str(invoice)

    def _table(self) -> dict[str, tuple[tuple[str, ...], Tree]]:
        """By operation. What is not here is called with nothing but ids, or not at all."""
        subscription, schedule = self._subscription["id"], self._schedule["id"]
        self.known |= {"subscription": subscription, "invoice": self._draft, "charge": self._charge}
        self.known |= {"payment_intent": self._paid["id"], "plan": self._dearer, "schedule": schedule}
        now = int(self._sandbox.engine.clock.timestamp())
        self.known["proration_date"] = now + 5 * 24 * 3600
        return self._lists() | {
            "GET /v1/payment_intents/{intent}": ((self._intent,), {}),
            "GET /v1/setup_intents/{intent}": ((self._setup,), {}),
            "POST /v1/billing_portal/configurations": ((), {"features": {"invoice_history": {"enabled": True}}}),
            "POST /v1/billing_portal/configurations/{configuration}": ((self._portal,), {}),
            "POST /v1/billing_portal/sessions": ((), {"customer": self._who}),
            "POST /v1/charges/{charge}": ((self._charge,), {}),
            "POST /v1/checkout/sessions": (
                (),
                {"mode": "subscription", "line_items": [{"price": self._price, "quantity": 1}], "success_url": _SITE},
            ),
            "POST /v1/checkout/sessions/{session}": ((self._session,), {}),
            "POST /v1/checkout/sessions/{session}/expire": ((self._session,), {}),
            "POST /v1/coupons": ((), {"percent_off": 10}),
            "POST /v1/coupons/{coupon}": ((self._coupon,), {}),
            "POST /v1/customers": ((), {}),
            "POST /v1/customers/{customer}": ((self._who,), {}),
            "POST /v1/disputes/{dispute}": ((self._dispute,), {"evidence": {"uncategorized_text": "x"}}),
            "POST /v1/entitlements/features": ((), {"lookup_key": "h", "name": "H"}),
            "POST /v1/entitlements/features/{id}": ((self._feature,), {}),
            "POST /v1/invoiceitems": ((), {"customer": self._who, "amount": 5, "currency": "usd"}),
            "POST /v1/invoices": ((), {"customer": self._who}),
            "POST /v1/invoices/create_preview": (
                (),
                {"customer": self._who, "subscription_details": {"items": [{"price": self._price}]}},
            ),
            "POST /v1/invoices/{invoice}": ((self._draft,), {}),
            "POST /v1/invoices/{invoice}/finalize": ((self._draft,), {}),
            "POST /v1/invoices/{invoice}/mark_uncollectible": ((self._open,), {}),
            "POST /v1/invoices/{invoice}/pay": ((self._open,), {}),
            "POST /v1/invoices/{invoice}/void": ((self._open,), {}),
            "POST /v1/payment_intents": ((), {"amount": 500, "currency": "usd"}),
            "POST /v1/payment_intents/{intent}": ((self._intent,), {}),
            "POST /v1/payment_intents/{intent}/cancel": ((self._intent,), {}),
            "POST /v1/payment_intents/{intent}/confirm": ((self._ready,), {}),
            "POST /v1/payment_methods": ((), _CARD),
            "POST /v1/payment_methods/{payment_method}": ((self._card,), {}),
            "POST /v1/payment_methods/{payment_method}/attach": ((self._loose,), {"customer": self._who}),
            "POST /v1/payment_methods/{payment_method}/detach": ((self._card,), {}),
            "POST /v1/prices": ((), {"product": self._product, "currency": "usd", "unit_amount": 5}),
            "POST /v1/prices/{price}": ((self._price,), {}),
            "POST /v1/products": ((), {"name": "N"}),
            "POST /v1/products/{id}": ((self._product,), {}),
            "POST /v1/products/{product}/features": ((self._empty,), {"entitlement_feature": self._feature}),
            "POST /v1/promotion_codes": ((), {"promotion": {"type": "coupon", "coupon": self._coupon}}),
            "POST /v1/promotion_codes/{promotion_code}": ((self._code,), {}),
            "POST /v1/refunds": ((), {"charge": self._charge}),
            "POST /v1/refunds/{refund}": ((self._refund,), {}),
            "POST /v1/setup_intents": ((), {}),
            "POST /v1/setup_intents/{intent}": ((self._setup,), {}),
            "POST /v1/setup_intents/{intent}/cancel": ((self._setup,), {}),
            "POST /v1/setup_intents/{intent}/confirm": ((self._setup,), {}),
            "POST /v1/subscription_items": ((), {"subscription": subscription, "price": self._dearer}),
            "POST /v1/subscription_items/{item}": ((self._item,), {}),
            "DELETE /v1/subscription_items/{item}": ((self._item,), {}),
            "POST /v1/subscription_schedules": (
                (),
                {
                    "customer": self._who,
                    "start_date": now + 60,
                    "phases": [{"items": [{"price": self._price}], "end_date": now + 40 * 24 * 3600}],
                },
            ),
            "POST /v1/subscription_schedules/{schedule}": ((schedule,), {}),
            "POST /v1/subscription_schedules/{schedule}/cancel": ((schedule,), {}),
            "POST /v1/subscription_schedules/{schedule}/release": ((schedule,), {}),
            "POST /v1/subscriptions": ((), {"customer": self._who, "items": [{"price": self._price}]}),
            "POST /v1/subscriptions/{subscription_exposed_id}": ((subscription,), {}),
            "DELETE /v1/subscriptions/{subscription_exposed_id}": ((subscription,), {}),
            "POST /v1/subscriptions/{subscription}/pause": ((subscription,), {"type": "subscription"}),
            "POST /v1/subscriptions/{subscription}/resume": ((self._asleep,), {}),
            "POST /v1/test_helpers/test_clocks": ((), {"frozen_time": now + 40 * 24 * 3600}),
            "POST /v1/test_helpers/test_clocks/{test_clock}/advance": ((self._clock,), {"frozen_time": 1_700_000_500}),
            "POST /v1/webhook_endpoints": ((), {"url": _SITE, "enabled_events": ["product.created"]}),
            "POST /v1/webhook_endpoints/{webhook_endpoint}": ((self._endpoint,), {}),
        }

    def _others(self) -> dict[str, list[tuple[tuple[str, ...], Tree]]]:
        """Beside what some parameters want to stand."""
        subscription, item = self._subscription["id"], self._subscription["items"]["data"][0]["id"]
        one_off = [{"price": self._once, "quantity": 1}]
        change = {"subscription": subscription, "items": [{"id": item, "price": self._yearly, "quantity": 1}]}
        swap = {"id": item, "deleted": True}
        seller: Tree = {"customer": self._who, "configuration": self._portal}
        flows: list[Tree] = [
            {"type": "subscription_cancel", "subscription_cancel": {"subscription": subscription}},
            {"type": "subscription_pause", "subscription_pause": {"subscription": subscription}},
            {"type": "subscription_update", "subscription_update": {"subscription": subscription}},
            {"type": "subscription_update_confirm", "subscription_update_confirm": change},
        ]
        return {
            "POST /v1/billing_portal/sessions": [((), seller | {"flow_data": flow}) for flow in flows],
            "POST /v1/checkout/sessions": [
                ((), {"mode": "payment", "line_items": one_off, "success_url": _SITE}),
                ((), {"mode": "setup", "currency": "usd", "success_url": _SITE}),
            ],
            "POST /v1/invoices/create_preview": [
                ((), {"subscription": subscription}),
                ((), {"customer": self._who}),
                ((), {"subscription": subscription, "subscription_details": {"items": [swap, {"price": self._price}]}}),
                ((), {"subscription_details": {"items": [{"price": self._price}]}}),
            ],
            "GET /v1/invoice_payments": [
                ((), {"payment": {"type": "payment_intent", "payment_intent": self._paid["id"]}})
            ],
        }

    def _lists(self) -> dict[str, tuple[tuple[str, ...], Tree]]:
        needed = {"entitlements/active_entitlements": {"customer": self._who}}
        needed["subscription_items"] = {"subscription": self._several}
        owners = {"customers": self._who, "checkout": self._session, "invoices": self._draft, "products": self._product}
        found: dict[str, tuple[tuple[str, ...], Tree]] = {}
        for name in OPERATIONS:
            method, path = name.split(" ")
            if method == "GET" and "limit" in find(name).schema["properties"]:
                steps = path.removeprefix("/v1/")
                asked = {"query": "metadata['a']:null"} if path.endswith("/search") else needed.get(steps, {})
                found[name] = ((owners[steps.split("/")[0]],) if "{" in path else (), asked)
        return found
