"""What the provider publishes: where its keys are, and the keys themselves.

It is read with care, for it decides who gets in: https alone (http only from an issuer on this machine), no redirect,
five seconds and 256 KiB. Source: OpenID Connect Discovery 1.0, sections 4.1 to 4.3.
"""

import asyncio
import json
from typing import Any

import httpx

from licet.kit.loopback import is_loopback

WITHIN_SECONDS = 5.0
MAX_BYTES = 256 * 1024


class NotPublished(Exception):
    """The provider cannot be reached, or what it publishes cannot be used. The message is for the operator's log."""


async def fetch_keys(issuer: str) -> list[Any]:
    """The keys as they are published, unchecked. Raises NotPublished."""
    try:
        async with asyncio.timeout(WITHIN_SECONDS), await asyncio.to_thread(_client, issuer) as http:
            configuration = await _get(http, f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
            if configuration.get("issuer") != issuer:
                raise NotPublished(
                    "its configuration names another issuer; LICET_OIDC_ISSUER must be the same, exactly"
                )
            published = (await _get(http, _address_of_keys(configuration, issuer))).get("keys")
    except TimeoutError:
        raise NotPublished(f"it did not answer within {WITHIN_SECONDS:.0f} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # OSError: certificates that cannot be read
        raise NotPublished(f"it cannot be reached: {type(error).__name__}") from None
    if not isinstance(published, list):
        raise NotPublished("its key set has no list of keys")
    return published


def _client(issuer: str) -> httpx.AsyncClient:
    """Made in a thread, for reading the system's certificates takes its time; past any proxy on this machine."""
    local = is_loopback(httpx.URL(issuer).host)
    return httpx.AsyncClient(
        timeout=WITHIN_SECONDS,
        follow_redirects=False,
        trust_env=not local,
        # As it comes: a compressed answer could be a thousand times as large as what was counted.
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


async def _get(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    raw = bytearray()
    async with http.stream("GET", url) as answer:
        if answer.status_code != 200:
            raise NotPublished(f"{url} answered {answer.status_code}")
        async for chunk in answer.aiter_raw():
            raw += chunk
            if len(raw) > MAX_BYTES:
                raise NotPublished(f"{url} answered more than {MAX_BYTES} bytes")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise NotPublished(f"{url} did not answer with JSON") from None
    if not isinstance(found, dict):
        raise NotPublished(f"{url} did not answer with a JSON object")
    return found


def _address_of_keys(configuration: dict[str, Any], issuer: str) -> str:
    """`jwks_uri`. It may lie on another host, but never on a less protected way than the issuer itself."""
    url = configuration.get("jwks_uri")
    if isinstance(url, str) and (url.startswith("https://") or _both_on_this_machine(url, issuer)):
        return url
    raise NotPublished("its configuration names no jwks_uri that begins with https://")


def _both_on_this_machine(url: str, issuer: str) -> bool:
    return issuer.startswith("http://") and url.startswith("http://") and is_loopback(httpx.URL(url).host)
