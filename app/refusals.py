"""What a database, or the system below it, most likely means when it refuses: in words, and never with a value.

Drivers' messages may repeat what was to be written, so they are looked at and not passed on.
"""

from __future__ import annotations

import os
import re
import socket

#: what PostgreSQL says (SQLSTATE), and what SQLite's messages begin with, for the same trouble
_OTHER_SCHEMA = "OTHER_SCHEMA"
_TROUBLES = (
    (_OTHER_SCHEMA, {"42P01", "42703"}, r"no such (table|column)|table \w+ has no column"),
    ("RIGHTS", {"42501"}, r"attempt to write a readonly database|unable to open database file"),
    ("LOGIN", {"28000", "28P01"}, r"(?!)"),
    ("NO_DATABASE", {"3D000"}, r"(?!)"),
    ("BUSY", {"53300", "55P03", "57P03"}, r"database is locked"),
    ("FULL", {"53100"}, r"database or disk is full"),
    ("BROKEN", {"XX001", "XX002"}, r"database disk image is malformed|file is not a database"),
)
_WORDS = {
    _OTHER_SCHEMA: (
        "it has other tables or columns than this release knows",
        "Most likely another release made it: restore a backup of this one, or start with a new database "
        "(for a demonstration a new --data).",
    ),
    "RIGHTS": (
        "it gives us no permission",
        "On PostgreSQL the role lacks grants, see docs/operator.md and repeat them after every `migrate`; on SQLite "
        "the hub's user must own the file and its folder.",
    ),
    "LOGIN": ("it does not let this user in", "Check user and password in [hub] database_url."),
    "NO_DATABASE": ("there is no database of that name", "Create it, or check [hub] database_url."),
    "BUSY": ("it is busy", "Another process holds it, or it is starting; try again."),
    "FULL": ("its disk is full", "Make room."),
    "BROKEN": ("its file is damaged or no database", "Restore a backup."),
}


def refusal(exc: BaseException) -> tuple[str, str]:
    """What a database's refusal most likely is, and what to do. Both are safe to show."""
    cause = getattr(exc, "orig", None) or exc
    if isinstance(cause, OSError):
        return system_words(cause), "Check [hub] database_url and the server."
    state = getattr(cause, "sqlstate", None) or getattr(cause.__cause__, "sqlstate", None)
    for trouble, states, message in _TROUBLES:
        if state in states if state else re.match(message, str(cause)):
            return _WORDS[trouble]
    return (
        f"it says {type(cause).__name__}",
        "Run `dispute-hub doctor`; a new database needs `dispute-hub migrate`. HUB_DEBUG=1 shows more.",
    )


def system_words(exc: OSError) -> str:
    """What the system says: ``connection refused``. The message of an error may hold addresses, this does not."""
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, socket.gaierror):
        return "the host's name is not known"
    # asyncio's own words hold addresses, and its error for several of them has no number
    return os.strerror(exc.errno).lower() if exc.errno else "nobody takes the connection"
