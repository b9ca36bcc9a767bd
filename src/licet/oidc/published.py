"""Reads the provider's configuration and its published keys.

These decide which tokens are accepted, so the limits are strict: only https (http only for an issuer on this machine),
no redirects, five seconds and 256 KiB. Source: OpenID Connect Discovery 1.0, sections 4.1 to 4.3.
"""

import asyncio
import json
from typing import Any

import httpx

from licet.kit.loopback import is_loopback

OIDC_TIMEOUT_SECONDS = 5.0
MAX_RESPONSE_BYTES = 256 * 1024


class NotPublished(Exception):
    """The provider is unreachable, or its configuration or keys are invalid.

    The message is for the operator's log.
    """


async def fetch_keys(issuer: str) -> list[Any]:
    """The published keys, not validated. Raises NotPublished."""
    try:
        async with asyncio.timeout(OIDC_TIMEOUT_SECONDS), await asyncio.to_thread(_client, issuer) as http:
            configuration = await _get(http, f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
            if configuration.get("issuer") != issuer:
                raise NotPublished("its configuration names another issuer; LICET_OIDC_ISSUER must be exactly the same")
            published = (await _get(http, _address_of_keys(configuration, issuer))).get("keys")
    except TimeoutError:
        raise NotPublished(f"it did not answer within {OIDC_TIMEOUT_SECONDS:.0f} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # OSError: certificates that cannot be read
        raise NotPublished(f"it cannot be reached: {type(error).__name__}") from None
    if not isinstance(published, list):
        raise NotPublished("its key set has no list of keys")
    return published


def _client(issuer: str) -> httpx.AsyncClient:
    """A client, created in a thread because reading the system's certificates is slow.

    It uses no proxy for an issuer on this machine.
    """
    local = is_loopback(httpx.URL(issuer).host)
    return httpx.AsyncClient(
        timeout=OIDC_TIMEOUT_SECONDS,
        follow_redirects=False,
        trust_env=not local,
        # Uncompressed, because a compressed response could be a thousand times larger than the bytes counted.
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


async def _get(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    raw = bytearray()
    async with http.stream("GET", url) as response:
        if response.status_code != 200:
            raise NotPublished(f"{url} answered {response.status_code}")
        async for chunk in response.aiter_raw():
            raw += chunk
            if len(raw) > MAX_RESPONSE_BYTES:
                raise NotPublished(f"{url} answered more than {MAX_RESPONSE_BYTES} bytes")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise NotPublished(f"{url} did not answer with JSON") from None
    if not isinstance(document, dict):
        raise NotPublished(f"{url} did not answer with a JSON object")
    return document


def _address_of_keys(configuration: dict[str, Any], issuer: str) -> str:
    """`jwks_uri`.

    It may be on another host, but must be https unless it and an http issuer are on this machine.
    """
    url = configuration.get("jwks_uri")
    if isinstance(url, str) and (url.startswith("https://") or _both_on_this_machine(url, issuer)):
        return url
    raise NotPublished("its configuration has no jwks_uri that begins with https://")


def _both_on_this_machine(url: str, issuer: str) -> bool:
    return issuer.startswith("http://") and url.startswith("http://") and is_loopback(httpx.URL(url).host)
