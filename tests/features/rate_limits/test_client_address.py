"""Whose address a request counts under, behind proxies that are trusted and some that are not."""

from ipaddress import ip_network

import pytest
from tests.features.rate_limits.conftest import StartNode
from tests.support.face import assert_error

from licet.http.middleware.client_address import client_address

TRUSTED = [ip_network(network) for network in ("127.0.0.1", "10.0.0.0/8", "fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # Nobody asked the peer to say who it speaks for.
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("2001:db8::1", "198.51.100.7", "2001:db8::1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        # What stands left of the first hop that is not trusted was written by whoever that is.
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.2.0.1", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9,10.9.9.9,198.51.100.7 ,10.2.0.1", "198.51.100.7"),
        ("10.0.0.1", "10.3.0.1, 10.2.0.1", "10.3.0.1"),
        # IPv6, ports, and IPv4 in IPv6's clothes.
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.1", "2001:DB8:0:0::7%eth0", "2001:db8::7"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        # What is no address: the hop that passed it on answers for it.
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, _hidden, 10.2.0.1", "10.2.0.1"),
        ("10.0.0.1", "203.0.113.9,", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, 999.1.1.1", "10.0.0.1"),
        ("10.0.0.1", "[2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "[", "10.0.0.1"),
        ("10.0.0.1", "\xff\x00; DROP", "10.0.0.1"),
        ("testclient", "198.51.100.7", "testclient"),
    ],
)
def test_the_nearest_hop_that_is_not_trusted(peer: str, forwarded: str, client: str) -> None:
    assert client_address(peer, forwarded, TRUSTED) == client


async def test_behind_a_trusted_proxy_each_caller_counts_by_itself(
    start_node: StartNode,
    capsys: pytest.CaptureFixture[str],
) -> None:
    node = await start_node(trusted_proxies=["127.0.0.0/8"])
    for caller in ("198.51.100.7", "2001:db8:0:1::7"):
        headers = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", caller)]
        answers = [await node.client.get("/api/products", headers=headers) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
        assert f'"client": "{caller}"' in capsys.readouterr().out
    # A neighbour in the same /64 is the same caller.
    assert_error(
        await node.client.get("/api/products", headers={"X-Forwarded-For": "2001:db8:0:1::8"}), 429, "rate_limited"
    )


async def test_without_one_the_header_is_not_believed(start_node: StartNode) -> None:
    node = await start_node()
    for number in range(4):
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        assert (await node.client.get("/api/products", headers=headers)).status_code == 200
    assert_error(
        await node.client.get("/api/products", headers={"X-Forwarded-For": "198.51.100.9"}), 429, "rate_limited"
    )
