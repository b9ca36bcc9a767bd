"""The view `invoice_refunds` lists a refund once per invoice."""

import pytest

from licet.db.pool import Pool


@pytest.fixture
async def refunded(pool: Pool) -> Pool:
    """Refunded invoices, paid by payment intent, by charge, by both, and by two payments."""
    await pool.execute(
        """
        INSERT INTO invoice_payments (stripe_invoice_payment_id, stripe_invoice_id, stripe_payment_intent_id,
                                      stripe_charge_id, status, currency)
        VALUES ('inpay_1', 'in_intent', 'pi_1', NULL, 'paid', 'eur'),
               ('inpay_2', 'in_charge', NULL, 'ch_2', 'paid', 'eur'),
               ('inpay_3', 'in_both', 'pi_3', 'ch_3', 'paid', 'eur'),
               ('inpay_4', 'in_twice', 'pi_4', NULL, 'paid', 'eur'),
               ('inpay_5', 'in_twice', 'pi_4', 'ch_4', 'paid', 'eur'),
               ('inpay_6', 'in_none', NULL, NULL, 'paid', 'eur')
        """
    )
    await pool.execute(
        """
        INSERT INTO refunds (stripe_refund_id, stripe_payment_intent_id, stripe_charge_id, amount, currency, status,
                             created_at)
        SELECT 're_' || n, 'pi_' || n, 'ch_' || n, 100 * n, 'eur', 'succeeded', now() FROM generate_series(1, 5) AS n
        UNION ALL SELECT 're_unpaid', NULL, NULL, 1, 'eur', 'succeeded', now()
        """
    )
    return pool


async def test_a_refund_is_listed_once_per_invoice(refunded: Pool) -> None:
    rows = await refunded.fetch("SELECT stripe_invoice_id, stripe_refund_id, amount FROM invoice_refunds")
    assert sorted(tuple(row) for row in rows) == [
        ("in_both", "re_3", 300),
        ("in_charge", "re_2", 200),
        ("in_intent", "re_1", 100),
        ("in_twice", "re_4", 400),
    ]


@pytest.mark.parametrize(
    "condition",
    [
        "stripe_invoice_id = 'in_both'",
        "stripe_refund_id = 're_3'",
        "stripe_invoice_id = ANY (ARRAY(SELECT stripe_invoice_id FROM invoices WHERE stripe_subscription_id = ''))",
    ],
)
async def test_it_is_read_along_indexes(refunded: Pool, condition: str) -> None:
    async with refunded.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL enable_seqscan = off")
        lines = [row[0] for row in await conn.fetch(f"EXPLAIN SELECT * FROM invoice_refunds WHERE {condition}")]
    scans = [index for index, line in enumerate(lines) if " Scan " in line and "Bitmap Heap" not in line]
    assert len(scans) >= 4
    assert all("Index" in lines[at] and "Index Cond" in lines[at + 1] for at in scans), "\n".join(lines)
