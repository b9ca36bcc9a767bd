from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from licet_sandbox.state.store import Store

if TYPE_CHECKING:
    from pathlib import Path


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

    def half() -> None:
        store.set_meta("a", "1")
        raise TypeError

    with pytest.raises(TypeError), store.transaction():
        half()
    assert store.get_meta("a") is None
    store.close()


def test_items_of_an_older_file_are_found(tmp_path: Path) -> None:
    store = Store(tmp_path / "sandbox.db")
    kept = '{"id": "sub_1", "items": {"data": [{"id": "si_1"}, {"id": "si_2"}]}}'
    store.run("INSERT INTO objects (id, kind, created, json) VALUES ('sub_1', 'subscription', 0, ?)", kept)
    store.run("DROP TABLE parts")
    store.run("PRAGMA user_version = 2")
    store.close()
    store = Store(tmp_path / "sandbox.db")
    assert [tuple(row) for row in store.rows("SELECT * FROM parts")] == [("si_1", "sub_1"), ("si_2", "sub_1")]
    store.close()


def test_a_full_disk_takes_all_back() -> None:
    store = Store(None)
    store.set_meta("a", "1")
    store.run(f"PRAGMA max_page_count = {store.value('PRAGMA page_count')}")
    with pytest.raises(sqlite3.OperationalError, match="full"), store.transaction():
        store.run("INSERT INTO meta VALUES ('b', '2'), ('c', ?)", "x" * 1_000_000)
    assert (store.get_meta("a"), store.get_meta("b")) == ("1", None)
    with pytest.raises(sqlite3.OperationalError, match="full"), store.transaction(), store.rehearsal():
        store.set_meta("b", "x" * 1_000_000)
    with store.transaction():
        store.set_meta("a", "3")
    assert store.get_meta("a") == "3"
    store.close()
