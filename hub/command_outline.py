"""What of a command may be shown to anybody: its kind, codes, days and yes or no; never words, names or numbers."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from enum import Enum
from typing import Any

from hub.commands import Command
from hub.desk import Desk
from hub.outbox import command_of
from hub.sealing import UnreadableError

#: text fields that hold a code of ours and nothing a person wrote
_CODES = frozenset({"category", "region_code", "order_type"})


def outline(command: Command) -> dict[str, str]:
    """Names and values in the command's own order; a field that is empty or may not be shown is left out."""
    shown = {"kind": command.kind.value}
    for field in fields(command):
        value = getattr(command, field.name)
        if isinstance(value, bool):
            shown[field.name] = "yes" if value else "no"
        elif isinstance(value, Enum):
            shown[field.name] = str(value.value)
        elif isinstance(value, date) and not isinstance(value, datetime):
            shown[field.name] = value.isoformat()
        elif field.name in _CODES and value:
            shown[field.name] = str(value)
        elif field.name == "parties" and value:
            shown["parties"] = str(len(value))
    return shown


def outline_of(desk: Desk, row: Any) -> dict[str, str]:
    """The outline of a kept message; empty where it was erased or cannot be read."""
    try:
        command = command_of(desk, row)
    except (UnreadableError, ValueError, LookupError, TypeError):
        return {}
    return {} if command is None else outline(command)
