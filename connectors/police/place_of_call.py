"""Where a caller stood: read as degrees, the axes put right where they are swapped, unknown where it cannot be."""

from __future__ import annotations

import re

from connectors.police.forms import Form
from hub.model import Location

_DEGREES = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,12})?")
_SYSTEM = re.compile(r"[A-Z0-9]{1,16}")
#: degrees between which the country lies
_LNG, _LAT = (73.0, 136.0), (18.0, 54.0)


def location_of(form: Form) -> Location | None:
    """The point of a call; None where the police tell none, or none in the country."""
    told = form.get("BJRXZB").strip(), form.get("BJRYZB").strip()
    if not all(_DEGREES.fullmatch(one) for one in told):
        return None
    x, y = float(told[0]), float(told[1])
    # a longitude of the country is never a latitude of it: which is which cannot be mistaken
    lng, lat = (y, x) if _within(x, _LAT) and _within(y, _LNG) else (x, y)
    if not (_within(lng, _LNG) and _within(lat, _LAT)):
        return None
    system = form.get("ZBX").strip().upper()
    return Location(lng, lat, system if _SYSTEM.fullmatch(system) else "")


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]
