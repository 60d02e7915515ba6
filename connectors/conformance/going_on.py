"""Laws of going on: cursors, restarts, repeated questions, pages."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import FunctionType, ModuleType
from typing import Any

from connectors.conformance.exam import MOST_PAGES, Exam, Taken
from connectors.conformance.law import LawBrokenError, require
from hub.model import SHANGHAI, Cursor

#: bytes of a cursor as JSON
LARGEST_CURSOR = 600
#: a run that needs more restarts than this goes in a circle
_MOST_DEATHS = 500
#: of a connector's memory, records it may know by name at the end of a run: those of its last pages
MOST_REMEMBERED = 0.5

_STAMP = re.compile(r"(?<!\d)((?:19|20)\d\d)-?(\d\d)-?(\d\d)[ T]?(\d\d):?(\d\d):?(\d\d)(?!\d)")
#: a batch may be named by when it was closed, and a quiet partner's newest record be old
_AHEAD = timedelta(days=31)
_EPOCH = range(946_684_800, 4_102_444_800)


async def everything_from_the_start(exam: Exam) -> None:
    """The first run."""
    taken = Taken()
    cursor = await exam.run(taken)
    await exam.mend(taken, cursor)
    hint = "`start_cursor(None)` must begin before the partner's first record, and `more` be true until the last."
    await exam.require_all(taken, hint)
    listed = {held.key for held in await exam.bench.view()}
    # a rejected row that names no record is delivered for the quarantine
    strange = {key for key in taken.keys if key[0] and key not in listed}
    require(
        exam.mode or not strange,
        f"{len(strange)} records were delivered that the partner does not hold",
        "`native_id` and `native_no` must be the partner's own words, normalised the same way in every delivery.",
    )


async def resume_from_any_cursor(exam: Exam) -> None:
    """A process that dies after every page, every second time before the page was acknowledged."""
    taken = Taken()
    cursor: Cursor | None = None
    for number in range(_MOST_DEATHS):
        connector = exam.connector()
        page = await exam.page(connector, connector.start_cursor(cursor))
        taken.take(page.items)
        # died between commit and acknowledgement: the next run must not depend on it
        if number % 2:
            await exam.acknowledge(connector, page)
        cursor = page.cursor
        if not page.more:
            break
    else:
        raise LawBrokenError(
            f"killed after every page, the run has not arrived after {_MOST_DEATHS} pages",
            "A run that was cut off must not go back by the whole overlap again: keep in the cursor how far it was.",
        )
    hint = "What a cursor says must be enough to go on: nothing that matters may live in the process alone."
    await exam.mend(taken, cursor)
    await exam.require_all(taken, hint)


async def asked_twice(exam: Exam) -> None:
    """The first answer at every cursor is lost on our side, as when the hub's commit fails."""
    taken = Taken()
    connector = exam.connector()
    cursor = connector.start_cursor(None)
    for _ in range(MOST_PAGES):
        await exam.page(connector, cursor)
        page = await exam.page(connector, cursor)
        taken.take(page.items)
        await exam.acknowledge(connector, page)
        cursor = page.cursor
        if not page.more:
            break
    await exam.mend(taken, cursor)
    await exam.require_all(
        taken, "The same cursor must give the same records again: a page that was not kept is asked for once more."
    )


async def a_new_run_goes_on(exam: Exam) -> None:
    """New and changed records after a finished run."""
    taken = Taken()
    cursor = await exam.run(taken)
    await exam.bench.advance(1800)
    changed = await exam.pick(4)
    for held in changed:
        await exam.edit(held)
    added = await exam.bench.add(3)
    cursor = await exam.run(taken, cursor)
    await exam.bench.advance(1800)
    cursor = await exam.run(taken, cursor)
    await exam.mend(taken, cursor)
    await exam.require_all(
        taken,
        "`start_cursor(kept)` must not lie behind anything that was not delivered: move it by what the partner showed.",
        rows_of=[*(held.native_id for held in changed), *added],
    )


async def cursors_are_small(exam: Exam) -> None:
    """Every cursor of a run and of the one after it."""
    newest = max((held.version for held in await exam.bench.view()), default=None)
    connector = exam.connector()
    cursor = connector.start_cursor(None)
    for _ in range(2):
        async for page in exam.pages(connector, cursor):
            _check_cursor(page.cursor, newest)
            cursor = page.cursor
        cursor = connector.start_cursor(cursor)
        _check_cursor(cursor, newest)


def _check_cursor(cursor: Cursor, newest: datetime | None) -> None:
    written = json.dumps(dict(cursor))
    require(
        len(written) <= LARGEST_CURSOR,
        f"a cursor has {len(written)} bytes", f"Keep a place in it, at most {LARGEST_CURSOR} bytes, not what was seen.",
    )  # fmt: skip
    require(
        not any(isinstance(value, list) and len(value) > 2 for value in _values(cursor)),
        "a cursor holds a list", "Keep a place (time and key), never a list of ids: it grows with the partner.",
    )  # fmt: skip
    ahead = [at for at in _instants(cursor) if newest is not None and at > newest + _AHEAD]
    require(
        not ahead, "a cursor lies later than the partner's newest record",
        "Never write the present time into a cursor: what commits late, or on a slower clock, would be skipped.",
    )  # fmt: skip


def _values(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _values(one)


def _instants(cursor: Cursor) -> Iterator[datetime]:
    for value in _values(cursor):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = value / 1000 if value > _EPOCH.stop else value
            if int(seconds) in _EPOCH:
                yield datetime.fromtimestamp(seconds, SHANGHAI)
        elif isinstance(value, str):
            yield from _written_instants(value)


def _written_instants(text: str) -> Iterator[datetime]:
    for match in _STAMP.finditer(text):
        try:
            yield datetime(*(int(part) for part in match.groups()), tzinfo=SHANGHAI)  # type: ignore[misc, arg-type]
        except ValueError:
            continue


async def pages_are_bounded(exam: Exam) -> None:
    """No page is larger than the bench says a page may be."""
    connector = exam.connector()
    async for page in exam.pages(connector, connector.start_cursor(None)):
        # the partner itself may say a thing twice
        size = len({(item.key, item.canonical) for item in page.items})
        require(
            size <= exam.bench.largest_page,
            f"a page holds {size} items",
            f"Hand on at most {exam.bench.largest_page} at a time: a page is one transaction, in memory whole.",
        )


async def memory_is_bounded(exam: Exam) -> None:
    """After a run the connector does not know the partner's records by name."""
    taken, connector = Taken(), exam.connector()
    cursor = await exam.run(taken, connector=connector)
    await exam.run(taken, cursor, connector)
    ids = {item.native_id for item in taken.items if item.native_id}
    known = len(ids & _strings_below(connector))
    require(
        known <= max(MOST_REMEMBERED * len(ids), 5),
        f"after a run the connector still knows {known} of {len(ids)} records by name",
        "Remember a place, not what was seen: a hub runs for years and a partner has millions of records.",
    )


def _strings_below(root: object) -> set[str]:
    """Every text that can be reached from this object; classes, modules and functions are not looked into."""
    seen, found, waiting = {id(root)}, set[str](), [root]
    while waiting:
        for one in gc.get_referents(waiting.pop()):
            if isinstance(one, str):
                found.add(one)
            elif id(one) not in seen and not isinstance(one, (type, ModuleType, FunctionType)):
                seen.add(id(one))
                waiting.append(one)
    return found
