"""Logging setup: one structured line per event on stderr, for Licet and its libraries."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from licet.config import Settings
from licet.kit.redact import redact_secrets

_SILENT = ("asyncpg.pool",)
"""Loggers that log only errors. asyncpg repeats each second, with a stack trace, that it cannot connect."""

_QUIET = ("httpx", "httpcore", "uvicorn.access", "stripe", "asyncio", "alembic")
"""Loggers that log only warnings and errors. uvicorn's access lines contain query strings; Licet logs its own."""


_WITH_LINES = ("exception", "stack")
"""Fields that have several lines."""


def escape_control_characters(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor for a terminal: shows control characters as escapes, such as `\\x1b`.

    A path or an error of others could otherwise move the cursor, rewrite earlier lines or forge a line. JSON escapes
    them itself, as does the renderer in values that are not text.
    """
    return {
        _printable(name): _printable(value, keep="\n\t" if name in _WITH_LINES else "") for name, value in event.items()
    }


def _printable(value: Any, keep: str = "") -> Any:
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(
        character if character.isprintable() or character in keep else character.encode("unicode_escape").decode()
        for character in value
    )


def set_up_logs(settings: Settings) -> None:
    """Configures logging: LICET_LOG_FORMAT, or by default JSON unless stderr is a terminal."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_json = settings.log_format == "json" or (settings.log_format is None and not sys.stderr.isatty())
    last: list[structlog.typing.Processor] = (
        [redact_secrets, structlog.processors.JSONRenderer()]
        if as_json
        else [
            redact_secrets,
            escape_control_characters,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for name in _SILENT:
        logging.getLogger(name).setLevel(max(level, logging.ERROR))
    logging.getLogger("uvicorn.error").setLevel(max(level, logging.WARNING))
