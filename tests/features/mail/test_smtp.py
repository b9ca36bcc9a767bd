"""Mail over a real SMTP server: what arrives, and what is said of each thing that can go wrong."""

import socket
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
from tests.support.mailbox import PASSWORD, USER, certificates, mail_server

from licet.mail.message import Sender, build_message
from licet.mail.render import Rendered
from licet.mail.smtp import NotSent, SmtpServer

SENDER = Sender.parse("Ädler & Söhne <billing@adler.example>")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EMAIL_ID = UUID(int=7)


def a_message(to: str = "ada@example.com", subject: str = "Hello", name: str = "Ada") -> EmailMessage:
    bodies = Rendered(f"Dear {name},\n\nGrüße ✓\n", f"<p>Dear {name}, Grüße ✓</p>\n")
    return build_message(email_id=EMAIL_ID, sender=SENDER, to=to, subject=subject, bodies=bodies, now=NOW)


async def test_what_arrives() -> None:
    async with mail_server() as mailbox:
        await SmtpServer("127.0.0.1", mailbox.port, tls=False).send(a_message(subject="Ihr Kauf: 5 €"))
    (message,) = mailbox.messages
    assert mailbox.recipients == [["ada@example.com"]]
    assert message["From"] == "Ädler & Söhne <billing@adler.example>"
    assert message["To"] == "ada@example.com"
    assert message["Subject"] == "Ihr Kauf: 5 €"
    assert message["Message-ID"] == f"<{EMAIL_ID}@adler.example>"
    assert message["Date"] == "Sat, 21 Nov 2026 12:00:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.get_body(["plain"]), message.get_body(["html"])
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == "Dear Ada,\n\nGrüße ✓\n"
    assert html.get_content().replace("\r\n", "\n") == "<p>Dear Ada, Grüße ✓</p>\n"


@pytest.mark.parametrize(
    ("to", "arrives_at"),
    [
        ("jörg@example.com", "jörg@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ('"ada, king"@example.com', None),
        ("o'brien+x@example.co.uk", "o'brien+x@example.co.uk"),
    ],
)
async def test_addresses_of_all_kinds(to: str, arrives_at: str | None) -> None:
    if arrives_at is None:
        with pytest.raises(ValueError, match="not an email address"):
            a_message(to)
        return
    async with mail_server() as mailbox:
        await SmtpServer("127.0.0.1", mailbox.port, tls=False).send(a_message(to))
    assert mailbox.recipients == [[arrives_at]]


@pytest.mark.parametrize(
    "to",
    ["", "ada", "ada@example.com\nBcc: evil@example.com", "ada@example.com, evil@example.com", "<ada@example.com>"],
)
def test_what_is_no_single_address_is_none(to: str) -> None:
    with pytest.raises(ValueError, match="not an email address"):
        a_message(to)


def test_no_header_can_be_slipped_in() -> None:
    message = a_message(subject="Hi\r\nBcc: evil@example.com\x00\u2028X")
    assert message["Subject"] == "Hi Bcc: evil@example.com X"
    assert message["Bcc"] is None
    sender = Sender.parse("Evil\r\nBcc: x@example.com <billing@adler.example>")
    built = build_message(
        email_id=EMAIL_ID, sender=sender, to="ada@example.com", subject="x", bodies=Rendered("", ""), now=NOW
    )
    assert "\nBcc" not in built.as_string()


async def test_a_name_and_a_password() -> None:
    async with mail_server(with_password=True) as mailbox:
        server = SmtpServer.parse(f"smtp://{quote(USER)}:{quote(PASSWORD, safe='')}@127.0.0.1:{mailbox.port}")
        assert PASSWORD not in repr(server)
        await server.send(a_message())
        assert mailbox.users == [USER]
        with pytest.raises(NotSent, match="user name or password") as refused:
            await replace(server, password="wrong-one").send(a_message())
        assert "wrong-one" not in str(refused.value)
        assert not refused.value.permanent
        with pytest.raises(NotSent, match="530"):
            await replace(server, username=None).send(a_message())
    assert len(mailbox.messages) == 1


async def test_a_password_is_never_given_in_the_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("licet.mail.smtp.SMTP_LOOPBACK_HOSTS", ())
    async with mail_server(with_password=True) as mailbox:
        server = SmtpServer("127.0.0.1", mailbox.port, tls=False, username=USER, password=PASSWORD)
        with pytest.raises(NotSent, match="no encryption"):
            await server.send(a_message())
        assert mailbox.users == []


@pytest.mark.parametrize("from_the_start", [True, False])
async def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, from_the_start: bool) -> None:
    monkeypatch.setattr("licet.mail.smtp.SMTP_LOOPBACK_HOSTS", ())
    theirs, ours = certificates(tmp_path)
    async with mail_server(with_password=True, tls=theirs, from_the_start=from_the_start) as mailbox:
        server = SmtpServer(
            "127.0.0.1", mailbox.port, tls=from_the_start, username=USER, password=PASSWORD, tls_context=ours
        )
        await server.send(a_message())
        with pytest.raises(NotSent, match=r"(?i)certificate"):
            await replace(server, tls_context=None).send(a_message())
    assert mailbox.over_tls == [True]


