"""The mail server: where it is, how it is spoken to, and what its refusals mean."""

import asyncio
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

from licet.kit.redact import redact

STEP_SECONDS = 10.0
"""For each thing the server is asked."""

TOTAL_SECONDS = 30.0
"""For one whole delivery: a server that answers each time just before its time is up would never end."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class NotSent(Exception):
    """The mail was not taken. permanent: trying again would change nothing. The text never holds a secret."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


@dataclass(frozen=True)
class SmtpServer:
    """LICET_SMTP_URL, taken apart: `smtp://user:password@host:587` or `smtps://user:password@host:465`.

    tls: from the first byte (smtps); else STARTTLS wherever the server offers it.
    tls_context: whom to believe; None is the system's certificate authorities.
    """

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_context: ssl.SSLContext | None = None
    step_seconds: float = STEP_SECONDS

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError, which never quotes the URL, for one of another shape."""
        wrong = "LICET_SMTP_URL must read smtp://user:password@host:587 or smtps://user:password@host:465"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(wrong) from None
        if parts.scheme not in ("smtp", "smtps") or not host or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(wrong)
        tls = parts.scheme == "smtps"
        name, word = parts.username or None, parts.password
        return cls(host, port or (465 if tls else 587), tls, name and unquote(name), word and unquote(word))

    async def send(self, message: EmailMessage) -> None:
        """Hand one message over. Raises NotSent, whatever went wrong."""
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                await self._send(message)
        except TimeoutError:
            raise NotSent(f"the mail server {self.host} did not answer in time") from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise NotSent(f"the mail server {self.host} refuses the user name or password ({error.code})") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            said = "; ".join(f"{refused.code} {refused.message}" for refused in error.recipients)
            raise NotSent(
                _safe(f"the mail server refuses the recipient: {said}"), permanent=all(code >= 500 for code in codes)
            ) from None
        except aiosmtplib.SMTPNotSupported as error:
            raise NotSent(_safe(f"the mail server {self.host} cannot do that: {error}"), permanent=True) from None
        except aiosmtplib.SMTPResponseException as error:
            raise NotSent(_safe(f"the mail server {self.host} answers {error.code} {error.message}")) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(_safe(f"the mail server {self.host}:{self.port} cannot be used: {error}")) from None

    async def _send(self, message: EmailMessage) -> None:
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.tls,
            # None: STARTTLS wherever it is offered.
            start_tls=False if self.tls else None,
            timeout=self.step_seconds,
            tls_context=self.tls_context,
        )
        async with client:
            if self.username is not None:
                if client.get_transport_info("sslcontext") is None and self.host not in LOOPBACK:
                    raise NotSent(
                        f"the mail server {self.host} offers no encryption, so it is not given the password: "
                        "use smtps://, or a server with STARTTLS"
                    )
                await client.login(self.username, self.password or "")
            await client.send_message(message)


def _safe(text: str) -> str:
    return redact(" ".join(text.split()))[:500]
