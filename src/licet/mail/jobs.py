"""The job that sends a mail: claimed, rendered, handed to the mail server, marked. With no server it is kept."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from licet.db.pool import Pool
from licet.kit.times import Now, wall_now
from licet.mail import store
from licet.mail.message import Sender, build_message
from licet.mail.render import Rendered
from licet.mail.smtp import NotSent, SmtpServer
from licet.queue.jobs import Job

log = structlog.get_logger(__name__)

Compose = Callable[[str, dict[str, Any]], Awaitable[Rendered]]
"""(template, about) -> the bodies, read from the ids at this moment."""

LEASE = timedelta(minutes=5)
"""How long a claimed mail is left alone; well beyond the mail server's timeout."""

WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
)
"""After each try that failed, in business time; after the last of them there is one more try."""


@dataclass(frozen=True)
class Mailer:
    """What sends mail. server None: there is none, and mails are kept to be shown."""

    pool: Pool
    now: Now
    compose: Compose
    sender: Sender
    server: SmtpServer | None

    async def send(self, key: str) -> None:
        """Send the mail with this id, if it is due. Whatever fails is written down and tried again later."""
        email_id = UUID(key)
        if self.server is None:
            await store.mark_kept(self.pool, email_id)
            return
        now = self.now()
        mail = await store.claim(self.pool, email_id, now, now + LEASE)
        if mail is None:
            return
        try:
            bodies = await self.compose(mail.template, mail.about)
            message = build_message(
                email_id=mail.id,
                sender=self.sender,
                to=mail.to_address,
                subject=mail.subject,
                bodies=bodies,
                now=wall_now(),
            )
            await self.server.send(message)
        except NotSent as error:
            await self._failed(mail, str(error), permanent=error.permanent)
        except Exception as error:
            # A fault of ours. Its own words could hold what the mail holds, so they go to the log alone, redacted.
            log.exception("mail could not be made", email_id=key, template=mail.template)
            await self._failed(mail, f"could not be made: {type(error).__name__}; the log says more")
        else:
            await store.mark_sent(self.pool, mail.id, self.now())
            log.info("mail sent", email_id=key, template=mail.template, attempt=mail.attempts)

    async def due(self, now: datetime) -> Sequence[str]:
        """The mails whose time has come."""
        return await store.list_due(self.pool, now)

    async def _failed(self, mail: store.Claimed, error: str, *, permanent: bool = False) -> None:
        again = not permanent and mail.attempts <= len(WAITS)
        again_at = self.now() + WAITS[mail.attempts - 1] if again else None
        await store.mark_failed(self.pool, mail.id, error, again_at)
        log.warning("mail not sent", email_id=str(mail.id), template=mail.template, reason=error, again_at=again_at)


def mail_jobs(post: Mailer) -> list[Job]:
    """The one kind of deferred work there is here."""
    return [Job(store.SEND, post.send, post.due)]
