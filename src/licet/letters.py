"""Every letter there is, and where what it says is gathered. A letter is read anew each time it is sent or shown."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from licet.config import Settings
from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.db.pool import Pool
from licet.errors import NotFound
from licet.kit.times import Now
from licet.licenses.letters import gather_welcome
from licet.mail.jobs import Compose, Post
from licet.mail.message import Sender
from licet.mail.render import House, Rendered, render
from licet.mail.smtp import SmtpServer
from licet.orders.letters import gather_payment_failed, gather_receipt
from licet.refunds.letters import gather_refund

Gather = Callable[[Connection, Keyring, dict[str, Any]], Awaitable[dict[str, Any]]]

LETTERS: Mapping[str, Gather] = {
    "welcome": gather_welcome,
    "receipt": gather_receipt,
    "payment_failed": gather_payment_failed,
    "refund": gather_refund,
}
"""By template. What each is `about` stands at its function."""


async def read_letter(
    conn: Connection, keyring: Keyring, settings: Settings, template: str, about: dict[str, Any]
) -> Rendered:
    """The bodies of a mail, as they are now. Raises NotFound for a template or an id that is not known."""
    gather = LETTERS.get(template)
    if gather is None:
        raise NotFound(f"There is no letter {template}.")
    sender = Sender.parse(settings.mail_from)
    return render(template, await gather(conn, keyring, about), House(sender.name, settings.public_url or ""))


def make_post(settings: Settings, pool: Pool, keyring: Keyring, now: Now) -> Post:
    """What sends the mails. Raises ValueError when LICET_SMTP_URL or LICET_MAIL_FROM cannot be read."""
    url = settings.smtp_url.get_secret_value() if settings.smtp_url else None
    server = None if url is None else SmtpServer.parse(url)
    return Post(pool, now, _composer(settings, pool, keyring), Sender.parse(settings.mail_from), server)


def _composer(settings: Settings, pool: Pool, keyring: Keyring) -> Compose:
    async def compose(template: str, about: dict[str, Any]) -> Rendered:
        async with pool.acquire() as conn:
            return await read_letter(conn, keyring, settings, template, about)

    return compose
