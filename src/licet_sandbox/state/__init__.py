"""The sandbox's SQLite file, and the transactions that change it."""
