"""How the simulated police misbehave: what each mode of WIRES.md 0.24 means for a folder of batches."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: an occasion is a batch about to be written, unless the words say otherwise
POLICE_MODES: Mapping[str, str] = MappingProxyType(
    {
        "duplicate": "the batch stands twice: the same rows under the next serial (how=name: the same file once more)",
        "reorder": "the batch appears only after its successor",
        "gap": "a serial never comes; its rows follow under a later serial, after the next month-end file",
        "partial": "the marker is there before the zip is whole; completed at the next move of the clock or after some "
        "real time (seconds, default 3), never where stays=true",
        "delay": "the zip is there before its marker; completed as with partial",
        "count": "a jlhs is one too many",
        "encoding": "a file is not in the encoding that its manifest names",
        "manifest": "the manifest breaks off",
        "row": "a line lacks its last fields",
        "name": "the batch, once written, is overwritten by another one of the same name",
        "vanish": "a call of the current month is taken out of the book for ever without notice",
        "unknown": "a form holds a code that no table knows (dataset, field, value)",
        "skew": "the police clock is wrong for the next changed form (seconds, default 300)",
        "outage": "nothing is written, read or acknowledged; everything follows at once afterwards (days: it ends by "
        "itself after so many of the simulated clock)",
        "lost": "an ack is lost: on=in the hub's (the batch is written again), on=out ours (never written)",
    }
)
#: whose ack an occasion concerns
POLICE_PLACES = ("in", "out")
