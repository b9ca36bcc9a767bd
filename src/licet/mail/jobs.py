"""The job that sends one email: claim it, render it, hand it to the mail server, mark it sent.

Without a mail server it marks the email kept.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from licet.db.pool import Pool
from licet.kit.redact import error_line
from licet.kit.retry import Retry
from licet.kit.times import Now, wall_now
from licet.mail import store
from licet.mail.message import InvalidAddress, Sender, build_message
from licet.mail.render import Rendered
from licet.mail.smtp import MAX_ERROR_CHARACTERS, NotSent, SmtpServer
from licet.queue.jobs import Job

log = structlog.get_logger(__name__)

Compose = Callable[[str, dict[str, Any]], Awaitable[Rendered]]
"""(template, about) -> the rendered bodies, from rows as they are at the time of the call."""

EMAIL_LEASE = timedelta(minutes=5)
"""How long no other worker takes a claimed email; well beyond the timeout of the mail server."""

EMAIL_RETRY = Retry(seconds=(60, 5 * 60, 30 * 60, 2 * 3600, 8 * 3600), repeats=False)
"""When an email is tried again after a failed attempt, in business time."""


@dataclass(frozen=True)
class Mailer:
    """Sends emails. server None: no mail server is configured, and emails are kept to be shown."""

    pool: Pool
    now: Now
    compose: Compose
    sender: Sender
    server: SmtpServer | None

    async def send(self, key: str) -> None:
        """Send the email with this id if it is due. A failure is recorded and retried later, not raised."""
        email_id = UUID(key)
        if self.server is None:
            await store.mark_kept(self.pool, email_id)
            return
        now = self.now()
        email = await store.claim_email(self.pool, email_id, now, now + EMAIL_LEASE)
        if email is None:
            return
        try:
            bodies = await self.compose(email.template, email.about)
            message = build_message(
                email_id=email.id,
                sender=self.sender,
                to=email.to_address,
                subject=email.subject,
                bodies=bodies,
                now=wall_now(),
            )
            await self.server.send(message)
        except NotSent as error:
            await self._failed(email, str(error), permanent=error.permanent)
        except InvalidAddress as error:
            await self._failed(email, error_line(str(error), MAX_ERROR_CHARACTERS), permanent=True)
        except Exception as error:
            # An error in Licet itself. Its message could contain what the email contains, so it goes to the log only,
            # where it is redacted.
            log.exception("email_not_rendered", email_id=key, template=email.template)
            await self._failed(email, f"rendering failed: {type(error).__name__}; see the log")
        else:
            await store.mark_sent(self.pool, email.id, self.now())
            log.info("email_sent", email_id=key, template=email.template, attempt=email.attempts)

    async def due(self, now: datetime) -> Sequence[str]:
        """The ids of emails that are due."""
        return await store.EMAILS.list_due(self.pool, now)

    async def _failed(self, email: store.ClaimedEmail, error: str, *, permanent: bool = False) -> None:
        again_at = None if permanent else EMAIL_RETRY.again_at(self.now(), email.attempts - 1)
        await store.mark_failed(self.pool, email.id, error, again_at)
        log.warning("email_not_sent", email_id=str(email.id), template=email.template, reason=error, again_at=again_at)


def email_jobs(mailer: Mailer) -> list[Job]:
    """The jobs of this package."""
    return [Job(store.SEND_EMAIL_JOB, mailer.send, mailer.due)]
