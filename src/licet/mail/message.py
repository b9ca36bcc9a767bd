"""A mail as it goes over the wire."""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from uuid import UUID

import email_validator

from licet.mail.render import Rendered
from licet.mail.store import one_line


@dataclass(frozen=True)
class Sender:
    """LICET_MAIL_FROM, taken apart."""

    name: str
    address: Address

    @classmethod
    def parse(cls, mail_from: str) -> "Sender":
        """`Acme Billing <billing@acme.test>`, or the address alone. Raises ValueError for what holds no address."""
        name, spec = parseaddr(mail_from)
        return cls(name or spec.partition("@")[2], _address(spec, name))


def build_message(
    *, email_id: UUID, sender: Sender, to: str, subject: str, bodies: Rendered, now: datetime
) -> EmailMessage:
    """The message, text and HTML.

    Its Message-ID is made of the e-mail's id, so that one sent again after a crash is recognised as the same.
    now: the real time. Raises ValueError for an address that is none; no header takes a line break.
    """
    message = EmailMessage()
    message["From"] = sender.address
    message["To"] = _address(to)
    message["Subject"] = one_line(subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{email_id}@{sender.address.domain}>"
    # So that nobody's out-of-office assistant answers it (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(bodies.text)
    message.add_alternative(bodies.html, subtype="html")
    return message


def _address(spec: str, name: str = "") -> Address:
    try:
        found = email_validator.validate_email(
            spec, check_deliverability=False, globally_deliverable=False, test_environment=True
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"not an e-mail address: {error}") from None
    # The domain in ASCII is understood by every server; a local part beyond ASCII needs one that speaks SMTPUTF8.
    return Address(one_line(name), found.local_part, found.ascii_domain)
