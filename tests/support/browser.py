"""Debian's Chromium, driven by Playwright.

Playwright's own browser would have to be downloaded, which not every machine allows.
"""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, async_playwright, expect
from tests.support.patience import PATIENCE_SECONDS

# Chromium otherwise looks for updates at every start, and as root it runs only without its sandbox.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE_MILLISECONDS = PATIENCE_SECONDS * 1000
PHONE = {"width": 390, "height": 844}
expect.set_options(timeout=PATIENCE_MILLISECONDS)


def chromium() -> str:
    """The browser's path. Raises RuntimeError saying what to install: a test that needs it never skips."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise RuntimeError("the browser tests need Chromium: apt-get install chromium, or CHROMIUM=/path/to/chromium")
    return found


@asynccontextmanager
async def open_page(*, javascript: bool = True) -> AsyncIterator[Page]:
    """Opens a page with the screen size of a phone, in a new browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=ARGUMENTS, timeout=PATIENCE_MILLISECONDS
        )
        context = await browser.new_context(viewport=PHONE, java_script_enabled=javascript)  # type: ignore[arg-type]  # a TypedDict that is not exported
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        try:
            yield page
        finally:
            await context.close()
            await browser.close()
