"""`/docs` in a browser on a phone: from files of ours, with no word to any other host."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect
from tests.support.browser import PHONE, open_page
from tests.support.face import Face, assert_error

import licet.http

STATIC = Path(licet.http.__file__).parent / "static" / "docs"


async def test_an_operation_is_there_to_be_read_and_tried(face: Face) -> None:
    hosts: set[str] = set()
    faults: list[str] = []
    async with open_page() as page:
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.goto(f"{face.url}/docs")
        operation = page.locator("#operations-billing-create_checkout")
        await expect(operation).to_contain_text("/api/billing/checkout")
        await operation.locator(".opblock-summary-control").click()
        await expect(operation).to_contain_text("empty_cart")
        await expect(operation).to_contain_text("429")

        alive = page.locator("#operations-health-healthz")
        await alive.locator(".opblock-summary-control").click()
        await alive.get_by_role("button", name="Try it out").click()
        await alive.get_by_role("button", name="Execute").click()
        await expect(alive.locator(".live-responses-table")).to_contain_text('"status": "ok"')

        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        link = page.get_by_role("link", name="openapi.json")
        assert await link.evaluate("link => link.href") == f"{face.url}/openapi.json"
    # Images that the style sheet itself holds are requests with no host.
    assert hosts - {""} == {urlsplit(face.url).netloc}
    assert faults == []


async def test_without_javascript_it_leads_to_the_description(face: Face) -> None:
    async with open_page(javascript=False) as page:
        await page.goto(f"{face.url}/docs")
        await page.get_by_role("link", name="openapi.json").click()
        assert page.url == f"{face.url}/openapi.json"
        assert '"/api/orders"' in await page.content()


@pytest.mark.parametrize("name", ["", "/swagger-ui-bundle.js", "/swagger-ui.css", "/start.js", "/page.css"])
async def test_each_file_forbids_to_load_from_elsewhere(face: Face, name: str) -> None:
    answer = await face.call("GET", f"/docs{name}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "://" not in policy
    assert "*" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_nothing_else_is_served(face: Face) -> None:
    for name in ("", "index.html", "README.md", "LICENSE", "..%2Fdocs_page.py", "../docs_page.py", "%00"):
        assert_error(await face.call("GET", f"/docs/{name}"), 404, "not_found")
    assert_error(await face.call("POST", "/docs"), 405, "method_not_allowed")


def test_the_licences_come_along() -> None:
    assert "Apache License" in (STATIC / "LICENSE").read_text()
    assert "SmartBear" in (STATIC / "NOTICE").read_text()
    assert "MIT License" in (STATIC / "swagger-ui-bundle.js.LICENSE.txt").read_text()
