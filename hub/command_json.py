"""Commands as bytes, for the sealed archive: written once, read the same for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, get_args, get_type_hints

import orjson

from hub.commands import Command
from hub.vocabulary import CommandKind

_TYPES: Mapping[str, type[Any]] = {one.kind.value: one for one in get_args(Command)}


def dump(command: Command) -> bytes:
    """One spelling per command: equal commands give equal bytes."""
    return orjson.dumps({"kind": command.kind.value, **_plain(command)}, option=orjson.OPT_SORT_KEYS)


def load(stored: bytes) -> Command:
    """The command that ``dump`` wrote."""
    given = orjson.loads(stored)
    command: Command = _read(_TYPES[CommandKind(given.pop("kind")).value], given)
    return command


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | Decimal):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _read(wanted: Any, given: Any) -> Any:
    if isinstance(wanted, type) and is_dataclass(wanted):
        hints = get_type_hints(wanted)
        known = {field.name for field in fields(wanted)}
        # a field that a later release dropped is passed over, one that it added keeps its default
        return wanted(**{name: _read(hints[name], value) for name, value in given.items() if name in known})
    choices = [one for one in get_args(wanted) if one is not type(None)]
    if given is None:
        return None
    if isinstance(given, list):
        return tuple(_read(choices[0], one) for one in given)
    (kind,) = choices or (wanted,)
    if kind is datetime:
        return datetime.fromisoformat(given)
    if kind is date:
        return date.fromisoformat(given)
    if kind is Decimal:
        return Decimal(given)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(given)
    if is_dataclass(kind):
        return _read(kind, given)
    return given
