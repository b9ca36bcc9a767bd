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

    doing: what fails, as in `Cannot {doing}: …`.
    """
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error)
    except OSError as error:
        reason = error.strerror or str(error) or "no answer in time"
    else:
        return
    # The text of a network error of several addresses has several lines.
    text = redact(" ".join(reason.split())).rstrip(".")
    raise StartupError(f"Cannot {doing}: {text}. {_ADVICE}")


@contextmanager
def reporting_connection_errors() -> Iterator[None]:
    """Raises StartupError in place of an error of connecting, and for a malformed LICET_DATABASE_URL."""
    with reporting_database_errors("connect to the database"):
        try:
            yield
        except ValueError as error:
            if isinstance(error, asyncpg.InterfaceError):
                raise
            # Its text could quote a part of the URL, which contains the password.
            raise StartupError(f"Cannot connect to the database: its URL is malformed. {_ADVICE}") from None
