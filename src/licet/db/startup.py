"""Reports errors of the database to an operator, as one line that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from licet.kit.redact import redact
from licet.startup_error import StartupError

_ADVICE = "Check LICET_DATABASE_URL."


@contextmanager
def reporting_database_errors(doing: str) -> Iterator[None]:
    """Raises StartupError in place of an error of the database.

    doing: what fails, as in `Cannot {doing}: …`. Errors of files are raised as they are.
    """
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError, TimeoutError) as error:
        raise _as_startup_error(doing, error) from None


@contextmanager
def reporting_connection_errors() -> Iterator[None]:
    """Raises StartupError in place of an error of connecting, and for a malformed LICET_DATABASE_URL."""
    doing = "connect to the database"
    with reporting_database_errors(doing):
        try:
            yield
        except OSError as error:
            raise _as_startup_error(doing, error) from None
        except ValueError as error:
            if isinstance(error, asyncpg.InterfaceError):
                raise
            # Its text could quote a part of the URL, which contains the password.
            raise StartupError(f"Cannot {doing}: its URL is malformed. {_ADVICE}") from None


def _as_startup_error(doing: str, error: Exception) -> StartupError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or "no answer in time"
    # The text of a network error of several addresses has several lines.
    text = redact(" ".join(reason.split())).rstrip(".")
    return StartupError(f"Cannot {doing}: {text}. {_ADVICE}")
