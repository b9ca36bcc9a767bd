"""Builds the MIME message of an email."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from uuid import UUID

import email_validator

from licet.kit.storable import one_line
from licet.mail.render import Rendered
from licet.mail.store import MAX_SUBJECT_CHARACTERS

MAX_NAME_CHARACTERS = 200

_LOCAL = re.compile(r"[^\s\x00-\x1f\x7f<>()\[\]:;@\\,\"]+")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


class InvalidAddress(ValueError):
    """The text is not an email address, so no message can be sent to it."""


@dataclass(frozen=True)
class Sender:
    """The sender in LICET_MAIL_FROM: a name and an address."""

    name: str
    address: Address

    @classmethod
    def parse(cls, mail_from: str) -> "Sender":
        """Parse `Acme Billing <billing@acme.test>` or a bare address. Raises ValueError without an address."""
        name, spec = parseaddr(mail_from)
        return cls(name or spec.partition("@")[2], _address(spec, name))


def build_message(
    *, email_id: UUID, sender: Sender, to: str, subject: str, bodies: Rendered, now: datetime
) -> EmailMessage:
    """Build the message, with a text and an HTML body.

    The Message-ID contains the email's id, so that mail software recognises an email that is sent again after a crash.
    now: wall time. Raises InvalidAddress. Line breaks are removed from every header.
    """
    message = EmailMessage()
    message["From"] = sender.address
    message["To"] = _address(to)
    message["Subject"] = one_line(subject, MAX_SUBJECT_CHARACTERS)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{email_id}@{sender.address.domain}>"
    # Keeps out-of-office assistants from replying (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(bodies.text)
    message.add_alternative(bodies.html, subtype="html")
    return message


def _address(spec: str, name: str = "") -> Address:
    """Parse an address. Less strict than the API: `licet@localhost` is valid for a local mail server."""
    local, at, domain = spec.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(spec) > 320:
        raise InvalidAddress("not an email address: it must look like name@example.com")
    return Address(one_line(name, MAX_NAME_CHARACTERS), local, domain if _DOMAIN.fullmatch(domain) else _ascii(domain))


def _ascii(domain: str) -> str:
    # Every server accepts the xn-- form of a domain. A local part beyond ASCII needs a server with SMTPUTF8.
    try:
        validated = email_validator.validate_email(f"x@{domain}", check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        raise InvalidAddress(f"not an email address: {error}") from None
    return validated.ascii_domain
