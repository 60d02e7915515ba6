"""What every push has in common: the key's spelling, what is refused before anything is sent, and what is in doubt.

No message holds anything of the command but its kind.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager

from hub.commands import Command
from hub.errors import RejectedError, TransientError
from hub.model import clean_text
from hub.vocabulary import CommandKind, CountyTables

#: failures after which nothing of the request can have reached the partner's desk, or the partner says it did nothing
NOTHING_DONE = frozenset(
    {"CONNECTION_REFUSED", "NAME_UNKNOWN", "CERTIFICATE", "PROXY", "RATE_LIMITED", "MAINTENANCE", "FOLDER_AWAY"}
)
#: longer keys, and those with other characters, travel as their hash
LONGEST_KEY = 64

_PLAIN = re.compile(rf"[0-9A-Za-z_-]{{1,{LONGEST_KEY}}}")


def wire_key(key: str) -> str:
    """The step's key as request ids are written: letters, digits, ``-`` and ``_``. Equal keys only are equal here."""
    return key if _PLAIN.fullmatch(key) and not key.startswith("h-") else f"h-{digest_of(key)[:48]}"


def number_from(key: str, below: int) -> int:
    """A whole number from 0 up to ``below``, made of the key alone: every try gets the same."""
    return int(digest_of(key), 16) % below


def digest_of(key: str) -> str:
    """SHA-256 of the key, in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def in_doubt() -> Iterator[None]:
    """Around what sends: a TransientError from inside leaves open whether the partner has done it."""
    try:
        yield
    except TransientError as exc:
        exc.in_doubt = exc.kind not in NOTHING_DONE
        raise


def require_carried(command: Command, carried: frozenset[CommandKind], partner: str) -> None:
    """Raise RejectedError where the wire has no message for such a command."""
    if command.kind not in carried:
        raise RejectedError(
            "UNSUPPORTED",
            f"{partner}'s wire has no message for {command.kind}",
            hint="Tell the partner by hand, and discard this message with that reason.",
        )


def clean(words: str) -> str:
    """Words as they travel: without margins and what no system keeps."""
    return clean_text(words)[0].strip()


def require(value: str, what: str, hint: str) -> str:
    """``value`` cleaned. Raises RejectedError ``MISSING_<what>`` where nothing is left."""
    given = clean(value)
    if not given:
        raise missing(what, hint)
    return given


def missing(what: str, hint: str) -> RejectedError:
    """The error that tells the operator what to add."""
    return RejectedError(f"MISSING_{what}", "the partner's wire requires what was not given", hint=hint)


def native_of(tables: CountyTables, system: str, table: str, category: str) -> str:
    """The partner's code for a category of ours: the first that stands for this very class; '' where there is none."""
    for native in tables.native_codes:
        if (native.system, native.table) == (system, table) and category in native.classes:
            return native.code
    return ""
