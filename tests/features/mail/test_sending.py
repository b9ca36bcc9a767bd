"""The way of a mail: queued once per fact, sent or kept, tried again in business time."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.support.mailbox import Mailbox, mail_server
from tests.support.patience import PATIENCE_SECONDS
from tests.support.shop import eventually

from licet.db.pool import Pool
from licet.errors import NotFound
from licet.mail.jobs import EMAIL_RETRY, Mailer, email_jobs
from licet.mail.message import Sender
from licet.mail.render import Rendered
from licet.mail.smtp import SmtpServer
from licet.mail.store import queue_email

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
KEY = "SHOP-AAAA-BBBB-CCCC-DDDD"


class Clock:
    """Business time, turned by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


async def compose(template: str, about: dict[str, Any]) -> Rendered:
    """A letter that holds a license key."""
    if template == "broken":
        raise NotFound(f"There is no order for {KEY}.")
    return Rendered(f"{template} {about['orderId']} {KEY}\n", f"<p>{KEY}</p>")


def post(pool: Pool, mailbox: Mailbox | None, clock: Clock) -> Mailer:
    server = SmtpServer("127.0.0.1", mailbox.port, tls=False, step_seconds=PATIENCE_SECONDS) if mailbox else None
    return Mailer(pool, clock, compose, Sender.parse("Acme <billing@acme.test>"), server)


async def queue(pool: Pool, fact: str = "1", **changed: Any) -> None:
    given: dict[str, Any] = {
        "template": "welcome",
        "fact": fact,
        "to": "ada@example.com",
        "account_id": None,
        "subject": "Hello",
        "about": {"orderId": fact},
        "now": NOON,
    }
    async with pool.acquire() as conn, conn.transaction():
        await queue_email(conn, **{**given, **changed})


async def the_mail(pool: Pool) -> asyncpg.Record:
    (row,) = await pool.fetch("SELECT * FROM emails")
    return row


async def due(sending: Mailer, at: datetime) -> list[str]:
    return list(await sending.due(at))


async def test_a_mail_is_queued_once_per_fact(pool: Pool) -> None:
    for _ in range(2):
        await queue(pool)
    await queue(pool, template="receipt")
    await queue(pool, "2")
    rows = await pool.fetch("SELECT template, fact FROM emails ORDER BY template, fact")
    assert [tuple(row) for row in rows] == [("receipt", "1"), ("welcome", "1"), ("welcome", "2")]
    assert await pool.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'send_email'") == 3


async def test_mail_and_job_go_with_the_transaction(pool: Pool) -> None:
    async with pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await queue_email(conn, template="x", fact="1", to="a@b.c", account_id=None, subject="x", about={}, now=NOON)
        await transaction.rollback()
    assert await pool.fetchval("SELECT count(*) FROM emails") == 0
    assert await pool.fetchval("SELECT count(*) FROM pgqueuer") == 0


async def test_a_subject_is_one_line(pool: Pool) -> None:
    await queue(pool, subject="Welcome to \r\nBcc: x@example.com\x00 " + "x" * 500)
    subject = (await the_mail(pool))["subject"]
    assert subject.startswith("Welcome to Bcc: x@example.com x")
    assert len(subject) == 200


async def test_it_is_sent_and_marked(pool: Pool) -> None:
    clock = Clock()
    async with mail_server() as mailbox:
        sending = post(pool, mailbox, clock)
        await queue(pool)
        (key,) = await due(sending, NOON)
        (job,) = email_jobs(sending)
        await job.run(key)
        await job.run(key)
    (message,) = mailbox.messages
    assert message["Message-ID"] == f"<{key}@acme.test>"
    text = message.get_body(["plain"])
    assert text is not None
    assert KEY in text.get_content()
    row = await the_mail(pool)
    assert (row["status"], row["sent_at"], row["due_at"], row["attempts"], row["error"]) == (
        "sent",
        NOON,
        None,
        1,
        None,
    )
    assert KEY not in str(dict(row))
    assert await due(sending, NOON + timedelta(days=9)) == []


async def test_two_workers_send_it_once(pool: Pool) -> None:
    async with mail_server() as mailbox:
        mailbox.silent_seconds = 0.2
        sending = post(pool, mailbox, Clock())
        await queue(pool)
        (key,) = await due(sending, NOON)
        await asyncio.gather(*(sending.send(key) for _ in range(5)))
    assert len(mailbox.messages) == 1


async def test_without_a_server_it_is_kept(pool: Pool) -> None:
    sending = post(pool, None, Clock())
    await queue(pool)
    (key,) = await due(sending, NOON)
    for _ in range(2):
        await sending.send(key)
    row = await the_mail(pool)
    assert (row["status"], row["due_at"], row["attempts"], row["sent_at"]) == ("kept", None, 0, None)
    assert await due(sending, NOON) == []


