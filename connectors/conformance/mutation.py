"""Damaged rows: fields dropped, altered, doubled, of other types; drawn by lot, the same lots give the same damage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

#: what a partner's field may one day hold
ODD_VALUES: tuple[Any, ...] = (
    None, "", " ", "x", "-1", "0", "9999-99-99 99:99:99", "0001-01-01 00:00:00", "1900-01-01", "2024-02-30", "１２３",
    "\x00", "\ud800", "a" * 5000, -1, 0, 10**30, 1.5, 1e308, True, False, [], {}, [None], [[]], [1, "x"],
    {"x": {"y": 1}},
)  # fmt: skip


def mutated(body: bytes, rng: Random) -> bytes:
    """The JSON body with one to four damages."""
    value = json.loads(body)
    for _ in range(rng.randrange(1, 5)):
        places = list(_places(value))
        if not places:
            break
        _damage(*rng.choice(places), rng)
    return written(value)


def written(value: Any) -> bytes:
    """As JSON bytes, lone surrogates escaped."""
    return json.dumps(value).encode()


def broken_bodies(body: bytes) -> Iterator[bytes]:
    """Bodies that are no whole row at all."""
    yield from (b"", b"null", b"[]", b"{}", b'"x"', b"1", b"\xff\xfe", body[: len(body) // 2], body + b"}")
    yield b"[" * 3000 + b"]" * 3000


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, name or position) of every field at every depth."""
    names = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for name in names:
        yield value, name
        yield from _places(value[name])


def _damage(container: Any, name: Any, rng: Random) -> None:
    kind = rng.choice(("drop", "odd", "odd", "retype", "double", "swap"))
    if kind == "drop":
        del container[name]
    elif kind == "retype":
        container[name] = _retyped(container[name])
    elif kind == "double" and isinstance(container, list):
        container.append(deepcopy(container[name]))
    elif kind == "swap":
        others = list(container) if isinstance(container, dict) else range(len(container))
        container[name] = deepcopy(container[rng.choice(others)])
    else:
        # a copy: the next damage may fall on it
        container[name] = deepcopy(rng.choice(ODD_VALUES))


def _retyped(value: Any) -> Any:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else [value]
    if isinstance(value, list):
        return dict(enumerate(value)) if not value else value[0]
    return str(value) if not isinstance(value, dict) else list(value.values())
