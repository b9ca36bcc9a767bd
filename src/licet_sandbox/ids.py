"""Ids in Stripe's format. The prefix gives the kind of object."""

from __future__ import annotations

import os
import string
import time

_ALPHABET = string.ascii_letters + string.digits
# A letter or digit for every byte. A few are slightly more likely than others, which is harmless in ids. Choosing
# each character by itself takes ten times as long, and a renewal spends most of its time on ids.
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
    """Random letters and digits."""
    return os.urandom(length).translate(_LETTERS).decode()


def new_id(kind: str) -> str:
    """A new id for an object of this kind, such as `prod_QXg1hqf4jFNsqG`.

    As at Stripe it starts with the time, so that objects made together are neighbours in the file's indexes.
    """
    prefix, length = _SHAPES[kind]
    return prefix + _time_text(time.time_ns() >> 20) + random_text(length - _TIME_LETTERS)


def _time_text(moment: int) -> str:
    """Letters that sort as the times (about milliseconds) do. They repeat after 50 years."""
    letters = ""
    for _ in range(_TIME_LETTERS):
        moment, digit = divmod(moment, len(_SORTED))
        letters = _SORTED[digit] + letters
    return letters
