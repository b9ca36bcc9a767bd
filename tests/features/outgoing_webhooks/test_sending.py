"""One attempt over real connections: what is sent, what the answer means, and that nothing else is ever reached."""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from ipaddress import ip_address
from typing import Any

import pytest
import pytest_asyncio
from tests.support import certificates
from tests.support.listener import Listener, Reply, http_reply, no_reply, open_listener, raw_reply

from licet.kit.hosts import Address
from licet.outgoing_webhooks.transport import sender
from licet.outgoing_webhooks.transport.allowed_targets import AllowedTargets, check_target
from licet.outgoing_webhooks.transport.sender import MAX_CONCURRENT, MAX_RESPONSE_BYTES, AttemptResult, WebhookSender

HERE = AllowedTargets.parse(["127.0.0.1"])
BODY = '{"event":"license.issued","name":"Zoë"}'.encode()
HIDDEN = "s3cr3t-h1dd3n"
SOON = 0.9
"""For those who never answer: how long is waited for them."""


def stands_for(*rounds: Sequence[str]) -> Callable[[str, int], Any]:
    """A resolver that gives these addresses, a round for each time that it is asked; once more, and it fails."""
    left = list(rounds)

    async def look_up(host: str, port: int) -> Sequence[Address]:
        return [ip_address(text) for text in left.pop(0)]

    return look_up


async def send(url: str, **given: Any) -> AttemptResult:
    """One attempt by a courier of its own, which leaves nothing behind."""
    async with WebhookSender(given.pop("allowed", HERE), **given) as courier:
        answer = await courier.send(url, {"x-licet-event": "license.issued"}, BODY)
        assert not [one for one in courier._pool.connections if not one.is_idle()]
    assert answer.reached is (answer.status is not None)
    assert HIDDEN not in str(answer.error)
    assert len(str(answer.error)) <= 200
    assert str(answer.error).isprintable()
    return answer


@pytest_asyncio.fixture
async def listener() -> AsyncIterator[Listener]:
    async with open_listener() as found:
        yield found


def at(listener: Listener, path: str = f"/hook?token={HIDDEN}") -> str:
    return f"http://127.0.0.1:{listener.port}{path}"


async def test_what_is_sent(listener: Listener) -> None:
    assert await send(at(listener)) == AttemptResult(200, None)
    [(head, body)] = listener.requests
    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST /hook?token={HIDDEN} HTTP/1.1"
    assert sorted(line.lower() for line in lines[1:] if line) == [
        f"content-length: {len(BODY)}",
        f"host: 127.0.0.1:{listener.port}",
        "x-licet-event: license.issued",
    ]
    assert body == BODY


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_2xx_is_accepted(listener: Listener, status: int) -> None:
    listener.reply = http_reply(status)
    assert await send(at(listener)) == AttemptResult(status, None)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
async def test_everything_else_is_not_and_its_body_is_not_told(listener: Listener, status: int) -> None:
    listener.reply = http_reply(status, HIDDEN.encode(), f"x-reason: {HIDDEN}")
    assert await send(at(listener)) == AttemptResult(status, f"answered {status}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(listener: Listener, status: int) -> None:
    async with open_listener() as elsewhere:
        listener.reply = http_reply(status, b"", f"location: {at(elsewhere)}")
        answer = await send(at(listener))
        assert elsewhere.connections == 0
    assert answer.status == status
    assert "redirect" in str(answer.error)


async def test_what_comes_before_the_answer_is_passed_over(listener: Listener) -> None:
    listener.reply = raw_reply(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 Done\r\n\r\n"
    )
    assert await send(at(listener)) == AttemptResult(204, None)


@pytest.mark.parametrize(
    "raw",
    [
        f"SSH-2.0-OpenSSH_9.2 {HIDDEN}\r\n\r\n".encode(),
        f"-ERR unknown command '{HIDDEN}'\r\n\r\n".encode(),
        b"\x15\x03\x01\x00\x02\x02\x50" * 10 + b"\r\n\r\n",
        b"HTTP/1.1 abc Hidden\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000,
    ],
)
async def test_what_is_not_http_is_no_answer(listener: Listener, raw: bytes) -> None:
    listener.reply = raw_reply(raw)
    answer = await send(at(listener))
    assert answer.status is None
    assert "not HTTP" in str(answer.error)


async def _reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _early_hints_for_ever(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)
        await writer.drain()
        await asyncio.sleep(0.001)


async def test_whoever_hangs_up_has_not_answered(listener: Listener) -> None:
    listener.reply = None
    assert (await send(at(listener))).status is None
    listener.reply = _reset
    assert (await send(at(listener))).status is None


async def test_nobody_listens() -> None:
    answer = await send("http://127.0.0.1:1/")
    assert answer == AttemptResult(None, f"no connection: {os.strerror(errno.ECONNREFUSED)}")


@pytest.mark.parametrize("reply", [no_reply, raw_reply(b"HTTP/1.1 200 OK\r\nx:"), _early_hints_for_ever])
async def test_whoever_does_not_answer_is_given_up(listener: Listener, reply: Reply) -> None:
    listener.reply = reply
    assert await send(at(listener), timeout_seconds=SOON) == AttemptResult(None, f"no response within {SOON} s")


async def test_a_resolver_that_hangs_is_given_up() -> None:
    async def look_up(host: str, port: int) -> Sequence[Address]:
        await asyncio.Event().wait()
        return []

    answer = await send("https://hooks.example/", look_up=look_up, timeout_seconds=SOON)
    assert answer == AttemptResult(None, f"no response within {SOON} s")


async def test_a_handshake_that_hangs_is_given_up_and_leaves_no_connection(listener: Listener) -> None:
    answer = await send(f"https://127.0.0.1:{listener.port}/", timeout_seconds=SOON)
    assert answer == AttemptResult(None, f"no response within {SOON} s")
    await listener.hung_up()


def _head_and(rest: Reply) -> Reply:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n")
        await rest(reader, writer)

    return reply


async def _endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"a" * 65536)
        await writer.drain()


