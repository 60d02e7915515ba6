"""Laws of the partner's list and of asking again: digest and fetch."""

from __future__ import annotations

from datetime import datetime

from connectors.base import Window
from connectors.conformance.exam import Exam, Taken
from connectors.conformance.law import NotApplicableError, require
from hub.model import DigestEntry

_ABSENT = "NO-SUCH-RECORD-0"


async def digest_agrees_with_pull(exam: Exam) -> None:
    """Every key that was pulled is listed, and the reverse; versions are equal."""
    taken = Taken()
    cursor = await exam.run(taken)
    await exam.bench.settle()
    await exam.run(taken, cursor)
    await exam.mend(taken, cursor)
    entries = await exam.digest()
    # a record that the partner took away meanwhile is rightly not listed
    present = {held.key for held in await exam.bench.view()}
    if exam.connector().can_fetch:
        _require_equal(taken, entries, present)
    else:
        await _require_listed(exam, taken, entries, present)


def _require_equal(taken: Taken, entries: list[DigestEntry], present: set[tuple[str, str]]) -> None:
    listed: dict[tuple[str, str], datetime | None] = {}
    for entry in entries:
        listed[(entry.native_id, entry.native_no)] = entry.updated_at
    have = {key: at for key, at in taken.versions().items() if key in present}
    missing, extra = have.keys() - listed.keys(), listed.keys() - taken.keys
    require(not missing, f"{len(missing)} records that were pulled are not in the digest", _LIST_HINT)
    require(not extra, f"{len(extra)} records of the digest were not pulled", _LIST_HINT)
    other = [key for key, at in listed.items() if at is not None and at != have.get(key, at)]
    require(not other, f"{len(other)} records have another version in the digest than in the pull", _LIST_HINT)


_LIST_HINT = "`digest` and `pull` must name the same records by the same keys and versions, whole, from the first on."


async def _require_listed(exam: Exam, taken: Taken, entries: list[DigestEntry], present: set[tuple[str, str]]) -> None:
    """The weaker promise of a list of the past: each listed item was pulled, as new or newer, and the reverse."""
    newest = taken.newest()
    missing = [entry for entry in entries if entry.key not in newest]
    require(not missing, f"{len(missing)} of {len(entries)} listed items were never pulled", _LIST_HINT)
    older = [e for e in entries if e.updated_at is not None and _is_older(newest[e.key].updated_at, e.updated_at)]
    require(not older, f"{len(older)} items are held in an older version than the list names", _LIST_HINT)
    connector = exam.connector()
    stretches = await exam.ask(lambda: connector.listed(exam.wire, Window()))
    require(stretches, "the connector lists nothing at all", "`listed` must name the stretches that `digest` covers.")
    names = {entry.native_id for entry in entries}
    first: dict[str, datetime] = {}
    for item in taken.items:
        if item.updated_at is not None:
            first[item.native_id] = min(item.updated_at, first.get(item.native_id, item.updated_at))
    unlisted = [
        record.native_id
        for key, record in exam.composed(connector, taken).items()
        if key in present
        and record.native_id not in names
        and any(_covers(one, record.received_at, first[record.native_id]) for one in stretches)
    ]
    require(not unlisted, f"{len(unlisted)} records that were pulled are missing in the list of their time", _LIST_HINT)


def _is_older(ours: datetime | None, theirs: datetime) -> bool:
    return ours is None or ours < theirs


def _covers(stretch: Window, received_at: datetime, first_at: datetime) -> bool:
    is_in = (stretch.start is None or received_at >= stretch.start) and (
        stretch.end is None or received_at <= stretch.end
    )
    return is_in and (stretch.end is None or first_at <= stretch.end)


async def fetch_is_exact(exam: Exam) -> None:
    """Asked ids and nothing else; nothing for an absent one; what is fetched is the present version."""
    connector = exam.connector()
    if not connector.can_fetch:
        require(
            list(await exam.fetch([_ABSENT])) == [], "a connector without `can_fetch` fetched something",
            "Set `can_fetch`, or let `fetch` return nothing.",
        )  # fmt: skip
        raise NotApplicableError("single records cannot be asked for on this wire")
    some = await exam.pick(8)
    # seen once by this process, changed since
    await exam.fetch([held.native_id for held in some], connector)
    await exam.bench.advance(600)
    for held in some[:3]:
        await exam.edit(held)
    wanted = [held.native_id for held in some]
    taken = Taken()
    taken.take(await exam.fetch([*wanted, _ABSENT, wanted[0], ""], connector))
    strange = {item.native_id for item in taken.items} - set(wanted)
    require(not strange, "`fetch` returned records that nobody asked for", "Ask for each id and check the answer.")
    versions = taken.versions()
    lost = [held for held in await exam.bench.view() if held.native_id in wanted and held.key not in versions]
    require(not lost, "`fetch` does not return every row of an id", "An id may have several numbers: return them all.")
    stale = [h for h in await exam.bench.view() if h.native_id in wanted and versions[h.key] != h.version]
    require(not stale, "`fetch` returned an older version", "Ask the partner each time; never answer from memory.")
    present = {held.native_id for held in await exam.bench.view()}
    for native_id in (one for one in dict.fromkeys(wanted) if one in present):
        await exam.require_rows(taken.of(native_id), native_id, "`fetch` must return the record as it is now.")
