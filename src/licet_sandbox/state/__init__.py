"""What the sandbox remembers: one SQLite file, and the one way to change it."""
