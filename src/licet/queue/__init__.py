"""Deferred jobs in the application database: enqueued in a transaction, run by any number of workers."""
