"""Ids that look like Stripe's: the prefix says the kind, so that an id alone finds its object."""

from __future__ import annotations

import os
import string
import time

_ALPHABET = string.ascii_letters + string.digits
# Any byte as a letter or digit. A few are a little likelier than others, which does no harm to ids, and a character
# by itself would take ten times as long: most of what a renewal does is making ids.
_LETTERS = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))

_SORTED = "".join(sorted(_ALPHABET))
_TIME_LETTERS = 7

# kind -> (prefix, random characters). Lengths as in Stripe's own examples.
_SHAPES: dict[str, tuple[str, int]] = {
    "account": ("acct_1", 15),
    "balance_transaction": ("txn_1", 23),
    "billing_portal.configuration": ("bpc_1", 23),
    "billing_portal.session": ("bps_1", 23),
    "charge": ("ch_3", 23),
    "checkout.session": ("cs_test_a1", 56),
    "customer": ("cus_", 14),
    "dispute": ("du_1", 23),
    "discount": ("di_1", 23),
    "entitlements.active_entitlement": ("ent_test_61", 30),
    "entitlements.feature": ("feat_test_61", 30),
    "event": ("evt_1", 23),
    "invoice": ("in_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "invoiceitem": ("ii_1", 23),
    "item": ("li_1", 23),
    "line_item": ("il_1", 23),
    "payment_intent": ("pi_3", 23),
    "payment_method": ("pm_1", 23),
    "price": ("price_1", 23),
    "product": ("prod_", 14),
    "product_feature": ("prodft_", 14),
    "promotion_code": ("promo_1", 23),
    "refund": ("re_3", 23),
    "request": ("req_", 14),
    "setup_attempt": ("setatt_1", 23),
    "setup_intent": ("seti_1", 23),
    "subscription": ("sub_1", 23),
    "subscription_item": ("si_", 14),
    "subscription_schedule": ("sub_sched_1", 23),
    "test_helpers.test_clock": ("clock_1", 23),
    "webhook_endpoint": ("we_1", 23),
}


def random_text(length: int) -> str:
    """`length` random letters and digits."""
    return os.urandom(length).translate(_LETTERS).decode()


def new_id(kind: str) -> str:
    """A fresh id for an object of this kind, such as `prod_QXg1hqf4jFNsqG`.

    As Stripe's do, it begins with the time, so that what is made together stands together in the file's indexes.
    """
    prefix, length = _SHAPES[kind]
    return prefix + _time_text(time.time_ns() >> 20) + random_text(length - _TIME_LETTERS)


def _time_text(moment: int) -> str:
    """Letters that sort as the moments (about milliseconds) do, for 50 years and then anew."""
    letters = ""
    for _ in range(_TIME_LETTERS):
        moment, digit = divmod(moment, len(_SORTED))
        letters = _SORTED[digit] + letters
    return letters
