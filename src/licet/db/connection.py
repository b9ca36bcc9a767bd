"""The one name for a connection in signatures: asyncpg's own, or the pool's stand-in for it."""

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection = asyncpg.Connection | PoolConnectionProxy
"""A connection, in a transaction wherever a docstring speaks of one."""
