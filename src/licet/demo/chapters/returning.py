"""Money returned."""

from licet.demo import acts, questions
from licet.demo.cast import Cast
from licet.demo.scene import Scene
from licet.demo.shop import Shop


def refund(scene: Scene, shop: Shop, cast: Cast) -> None:
    """In full: the license is revoked."""
    grace = cast.grace
    scene.happens("Grace wants her money back, and gets all of it: 499.00 USD.")
    with scene.waiting("refunding"):
        scene.finds(acts.refund(shop, grace), refund="succeeded", amount=49900)
    scene.asks(lambda: questions.order(shop, grace), status="refunded", refunded="499.00 USD")
    scene.asks(lambda: questions.license_of(shop, grace), licenses=1, status="revoked")
    scene.asks(lambda: questions.why(shop, grace), to="revoked", reason="refunded")
    scene.asks(lambda: questions.mail(shop, grace, "refund"), mails=1, to=grace.email, status="kept")
