"""Redacts secrets: whatever looks like one is replaced before a log line is written.

This is a safety net: code must not log secrets, but the text of an exception may still contain one.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from licet.kit.storable import one_line

_GONE = "[redacted]"

_NAMED = re.compile(
    r"(.*[_-])?(authorization|api[_-]?keys?|operator[_-]?key|license[_-]?keys?|password|cookie|secrets?([_-]?keys?)?|token)",
    re.IGNORECASE,
)
"""Field names whose values are always redacted."""

_PATTERNS = (
    # API keys and Stripe's: lic_test_…, sk_live_…, rk_test_…; a checkout session's id too, because it is a
    # credential at the return page.
    (re.compile(r"\b([A-Za-z][A-Za-z0-9]*_(?:live|test)_)[A-Za-z0-9_-]{8,}"), rf"\1{_GONE}"),
    (re.compile(r"\b(sk_)(?!live_|test_)[A-Za-z0-9_]{8,}"), rf"\1{_GONE}"),
    (re.compile(r"\b(whsec_)[A-Za-z0-9+/=_-]{4,}"), rf"\1{_GONE}"),
    # Client secrets: pi_…_secret_…, seti_…_secret_….
    (re.compile(r"(_secret_)[A-Za-z0-9]{8,}"), rf"\1{_GONE}"),
    # License keys: PREFIX-XXXX-XXXX-XXXX-XXXX in Crockford's base32. A UUID does not fit: its last group is longer.
    (re.compile(r"\b([A-Z0-9]{1,16})(?:-[0-9A-HJKMNP-TV-Z]{4}){4,8}\b", re.IGNORECASE), rf"\1-{_GONE}"),
    # A JWT of any issuer: its first part is a JSON object in base64.
    (re.compile(r"\b(eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), rf"\1{_GONE}"),
    (re.compile(r"(authorization[\"']?\s*[:=]\s*[\"']?(?:bearer |basic )?)[^\s\"',}]+", re.IGNORECASE), rf"\1{_GONE}"),
    (re.compile(r"(\bbearer )[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1{_GONE}"),
    # The password of a database's or mail server's address.
    (re.compile(r"(\b[a-z][a-z0-9+]*://[^\s:/@]*:)[^\s/@]+(?=@)", re.IGNORECASE), rf"\1{_GONE}"),
)


def redact(text: str) -> str:
    """`text` with everything that looks like a secret replaced; the kind of secret stays visible."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def error_line(text: str, max_characters: int) -> str:
    """The text of an error as it is stored: one line, redacted, every character storable."""
    # A redacted text is shorter. A secret that the first cut makes too short to be recognised is beyond the second.
    return redact(one_line(text, 2 * max_characters))[:max_characters]


def redact_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor that redacts an event. Place it just before the renderer.

    It formats tracebacks itself, because a renderer that formats them later would not redact them.
    """
    event = structlog.processors.format_exc_info(logger, method, event)
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: Any, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(name, str) and _NAMED.fullmatch(name):
        return _GONE
    if isinstance(value, Mapping):
        return {key: _clean(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(None, item) for item in value]
    return redact(value if isinstance(value, str) else str(value))
