"""How a command ends: 0 done, 1 failed, 2 wrong use; one clear sentence and what to do next, no traceback."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable


def guarded(command: Callable[[], None]) -> int:
    """Run the command line and return its exit code. ``HUB_DEBUG=1`` lets tracebacks through."""
    from hub.errors import ConfigurationError, HubError, UserInputError

    try:
        command()
        sys.stdout.flush()
        return 0
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1
    except KeyboardInterrupt:
        _tell("stopped")
        return 130
    except BrokenPipeError:
        # whoever read our output has had enough; python would complain once more when it closes stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except HubError as exc:
        if _is_debugging():
            raise
        _tell(f"error: {exc}", exc.hint)
        return 2 if isinstance(exc, ConfigurationError | UserInputError) else 1
    except Exception as exc:
        if _is_debugging():
            raise
        _tell(*_explained(exc))
        return 1


def _explained(exc: Exception) -> tuple[str, str]:
    # messages of databases and libraries may repeat values of citizens: only the kind of error is told
    kind = type(exc).__name__
    modules = {base.__module__.split(".")[0] for base in type(exc).__mro__}
    if modules & {"sqlalchemy", "asyncpg", "aiosqlite", "sqlite3"}:
        from app.refusals import refusal

        why, todo = refusal(exc)
        return f"error: the database refuses: {why}", todo
    if "alembic" in modules:
        return (
            "error: the database stands at a step that this release does not know",
            "A newer release made it: install that one, or restore a backup of this one.",
        )
    if isinstance(exc, OSError):
        return _system_refused(exc, modules)
    return f"error: unexpected {kind}", "This is a fault of ours. HUB_DEBUG=1 shows where; please report it."


def _system_refused(exc: OSError, modules: set[str]) -> tuple[str, str]:
    from app.refusals import system_words

    if exc.filename:
        return (
            f"error: {exc.strerror or type(exc).__name__} {exc.filename}",
            "Check the path, its owner and its rights.",
        )
    # partners' failing connections are told by their connectors: what comes here is the driver of PostgreSQL
    if isinstance(exc, ConnectionError | TimeoutError | socket.gaierror) and "aiohttp" not in modules:
        return f"error: the database does not answer: {system_words(exc)}", "Check [hub] database_url and the server."
    return f"error: {exc.strerror or type(exc).__name__}", "HUB_DEBUG=1 shows more."


def _is_debugging() -> bool:
    return os.environ.get("HUB_DEBUG", "") not in ("", "0")


def _tell(sentence: str, hint: str = "") -> None:
    sys.stderr.write(sentence + "\n" + (f"hint: {hint}\n" if hint else ""))
