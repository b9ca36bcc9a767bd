"""What whoever opens the sandbox's own address finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.pages.surface import Surface
from licet_sandbox.spec.document import API_VERSION

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.pages.surface import Handler

_TEXT = (
    f"Stripe's API answers below /v1, in version {API_VERSION}, to any key that begins with sk_test_. "
    "What a buyer, an operator or the passing of time does is asked for below /_sandbox. "
    "Checkout, invoices and the portal have their pages here: the API says where."
)


class Welcome(Surface):
    """The first page."""

    def table(self) -> list[tuple[str, str, Handler]]:
        """The one address."""
        return [("GET", "/", self.show)]

    async def show(self, _: Request) -> Response:
        """What this is, and where to go on."""
        return self._message("A Stripe of your own", _TEXT, "/_sandbox/clock", "What time it is here", 200)
