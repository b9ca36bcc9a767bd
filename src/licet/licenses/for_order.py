"""The licenses of an order's one-time lines: one for each unit, from the moment it is paid."""

from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from licet.db.connection import Connection
from licet.licenses import facts as gather
from licet.licenses import store
from licet.licenses.core import Facts, Policy, decide
from licet.licenses.paid_periods import refunded
from licet.licenses.store import NewLicense
from licet.licenses.write import ChangeContext, key_material, write_changes, write_issued


async def settle_lines(
    conn: Connection,
    session: asyncpg.Record,
    lines: Sequence[asyncpg.Record],
    *,
    paid: bool,
    amount_refunded: int,
    settling: ChangeContext,
) -> None:
    """Bring the licenses of a session's one-time lines to what its payment says now.

    paid: whether the session is; without that none are made. amount_refunded: minor units of the session's currency.
    """
    licenses = await store.lock_of_session(conn, session["stripe_session_id"])
    if not licenses and not paid:
        return
    facts = Facts(
        refunded=refunded(session["amount_paid"], amount_refunded),
        dispute=await gather.dispute_on_session(conn, session),
    )
    by_hand = await gather.decided_by_hand(conn, [one.id for one in licenses])
    policies = await store.list_policies(conn, sorted({one.product_id for one in licenses}))
    for before in licenses:
        own = replace(facts, by_hand=by_hand.get(before.id, "nothing"))
        state = decide(own, policies[before.product_id], settling.now)
        await write_changes(conn, before, replace(before, state=state), settling)
    if not paid:
        return
    # A line is issued once, as the catalogue had it then: what it says later makes no keys for what was sold before.
    issued = {one.line_position for one in licenses}
    for line in lines:
        if line["position"] in issued or line["interval"] is not None or line["license_policy"] is None:
            continue
        policy = Policy.from_json(line["license_policy"])
        for unit in range(line["quantity"] if policy.units == "each" else 1):
            new = _new_license(session, line, unit, settling)
            await write_issued(conn, new, decide(facts, policy, settling.now), settling)


def _new_license(session: asyncpg.Record, line: asyncpg.Record, unit: int, settling: ChangeContext) -> NewLicense:
    policy = Policy.from_json(line["license_policy"])
    hashed, encrypted = key_material(policy, settling.keyring)
    limit = policy.activations
    if limit is not None and policy.units == "one":
        limit *= line["quantity"]
    return NewLicense(
        account_id=session["account_id"],
        product_id=line["product_id"],
        key_hash=hashed,
        key_encrypted=encrypted,
        activations_limit=limit,
        unit=unit,
        order_id=session["order_id"],
        stripe_session_id=session["stripe_session_id"],
        line_position=line["position"],
    )
