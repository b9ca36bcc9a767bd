"""Every email template with the function that reads its data, and the Mailer that sends them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.http.context import Context
from licet.licenses.emails import gather_welcome
from licet.mail.jobs import Mailer
from licet.mail.message import Sender
from licet.mail.render import Branding, Rendered, render_email
from licet.mail.smtp import SmtpServer
from licet.orders.emails import gather_payment_failed, gather_receipt
from licet.outgoing_webhooks.emails import gather_endpoint_disabled
from licet.refunds.emails import gather_refund
from licet.subscriptions.emails import gather_cancellation, gather_duplicate_plan

GatherEmail = Callable[[Connection, Keyring, dict[str, Any]], Awaitable[dict[str, Any]]]

EMAIL_TEMPLATES: Mapping[str, GatherEmail] = {
    "welcome": gather_welcome,
    "receipt": gather_receipt,
    "payment_failed": gather_payment_failed,
    "refund": gather_refund,
    "cancellation": gather_cancellation,
    "duplicate_plan": gather_duplicate_plan,
    "endpoint_disabled": gather_endpoint_disabled,
}
"""The function that reads each template's data."""

# Rows of the table emails that were written before the template was renamed have the old name.
_RENAMED_TEMPLATES = {"second_plan": "duplicate_plan"}


async def compose_email(context: Context, template: str, about: dict[str, Any]) -> Rendered:
    """Render an email from current rows. Raises NotFound if the row that it is about no longer exists."""
    name = _RENAMED_TEMPLATES.get(template, template)
    async with context.pool.acquire() as conn:
        data = await EMAIL_TEMPLATES[name](conn, context.keyring, about)
    return render_email(name, data, branding_of(context))


def branding_of(context: Context) -> Branding:
    """The sender's name from LICET_MAIL_FROM, and LICET_PUBLIC_URL."""
    return Branding(Sender.parse(context.settings.mail_from).name, context.settings.public_url or "")


def mailer_of(context: Context) -> Mailer:
    """The Mailer that sends over LICET_SMTP_URL. If that is not set, it marks emails as kept."""
    url = context.settings.smtp_url

    async def compose(template: str, about: dict[str, Any]) -> Rendered:
        return await compose_email(context, template, about)

    return Mailer(
        pool=context.pool,
        now=context.now,
        compose=compose,
        sender=Sender.parse(context.settings.mail_from),
        server=SmtpServer.parse(url.get_secret_value()) if url else None,
    )
