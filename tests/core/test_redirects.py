"""Where a buyer may be sent."""

import pytest

from licet.checkout.redirects import InvalidRedirectUrl, check_redirect, find_fault
from licet.errors import Unprocessable

GOOD = [
    "https://example.com",
    "https://example.com/thanks?session={CHECKOUT_SESSION_ID}#top",
    "HTTPS://Example.COM:8443/a",
    "https://xn--bcher-kva.example/b%C3%BCcher",
    "https://example.com/bücher",
    "https://a_b.example.com/",
    "https://192.0.2.7/x",
    "https://[2001:db8::1]:444/x",
    "http://localhost:3000/back",
    "http://app.localhost/back",
    "http://127.0.0.1/back",
    "http://127.9.9.9:80/",
    "http://[::1]:8080/",
]

BAD = [
    "",
    "example.com",
    "//example.com/x",
    "/thanks",
    "http://example.com/",
    "http://10.0.0.1/",
    "http://localhost.example.com/",
    "http://127.0.0.1.example.com/",
    "ftp://example.com/",
    "javascript:alert(1)",
    "javascript://example.com/%0aalert(1)",
    "data:text/html,x",
    "https:example.com",
    "https:/example.com",
    "https:///example.com",
    "https://",
    "https://?x",
    "https://user@example.com/",
    "https://user:word@example.com/",
    "https://example.com@evil.example/",
    "https://@example.com/",
    "https://example.com\\@evil.example/",
    "https://example.com\\.evil.example",
    "https://exa mple.com/",
    " https://example.com/",
    "https://example.com/ ",
    "https://example.com/a b",
    "https://example.com/\nSet-Cookie:x",
    "https://example.com/\t",
    "https://example.com/\x00",
    "https://example.com/\u2028",
    "https://example.com/\u202e",
    "https://exämple.com/",
    "https://example\u3002com/",
    "https://{CHECKOUT_SESSION_ID}.example.com/",
    "https://example.com:99999/",
    "https://example.com:0/",
    "https://example.com:/",
    "https://example.com:8a/",
    "https://.example.com/",
    "https://example..com/",
    "https://[::1/",
    "https://[not-an-address]/",
    "https://example.com/" + "a" * 5000,
]


@pytest.mark.parametrize("url", GOOD)
def test_a_good_url_passes(url: str) -> None:
    assert find_fault(url, (), live=False) is None


@pytest.mark.parametrize("url", BAD)
def test_a_bad_url_does_not(url: str) -> None:
    assert find_fault(url, (), live=False) is not None


def test_the_error_names_the_field() -> None:
    with pytest.raises(InvalidRedirectUrl) as refused:
        check_redirect("cancelUrl", "http://example.com", (), live=False)
    assert isinstance(refused.value, Unprocessable)
    assert refused.value.code == "invalid_redirect_url"
    assert refused.value.details == {"field": "cancelUrl"}
    assert "cancelUrl" in refused.value.message


@pytest.mark.parametrize(
    ("url", "passes"),
    [
        ("https://shop.example/x", True),
        ("https://SHOP.example:443/x", True),
        ("https://pay.example:8443/x", True),
        ("https://pay.example/x", False),
        ("https://evil.example/?shop.example", False),
        ("https://shop.example.evil.example/", False),
        ("https://sub.shop.example/", False),
        ("https://shop.example./", False),
        ("http://localhost/x", False),
    ],
)
def test_listed_hosts_alone_pass(url: str, passes: bool) -> None:
    assert (find_fault(url, ("shop.example", "pay.example:8443"), live=False) is None) == passes


def test_with_a_live_key_the_hosts_must_be_listed() -> None:
    assert "LICET_REDIRECT_HOSTS" in (find_fault("https://shop.example/", (), live=True) or "")
    assert find_fault("https://shop.example/", ("shop.example",), live=True) is None
