"""Laws of what is told: identity, instants, the raw item, mapping, unknown codes."""

from __future__ import annotations

import builtins
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.base import Connector
from connectors.conformance.exam import Exam, Taken
from connectors.conformance.law import LawBrokenError, require
from connectors.conformance.mutation import broken_bodies, mutated
from hub.errors import BadPayloadError, OrphanError
from hub.model import SHANGHAI, CaseFacts, Fact, Item
from hub.vocabulary import UNKNOWN

#: mutated rows that are mapped
MUTATIONS = 400
#: a zone far from the partner's, with summer time
_ELSEWHERE = "America/New_York"


async def identity_is_whole(exam: Exam) -> None:
    """Every item of two runs by two processes."""
    first, second = Taken(), Taken()
    cursor = await exam.run(first)
    await exam.run(second)
    await exam.mend(second, cursor)
    listed = {held.key for held in await exam.bench.view()}
    nameless = [item for item in first.items if not item.key or not item.native_id]
    require(
        exam.mode or not nameless, f"{len(nameless)} good records came without identity",
        "`key` and `native_id` must be set for every record that the partner can name.",
    )  # fmt: skip
    # a connector of somebody else's may never have met a type checker
    numbers: set[object] = {item.native_no for item in first.items}
    require(
        all(isinstance(number, str) for number in numbers), "a `native_no` is no text",
        "It is '' while the partner has given no number, never None.",
    )  # fmt: skip
    wanted = {(item.native_id, item.native_no) for item in first.items if item.native_id}
    again = {(item.native_id, item.native_no) for item in second.items if item.native_id}
    require(
        exam.mode or wanted & listed == again & listed, "a second delivery names the records otherwise",
        "`key`, `native_id` and `native_no` must depend on the row alone and be the same in every delivery.",
    )  # fmt: skip
    by_key: dict[str, tuple[str, str]] = {}
    for item in (*first.items, *second.items):
        if item.key:
            record = by_key.setdefault(item.key, (item.native_id, item.native_no))
            require(
                record == (item.native_id, item.native_no), "one `key` belongs to two records",
                "Two items of one `key` are two versions of one thing; build it from the partner's own identity.",
            )  # fmt: skip


async def instants_are_aware_and_unshifted(exam: Exam) -> None:
    """Read by a process that believes it is in New York."""
    taken = Taken()
    with elsewhere():
        cursor = await exam.run(taken)
        await exam.mend(taken, cursor)
        connector = exam.connector()
        facts = [(item, fact) for item in taken.items for fact in exam.facts(connector, [item])]
    naive = [item for item in taken.items if item.updated_at is not None and item.updated_at.tzinfo is None]
    require(not naive, "an `updated_at` has no zone", _ZONE_HINT)
    versions = taken.versions()
    shifted = [held for held in await exam.bench.view() if held.key in versions and versions[held.key] != held.version]
    require(not shifted, f"{len(shifted)} records are held under another time than the partner's own", _ZONE_HINT)
    for item, fact in facts:
        for at in _instants(fact):
            require(at.tzinfo is not None, "a mapped time has no zone", _ZONE_HINT)
            require(_is_written(at, item.body), "a mapped time stands nowhere in its item", _ZONE_HINT)


_ZONE_HINT = (
    "A time without offset is the partner's wall clock: read it with `replace(tzinfo=SHANGHAI)`, never with "
    "`astimezone` of a naive time, the machine's zone or `now()`."
)


def _instants(facts: CaseFacts) -> list[datetime]:
    found = [facts.received_at, facts.updated_at, *(entry.occurred_at for entry in facts.entries)]
    return [at for at in [*found, *(one.sent_at for one in facts.hand_overs)] if at is not None]


