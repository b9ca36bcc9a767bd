"""Where an outgoing webhook may go, and where not however it is written."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from licet.kit.hosts import Address
from licet.outgoing_webhooks.transport.allowed_targets import (
    AllowedTargets,
    RefusedTarget,
    check_target,
    check_url,
    refuse_address,
)
from licet.outgoing_webhooks.transport.dns import resolve

NOTHING = AllowedTargets()
SETTING = "LICET_WEBHOOKS_ALLOW_PRIVATE"


def addresses(*texts: str) -> Sequence[Address]:
    return [ip_address(text) for text in texts]


PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]

NOT_PUBLIC = [
    # This machine, this network, nobody.
    "0.0.0.0",
    "0.1.2.3",
    "127.0.0.1",
    "127.255.255.255",
    "::",
    "::1",
    # Private.
    "10.0.0.0",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "fc00::1",
    "fdff:ffff::1",
    "fec0::1",
    "100.64.0.1",
    "100.127.255.255",
    # Metadata and the like at clouds.
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd20:ce::254",
    # Link-local, multicast, broadcast, reserved.
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "224.0.0.1",
    "239.255.255.255",
    "ff02::1",
    "ff0e::1",
    "240.0.0.1",
    "255.255.255.255",
    "100::1",
    "200::1",
    "4000::1",
    "5f00::1",
    "8000::1",
    "e000::1",
    # Documentation, benchmarks, protocols.
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "198.19.255.255",
    "192.0.0.1",
    "192.0.0.255",
    "192.88.99.1",
    "2001:db8::1",
    "3fff::1",
    "3fff:fff::1",
    "2001:2::1",
    "2001:20::1",
    "2001:1ff:ffff::1",
    # IPv4 within IPv6: mapped, compatible, translated (twice), 6to4, Teredo.
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "::8.8.8.8",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::168.63.129.16",
    "64:ff9b:1::8.8.8.8",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:c0a8:101::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:0:808:808::1",
]


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses_pass(ip: str) -> None:
    refuse_address(ip_address(ip), NOTHING)


@pytest.mark.parametrize("ip", NOT_PUBLIC)
def test_all_others_are_refused_with_what_would_allow_them(ip: str) -> None:
    with pytest.raises(RefusedTarget, match=SETTING):
        refuse_address(ip_address(ip), NOTHING)


@pytest.mark.parametrize("ip", NOT_PUBLIC)
def test_as_literals_too(ip: str) -> None:
    if "%" not in ip:
        with pytest.raises(RefusedTarget, match=SETTING):
            check_url(f"https://{f'[{ip}]' if ':' in ip else ip}/hook", NOTHING)


@pytest.mark.parametrize(
    ("ip", "words"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("10.1.2.3", ["192.168.0.0/16", "10.0.0.0/8"]),
        ("fd00::7", ["fd00::/8"]),
        ("::1", ["::1"]),
        # Who is reached is who is allowed.
        ("::ffff:10.1.2.3", ["10.0.0.0/8"]),
        ("64:ff9b::10.1.2.3", ["10.0.0.0/8"]),
        ("2002:a01:203::1", ["10.0.0.0/8"]),
    ],
)
def test_what_is_allowed_passes(ip: str, words: list[str]) -> None:
    refuse_address(ip_address(ip), AllowedTargets.parse(words))


@pytest.mark.parametrize(
    ("ip", "words"),
    [
        ("127.0.0.2", ["127.0.0.1"]),
        ("::1", ["127.0.0.0/8", "localhost"]),
        ("::ffff:127.0.0.1", ["::/0"]),
        ("10.0.0.1", ["::/0", "192.168.0.0/16"]),
        ("::10.0.0.1", ["10.0.0.0/8"]),
    ],
)
def test_nothing_but_what_is_allowed(ip: str, words: list[str]) -> None:
    with pytest.raises(RefusedTarget):
        refuse_address(ip_address(ip), AllowedTargets.parse(words))


LOOPBACK_IN_DISGUISE = [
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0X7F.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "2130706433",
    "0x7f000001",
    "0x7f.0x0.0x0.0x1",
    "127.0.0.1.",
    "2130706433.",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
]


@pytest.mark.parametrize("host", LOOPBACK_IN_DISGUISE)
def test_every_form_of_an_address_is_known(host: str) -> None:
    with pytest.raises(RefusedTarget, match=SETTING):
        check_url(f"https://{host}/", NOTHING)
    target = check_url(f"http://{host}:8080/", AllowedTargets.parse(["127.0.0.1"]))
    # What is connected to is the address itself, never the text once more.
    assert ip_address(target.host) in addresses("127.0.0.1", "::ffff:127.0.0.1")


@pytest.mark.parametrize("host", ["0", "0.0", "0x0", "00000000000", "[::]"])
def test_nobodys_address_is_this_machine(host: str) -> None:
    with pytest.raises(RefusedTarget, match=SETTING):
        check_url(f"https://{host}/", NOTHING)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.LocalHost."])
def test_localhost_is_named_to_be_allowed(host: str) -> None:
    with pytest.raises(RefusedTarget, match=SETTING):
        check_url(f"https://{host}/", AllowedTargets.parse(["127.0.0.0/8", "::1"]))
    name = host.lower().removesuffix(".")
    assert check_url(f"http://{host}/", AllowedTargets.parse([name])).host == name


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "begin with https"),
        ("hooks.example.com/a", "begin with https"),
        ("//hooks.example.com/a", "begin with https"),
        ("https:/hooks.example.com/", "begin with https"),
        ("https:hooks.example.com", "begin with https"),
        ("ftp://hooks.example.com/", "begin with https"),
        ("file:///etc/passwd", "begin with https"),
        ("gopher://127.0.0.1:6379/_", "begin with https"),
        ("unix:///run/postgres", "begin with https"),
        ("http://hooks.example.com/", SETTING),
        ("http://8.8.8.8/", SETTING),
        ("https://", "needs a host"),
        ("https:///hook", "needs a host"),
        ("https://?a", "needs a host"),
        ("https://:443/", "needs a host"),
        ("https://./", "needs a host"),
        ("https://a..b/", "needs a host"),
        ("https://.example.com/", "needs a host"),
        ("https://-a.example.com/", "needs a host"),
        ("https://example.com../", "needs a host"),
        ("https://" + "a" * 64 + ".example/", "needs a host"),
        ("https://" + "a." * 127 + "example/", "needs a host"),
        ("https://1.2.3.4.5/", "needs a host"),
        ("https://256.1.1.1/", "needs a host"),
        ("https://a.0x7f/", "needs a host"),
        ("https://08.0.0.1/", "needs a host"),
        ("https://4294967296/", "needs a host"),
        ("https://%31%32%37.0.0.1/", "needs a host"),
        ("https://hooks%2eexample.com/", "needs a host"),
        ("https://hooks.example.com,a/", "needs a host"),
        ("https://*.example.com/", "needs a host"),
        ("https://[fe80::1%25eth0]/", "needs a host"),
        ("https://[127.0.0.1]/", "needs a host"),
        ("https://[hooks.example.com]/", "needs a host"),
        ("https://[]/", "needs a host"),
        ("https://[::1/", "cannot be read"),
        ("https://::1/", "cannot be read"),
        ("https://[2606:4700::1]evil.example/", "cannot be read"),
        ("https://evil.example[2606:4700::1]/", "cannot be read"),
        ("https://hooks.example.com:/", "cannot be read"),
        ("https://hooks.example.com:a/", "cannot be read"),
        ("https://hooks.example.com:-1/", "cannot be read"),
        ("https://hooks.example.com:443:443/", "cannot be read"),
        ("https://hooks.example.com:0/", "65535"),
        ("https://hooks.example.com:65536/", "65535"),
        ("https://user@hooks.example.com/", "user or password"),
        ("https://user:hidden@hooks.example.com/", "user or password"),
        ("https://hooks.example.com:443@127.0.0.1/", "user or password"),
        ("https://@hooks.example.com/", "user or password"),
        ("https://hooks.example.com/#hidden", "fragment"),
        ("https://hooks.example.com#@127.0.0.1/", "fragment"),
        ("https://127.0.0.1\\@hooks.example.com/", "backslash"),
        ("https:\\\\hooks.example.com/", "backslash"),
        ("https://hooks.example.com/a b", "space"),
        (" https://hooks.example.com/", "space"),
        ("https://hooks.example.com/\n", "space"),
        ("https://hooks.example.com/\r\nX-Hidden: 1", "space"),
        ("https://hooks.exa\tmple.com/", "space"),
        ("https://hooks.example.com/\x00", "space"),
        ("https://hooks.example.com/\x7f", "space"),
        ("https://bücher.example/", "xn--"),
        ("https://①②⑦.0.0.1/", "ASCII"),
        ("https://127。0。0。1/", "ASCII"),
        ("https://hooks.example.com/ü", "%XX"),
        ("https://hooks.example.com/" + "a" * 2048, "2048"),
    ],
)
def test_what_cannot_be_sent_to_is_told_in_words(url: str, words: str) -> None:
    with pytest.raises(RefusedTarget) as caught:
        check_url(url, NOTHING)
    assert words in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "asked", "header"),
    [
        ("https://hooks.example.com", ("https", "hooks.example.com", 443, "/"), "hooks.example.com"),
        ("HTTPS://Hooks.Example.COM./A?b=C", ("https", "hooks.example.com", 443, "/A?b=C"), "hooks.example.com"),
        ("https://hooks.example.com:8443?@/", ("https", "hooks.example.com", 8443, "/?@/"), "hooks.example.com:8443"),
        ("https://hooks.example.com:443//a", ("https", "hooks.example.com", 443, "//a"), "hooks.example.com"),
        ("https://xn--bcher-kva.de/%C3%BC", ("https", "xn--bcher-kva.de", 443, "/%C3%BC"), "xn--bcher-kva.de"),
        ("https://8.8.8.8/", ("https", "8.8.8.8", 443, "/"), "8.8.8.8"),
        ("https://134744072/", ("https", "8.8.8.8", 443, "/"), "8.8.8.8"),
        ("https://[2606:4700:0::1111]:1/", ("https", "2606:4700::1111", 1, "/"), "[2606:4700::1111]:1"),
        ("http://my_service:8080/", ("http", "my_service", 8080, "/"), "my_service:8080"),
        ("http://10.1.2.3/", ("http", "10.1.2.3", 80, "/"), "10.1.2.3"),
    ],
)
def test_what_is_read_from_a_url(url: str, asked: tuple[str, str, int, str], header: str) -> None:
    target = check_url(url, AllowedTargets.parse(["My_Service", "10.0.0.0/8"]))
    assert (target.scheme, target.host, target.port, target.path) == asked
    assert target.host_header == header


def test_the_longest_url_passes() -> None:
    url = "https://hooks.example.com/"
    check_url(url + "a" * (2048 - len(url)), NOTHING)


def test_a_name_is_allowed_exactly() -> None:
    allowed = AllowedTargets.parse(["hooks.internal"])
    check_url("http://hooks.internal/", allowed)
    for other in ("a.hooks.internal", "hooks.internal.example", "hooks-internal", "internal"):
        with pytest.raises(RefusedTarget):
            check_url(f"http://{other}/", allowed)


class Names:
    """A resolver that says what it is told to, and counts how often it was asked."""

    def __init__(self, *answers: Sequence[Address] | OSError) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append((host, port))
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


async def test_a_name_is_looked_up_and_every_address_counts() -> None:
    url = "https://hooks.example.com/a"
    names = Names(addresses("8.8.8.8", "2606:4700::1"))
    await check_target(url, NOTHING, look_up=names)
    assert names.asked == [("hooks.example.com", 443)]
    for found in (["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700::1", "::1"], ["::ffff:169.254.169.254"]):
        with pytest.raises(RefusedTarget, match=SETTING):
            await check_target(url, NOTHING, look_up=Names(addresses(*found)))
        with pytest.raises(RefusedTarget):
            await check_target(
                url, AllowedTargets.parse(["hooks.example", "192.168.0.0/16"]), look_up=Names(addresses(*found))
            )


async def test_a_name_that_is_allowed_may_stand_for_anything() -> None:
    await check_target(
        "http://hooks.internal/", AllowedTargets.parse(["Hooks.Internal"]), look_up=Names(addresses("10.0.0.1"))
    )


async def test_a_network_that_is_allowed_allows_names_within_it_over_https() -> None:
    allowed = AllowedTargets.parse(["10.0.0.0/8"])
    await check_target("https://hooks.internal/", allowed, look_up=Names(addresses("10.0.0.1")))
    with pytest.raises(RefusedTarget, match="https://"):
        await check_target("http://hooks.internal/", allowed, look_up=Names())


@pytest.mark.parametrize("error", [socket.gaierror(socket.EAI_NONAME, "unknown"), TimeoutError()])
async def test_a_name_that_is_not_known_yet_passes(error: OSError) -> None:
    await check_target("https://hooks.example.com/", NOTHING, look_up=Names(error))


async def test_an_address_is_not_looked_up() -> None:
    await check_target("https://134744072/", NOTHING, look_up=Names())


async def test_the_systems_resolver() -> None:
    found = await resolve("localhost", 80)
    assert found
    assert all(ip.is_loopback for ip in found)
    assert len(set(found)) == len(found)
    # Both are refused without asking anybody else.
    for unknown in ("fe80::1%no-such-device", "a" * 64 + ".example"):
        with pytest.raises(OSError, match=r"."):
            await resolve(unknown, 80)


async def test_what_the_system_resolves_is_checked() -> None:
    with pytest.raises(RefusedTarget, match="resolves to"):
        await check_target("https://hooks.example.com/", NOTHING, look_up=lambda _, port: resolve("localhost", port))
