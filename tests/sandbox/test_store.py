from __future__ import annotations

import pytest

from licet_sandbox.state.store import Store


@pytest.mark.parametrize(
    "path",
    [
        "customer",
        "payment_intent",
        "invoice",
        "charge",
        "subscription",
        "payment.payment_intent",
        "parent.subscription_details.subscription",
        "product",
        "lookup_key",
        "email",
        "default_payment_method",
        "promotion.coupon",
        "_.customer",
        "_.product",
    ],
)
def test_every_join_has_its_index(path: str) -> None:
    store = Store(None)
    sql = f"SELECT id FROM objects WHERE kind = ? AND NOT deleted AND json ->> '$.{path}' = ? ORDER BY seq DESC LIMIT 2"
    [plan] = store.rows(f"EXPLAIN QUERY PLAN {sql}", "x", "y")
    assert "<expr>=?" in plan["detail"]
    store.close()


def test_all_or_nothing() -> None:
    store = Store(None)
    with pytest.raises(TypeError), store.transaction():
        assert store.set_meta("a", "1") is store.rows()  # type: ignore[call-arg]
    assert store.get_meta("a") is None
    store.close()
