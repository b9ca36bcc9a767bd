"""The last step of a demo that stays: what there is to click through."""

from licet.demo.acts import product
from licet.demo.answers import Answer
from licet.demo.cast import Cast, DemoCustomer
from licet.demo.invitation import Invitation
from licet.demo.scene import Scene
from licet.demo.shop import Reply, Shop
from licet.demo.story import Step


class OpenHouse:
    """A step of the story that leaves an `invitation`: None until it was told."""

    def __init__(self) -> None:
        self.invitation: Invitation | None = None

    @property
    def step(self) -> Step:
        """To be told after all others."""
        return Step("open_house", "Open to click through", self._chapter)

    def _chapter(self, scene: Scene, shop: Shop, cast: Cast) -> None:
        who = cast.ada
        scene.happens(f"{who.name} fills a cart once more, and leaves the paying to you.")
        checkout_url = _found(scene, shop, _check_out(shop, who), "checkout", "a payment page")
        back = {"returnUrl": f"{shop.opened.url}/docs"}
        portal = shop.licet("POST /api/billing/portal-session", key=who.api_key, status=201, body=back)
        portal_url = _found(scene, shop, portal, "portal", "Stripe's portal")
        invoices = shop.licet("GET /api/billing/invoices", key=who.api_key)
        newest = Reply(invoices.call, invoices.status, {"url": invoices.body["data"][0]["hostedInvoiceUrl"]})
        invoice_url = _found(scene, shop, newest, "invoice", "its page")
        opened = shop.opened
        self.invitation = Invitation(
            url=opened.url,
            sandbox_url=opened.sandbox_url,
            customer=who.name,
            checkout_url=checkout_url,
            portal_url=portal_url,
            invoice_url=invoice_url,
            operator_key=opened.operator_key,
            account_key=who.api_key,
        )


def _check_out(shop: Shop, who: DemoCustomer) -> Reply:
    """Something that may be bought any number of times. The way back leads to a page that is there."""
    cart = {
        "items": [{"productId": product(shop, "Data Migrator")["id"], "quantity": 1}],
        "successUrl": f"{shop.opened.url}/docs?session={{CHECKOUT_SESSION_ID}}",
        "cancelUrl": f"{shop.opened.url}/docs",
    }
    return shop.licet("POST /api/billing/checkout", key=who.api_key, status=201, body=cart)


def _found(scene: Scene, shop: Shop, reply: Reply, subject: str, words: str) -> str:
    """The address in an answer, which must be the sandbox's."""
    url: str = reply.body["url"]
    at_stripe = url.startswith(shop.opened.sandbox_url)
    scene.finds(Answer(reply.call, reply.status, subject, {"atStripe": at_stripe}, words), atStripe=True)
    return url
