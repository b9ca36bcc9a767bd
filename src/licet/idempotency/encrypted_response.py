"""Encrypts the headers and body of a response for the table, and decrypts them."""

import json

from fastapi import Response

from licet.db.keyring import Keyring
from licet.http.openapi.headers import REPLAYED_HEADER

_RECOMPUTED_HEADER = "content-length"


def encrypt_response(keyring: Keyring, response: Response) -> bytes:
    """The encrypted headers and body of a response. Its status is stored in another column."""
    headers = [[name, value] for name, value in response.headers.items() if name != _RECOMPUTED_HEADER]
    return keyring.encrypt(json.dumps({"headers": headers, "body": bytes(response.body).decode()}))


def decrypt_response(keyring: Keyring, status: int, answer: bytes) -> Response:
    """The stored response, with the header that marks it as the response to the first request."""
    stored = json.loads(keyring.decrypt(answer))
    response = Response(stored["body"], status, dict(stored["headers"]))
    response.headers[REPLAYED_HEADER] = "true"
    return response
