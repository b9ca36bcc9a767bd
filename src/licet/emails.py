"""Every letter there is: what it is rendered from, and how it is sent. Read from ids when sent or shown, not stored."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.http.context import Context
from licet.licenses.emails import gather_welcome
from licet.mail.jobs import Mailer
from licet.mail.message import Sender
from licet.mail.render import Branding, Rendered, render
from licet.mail.smtp import SmtpServer
from licet.orders.emails import gather_payment_failed, gather_receipt
from licet.outgoing_webhooks.emails import gather_endpoint_disabled
from licet.refunds.emails import gather_refund
from licet.subscriptions.emails import gather_cancellation, gather_duplicate_plan

Gather = Callable[[Connection, Keyring, dict[str, Any]], Awaitable[dict[str, Any]]]

EMAIL_TEMPLATES: Mapping[str, Gather] = {
    "welcome": gather_welcome,
    "receipt": gather_receipt,
    "payment_failed": gather_payment_failed,
    "refund": gather_refund,
    "cancellation": gather_cancellation,
    "second_plan": gather_duplicate_plan,
    "endpoint_disabled": gather_endpoint_disabled,
}
"""By template, what it is rendered from."""


async def compose(context: Context, template: str, about: dict[str, Any]) -> Rendered:
    """A letter's text and HTML as they read now. Raises NotFound where what it is about is not there."""
    async with context.pool.acquire() as conn:
        data = await EMAIL_TEMPLATES[template](conn, context.keyring, about)
    return render(template, data, branding_of(context))


def branding_of(context: Context) -> Branding:
    """Who writes: the name in LICET_MAIL_FROM, reached under LICET_PUBLIC_URL."""
    return Branding(Sender.parse(context.settings.mail_from).name, context.settings.public_url or "")


def mailer_of(context: Context) -> Mailer:
    """What sends the letters: through LICET_SMTP_URL; without one they are kept to be shown."""
    url = context.settings.smtp_url

    async def composed(template: str, about: dict[str, Any]) -> Rendered:
        return await compose(context, template, about)

    return Mailer(
        pool=context.pool,
        now=context.now,
        compose=composed,
        sender=Sender.parse(context.settings.mail_from),
        server=SmtpServer.parse(url.get_secret_value()) if url else None,
    )
