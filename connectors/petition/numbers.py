"""信访件编号: how a letter's number is found in text."""

from __future__ import annotations

import re

#: receiving district, day, serial (WIRES 0.4)
_QUOTED = re.compile(r"(?<![0-9A-Za-z])XF(?P<district>[0-9]{6})[0-9]{8}[0-9]{5}(?![0-9])")


def quoted_here(text: str, county: str) -> tuple[str, ...]:
    """Every number of a letter received in this county that ``text`` quotes, each once, in order of appearance."""
    return tuple(dict.fromkeys(found[0] for found in _QUOTED.finditer(text) if found["district"] == county))
