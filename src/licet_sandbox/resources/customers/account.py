"""The sandbox's one account. Its id is created with the database file."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from licet_sandbox.billing.seller import SELLER_NAME
from licet_sandbox.spec.document import examples

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def retrieve(tx: Tx, _: Params) -> Obj:
    """Retrieve the account: Stripe's example, with charges and payouts enabled."""
    account = copy.deepcopy(examples()["account"])
    account_id = tx.store.get_meta("account")
    nothing_due: Obj = {"currently_due": [], "past_due": [], "eventually_due": [], "disabled_reason": None}
    account |= {
        "id": account_id,
        "created": int(tx.store.get_meta("started") or 0),
        "email": "sandbox@example.com",
        "charges_enabled": True,
        "payouts_enabled": True,
        "details_submitted": True,
        "requirements": account["requirements"] | nothing_due,
    }
    account["business_profile"]["name"] = SELLER_NAME
    account["settings"]["dashboard"]["display_name"] = SELLER_NAME
    account["external_accounts"]["url"] = f"/v1/accounts/{account_id}/external_accounts"
    return account
