"""The emails' text and HTML, rendered from rows."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from tests.factories.accounts import make_account
from tests.factories.catalog import make_product
from tests.factories.licenses import make_license
from tests.factories.orders import Order, make_order
from tests.support.contexts import make_context

from licet.db.pool import Pool
from licet.emails import EMAIL_TEMPLATES, compose_email
from licet.errors import NotFound
from licet.http.context import Context
from licet.mail.render import TEMPLATES, Branding, Rendered, render_email

PAID_THROUGH = datetime(2027, 4, 1, 12, 0, tzinfo=UTC)
DESCRIPTION = "2 \u00d7 Connector (at $74.50 / month)"


@pytest.fixture
def shop(pool: Pool) -> Context:
    """The tools of a vendor with a name and an address."""
    return make_context(pool, mail_from="Acme & Söhne <billing@acme.test>", public_url="https://licenses.acme.test")


@pytest.fixture
async def buyer(shop: Context) -> UUID:
    """An account with a name that would be markup if it could."""
    account_id = await make_account(shop)
    await shop.pool.execute("UPDATE accounts SET name = '<b>Zoë</b>' WHERE id = $1", account_id)
    return account_id


def assert_sound(email: Rendered) -> None:
    """What holds for each of them."""
    for body in (email.text, email.html):
        assert "None" not in body
        assert "Acme" in body
    assert "<" not in email.text.replace("<b>Zoë</b>", "")
    assert "<b>" not in email.html
    assert "Acme &amp; Söhne" in email.html
    assert 'name="viewport"' in email.html
    assert "src=" not in email.html
    assert "\n\n\n\n" not in email.text


async def make_invoice(context: Context, account_id: UUID | None, **changed: Any) -> str:
    row: dict[str, Any] = {
        "stripe_invoice_id": "in_1",
        "account_id": account_id,
        "number": "ACME-0001",
        "status": "paid",
        "currency": "usd",
        "total": 14900,
        "amount_due": 14900,
        "amount_paid": 14900,
        "attempt_count": 1,
        "hosted_invoice_url": "https://pay.example/i/1?a=b&c=d",
        "invoice_pdf": "https://pay.example/i/1.pdf",
        "created_at": PAID_THROUGH,
        "period_start_at": PAID_THROUGH,
        "period_end_at": PAID_THROUGH,
        "paid_at": datetime(2027, 3, 31, 23, 30, tzinfo=UTC),
        **changed,
    }
    names = ", ".join(row)
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await context.pool.execute(f"INSERT INTO invoices ({names}) VALUES ({places})", *row.values())
    await context.pool.execute(
        """
        INSERT INTO invoice_lines (stripe_invoice_id, position, stripe_invoice_line_id, description, quantity, amount,
                                   currency, proration, period_start_at, period_end_at)
        VALUES ($1, 0, 'il_1', $5, 2, $2, $3, false, $4, $4)
        """,
        row["stripe_invoice_id"],
        row["total"],
        row["currency"],
        PAID_THROUGH,
        DESCRIPTION,
    )
    return str(row["stripe_invoice_id"])


async def test_the_welcome(shop: Context, buyer: UUID) -> None:
    connector = await make_product(shop)
    migrator = await make_product(shop, interval=None)
    plan = await make_product(shop, kind="plan", policy=None)
    order = await make_order(shop, buyer, [connector, migrator, plan])
    first = await make_license(shop, order, connector, expires_at=PAID_THROUGH, activations_limit=3)
    once = await make_license(shop, order, migrator, activations_limit=1)
    free = await make_license(shop, order, migrator, activations_limit=None, status="revoked")
    email = await compose_email(shop, "welcome", {"orderId": str(order.id)})
    assert_sound(email)
    for body in (email.text, email.html):
        for key in (first.key, once.key, free.key):
            assert key in body
        assert f"{plan.name}" in body
        assert "3 activations." in body
        assert "1 activation." in body
        assert "Any number of activations." in body
        assert "Paid through 1 April 2027, and extended with each renewal." in body
        assert "It does not expire." in body
        assert "(revoked)" in body
        assert "https://licenses.acme.test/api/licenses/activate" in body
        assert str(order.id) in body
    assert "&lt;b&gt;Zoë&lt;/b&gt;" in email.html


async def test_the_welcome_to_a_plan_without_keys(shop: Context, buyer: UUID) -> None:
    plan = await make_product(shop, kind="plan", policy=None)
    order = await make_order(shop, buyer, [plan])
    email = await compose_email(shop, "welcome", {"orderId": str(order.id)})
    assert_sound(email)
    assert f"{plan.name} is active." in email.text
    assert "activate" not in email.text.replace("is active", "")


async def test_the_receipt(shop: Context, buyer: UUID) -> None:
    about = {"invoiceId": await make_invoice(shop, buyer)}
    email = await compose_email(shop, "receipt", about)
    assert_sound(email)
    for body in (email.text, email.html):
        assert "ACME-0001" in body
        assert "149.00 USD" in body
        assert "31 March 2027" in body
        assert DESCRIPTION in body
        assert "\u00d7 2" not in body
    assert "https://pay.example/i/1?a=b&c=d" in email.text
    assert 'href="https://pay.example/i/1?a=b&amp;c=d"' in email.html


async def test_a_receipt_of_little_known(shop: Context) -> None:
    nothing = {"number": None, "hosted_invoice_url": None, "invoice_pdf": None, "paid_at": None}
    about = {"invoiceId": await make_invoice(shop, None, currency="jpy", **nothing)}
    email = await compose_email(shop, "receipt", about)
    assert_sound(email)
    assert "We received your payment of 14,900 JPY. Thank you." in email.text
    assert "href" not in email.html


async def test_a_payment_that_failed(shop: Context, buyer: UUID) -> None:
    again_at = datetime(2027, 4, 4, 8, 0, tzinfo=UTC)
    about = {
        "invoiceId": await make_invoice(shop, buyer, status="open", paid_at=None, next_payment_attempt_at=again_at),
        "attempt": 1,
    }
    email = await compose_email(shop, "payment_failed", about)
    assert_sound(email)
    assert "Pay now: https://pay.example/i/1?a=b&c=d" in email.text
    assert 'href="https://pay.example/i/1?a=b&amp;c=d"' in email.html
    for body in (email.text, email.html):
        assert "149.00 USD" in body
        assert "ACME-0001" in body
        assert "4 April 2027" in body

    await shop.pool.execute("UPDATE invoices SET next_payment_attempt_at = NULL")
    last = await compose_email(shop, "payment_failed", about)
    assert "We will not try again automatically" in last.text
    await shop.pool.execute("UPDATE invoices SET status = 'paid'")
    settled = await compose_email(shop, "payment_failed", about)
    assert_sound(settled)
    assert "https://" not in settled.text


async def test_a_payment_that_failed_in_checkout(shop: Context, buyer: UUID) -> None:
    product = await make_product(shop)
    order: Order = await make_order(shop, buyer, [product], quantity=2)
    await shop.pool.execute("UPDATE checkout_sessions SET status = 'open', url = 'https://pay.example/c'")
    email = await compose_email(shop, "payment_failed", {"sessionId": order.stripe_session_id})
    assert_sound(email)
    assert "Try again: https://pay.example/c" in email.text
    assert f"{product.name} x 2: 298.00 USD" in email.text
    assert "automatically" not in email.text


async def test_a_refund(shop: Context, buyer: UUID) -> None:
    await make_invoice(shop, buyer)
    await shop.pool.execute(
        """
        INSERT INTO invoice_payments (stripe_invoice_payment_id, stripe_invoice_id, stripe_payment_intent_id, status,
                                      currency)
        VALUES ('inpay_1', 'in_1', 'pi_1', 'paid', 'usd')
        """
    )
    await shop.pool.execute(
        """
        INSERT INTO refunds (stripe_refund_id, stripe_charge_id, stripe_payment_intent_id, amount, currency, status,
                             created_at)
        VALUES ('re_1', 'ch_1', 'pi_1', 5000, 'usd', 'succeeded', $1)
        """,
        PAID_THROUGH,
    )
    email = await compose_email(shop, "refund", {"refundId": "re_1"})
    assert_sound(email)
    for body in (email.text, email.html):
        assert "50.00 USD" in body
        assert "ACME-0001" in body
        assert "1 April 2027" in body
        assert "five to ten days" in body
    await shop.pool.execute("UPDATE refunds SET status = 'failed'")
    failed = await compose_email(shop, "refund", {"refundId": "re_1"})
    assert_sound(failed)
    assert "another way" in failed.text


@pytest.mark.parametrize(
    ("because", "said"),
    [("failing", "No delivery has succeeded since 1 April 2027"), ("gone", "410 Gone"), (None, "again")],
)
async def test_an_endpoint_that_was_disabled(shop: Context, because: str | None, said: str) -> None:
    endpoint_id = UUID(int=7)
    disabled_at = PAID_THROUGH if because else None
    await shop.pool.execute(
        """
        INSERT INTO webhook_endpoints (id, url, events, secret_encrypted, created_at, disabled_at, disabled_because,
                                       failing_since)
        VALUES ($1, 'https://hooks.acme.test/licet?token=1', '{*}', 'x', $2, $3, $4, $5)
        """,
        endpoint_id,
        PAID_THROUGH,
        disabled_at,
        because,
        disabled_at,
    )
    await shop.pool.execute(
        """
        INSERT INTO deliveries (id, endpoint_id, event_id, status, attempts, created_at, response_status, error)
        VALUES ($1, $2, $1, 'failed', 10, $3, 503, 'answered 503')
        """,
        UUID(int=8),
        endpoint_id,
        PAID_THROUGH,
    )
    email = await compose_email(shop, "endpoint_disabled", {"endpointId": str(endpoint_id)})
    assert_sound(email)
    for body in (email.text, email.html):
        assert "https://hooks.acme.test/licet" in body
        assert "token" not in body
        assert said in body
        assert "answered 503" in body
        assert f"/api/webhook-endpoints/{endpoint_id}" in body


async def test_what_there_is_nothing_to_write_about(shop: Context) -> None:
    missing: dict[str, dict[str, Any]] = {
        "welcome": {"orderId": str(UUID(int=1))},
        "receipt": {"invoiceId": "in_none"},
        "payment_failed": {"sessionId": "cs_none"},
        "refund": {"refundId": "re_none"},
        "cancellation": {"subscriptionId": "sub_none"},
        "duplicate_plan": {"subscriptionId": "sub_none"},
        "endpoint_disabled": {"endpointId": str(UUID(int=1))},
    }
    assert set(missing) == set(EMAIL_TEMPLATES)
    for template, about in missing.items():
        with pytest.raises(NotFound):
            await compose_email(shop, template, about)
    with pytest.raises(NotFound):
        await compose_email(shop, "payment_failed", {"invoiceId": "in_none", "attempt": 1})


def test_every_email_has_both_bodies() -> None:
    for template in EMAIL_TEMPLATES:
        for kind in ("html", "txt"):
            assert (TEMPLATES / f"{template}.{kind}").exists()


def test_times_are_shown_in_utc() -> None:
    east = datetime(2027, 4, 1, 1, 0, tzinfo=UTC).astimezone(tz=datetime.now().astimezone().tzinfo)
    data = {"name": None, "number": None, "amount": 1, "currency": "usd", "created_at": east, "failed": False}
    email = render_email("refund", data, Branding("Acme", ""))
    assert "Refund of 1 April 2027" in email.text
