"""The SMTP client: parses LICET_SMTP_URL, sends messages, classifies failures."""

import asyncio
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

from licet.kit.redact import error_line

SMTP_STEP_SECONDS = 10.0
"""Timeout of each SMTP command."""

SMTP_TOTAL_SECONDS = 30.0
"""Timeout of sending one message: without it, a server that answers slowly each time could take forever."""

MAX_ERROR_CHARACTERS = 500

SMTP_LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


class NotSent(Exception):
    """The message was not sent. permanent: a retry cannot succeed. The text never contains a secret."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


@dataclass(frozen=True)
class SmtpServer:
    """The mail server in LICET_SMTP_URL.

    The URL is `smtp://user:password@host:587` or `smtps://user:password@host:465`.
    tls: implicit TLS (smtps); otherwise STARTTLS if the server offers it.
    tls_context: the trusted certificates; None: the system's certificate authorities.
    """

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_context: ssl.SSLContext | None = None
    step_seconds: float = SMTP_STEP_SECONDS

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse the URL. Raises ValueError, which never quotes the URL, if it is malformed."""
        malformed = "LICET_SMTP_URL must look like smtp://user:password@host:587 or smtps://user:password@host:465"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(malformed) from None
        if parts.scheme not in ("smtp", "smtps") or not host or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(malformed)
        tls = parts.scheme == "smtps"
        username, password = parts.username or None, parts.password
        return cls(
            host,
            port or (465 if tls else 587),
            tls,
            username and unquote(username),
            password and unquote(password),
        )

    async def send(self, message: EmailMessage) -> None:
        """Send one message. Raises NotSent for every failure."""
        try:
            async with asyncio.timeout(SMTP_TOTAL_SECONDS):
                await self._send(message)
        except TimeoutError:
            raise NotSent(f"the mail server {self.host} did not answer in time") from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise NotSent(f"the mail server {self.host} refuses the user name or password ({error.code})") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            replies = "; ".join(f"{refused.code} {refused.message}" for refused in error.recipients)
            raise NotSent(
                _safe(f"the mail server refuses the recipient: {replies}"), permanent=all(code >= 500 for code in codes)
            ) from None
        except aiosmtplib.SMTPNotSupported as error:
            raise NotSent(
                _safe(f"the mail server {self.host} lacks a required extension: {error}"), permanent=True
            ) from None
        except aiosmtplib.SMTPResponseException as error:
            raise NotSent(_safe(f"the mail server {self.host} answers {error.code} {error.message}")) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(_safe(f"the mail server {self.host}:{self.port} cannot be used: {error}")) from None

    async def _send(self, message: EmailMessage) -> None:
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.tls,
            # None: STARTTLS if the server offers it.
            start_tls=False if self.tls else None,
            timeout=self.step_seconds,
            tls_context=self.tls_context,
        )
        async with client:
            if self.username is not None:
                if client.get_transport_info("sslcontext") is None and self.host not in SMTP_LOOPBACK_HOSTS:
                    raise NotSent(
                        f"the mail server {self.host} offers no encryption, so the password was not sent: "
                        "use smtps:// or a server with STARTTLS"
                    )
                await client.login(self.username, self.password or "")
            await client.send_message(message)


def _safe(text: str) -> str:
    return error_line(text, MAX_ERROR_CHARACTERS)
