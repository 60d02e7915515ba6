"""Settings as TOML: what a command prints or writes, so that a person can paste it and a hub can read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def to_toml(hub: Mapping[str, Any], instances: Mapping[str, Mapping[str, Any]]) -> str:
    """``[hub]``, where it says anything, and one ``[instances.<name>]`` each, tables inside them last."""
    tables = [("hub", hub)] if hub else []
    for name, one in instances.items():
        inner = {key: value for key, value in one.items() if isinstance(value, Mapping)}
        tables.append((f"instances.{name}", {key: value for key, value in one.items() if key not in inner}))
        tables += [(f"instances.{name}.{key}", value) for key, value in inner.items()]
    return "\n".join(_table(name, values) for name, values in tables)


def _table(name: str, values: Mapping[str, Any]) -> str:
    # a JSON text, number, truth value or list of these is a TOML one
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
    return f"[{name}]\n{''.join(lines)}"
