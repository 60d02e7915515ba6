"""12345 工单编号: how an order's number is found in text."""

from __future__ import annotations

import re

#: day and serial (WIRES 0.4); it names no area
_QUOTED = re.compile(r"(?<![0-9A-Za-z])GS[0-9]{8}[0-9]{6}(?![0-9])")


def quoted_here(text: str, _county: str) -> tuple[str, ...]:
    """Every order that ``text`` quotes, each once, in order of appearance; the number names no county to compare."""
    return tuple(dict.fromkeys(found[0] for found in _QUOTED.finditer(text)))
