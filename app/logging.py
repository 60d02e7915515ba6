"""Logs: one line per thing worth knowing, on stderr; JSON where a machine reads, columns where a person does."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog


def configure_logging(default: str = "INFO") -> None:
    """Set up logging for this process. ``HUB_LOG_LEVEL``, else ``default``, is the least that is shown."""
    wanted = os.environ.get("HUB_LOG_LEVEL", default).upper()
    threshold = logging.getLevelNamesMapping().get(wanted, logging.INFO)
    renderer: Any
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    else:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            _without_narration,
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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Discreet("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)


def _without_narration(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # every failed try is counted as an incident of its run; the retry library would tell of each besides
    if str(event.get("event", "")).startswith("stamina."):
        raise structlog.DropEvent
    return event


class _Discreet(logging.Formatter):
    """Libraries' records without the messages of exceptions: a database's may repeat what was to be written."""

    def formatException(self, ei: Any) -> str:
        return " ".join(told(ei[1]).values()) if ei[1] is not None else ""


def told(error: BaseException) -> dict[str, str]:
    """What may be logged of an unexpected error: its type and where it arose. Its message may hold anything."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_globals.get('__name__')}:{frame.tb_lineno}" if frame is not None else ""
    return {"error": type(error).__name__, "at": where}