@pytest.mark.parametrize("rest", [no_reply, _reset, _endless, raw_reply(b"a" * (MAX_RESPONSE_BYTES + 1))])
async def test_the_status_counts_whatever_becomes_of_the_rest(listener: Listener, rest: Reply) -> None:
    listener.reply = _head_and(rest)
    # It has to come as far as the status.
    within = 4 * SOON if rest is no_reply else sender.ATTEMPT_TIMEOUT_SECONDS
    assert await send(at(listener), timeout_seconds=within) == AttemptResult(200, None)


async def test_an_endless_answer_is_not_read_on(listener: Listener) -> None:
    async with WebhookSender(HERE) as courier:
        written = 0

        async def count(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal written
            while True:
                writer.write(b"a" * 65536)
                written += 65536
                await writer.drain()

        listener.reply = _head_and(count)
        assert await courier.send(at(listener), {}, BODY) == AttemptResult(200, None)
        await listener.hung_up()
        # What fits between two programs is on its way before the first of it is read.
        assert written < 64 * 1024 * 1024
        listener.reply = http_reply(200)
        assert await courier.send(at(listener), {}, BODY) == AttemptResult(200, None)
    assert listener.connections == 2


async def test_connections_are_used_again_and_closed_in_the_end(listener: Listener) -> None:
    async with WebhookSender(HERE) as courier:
        for body in (b"", b"thanks", b"a" * MAX_RESPONSE_BYTES):
            listener.reply = http_reply(200, body)
            assert await courier.send(at(listener), {}, BODY) == AttemptResult(200, None)
        assert listener.connections == 1
        assert len(listener.requests) == 3
    await listener.hung_up()


async def test_connections_are_not_kept_for_long(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "KEEPALIVE_SECONDS", 0.0)
    async with WebhookSender(HERE) as courier:
        for _ in range(2):
            assert await courier.send(at(listener), {}, BODY) == AttemptResult(200, None)
    assert listener.connections == 2


async def test_a_connection_that_was_closed_is_not_used_again(listener: Listener) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await http_reply(200)(reader, writer)
        writer.close()

    listener.reply = once
    async with WebhookSender(HERE) as courier:
        for _ in range(3):
            assert await courier.send(at(listener), {}, BODY) == AttemptResult(200, None)
            await listener.hung_up()


async def test_so_many_at_once_and_the_rest_wait_their_turn(listener: Listener) -> None:
    may_go = asyncio.Event()

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_go.wait()
        await http_reply(200)(reader, writer)

    listener.reply = reply
    async with WebhookSender(HERE) as courier:
        sends = [asyncio.create_task(courier.send(at(listener), {}, BODY)) for _ in range(MAX_CONCURRENT + 5)]
        await listener.until(MAX_CONCURRENT)
        await asyncio.sleep(0.05)
        assert len(listener.requests) == MAX_CONCURRENT
        may_go.set()
        assert await asyncio.gather(*sends) == [AttemptResult(200, None)] * (MAX_CONCURRENT + 5)


async def test_attempts_that_are_given_up_leave_their_places_to_others(listener: Listener) -> None:
    listener.reply = no_reply
    async with WebhookSender(HERE, timeout_seconds=SOON) as courier:
        given_up = await asyncio.gather(*(courier.send(at(listener), {}, BODY) for _ in range(MAX_CONCURRENT + 5)))
        assert {answer.status for answer in given_up} == {None}
        assert courier._pool.connections == []
        await listener.hung_up()
    before = len(listener.requests)
    async with WebhookSender(HERE) as courier:
        tasks = [asyncio.create_task(courier.send(at(listener), {}, BODY)) for _ in range(MAX_CONCURRENT + 5)]
        await listener.until(before + MAX_CONCURRENT)
        for task in tasks:
            task.cancel()
        assert {type(end) for end in await asyncio.gather(*tasks, return_exceptions=True)} == {asyncio.CancelledError}
        await listener.hung_up()
        listener.reply = http_reply(200)
        assert await courier.send(at(listener), {}, BODY) == AttemptResult(200, None)


async def test_no_proxy_of_the_environment_comes_between(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_listener() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, at(proxy, ""))
        assert await send(at(listener)) == AttemptResult(200, None)
        assert proxy.connections == 0


# --- Where to


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/", "https://2130706433:{}/", "https://[::ffff:7f00:1]:{}/"])
async def test_what_is_not_allowed_is_not_connected_to(listener: Listener, url: str) -> None:
    answer = await send(url.format(listener.port), allowed=AllowedTargets())
    assert answer.status is None
    assert str(answer.error).startswith("refused: ")
    assert listener.connections == 0


@pytest.mark.parametrize("host", ["hooks.example", "localhost"])
async def test_what_a_setting_allows_no_more_is_refused_as_it_is_sent(listener: Listener, host: str) -> None:
    answer = await send(f"http://{host}:{listener.port}/", look_up=stands_for(["127.0.0.1"]))
    assert str(answer.error).startswith("refused: ")
    assert listener.connections == 0
    answer = await send(
        f"http://{host}:{listener.port}/", allowed=AllowedTargets.parse([host]), look_up=stands_for(["127.0.0.1"])
    )
    assert answer == AttemptResult(200, None)


async def test_a_name_that_becomes_private_after_it_was_checked_is_refused(listener: Listener) -> None:
    look_up = stands_for(["8.8.8.8"], ["127.0.0.1"])
    url = f"https://hooks.example:{listener.port}/?{HIDDEN}"
    await check_target(url, AllowedTargets(), look_up=look_up)
    answer = await send(url, allowed=AllowedTargets(), look_up=look_up)
    assert answer.status is None
    assert "refused: The host resolves to 127.0.0.1" in str(answer.error)
    assert "LICET_WEBHOOKS_ALLOW_PRIVATE" in str(answer.error)
    assert listener.connections == 0


@pytest.mark.parametrize("found", [["8.8.8.8", "10.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["127.0.0.1", "::1"]])
async def test_one_address_that_is_not_allowed_is_enough(listener: Listener, found: list[str]) -> None:
    answer = await send(f"https://hooks.example:{listener.port}/", look_up=stands_for(found))
    assert str(answer.error).startswith("refused: ")
    assert listener.connections == 0


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to() -> None:
    async with open_listener(tls=certificates.server_context("hooks.example")) as listener:
        # It is asked once; there is no second look that could say something else.
        answer = await send(
            f"https://Hooks.Example:{listener.port}/",
            look_up=stands_for(["127.0.0.1"]),
            tls=certificates.client_context(),
        )
        assert answer == AttemptResult(200, None)
        assert f"host: hooks.example:{listener.port}\r\n".encode() in listener.requests[0][0].lower()


async def test_the_next_address_is_tried_where_one_does_not_answer(listener: Listener) -> None:
    url = f"http://hooks.internal:{listener.port}/"
    allowed = AllowedTargets.parse(["hooks.internal"])
    answer = await send(url, allowed=allowed, look_up=stands_for(["127.0.0.2", "127.0.0.1"]))
    assert answer == AttemptResult(200, None)
    answer = await send(url, allowed=allowed, look_up=stands_for(["127.0.0.2", "127.0.0.3"]))
    assert "no connection: " in str(answer.error)


async def test_a_name_that_cannot_be_looked_up() -> None:
    async def look_up(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    answer = await send("https://hooks.example/", look_up=look_up)
    assert answer == AttemptResult(None, "the host name cannot be resolved")
    answer = await send("https://hooks.example/", look_up=stands_for([]))
    assert answer == AttemptResult(None, "the host name has no address")


# --- TLS


async def test_an_address_may_have_a_certificate_too() -> None:
    async with open_listener(tls=certificates.server_context("127.0.0.1")) as listener:
        answer = await send(f"https://127.0.0.1:{listener.port}/", tls=certificates.client_context())
    assert answer == AttemptResult(200, None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"names": ["other.example"]}, "not valid for 'hooks.example'"),
        ({"names": ["127.0.0.1"]}, "not valid for 'hooks.example'"),
        ({"self_signed": True}, "self-signed"),
        ({"expired": True}, "expired"),
        ({"unknown": True}, "unable to get local issuer"),
    ],
)
async def test_a_certificate_that_is_not_the_hosts_is_refused(wrong: dict[str, Any], words: str) -> None:
    tls = None if wrong.pop("unknown", False) else certificates.client_context()
    names = wrong.pop("names", ["hooks.example"])
    async with open_listener(tls=certificates.server_context(*names, **wrong)) as listener:
        answer = await send(f"https://hooks.example:{listener.port}/", look_up=stands_for(["127.0.0.1"]), tls=tls)
        assert listener.requests == []
    assert answer.status is None
    assert "the certificate is not accepted: " in str(answer.error)
    assert words in str(answer.error)


async def test_whoever_does_not_speak_tls(listener: Listener) -> None:
    listener.reply = None
    url = f"https://127.0.0.1:{listener.port}/"
    assert await send(url) == AttemptResult(None, "the connection was closed during the TLS handshake")

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(f"HTTP/1.1 400 {HIDDEN}\r\n\r\n".encode())
        await writer.drain()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await send(f"https://127.0.0.1:{port}/")
    assert answer.status is None
    assert "TLS failed: " in str(answer.error)
