"""How the petition office misbehaves: its modes, its places, and what they do to the rows of an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from aiohttp import web
from aiohttp.typedefs import Middleware

from connectors.sandbox.faults import MODES, Faults
from connectors.sandbox.http_faults import faulty_http
from connectors.sandbox.petition_letters import Letter, touched
from connectors.sandbox.petition_store import PetitionStore

#: what is asked by which path (3.1)
PLACES_BY_PATH: Mapping[str, str] = MappingProxyType(
    {
        "/obtainData/obtainJsonData": "pull",
        "/obtainData/pushJsonData": "push",
        "/obtainData/list": "list",
        "/obtainData/one": "one",
    }
)
_OWN = {
    "duplicate": "a row stands twice in an obtainJsonData answer",
    "reorder": "an obtainJsonData answer's rows come in another order",
    "gap": "one row is marked exchanged and silently missing from the answer",
    "partial": "an answer ends silently after half of the rows it marked; half of a pushed batch is done and told of",
    "vanish": "one row to be exchanged is taken away for ever without notice",
    "unknown": "one row to be exchanged has got a code that no table knows (field of xfj, default nrfldm; value)",
    "encoding": "obtainJsonData answers GB18030 and says UTF-8 (as: gb18030, or broken = neither)",
    "gbk": "the same as encoding",
    "code500": "HTTP 200 and code 500 in the body, nothing done",
    "skew": "the office's clock is wrong for what changes now (seconds, default 300)",
    "lost": "rows are marked exchanged or pushes done, then HTTP 502",
}
_SHARED = ("delay", "500", "html", "429", "maintenance", "outage", "cut")
OFFICE_MODES: Mapping[str, str] = MappingProxyType({**_OWN, **{mode: MODES[mode] for mode in _SHARED}})


def office_faults(seed: str, at_start: Mapping[str, int]) -> Faults:
    """The office's faults. Raises UserInputError for a mode it does not have."""
    return Faults(seed, at_start, OFFICE_MODES, tuple(PLACES_BY_PATH.values()))


def faulty(faults: Faults, clock: Callable[[], datetime]) -> Middleware:
    """A middleware that strikes every address but the control address."""
    return faulty_http(faults, clock, _place, lost_at=("pull", "push"))


def _place(request: web.Request) -> str:
    return PLACES_BY_PATH.get(request.path, "")


def lose_one(store: PetitionStore, numbers: list[str], faults: Faults) -> list[str]:
    """One of these letters is taken away; returns the others."""
    if not numbers or faults.strike("vanish", "pull") is None:
        return numbers
    gone = faults.rng.choice(numbers)
    store.delete(gone)
    return [number for number in numbers if number != gone]


def give_unknown_code(store: PetitionStore, numbers: list[str], faults: Faults, now: datetime) -> list[str]:
    """One of these letters gets a code that no table knows; returns them in the order of their changes.

    The office itself has it from then on: the row, list and one agree about it.
    """
    fault = faults.strike("unknown", "pull") if numbers else None
    letter = store.get(faults.rng.choice(numbers)) if fault else None
    if fault is None or letter is None:
        return numbers
    letter["xfj"][fault.text("field", "nrfldm")] = fault.text("value", "XX99")
    store.replace(touched(letter, now))
    return [*(number for number in numbers if number != letter["xfjbh"]), letter["xfjbh"]]


def spoil(rows: list[Letter], faults: Faults) -> list[Letter]:
    """The answer as the faults that are on leave it; an empty one is no occasion."""
    rng, rows = faults.rng, list(rows)
    if rows and faults.strike("gap", "pull"):
        del rows[rng.randrange(len(rows))]
    if rows and faults.strike("duplicate", "pull"):
        rows.insert(rng.randrange(len(rows) + 1), rng.choice(rows))
    if len(rows) > 1 and faults.strike("reorder", "pull"):
        rng.shuffle(rows)
    if rows and faults.strike("partial", "pull"):
        rows = rows[: len(rows) // 2]
    return rows


def clock_error(faults: Faults) -> timedelta:
    """By how much the office's clock is off for the change that happens now."""
    fault = faults.strike("skew")
    return timedelta(seconds=fault.number("seconds", 300)) if fault else timedelta()
