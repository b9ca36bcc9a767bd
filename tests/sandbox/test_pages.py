"""The hosted pages, as a browser without JavaScript meets them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from tests.sandbox.play import DAY, SUCCESS, Play

CARD = {"card": "4242 4242 4242 4242", "expiry": "12 / 40", "cvc": "123", "email": "a@example.com"}


class Outline(HTMLParser):
    """What matters of a page: labels, fields, buttons, links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.labels: set[str] = set()
        self.fields: dict[str, dict[str, str | None]] = {}
        self.links: list[str] = []
        self.scripts = 0
        self.feed(text)
        self.buttons = [part.strip() for part in re.findall(r"<button[^>]*>(.*?)</button>", text)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "label" and given.get("for"):
            self.labels.add(str(given["for"]))
        if tag == "input" and given.get("type") != "hidden":
            self.fields[str(given["name"])] = given
        if tag == "a":
            self.links.append(str(given["href"]))
        self.scripts += tag == "script"


async def test_paying(play: Play) -> None:
    price = await play.price(14900, None, name="<b>Shop & Co</b>")
    session = await play.session(price, cancel_url="https://shop.example/cart?a=1&b=2")
    assert session.url == f"{play.url}/c/pay/{session.id}"
    page = await play.http.get(session.url)
    outline = Outline(page.text)
    assert page.status_code == 200
    assert "sandbox" in page.text
    assert "&lt;b&gt;Shop &amp; Co&lt;/b&gt;" in page.text
    assert outline.buttons == ["Pay $149.00"]
    assert list(outline.fields) == ["email", "card", "expiry", "cvc"]
    assert outline.labels >= {str(field["id"]) for field in outline.fields.values()}
    assert "https://shop.example/cart?a=1&b=2" in outline.links
    assert outline.scripts == 0
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    paid = await play.http.post(session.url, data=CARD)
    assert (paid.status_code, paid.headers["location"]) == (303, SUCCESS.format(CHECKOUT_SESSION_ID=session.id))
    done = await play.api.checkout.sessions.retrieve_async(session.id)
    assert (done.status, done.customer_details.email) == ("complete", "a@example.com")
    again = await play.http.get(f"/c/pay/{session.id}")
    assert "Already paid" in again.text
    assert (await play.http.post(f"/c/pay/{session.id}", data=CARD)).status_code == 200
    assert len((await play.api.charges.list_async()).data) == 1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("card", "4242 4242 4242 4241", "Your card number is incorrect."),
        ("card", "", "Your card number is incorrect."),
        ("card", "4000000000009995", "Your card has insufficient funds."),
        ("card", "4000000000000002", "Your card was declined."),
        ("card", "4111111111111111", "used a non test card"),
        ("expiry", "1", "expiration date is incomplete"),
        ("expiry", "13 / 40", "expiration month is invalid"),
        ("expiry", "01/20", "expiration year is invalid"),
        ("cvc", "12", "security code is incomplete"),
        ("email", "nobody", "email is invalid"),
    ],
)
async def test_what_can_be_wrong(play: Play, field: str, value: str, message: str) -> None:
    session = await play.session(await play.price(1000))
    typed = {**CARD, field: value}
    page = await play.http.post(f"/c/pay/{session.id}", data=typed)
    assert page.status_code == 402
    assert message in page.text
    assert 'role="alert"' in page.text
    marked = [name for name, given in Outline(page.text).fields.items() if given.get("aria-invalid")]
    assert marked == [field]
    # What was typed stays, the card's number and code apart.
    shown = {name: given.get("value") for name, given in Outline(page.text).fields.items()}
    assert shown == {"email": typed["email"], "card": None, "expiry": typed["expiry"], "cvc": None}
    assert (await play.http.post(f"/c/pay/{session.id}", data=CARD)).status_code == 303


@pytest.mark.parametrize("trial", [False, True])
async def test_three_d_secure(play: Play, trial: bool) -> None:
    data = {"subscription_data": {"trial_period_days": 14}} if trial else {}
    session = await play.session(await play.price(9900), **data)
    address = f"/c/pay/{session.id}"
    assert Outline((await play.http.get(address)).text).buttons == ["Start trial" if trial else "Subscribe"]
    typed = {**CARD, "card": "4000002760003184"}
    asked = await play.http.post(address, data=typed)
    assert asked.headers["location"] == f"{address}/3ds"
    assert Outline((await play.http.get(f"{address}/3ds")).text).buttons == ["Complete", "Fail"]
    failed = await play.http.post(f"{address}/3ds", data={"outcome": "fail"})
    assert failed.headers["location"] == f"{address}?failed=3ds"
    assert "could not authenticate" in (await play.http.get(failed.headers["location"])).text
    assert (await play.http.get(f"{address}/3ds")).headers["location"] == address
    await play.http.post(address, data=typed)
    done = await play.http.post(f"{address}/3ds", data={"outcome": "complete"})
    assert done.headers["location"] == SUCCESS.format(CHECKOUT_SESSION_ID=session.id)
    # Pressed twice, it does no harm.
    assert (await play.http.post(f"{address}/3ds", data={"outcome": "complete"})).status_code == 303
    assert len((await play.api.subscriptions.list_async()).data) == 1


