-- Before the new code is out. Stored responses of requests with an Idempotency-Key.

-- Times are wall times. A row reveals neither the key nor the body, and the response is encrypted.
CREATE TABLE idempotency_keys (
    hash         bytea PRIMARY KEY,             -- of key, caller, account, method and path
    account_id   uuid,                          -- the account that is acted for; null: none, as when an operator creates an account
    fingerprint  bytea NOT NULL,                -- of the request, keyed by the key itself
    made_id      uuid NOT NULL,                 -- the id of the created object, the same in every try
    tries        integer NOT NULL DEFAULT 1,    -- the try that holds the lease: an earlier one writes nothing
    leased_until timestamptz,                   -- null: no try is in progress
    status       smallint,                      -- null: no response yet
    answer       bytea,                         -- null with a status: the response had a secret that is shown once
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CHECK (answer IS NULL OR status IS NOT NULL),
    CHECK (leased_until IS NULL OR status IS NULL)
);
CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at);