def _is_written(at: datetime, body: bytes) -> bool:
    """In one of the usual spellings, Shanghai wall clock or epoch."""
    local = at.astimezone(SHANGHAI)
    spellings = [local.strftime(one) for one in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S", "%Y/%m/%d")]
    spellings += [str(int(at.timestamp()))]
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        spellings += [local.strftime(one) for one in ("%Y-%m-%d", "%Y%m%d", "%Y年%m月%d日")]
        spellings += [local.strftime("%d%b%y").upper()]
    written = body.decode("utf-8", "replace")
    return any(one in written for one in spellings)


async def raw_is_whole(exam: Exam) -> None:
    """The body of an item against the partner's own row."""
    taken = Taken()
    cursor = await exam.run(taken)
    await exam.mend(taken, cursor)
    for held in await exam.pick(40):
        await exam.require_rows(
            taken.of(held.native_id), held.native_id,
            "`body` must be the partner's row as it came, every field of it: it is kept for ever and mapped again.",
        )  # fmt: skip


async def repeats_make_no_version(exam: Exam) -> None:
    """What did not change, delivered again by another process, and fetched."""
    first, second = Taken(), Taken()
    await exam.run(first)
    await exam.run(second)
    connector = exam.connector()
    if connector.can_fetch:
        second.take(await exam.fetch([held.native_id for held in await exam.pick(20)], connector))
    known = {_content(exam, item): item.canonical for item in first.items}
    changed = [item for item in second.items if known.get(_content(exam, item), item.canonical) != item.canonical]
    require(
        not changed, f"{len(changed)} unchanged records have other `canonical` bytes the second time",
        "Leave out of `canonical` what changes by itself: expiring addresses, exchange marks, key order, masks.",
    )  # fmt: skip


def _content(exam: Exam, item: Item) -> tuple[str, str]:
    """What was delivered, without the fields that change by themselves."""
    try:
        value = exam.bench.without_volatile(json.loads(item.body))
    except ValueError:
        return item.key, item.body.hex()
    return item.key, json.dumps(value, sort_keys=True)


async def unknown_codes_are_named(exam: Exam) -> None:
    """A category code that no table knows."""
    taken = Taken()
    cursor = await exam.run(taken)
    await exam.bench.advance(3600)
    [held] = await exam.pick(1)
    code = await exam.bench.misname(held)
    cursor = await exam.run(taken, cursor)
    await exam.mend(taken, cursor)
    connector = exam.connector()
    hint = "Map it all the same, as UNKNOWN: the record is more than one of its codes."
    record = exam.composed(connector, taken).get(held.key)
    require(record is not None, "a record with an unknown code was refused or lost", hint)
    assert record is not None
    require(
        any(unknown.code == code for unknown in record.unknown_codes), "a code that no table knows is not named",
        "Put it into `unknown_codes`: a person must see it on the worklist.",
    )  # fmt: skip
    require(
        record.category == UNKNOWN, "the category of an unknown code was guessed",
        "What no table explains is UNKNOWN until a person maps it.",
    )  # fmt: skip


async def mapping_is_pure(exam: Exam) -> None:
    """Mapped twice, by two processes, in another zone, with no way out of the process."""
    taken = Taken()
    await exam.run(taken)
    some = exam.rng.sample(taken.items, min(200, len(taken.items)))
    connector, other = exam.connector(), exam.connector()
    for item in some:
        before = (item.key, item.body, item.canonical)
        first = _mapped(connector, item)
        with elsewhere(), no_way_out():
            second = _mapped(other, item)
        require(
            first == second, "an item was mapped in two ways",
            "`map` may depend on the item and the configuration alone: no clock, no zone, no memory.",
        )  # fmt: skip
        require((item.key, item.body, item.canonical) == before, "`map` changed its item", "Leave it as it is.")


async def mapping_bears_anything(exam: Exam) -> None:
    """Rows with fields dropped, altered and of other types."""
    taken = Taken()
    await exam.run(taken)
    rng, connector = exam.rng, exam.connector()
    good = [item for item in taken.items if item.native_id]
    for item in rng.choices(good, k=MUTATIONS):
        require_mappable(connector, replace(item, body=mutated(item.body, rng)))
    for body in broken_bodies(good[0].body):
        require_mappable(connector, replace(good[0], body=body))


def require_mappable(connector: Connector, item: Item) -> None:
    """The item is understood or refused with BadPayloadError. Raises LawBrokenError for anything else."""
    try:
        facts = connector.map(item)
        parts = [fact for fact in facts if isinstance(fact, CaseFacts)]
        if parts:
            connector.compose(parts)
        require(
            all(one.native_id and _is_text(one.native_no) for one in parts), "a mapped record has no identity",
            "Raise BadPayloadError for a row that does not name itself.",
        )  # fmt: skip
    except (BadPayloadError, OrphanError):
        return
    except LawBrokenError:
        raise
    except Exception as exc:
        raise LawBrokenError(
            f"`map` raised {type(exc).__name__} for a damaged row",
            "Raise BadPayloadError and nothing else: one damaged row is set aside alone.",
        ) from exc


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _mapped(connector: Connector, item: Item) -> Sequence[Fact] | str:
    try:
        return list(connector.map(item))
    except BadPayloadError as exc:
        return str(exc)


@contextmanager
def elsewhere() -> Iterator[None]:
    """The machine's zone is another one meanwhile."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = _ELSEWHERE
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


@contextmanager
def no_way_out() -> Iterator[None]:
    """Opening a file or a socket raises LawBrokenError meanwhile."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise LawBrokenError("`map` went to a file or the network", "A mapping is a pure function of the item.")

    opened, connect = builtins.open, socket.socket.connect
    builtins.open, socket.socket.connect = refuse, refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        builtins.open, socket.socket.connect = opened, connect  # type: ignore[method-assign]
