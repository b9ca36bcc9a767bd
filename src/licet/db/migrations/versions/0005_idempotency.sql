-- Before the new code is out. What was answered to a creation that came with an Idempotency-Key.

-- Times are wall times. Neither the key nor the body can be read from a row, and the answer is encrypted.
CREATE TABLE idempotency_keys (
    hash         bytea PRIMARY KEY,             -- of the key, and of the caller, account, method and path that it is for
    account_id   uuid,                          -- for whom; null: for nobody, as when an operator makes an account
    fingerprint  bytea NOT NULL,                -- of what was asked, keyed by the key itself
    made_id      uuid NOT NULL,                 -- the id of what is made, the same at every try
    tries        integer NOT NULL DEFAULT 1,    -- which try holds the lease: an earlier one that is late writes nothing
    leased_until timestamptz,                   -- null: no try is under way
    status       smallint,                      -- null: not answered yet
    answer       bytea,                         -- null with a status: it held a secret that is shown once
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CHECK (answer IS NULL OR status IS NOT NULL),
    CHECK (leased_until IS NULL OR status IS NULL)
);
CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at);