async def test_what_fails_is_tried_again_in_business_time_and_then_no_more(pool: Pool) -> None:
    clock = Clock()
    async with mail_server() as mailbox:
        mailbox.refuses_data = "451 4.3.0 Come back later"
        sending = post(pool, mailbox, clock)
        await queue(pool)
        key = str((await the_mail(pool))["id"])
        for number, wait in enumerate(EMAIL_RETRY.waits, 1):
            await sending.send(key)
            row = await the_mail(pool)
            assert (row["status"], row["attempts"], row["due_at"]) == ("queued", number, clock.at + wait)
            assert "451 4.3.0 Come back later" in row["error"]
            # Not before its time.
            await sending.send(key)
            assert (await the_mail(pool))["attempts"] == number
            assert await due(sending, clock.at) == []
            clock.at += wait
            assert await due(sending, clock.at) == [key]
        await sending.send(key)
        row = await the_mail(pool)
        assert (row["status"], row["attempts"], row["due_at"]) == ("failed", len(EMAIL_RETRY.waits) + 1, None)
        mailbox.refuses_data = None
        await sending.send(key)
    assert mailbox.messages == []


async def test_the_next_try_may_succeed(pool: Pool) -> None:
    clock = Clock()
    async with mail_server() as mailbox:
        sending = post(pool, mailbox, clock)
        await queue(pool)
        key = str((await the_mail(pool))["id"])
        mailbox.refuses_data = "451 4.3.0 Come back later"
        await sending.send(key)
        mailbox.refuses_data = None
        clock.at += EMAIL_RETRY.waits[0]
        await sending.send(key)
    row = await the_mail(pool)
    assert (row["status"], row["attempts"], row["error"]) == ("sent", 2, None)
    assert mailbox.messages[0]["Message-ID"] == f"<{key}@acme.test>"


async def test_a_recipient_that_does_not_exist_is_not_tried_again(pool: Pool) -> None:
    async with mail_server() as mailbox:
        mailbox.refuses_recipients = "550 5.1.1 No such user"
        sending = post(pool, mailbox, Clock())
        await queue(pool)
        await sending.send(str((await the_mail(pool))["id"]))
    row = await the_mail(pool)
    assert (row["status"], row["attempts"], row["due_at"]) == ("failed", 1, None)
    assert "No such user" in row["error"]


@pytest.mark.parametrize("reply", ["451 4.3.0 \x00 Come \x1b[2J back \x07later", "451 " + "x\x00" * 400])
async def test_a_reply_that_cannot_be_stored_is_stored_without_what_cannot_be(pool: Pool, reply: str) -> None:
    async with mail_server() as mailbox:
        mailbox.refuses_data = reply
        sending = post(pool, mailbox, Clock())
        await queue(pool)
        await sending.send(str((await the_mail(pool))["id"]))
        row = await the_mail(pool)
        assert (row["status"], row["attempts"]) == ("queued", 1)
        assert row["error"].isprintable()
        assert len(row["error"]) <= 500
        mailbox.refuses_data, mailbox.refuses_recipients = None, "550 5.1.1 \x00 No such user"
        await queue(pool, "2")
        second = await pool.fetchval("SELECT id FROM emails WHERE fact = '2'")
        await sending.send(str(second))
    ((status, error),) = await pool.fetch("SELECT status, error FROM emails WHERE fact = '2'")
    assert (status, error.endswith("550 5.1.1 No such user")) == ("failed", True)


@pytest.mark.parametrize(
    "to", ["nobody", "a b@example.com", "ada@", "@example.com", "ada@exa\ufffdmple.com", "x" * 400]
)
async def test_what_is_no_address_is_not_tried_again(pool: Pool, to: str) -> None:
    async with mail_server() as mailbox:
        sending = post(pool, mailbox, Clock())
        await queue(pool, to=to)
        await sending.send(str((await the_mail(pool))["id"]))
    row = await the_mail(pool)
    assert (row["status"], row["attempts"], row["due_at"]) == ("failed", 1, None)
    assert row["error"].startswith("not an email address")
    assert mailbox.messages == []


async def test_a_worker_that_died_while_sending_is_followed_by_another(pool: Pool) -> None:
    clock = Clock()
    async with mail_server() as mailbox:
        sending = post(pool, mailbox, clock)
        await queue(pool)
        key = str((await the_mail(pool))["id"])
        mailbox.silent_seconds = PATIENCE_SECONDS
        task = asyncio.create_task(sending.send(key))

        async def under_way() -> bool:
            return await due(sending, clock.at) == []

        await eventually(under_way)
        task.cancel()
        mailbox.silent_seconds = 0
        await asyncio.gather(task, return_exceptions=True)
        assert await due(sending, clock.at) == []
        clock.at += timedelta(minutes=5)
        assert await due(sending, clock.at) == [key]
        await sending.send(key)
    assert (await the_mail(pool))["status"] == "sent"
    assert {message["Message-ID"] for message in mailbox.messages} == {f"<{key}@acme.test>"}


async def test_what_cannot_be_made_is_said_without_its_words(pool: Pool) -> None:
    async with mail_server() as mailbox:
        sending = post(pool, mailbox, Clock())
        await queue(pool, template="broken")
        await sending.send(str((await the_mail(pool))["id"]))
    row = await the_mail(pool)
    assert (row["status"], row["attempts"]) == ("queued", 1)
    assert row["error"] == "rendering failed: NotFound; see the log"


async def test_a_mail_that_is_gone(pool: Pool) -> None:
    async with mail_server() as mailbox:
        await post(pool, mailbox, Clock()).send(str(UUID(int=1)))
        await replace(post(pool, mailbox, Clock()), server=None).send(str(UUID(int=1)))
    assert mailbox.messages == []
