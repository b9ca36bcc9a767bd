"""A typed client made of `/openapi.json` and nothing else: it is sound to mypy, and a shop can be run with it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import pytest_asyncio
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType
from tests.support.patience import PATIENCE_SECONDS
from tests.support.shop import Shop, open_shop

PACKAGE = "licet_client_made_for_a_test"


@dataclass(frozen=True)
class Made:
    """The generated package over a shop, with the key of an account that has bought a subscription."""

    shop: Shop
    path: Path
    client: Any
    account: str

    @property
    def models(self) -> ModuleType:
        return import_module(f"{PACKAGE}.models")

    def call(self, name: str, *given: Any, **more: Any) -> Awaitable[Any]:
        """An operation by its tag and id, as in `billing.get_invoice`; what it answers, failures as `Error`."""
        found: Awaitable[Any] = import_module(f"{PACKAGE}.api.{name}").asyncio(*given, client=self.client, **more)
        return found


def generate_client(document: dict[str, Any], into: Path) -> None:
    """Into a package of its own; whatever the generator has to say of the document is a failure."""
    source = into.parent / "openapi.json"
    source.write_text(json.dumps(document))
    # Its hooks only make it pretty.
    settings = Config.from_sources(ConfigFile(post_hooks=[]), MetaType.NONE, source, "utf-8", False, into)
    assert [(error.header, error.detail) for error in generate(config=settings)] == []


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is: the first test generates it, and the others use it."""
    return tmp_path_factory.mktemp("client")


@pytest_asyncio.fixture
async def made(database: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Made]:
    async with open_shop(database) as shop:
        if not (directory / PACKAGE).exists():
            generate_client((await shop.client.get(f"{shop.url}/openapi.json")).json(), directory / PACKAGE)
        monkeypatch.syspath_prepend(str(directory))
        account = await shop.make_account()
        asked = {"name": "Ada", "scopes": ["read", "write"], "accountId": account}
        key = (await shop.api("POST", "/api/admin/api-keys", json=asked)).json()["key"]
        patience = httpx.Timeout(PATIENCE_SECONDS)
        async with import_module(PACKAGE).AuthenticatedClient(base_url=shop.url, token=key, timeout=patience) as client:
            yield Made(shop, directory / PACKAGE, client, account)
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


async def buy(made: Made, name: str) -> None:
    """From the price list to the licenses."""
    models = made.models
    products = (await made.call("products.list_products")).data
    (product,) = [one for one in products if one.name == name]
    wish = models.CheckoutRequest(
        items=[models.CheckoutItem(product_id=str(product.id), quantity=2, price_id=product.prices[0].id)],
        success_url="https://shop.example/thanks?id={CHECKOUT_SESSION_ID}",
        cancel_url="https://shop.example/cart",
    )
    session = await made.call("billing.create_checkout", body=wish, idempotency_key="cart-1")
    assert isinstance(session, models.CheckoutSession)
    # Once more under the same key: the same session.
    assert await made.call("billing.create_checkout", body=wish, idempotency_key="cart-1") == session
    assert (await made.shop.pay(session.session_id)).status_code == 200
    await made.shop.settle()


async def test_it_is_sound(made: Made) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={made.path.parent}/cache", PACKAGE),
        cwd=made.path.parent,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_what_is_bought_listed_cancelled_and_resumed(made: Made) -> None:
    models = made.models
    await buy(made, "Shopify Connector")
    listed = await made.call("billing.list_subscriptions", status="all", limit=5)
    assert (listed.meta.total, listed.meta.limit) == (1, 5)
    (short,) = listed.data
    assert (short.status, short.cancel_at_period_end, short.items[0].quantity) == ("active", False, 2)
    found = await made.call("billing.get_subscription", short.id)
    assert (found.id, found.quantity, len(found.licenses), found.cancel_at) == (short.id, 2, 2, None)
    assert found.latest_invoice.amount_paid == 2 * 14900
    ending = await made.call("billing.cancel_subscription", short.id)
    assert (ending.cancel_at_period_end, ending.cancel_at) == (True, found.current_period_end)
    staying = await made.call("billing.resume_subscription", short.id)
    assert (staying.cancel_at_period_end, staying.cancel_at) == (False, None)
    ended = await made.call(
        "billing.cancel_subscription", short.id, body=models.CancellationRequest(cancel_at_period_end=False)
    )
    assert {one.status for one in ended.licenses} <= {"suspended", "revoked"}
    await made.shop.settle()
    assert (await made.call("billing.list_subscriptions")).data == []
    (order,) = (await made.call("orders.list_orders")).data
    assert (order.status, (await made.call("orders.get_order", str(order.id))).id) == ("cancelled", order.id)
    (license_, _) = (await made.call("licenses.list_licenses")).data
    assert (await made.call("licenses.get_license", str(license_.id))).status == "revoked"
    changes = (await made.call("licenses.list_license_changes", str(license_.id))).data
    assert changes[0].to == "revoked"


