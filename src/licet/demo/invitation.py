"""Where everything is while a demo stays."""

from dataclasses import dataclass, field

from licet.demo.cards import ASKS_FOR_3D_SECURE, FAILS_AT_RENEWALS, INSUFFICIENT_FUNDS, VISA

CARDS = {
    VISA: "is taken",
    ASKS_FOR_3D_SECURE: "asks for 3D Secure",
    INSUFFICIENT_FUNDS: "is declined",
    FAILS_AT_RENEWALS: "is taken once, and declined at renewals",
}
"""What to pay with on the payment page, and what comes of it."""


@dataclass(frozen=True)
class Invitation:
    """Where everything is. The keys open this one stage and nothing else; customer: whose `account_key` is."""

    url: str
    sandbox_url: str
    customer: str
    checkout_url: str = field(repr=False)
    portal_url: str = field(repr=False)
    invoice_url: str
    operator_key: str = field(repr=False)
    account_key: str = field(repr=False)

    @property
    def docs_url(self) -> str:
        """The API, to read and to try out."""
        return f"{self.url}/docs"

    @property
    def emails_url(self) -> str:
        """The mails; an operator's."""
        return f"{self.url}/api/admin/emails"
