"""The client, in a process of its own: it takes no time from the server. One request at a time."""

import http.client
import time
from urllib.parse import urlsplit


def take_turns(bare: str, url: str, key: str | None, turns: int) -> tuple[list[float], list[float]]:
    """Seconds that each response took: of the bare route and of `url`, in turn.

    In turn, so that a busy moment falls on both.
    """
    first, second = _Caller(bare, None), _Caller(url, key)
    for _ in range(5):
        first.ask()
        second.ask()
    pairs = [(first.ask(), second.ask()) for _ in range(turns)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


class _Caller:
    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        self._path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def ask(self) -> float:
        began = time.perf_counter()
        self._connection.request("GET", self._path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = time.perf_counter() - began
        if answer.status != 200:
            raise RuntimeError(f"{self._path}: {answer.status} {body[:500]!r}")
        return took
