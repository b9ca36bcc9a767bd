"""Deferred jobs, on the same database: enqueued in the transaction that wants them, done by any number of workers."""
