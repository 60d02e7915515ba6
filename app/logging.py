"""Logs: one line per thing worth knowing, on stderr; JSON where a machine reads, columns where a person does."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import structlog


def configure_logging(*, level: str | None = None) -> None:
    """Set up logging for this process. ``HUB_LOG_LEVEL`` (default INFO) is the least that is shown."""
    threshold = logging.getLevelNamesMapping().get((level or os.environ.get("HUB_LOG_LEVEL", "INFO")).upper(), 20)
    renderer: Any
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    else:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # libraries speak only when something is wrong
    logging.basicConfig(level=max(threshold, logging.WARNING), stream=sys.stderr, format="%(name)s: %(message)s")


def told(error: BaseException) -> dict[str, str]:
    """What may be logged of an unexpected error: its type and where it arose. Its message may hold anything."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_globals.get('__name__')}:{frame.tb_lineno}" if frame is not None else ""
    return {"error": type(error).__name__, "at": where}
