"""A purchase becomes a license; a card is declined; a bank asks who is paying."""

from licet.demo import acts, cards, questions
from licet.demo.cast import Cast
from licet.demo.scene import Scene
from licet.demo.shop import Shop
from licet.demo.words import card, price
from licet.kit.times import rfc3339


def purchase(scene: Scene, shop: Shop, cast: Cast) -> None:
    """Paid with a card that works."""
    ada = cast.ada
    cost = price(acts.product(shop, "Shopify Connector"))
    scene.happens(f"Ada buys the Shopify Connector, {cost}, and pays with {card(cards.VISA)}.")
    before = acts.deliveries(shop)
    scene.finds(acts.check_out(shop, ada, "Shopify Connector"), paymentPage=True)
    with scene.waiting("paying"):
        scene.finds(acts.pay(shop, ada, cards.VISA), payment="paid")
    scene.asks(lambda: questions.order(shop, ada), orders=1, status="paid", amount="149.00 USD")
    license = scene.asks(
        lambda: questions.license_of(shop, ada),
        licenses=1,
        product="Shopify Connector",
        status="active",
        expiresAt=rfc3339(questions.period_end(shop, ada)),
    )
    ada.license_shown = str(license.facts["key"])
    scene.asks(lambda: questions.mail(shop, ada, "welcome"), mails=1, to=ada.email, status="kept", holdsKey=True)
    scene.asks(lambda: questions.mail(shop, ada, "receipt"), mails=1, to=ada.email, status="kept", holdsKey=False)
    cast.purchase = [delivery for delivery in acts.deliveries(shop) if delivery not in before]


def declined(scene: Scene, shop: Shop, cast: Cast) -> None:
    """Nothing is issued, and a mail says how to try again."""
    grace = cast.grace
    cost = price(acts.product(shop, "Data Migrator"))
    scene.happens(f"Grace wants the Data Migrator, {cost}. Her card {card(cards.INSUFFICIENT_FUNDS)} has no funds.")
    scene.finds(acts.check_out(shop, grace, "Data Migrator"), paymentPage=True)
    with scene.waiting("paying"):
        refused = acts.pay(shop, grace, cards.INSUFFICIENT_FUNDS)
    scene.finds(refused, payment="refused", why="insufficient_funds")
    scene.asks(lambda: questions.license_of(shop, grace), licenses=0)
    scene.asks(
        lambda: questions.mail(shop, grace, "payment_failed"),
        mails=1,
        to=grace.email,
        status="kept",
        linksTo="checkout",
    )


def three_d_secure(scene: Scene, shop: Shop, cast: Cast) -> None:
    """The same checkout: once the bank's question is answered wrongly, then rightly."""
    grace = cast.grace
    scene.happens(f"Back on the payment page she takes {card(cards.ASKS_FOR_3D_SECURE)}. Her bank asks if it is she.")
    with scene.waiting("3D Secure"):
        failed = acts.pay(shop, grace, cards.ASKS_FOR_3D_SECURE, three_d_secure="fail")
    scene.finds(failed, payment="refused")
    scene.asks(lambda: questions.license_of(shop, grace), licenses=0)
    scene.happens("She tries again, and this time confirms.")
    with scene.waiting("3D Secure"):
        scene.finds(acts.pay(shop, grace, cards.ASKS_FOR_3D_SECURE), payment="paid")
    scene.asks(lambda: questions.order(shop, grace), orders=1, status="paid", amount="499.00 USD")
    scene.asks(
        lambda: questions.license_of(shop, grace), licenses=1, product="Data Migrator", status="active", expiresAt=None
    )
    scene.asks(lambda: questions.mail(shop, grace, "welcome"), mails=1, to=grace.email, holdsKey=True)
