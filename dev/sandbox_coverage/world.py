"""Fills a sandbox with objects of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.portal import portal_configurations
from licet_sandbox.controls import buyer
from licet_sandbox.spec.document import API_VERSION

if TYPE_CHECKING:
    from calls import Sandbox, Tree

SITE = "https://example.com/"
CARD: Tree = {"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2050}}
_DISPUTED = "pm_card_createDispute"


class World:
    """The objects. known: values for parameters, by the last part or the last two parts of their names"""

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

    def _catalogue(self) -> None:
        self._product = self._call("POST /v1/products", name="T")["id"]
        self._other_product = self._call("POST /v1/products", name="E")["id"]
        self._price = self._make_price(1000)
        self._higher_price = self._make_price(2000)
        self._yearly = self._make_price(9000, "year")
        self._one_time_price = self._call("POST /v1/prices", product=self._product, currency="usd", unit_amount=700)[
            "id"
        ]
        self._coupon = self._call("POST /v1/coupons", percent_off=10)["id"]
        promotion = {"type": "coupon", "coupon": self._coupon}
        self._code = self._call("POST /v1/promotion_codes", promotion=promotion)["id"]
        self._feature = self._call("POST /v1/entitlements/features", lookup_key="f", name="F")["id"]
        self._other_feature = self._call("POST /v1/entitlements/features", lookup_key="g", name="G")["id"]
        attached = self._call("POST /v1/products/{product}/features", self._product, entitlement_feature=self._feature)
        self._attached = attached["id"]
        self._clock = self._call("POST /v1/test_helpers/test_clocks", frozen_time=1_700_000_000)["id"]
        hook = {"url": SITE, "enabled_events": ["product.created"]}
        self._endpoint = self._call("POST /v1/webhook_endpoints", **hook)["id"]
        plans = [{"product": self._product, "prices": [self._price, self._yearly]}]
        changes = {"enabled": True, "default_allowed_updates": ["price"], "products": plans}
        features = {
            "subscription_cancel": {"enabled": True},
            "subscription_update": changes,
            "subscription_pause": {"enabled": True},
        }
        with self._sandbox.engine.transaction() as tx:
            portal_configurations.save_default(tx)
        self._portal = self._call("POST /v1/billing_portal/configurations", features=features)["id"]

    def _make_price(self, amount: int, interval: str = "month") -> str:
        recurring = {"interval": interval}
        given = {"product": self._product, "currency": "usd", "unit_amount": amount, "recurring": recurring}
        return str(self._call("POST /v1/prices", **given)["id"])

    def _customer(self) -> None:
        self._customer_id = self._call("POST /v1/customers", email="a@example.com", payment_method="pm_card_visa")["id"]
        listed = self._call("GET /v1/customers/{customer}/payment_methods", self._customer_id)
        self._card = listed["data"][0]["id"]
        settings = {"default_payment_method": self._card}
        self._call("POST /v1/customers/{customer}", self._customer_id, invoice_settings=settings)
        self._unattached_card = self._call("POST /v1/payment_methods", **CARD)["id"]
        self.known |= {
            "customer": self._customer_id,
            "default_payment_method": self._card,
            "payment_method": self._card,
            "product": self._product,
            "default_price": self._price,
            "coupon": self._coupon,
            "promotion_code": self._code,
            "test_clock": self._clock,
            "entitlement_feature": self._other_feature,
            "configuration": self._portal,
            "price": self._higher_price,
            "prices": [self._higher_price],
            "add_invoice_items.price": self._one_time_price,
            "invoice_items.price": self._one_time_price,
            "pricing.price": self._one_time_price,
        }

    def _subscribe(self, **more: Any) -> Any:
        items = [{"price": self._price}]
        return self._call("POST /v1/subscriptions", customer=self._customer_id, items=items, **more)

    def _subscriptions(self) -> None:
        self._subscription = self._subscribe()
        self._other_subscription = self._subscribe()["id"]
        item = {"subscription": self._other_subscription, "price": self._higher_price}
        self._item = self._call("POST /v1/subscription_items", **item)["id"]
        self._paused = self._subscribe()["id"]
        self._call("POST /v1/subscriptions/{subscription}/pause", self._paused, type="subscription")
        managed = self._subscribe()["id"]
        self._schedule = self._call("POST /v1/subscription_schedules", from_subscription=managed)

    def _payments(self) -> None:
        price = {"price": self._price, "quantity": 1}
        given = {"mode": "subscription", "line_items": [price], "success_url": SITE}
        self._session = self._call("POST /v1/checkout/sessions", **given)["id"]
        bought = self._call("POST /v1/checkout/sessions", **given)["id"]
        buyer.pay_session(self._sandbox.engine, bought, "4242424242424242", complete=True, email=None)
        money = {"amount": 500, "currency": "usd"}
        paying = {"payment_method": "pm_card_visa", "confirm": True, "customer": self._customer_id}
        self._paid = self._call("POST /v1/payment_intents", **money, **paying)
        self._charge = self._paid["latest_charge"]
        self._intent = self._call("POST /v1/payment_intents", **money)["id"]
        self._confirmable_intent = self._call("POST /v1/payment_intents", **money, payment_method="pm_card_visa")["id"]
        self._call("POST /v1/payment_intents", **money, payment_method=_DISPUTED, confirm=True)
        pending = self._call("POST /v1/payment_intents", **money, payment_method="pm_card_visa", confirm=True)
        self._refund = self._call("POST /v1/refunds", payment_intent=pending["id"], amount=100)["id"]
        self._setup = self._call("POST /v1/setup_intents", payment_method="pm_card_visa")["id"]
        self._sandbox.advance(60)
        self._dispute = self._call("GET /v1/disputes")["data"][0]["id"]

    def _invoices(self) -> None:
        self._call("POST /v1/invoiceitems", customer=self._customer_id, amount=300, currency="usd")
        self._draft = self._make_invoice()
        self._open = self._make_invoice()
        self._call("POST /v1/invoices/{invoice}/finalize", self._open, auto_advance=False)

    def _make_invoice(self) -> str:
        invoice = self._call("POST /v1/invoices", customer=self._customer_id, currency="usd")["id"]
        self._call("POST /v1/invoiceitems", customer=self._customer_id, amount=300, currency="usd", invoice=invoice)
        return str(invoice)
