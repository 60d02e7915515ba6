"""Our keys: opaque, prefixed, with the county inside, and sortable by the time they were made.

``rec_620725_01J9…``: a ULID tail (48 bits of milliseconds, 80 random bits) which grows strictly within one process.
"""

from __future__ import annotations

import os
import threading
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_lock = threading.Lock()
_last = 0


def new_id(prefix: str, county: str) -> str:
    """A key nobody else has; later calls in this process give greater keys."""
    global _last
    with _lock:
        stamp = (time.time_ns() // 1_000_000) << 80
        # the random tail starts below half, so that counting up within a millisecond cannot spill into the time
        _last = _last + 1 if stamp <= _last else stamp | (int.from_bytes(os.urandom(10), "big") >> 1)
        number = _last
    return f"{prefix}_{county}_" + "".join(_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10))


def next_id(prefix: str, county: str, after: str | None) -> str:
    """A new key that sorts behind ``after``, though another machine with a faster clock made that one."""
    made = new_id(prefix, county)
    if after is None or made > after:
        return made
    number = 0
    for letter in after[len(prefix) + len(county) + 2 :]:
        number = number << 5 | _ALPHABET.index(letter)
    number += 1
    return f"{prefix}_{county}_" + "".join(_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10))
