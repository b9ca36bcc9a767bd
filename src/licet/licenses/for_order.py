"""Settles the licenses of an order's one-time lines: one for each unit, issued once it is paid."""

from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from licet.db.connection import Connection
from licet.licenses import facts_store, store
from licet.licenses.core import Facts, Refunded, decide
from licet.licenses.policy import Policy
from licet.licenses.store import NewLicense
from licet.licenses.write import ChangeContext, key_material, write_changes, write_issued


async def settle_order_lines(
    conn: Connection,
    session: asyncpg.Record,
    lines: Sequence[asyncpg.Record],
    *,
    paid: bool,
    refunded: Refunded,
    context: ChangeContext,
) -> None:
    """Settle the licenses of a session's one-time lines: they follow the state of its payment.

    paid: whether the session is paid; licenses are issued only then.
    refunded: how much of the session's payment was refunded.
    """
    licenses = await store.lock_licenses_of_session(conn, session["stripe_session_id"])
    if not licenses and not paid:
        return
    facts = Facts(
        refunded=refunded,
        dispute=await facts_store.dispute_on_session(conn, session),
    )
    by_hand = await facts_store.decided_by_hand(conn, [license_.id for license_ in licenses])
    policies = await store.list_policies(conn, sorted({license_.product_id for license_ in licenses}))
    for before in licenses:
        own = replace(facts, by_hand=by_hand.get(before.id, "nothing"))
        state = decide(own, policies[before.product_id], context.now)
        await write_changes(conn, before, replace(before, state=state), context)
    if not paid:
        return
    # A line is issued once, with the policy of that time: a later policy issues no keys for earlier sales.
    issued = {license_.line_position for license_ in licenses}
    for line in lines:
        if line["position"] in issued or line["interval"] is not None or line["license_policy"] is None:
            continue
        policy = Policy.from_json(line["license_policy"])
        for unit in range(line["quantity"] if policy.units == "each" else 1):
            new = _new_license(session, line, unit, context)
            await write_issued(conn, new, decide(facts, policy, context.now), context)


def _new_license(session: asyncpg.Record, line: asyncpg.Record, unit: int, context: ChangeContext) -> NewLicense:
    policy = Policy.from_json(line["license_policy"])
    hashed, encrypted = key_material(policy, context.keyring)
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