async def test_a_recipient_that_is_refused() -> None:
    async with mail_server() as mailbox:
        server = SmtpServer("127.0.0.1", mailbox.port, tls=False)
        for answer, permanent in (("550 5.1.1 No such user", True), ("450 4.2.0 Greylisted, come back", False)):
            mailbox.refuses_recipients = answer
            with pytest.raises(NotSent) as refused:
                await server.send(a_message())
            assert answer[4:] in str(refused.value)
            assert refused.value.permanent is permanent


async def test_a_message_that_is_refused() -> None:
    async with mail_server() as mailbox:
        mailbox.refuses_data = "554 5.7.1 Spam, says lic_test_abcdefghijklmnop"
        with pytest.raises(NotSent, match=r"554 5\.7\.1 Spam") as refused:
            await SmtpServer("127.0.0.1", mailbox.port, tls=False).send(a_message())
        assert "abcdefghijklmnop" not in str(refused.value)
        assert not refused.value.permanent


async def test_a_server_that_keeps_silent() -> None:
    async with mail_server() as mailbox:
        mailbox.silent_seconds = 5
        with pytest.raises(NotSent, match="in time"):
            await SmtpServer("127.0.0.1", mailbox.port, tls=False, step_seconds=0.2).send(a_message())


async def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotSent, match="cannot be used") as gone:
        await SmtpServer("127.0.0.1", port, tls=False).send(a_message())
    assert not gone.value.permanent


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 587, tls=False)),
        ("smtps://mail.example/", SmtpServer("mail.example", 465, tls=True)),
        ("smtp://localhost:25", SmtpServer("localhost", 25, tls=False)),
        ("smtp://a%40b:c%3Ad@mail.example:2525", SmtpServer("mail.example", 2525, False, "a@b", "c:d")),
        ("smtps://user@mail.example", SmtpServer("mail.example", 465, tls=True, username="user")),
    ],
)
def test_the_server_is_read_from_its_url(url: str, server: SmtpServer) -> None:
    assert SmtpServer.parse(url) == server


@pytest.mark.parametrize(
    "url",
    ["", "mail.example", "http://mail.example", "smtp://", "smtp://u:secretword@h:x", "smtp://h/path", "smtp://h?x=1"],
)
def test_what_is_no_server(url: str) -> None:
    with pytest.raises(ValueError, match="LICET_SMTP_URL") as refused:
        SmtpServer.parse(url)
    assert "secretword" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("given", "name", "address"),
    [
        ("Acme Billing <billing@acme.test>", "Acme Billing", "billing@acme.test"),
        ("billing@acme.test", "acme.test", "billing@acme.test"),
        ('"Acme, Inc." <billing@acme.test>', "Acme, Inc.", "billing@acme.test"),
        ("Licet <licet@localhost>", "Licet", "licet@localhost"),
    ],
)
def test_the_sender(given: str, name: str, address: str) -> None:
    sender = Sender.parse(given)
    assert (sender.name, sender.address.addr_spec) == (name, address)


@pytest.mark.parametrize("given", ["", "Acme", "Acme <nobody>"])
def test_a_sender_without_an_address(given: str) -> None:
    with pytest.raises(ValueError, match="not an email address"):
        Sender.parse(given)
