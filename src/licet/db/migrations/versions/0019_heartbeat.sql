-- Before the new code is out. The row that readiness checks write, so that a database without writes is noticed.
CREATE TABLE heartbeat (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    at timestamptz NOT NULL
);
INSERT INTO heartbeat (at) VALUES (now());
