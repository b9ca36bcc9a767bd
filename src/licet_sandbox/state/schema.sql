-- The state of the sandbox. Times are epoch seconds of the sandbox's clock unless a name says `wall`.

-- Stripe's objects, events among them, as JSON in Stripe's shape. `_` in the JSON is private to the sandbox and is never shown.
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    json TEXT NOT NULL,
    clock TEXT                       -- the test clock whose time it lives by; NULL: the sandbox's own
);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
-- Indexes for lists and joins. `kit/lists.py` and the `select`s write the same expressions.
CREATE INDEX IF NOT EXISTS objects_customer ON objects (kind, json ->> '$.customer')
    WHERE json ->> '$.customer' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_payment_intent ON objects (kind, json ->> '$.payment_intent')
    WHERE json ->> '$.payment_intent' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_invoice ON objects (kind, json ->> '$.invoice')
    WHERE json ->> '$.invoice' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_charge ON objects (kind, json ->> '$.charge')
    WHERE json ->> '$.charge' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_subscription ON objects (kind, json ->> '$.subscription')
    WHERE json ->> '$.subscription' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_paid_by ON objects (kind, json ->> '$.payment.payment_intent')
    WHERE json ->> '$.payment.payment_intent' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_billed ON objects (kind, json ->> '$.parent.subscription_details.subscription')
    WHERE json ->> '$.parent.subscription_details.subscription' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_clock ON objects (clock, kind) WHERE clock IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_product ON objects (kind, json ->> '$.product')
    WHERE json ->> '$.product' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_lookup_key ON objects (kind, json ->> '$.lookup_key')
    WHERE json ->> '$.lookup_key' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_email ON objects (kind, json ->> '$.email')
    WHERE json ->> '$.email' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_default_method ON objects (kind, json ->> '$.default_payment_method')
    WHERE json ->> '$.default_payment_method' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_code ON objects (kind, lower(json ->> '$.code'))
    WHERE lower(json ->> '$.code') IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_promoted ON objects (kind, json ->> '$.promotion.coupon')
    WHERE json ->> '$.promotion.coupon' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_own_customer ON objects (kind, json ->> '$._.customer')
    WHERE json ->> '$._.customer' IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_own_product ON objects (kind, json ->> '$._.product')
    WHERE json ->> '$._.product' IS NOT NULL;
-- A list of events within a stretch of time. Of the other kinds there are so few that reading all of one does no harm.
CREATE INDEX IF NOT EXISTS objects_event_created ON objects (created) WHERE kind = 'event';

-- Objects that are part of another one and have ids of their own, such as subscription items: their parent.
CREATE TABLE IF NOT EXISTS parts (id TEXT PRIMARY KEY, whole TEXT NOT NULL) WITHOUT ROWID;

-- Due work: one row for each subject and kind of work.
CREATE TABLE IF NOT EXISTS due (
    kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    clock TEXT,                      -- the test clock on which `at` is a time; NULL: the sandbox's own
    PRIMARY KEY (kind, object_id)
);
CREATE INDEX IF NOT EXISTS due_by_clock ON due (clock, at, rank);

-- The delivery queue: one row per event and endpoint, two where a fault doubles it.
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    event_seq INTEGER NOT NULL,
    endpoint_id TEXT NOT NULL,
    position REAL NOT NULL,          -- the order of first attempts; the row's id unless a fault moved it
    state TEXT NOT NULL,             -- queued (sent as soon as it is its turn), waiting (for next_at), delivered,
                                     -- failed (given up), canceled (its endpoint is gone), dropped (by a fault)
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL,
    answers TEXT NOT NULL DEFAULT '[]',
    body TEXT,                       -- the event in an older layout; NULL: as in objects
    faults TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS deliveries_queued ON deliveries (endpoint_id, position) WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS deliveries_held ON deliveries (next_at) WHERE state = 'queued' AND next_at > 0;
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (next_at) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event_id);

-- What the current faults have done so far.
CREATE TABLE IF NOT EXISTS fault_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    entry TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    wall_created REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS idempotency_age ON idempotency (wall_created);

CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
