"""A mail as it goes over the wire."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from uuid import UUID

import email_validator

from licet.mail.render import Rendered
from licet.mail.store import one_line

_LOCAL = re.compile(r"[^\s\x00-\x1f\x7f<>()\[\]:;@\\,\"]+")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


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
    """Not as strict as where an address is given to us: `licet@localhost` is one, on a machine of one's own."""
    local, at, domain = spec.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(spec) > 320:
        raise ValueError("not an e-mail address: it must read name@example.com")
    return Address(one_line(name), local, domain if _DOMAIN.fullmatch(domain) else _ascii(domain))


def _ascii(domain: str) -> str:
    # Every server understands the xn-- form; a local part beyond ASCII needs one that speaks SMTPUTF8.
    try:
        found = email_validator.validate_email(f"x@{domain}", check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"not an e-mail address: {error}") from None
    return found.ascii_domain