async def test_invoices_and_the_dashboard(made: Made) -> None:
    await buy(made, "Shopify Connector")
    (short,) = (await made.call("billing.list_invoices", status=made.models.ListInvoicesStatus.PAID)).data
    invoice = await made.call("billing.get_invoice", short.id)
    assert [(line.amount, line.quantity) for line in invoice.lines] == [(2 * 14900, 2)]
    board = await made.call("portal.get_dashboard")
    assert str(board.account.id) == made.account
    assert (board.next_charge.amount, board.next_charge.currency) == (2 * 14900, "usd")
    assert [one.id for one in board.recent_invoices] == [short.id]
    assert [one.amount for one in board.spend_by_month] == [2 * 14900]
    session = await made.call(
        "billing.create_portal_session", body=made.models.PortalSessionRequest(return_url="https://shop.example/me")
    )
    assert isinstance(session, made.models.PortalSession)
    assert (await made.shop.client.get(session.url)).status_code == 200


async def test_payment_methods_in_three_ways(made: Made) -> None:
    models = made.models
    await buy(made, "Shopify Connector")
    add = "billing.add_payment_method"
    added = await made.call(add, body=models.PaymentMethodRequest(payment_method_id="pm_card_mastercard"))
    assert isinstance(added, models.PaymentMethod)
    assert (added.brand, added.is_default) == ("mastercard", False)
    for body in (None, models.PaymentMethodRequest()):
        intent = await made.call(add, **({} if body is None else {"body": body}))
        assert isinstance(intent, models.SetupIntent)
    urls = {"success_url": "https://shop.example/saved", "cancel_url": "https://shop.example/me"}
    assert isinstance(await made.call(add, body=models.PaymentMethodRequest(**urls)), models.SetupPage)
    change = models.DefaultPaymentMethodRequest(set_default=True)
    assert (await made.call("billing.change_payment_method", added.id, body=change)).is_default
    methods = await made.call("billing.list_payment_methods")
    (other,) = [one for one in methods if one.id != added.id]
    refused = await made.call("billing.remove_payment_method", added.id)
    assert (refused.status_code, refused.code) == (400, "default_payment_method_in_use")
    assert await made.call("billing.remove_payment_method", other.id) is None
    assert [one.id for one in await made.call("billing.list_payment_methods")] == [added.id]


async def test_failures_are_typed(made: Made) -> None:
    models = made.models
    urls = {"success_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/cart"}
    empty = models.CheckoutRequest(items=[], **urls)
    declined = models.PaymentMethodRequest(payment_method_id="pm_card_visa_chargeDeclinedInsufficientFunds")
    for name, given, body, status, code in (
        ("billing.get_subscription", ["sub_nobody"], None, 404, "not_found"),
        ("billing.create_checkout", [], empty, 422, "empty_cart"),
        ("billing.add_payment_method", [], declined, 402, "card_declined"),
        ("operators.list_accounts", [], None, 403, "forbidden"),
    ):
        error = await made.call(name, *given, **({"body": body} if body else {}))
        assert isinstance(error, models.Error), name
        assert (error.status_code, error.code) == (status, code)
    assert (await made.call("billing.add_payment_method", body=declined)).details["declineCode"] == "insufficient_funds"
    wrong = await made.call("billing.list_invoices", limit=1000)
    assert [one.field for one in wrong.details.fields] == ["limit"]
    async with import_module(PACKAGE).Client(base_url=made.shop.url) as nobody:
        api = import_module(f"{PACKAGE}.api.billing.list_invoices")
        assert (await api.asyncio(client=nobody)).code == "unauthorized"


async def test_webhooks_out(made: Made) -> None:
    models = made.models
    async with import_module(PACKAGE).AuthenticatedClient(made.shop.url, made.shop.operator_key) as operator:
        operators = replace(made, client=operator)
        wish = models.CreateWebhookEndpointRequest(
            url="https://hooks.example.com/licet", events=[models.CreateWebhookEndpointRequestEventsItem("*")]
        )
        endpoint = await operators.call("deliveries.make_webhook_endpoint", body=wish)
        assert endpoint.secret.startswith("whsec_")
        completed = models.UpdateWebhookEndpointRequestEventsItem.CHECKOUT_COMPLETED
        change = models.UpdateWebhookEndpointRequest(events=[completed], rotate_secret=True)
        changed = await operators.call("deliveries.change_webhook_endpoint", endpoint.id, body=change)
        assert changed.secret not in (None, endpoint.secret)
        await buy(made, "Shopify Connector")
        (told,) = (await operators.call("deliveries.list_deliveries", endpoint.id)).data
        found = await operators.call("deliveries.get_delivery", endpoint.id, told.id)
        assert (found.event, found.body["event"]) == ("checkout.completed", "checkout.completed")
        assert (await operators.call("deliveries.replay_delivery", endpoint.id, told.id)).status == "pending"
        off = models.UpdateWebhookEndpointRequest(enabled=False)
        changed = await operators.call("deliveries.change_webhook_endpoint", endpoint.id, body=off)
        assert (changed.enabled, changed.disabled_because, changed.secret) == (False, "operator", None)
        refused = await operators.call("deliveries.replay_delivery", endpoint.id, told.id)
        assert (refused.status_code, refused.code) == (409, "endpoint_disabled")
        assert await operators.call("deliveries.delete_webhook_endpoint", endpoint.id) is None
        assert (await operators.call("deliveries.list_webhook_endpoints")).data == []
