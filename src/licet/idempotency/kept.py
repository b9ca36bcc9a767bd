"""An answer as it lies in the table: its headers and its body, encrypted together."""

import json

from fastapi import Response

from licet.db.keyring import Keyring
from licet.http.openapi.headers import REPLAYED_HEADER

_MADE_ANEW = "content-length"


def close(keyring: Keyring, response: Response) -> bytes:
    """What to keep of a response; its status is kept beside it."""
    headers = [[name, value] for name, value in response.headers.items() if name != _MADE_ANEW]
    return keyring.encrypt(json.dumps({"headers": headers, "body": bytes(response.body).decode()}))


def open_again(keyring: Keyring, status: int, answer: bytes) -> Response:
    """The same response, which says that it is the first one's."""
    kept = json.loads(keyring.decrypt(answer))
    response = Response(kept["body"], status, dict(kept["headers"]))
    response.headers[REPLAYED_HEADER] = "true"
    return response
