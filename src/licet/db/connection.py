"""The type of a database connection in signatures: asyncpg's connection, or the pool's proxy for it."""

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection = asyncpg.Connection | PoolConnectionProxy
"""A connection. It is in a transaction if the docstring of the function says so."""