async def test_too_late(play: Play) -> None:
    session = await play.session(await play.price(1000), cancel_url="https://shop.example/")
    await play.advance(DAY + 1)
    page = await play.http.get(f"/c/pay/{session.id}")
    assert (page.status_code, Outline(page.text).links) == (410, ["https://shop.example/"])
    assert (await play.http.post(f"/c/pay/{session.id}", data=CARD)).status_code == 410
    assert (await play.http.get("/c/pay/cs_test_none")).status_code == 404


@pytest.mark.parametrize("keep", [True, False])
async def test_an_open_invoice(play: Play, keep: bool) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    await play.advance(32 * DAY)
    late = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    address = late.latest_invoice.hosted_invoice_url
    page = await play.http.get(address)
    assert "Visa ending in 0341" in page.text
    assert Outline(page.text).buttons == ["Pay $10.00 with this card", "Pay $10.00"]
    assert (await play.http.post(address, data={"use": "on_file"})).status_code == 402
    typed = {**CARD, "card": "4000002500003155", **({"keep": "yes"} if keep else {})}
    asked = await play.http.post(address, data=typed)
    assert asked.headers["location"].endswith("/3ds")
    failed = await play.http.post(asked.headers["location"], data={"outcome": "fail"})
    assert "could not authenticate" in (await play.http.get(failed.headers["location"])).text
    await play.http.post(address, data=typed)
    await play.http.post(f"{address}/3ds", data={"outcome": "complete"})
    after = await play.api.subscriptions.retrieve_async(late.id, {"expand": ["default_payment_method"]})
    assert (after.status, after.default_payment_method.card.last4) == ("active", "3155" if keep else "0341")
    assert "Paid on" in (await play.http.get(address)).text
    assert (await play.http.post(address, data=CARD)).status_code == 303
    await play.advance(32 * DAY)
    assert (await play.api.subscriptions.retrieve_async(late.id)).status == ("active" if keep else "past_due")


async def test_its_own_address(play: Play) -> None:
    page = await play.http.get("/")
    assert (page.status_code, "/v1" in page.text, "/_sandbox" in page.text) == (200, True, True)
    for link in Outline(page.text).links:
        assert (await play.http.get(link)).status_code == 200
    assert (await play.http.get("/", headers={"Host": "evil.example"})).status_code == 403


async def test_no_link_is_dead(play: Play) -> None:
    done = await play.buy(invoice_creation={"enabled": True})
    invoice = await play.api.invoices.retrieve_async(done.invoice)
    charge = (await play.api.charges.list_async()).data[0]
    await play.api.refunds.create_async({"charge": charge.id, "amount": 100})
    for address in (invoice.hosted_invoice_url, invoice.invoice_pdf, charge.receipt_url):
        page = await play.http.get(address)
        assert page.status_code == 200
        assert "$50.00" in page.text
        for link in Outline(page.text).links:
            assert (await play.http.get(link)).status_code == 200
    assert (await play.http.get("/static/style.css")).headers["content-type"].startswith("text/css")
    assert (await play.http.get("/receipts/ch_none")).status_code == 404


@pytest.mark.parametrize("path", ["/c/pay/cs_test_x", "/i/in_x", "/receipts/ch_x", "/_sandbox/clock"])
async def test_only_this_machine(play: Play, path: str) -> None:
    port = play.url.rsplit(":", 1)[1]
    for host, refused in (
        ("evil.example", True),
        (f"evil.example:{port}", True),
        ("127.0.0.1.evil.example", True),
        ("", True),
        ("[::1].evil.example", True),
        ("[::1]evil.example", True),
        ("evil@127.0.0.1", True),
        (f"evil.example@localhost:{port}", True),
        ("127.0.0.1/evil.example", True),
        ("127.0.0.1:80:80", True),
        ("localhost evil.example", True),
        (f"localhost:{port}", False),
        ("LOCALHOST", False),
        ("127.8.8.8", False),
        (f"[::1]:{port}", False),
    ):
        answer = await play.http.get(path, headers={"Host": host})
        assert (answer.status_code == 403) is refused, host


@pytest.mark.parametrize("path", ["/_sandbox/reset", "/_sandbox/clock/advance", "/c/pay/cs_test_x"])
async def test_no_other_site(play: Play, path: str) -> None:
    for origin, refused in (
        ("https://evil.example", True),
        ("null", True),
        ("http://127.0.0.1:1", True),
        (play.url, False),
    ):
        answer = await play.http.post(path, headers={"Origin": origin})
        assert (answer.status_code == 403) is refused, origin
    answer = await play.http.post(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
