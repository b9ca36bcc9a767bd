-- Before the new code is out. An event whose product the catalogue does not know yet is `waiting`, formerly `parked`.
-- What a process of the previous version writes as `parked` is refused, kept as failed, and retried.

ALTER TABLE events DROP CONSTRAINT events_outcome_check;
UPDATE events SET outcome = 'waiting' WHERE outcome = 'parked';
ALTER TABLE events ADD CONSTRAINT events_outcome_check
    CHECK (outcome IN ('applied', 'stale', 'ignored', 'waiting', 'failed'));

-- A license policy contains only what the catalogue sets. Defaults that the previous version wrote are removed, or the next
-- push of an unchanged catalogue would find every product changed.
UPDATE products SET license_policy = (
    SELECT jsonb_object_agg(field.key, field.value) FROM jsonb_each(license_policy) AS field
    WHERE NOT jsonb_build_object(field.key, field.value) <@ '{
        "units": "each", "refundFull": "revoke", "refundPartial": "nothing", "disputeOpen": "suspend",
        "disputeWon": "nothing", "disputeLost": "revoke", "unpaid": "suspend", "paused": "suspend", "ended": "revoke"}'
)
WHERE license_policy IS NOT NULL;
