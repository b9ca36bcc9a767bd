"""Which errors mean that the database cannot be used now, and that the same call may succeed later."""

import asyncpg


class ConnectionUnavailable(asyncpg.InterfaceError):
    """No connection could be had in time, or the server did not answer in time."""


DATABASE_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that the server closed between two messages
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
"""The errors of a connection whose database is away. OSError includes TimeoutError."""

_UNAVAILABLE = (
    *(kind for kind in DATABASE_AWAY if kind is not OSError),
    asyncpg.InsufficientResourcesError,  # the disk is full, or there are too many connections
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.LockNotAvailableError,  # lock_timeout
    asyncpg.QueryCanceledError,  # statement_timeout
    asyncpg.ReadOnlySQLTransactionError,  # after a failover
)


def is_away(error: Exception) -> bool:
    """True if there is no connection to the database, so that nothing else can be written."""
    # A DataError is an InterfaceError: an argument that does not fit its parameter, which is a defect.
    return isinstance(error, DATABASE_AWAY) and not isinstance(error, asyncpg.DataError)


def is_unavailable(error: Exception) -> bool:
    """True if the database cannot be reached, does not answer in time, or takes no writes.

    An OSError is no sign of it: it may come from elsewhere. An open pool raises `ConnectionUnavailable` instead.
    """
    return isinstance(error, _UNAVAILABLE) and not isinstance(error, asyncpg.DataError)
