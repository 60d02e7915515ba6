"""Laws of a partner that changes while it is read: ties, edits between pages, late commits, deletions."""

from __future__ import annotations

from connectors.conformance.exam import Exam, Taken
from connectors.conformance.law import NotApplicableError, require

_DAY_S = 86_400
#: a partner that changes after every page for ever is never read to its end
_MOST_EDITS = 40


async def ties_across_a_page_edge(exam: Exam) -> None:
    """More records of one second than two pages hold, and others behind them."""
    taken = Taken()
    cursor = await exam.run(taken)
    await exam.bench.advance(3600)
    together = await exam.bench.add(2 * min(exam.bench.largest_page, 200) + 7)
    await exam.bench.advance(3600)
    behind = await exam.bench.add(1)
    cursor = await exam.run(taken, cursor)
    await exam.mend(taken, cursor)
    await exam.require_all(
        taken,
        "Go on by time *and* key, or ask the last second again whole: records of one second stand on both sides of a "
        "page's edge.",
        rows_of=[together[0], together[-1], *behind],
    )


async def edits_between_pages(exam: Exam) -> None:
    """After every page one record that came and one that did not come yet are changed and so move in the list."""
    taken, connector = Taken(), exam.connector()
    await exam.bench.advance(3600)
    waiting = sorted(await exam.bench.view(), key=lambda held: held.version)
    edited: list[str] = []
    cursor = connector.start_cursor(None)
    rng = exam.rng
    async for page in exam.pages(connector, cursor):
        taken.take(page.items)
        cursor = page.cursor
        if not page.more or len(edited) >= _MOST_EDITS:
            continue
        came, to_come = [h for h in waiting if h.key in taken.keys], [h for h in waiting if h.key not in taken.keys]
        for some in (came, to_come):
            if some:
                held = rng.choice(some)
                await exam.edit(held)
                edited.append(held.native_id)
        await exam.bench.advance(1)
    cursor = await exam.run(taken, cursor, connector)
    await exam.mend(taken, cursor)
    await exam.require_all(
        taken,
        "Do not trust page numbers: a record that changes between two pages moves past the reader. Go on by key.",
        rows_of=edited,
    )


async def late_within_the_overlap(exam: Exam) -> None:
    """A record that becomes visible with a stamp of some minutes ago."""
    taken = Taken()
    await exam.bench.advance(2 * _DAY_S)
    await exam.bench.add(1)
    cursor = await exam.run(taken)
    back_s = exam.config.overlap_s / 2
    late = await exam.bench.add(2, back_s=back_s)
    cursor = await exam.run(taken, cursor)
    await exam.mend(taken, cursor)
    await exam.require_all(
        taken,
        f"`start_cursor` must go back by `overlap_s` ({exam.config.overlap_s} s of the partner's clock): transactions "
        "become visible later than their stamp says.",
        rows_of=late,
    )


async def late_beyond_the_overlap(exam: Exam) -> None:
    """A record that becomes visible with a stamp of ten days ago: the comparison finds it."""
    taken = Taken()
    cursor = await exam.run(taken)
    late = await exam.bench.add(1, back_s=10 * _DAY_S)
    if not exam.connector().can_fetch:
        await exam.bench.settle()
        await exam.run(taken, cursor)
        require(
            set(late) <= {item.native_id for item in taken.items},
            "a record that came late was not delivered by the next run",
            "Whatever lies on the wire unread must be read, whatever its name or time says.",
        )
        return
    listed = {entry.native_id for entry in await exam.digest()}
    require(
        set(late) <= listed, "a record that came late is not in the digest",
        "`digest` must be asked of the partner, from its first record on; it is how late commits are found.",
    )  # fmt: skip
    fetched = await exam.fetch(late)
    taken.take(fetched)
    await exam.mend(taken, cursor)
    hint = "`fetch` must give what the digest names."
    require(set(late) <= {item.native_id for item in fetched}, "a record that came late cannot be fetched", hint)
    await exam.require_rows(taken.of(late[0]), late[0], hint)


async def deletions_are_seen(exam: Exam) -> None:
    """A record taken away without notice: neither listed nor fetched any more."""
    taken = Taken()
    connector = exam.connector()
    if not connector.can_fetch:
        raise NotApplicableError("the list is a moment of the past; what it lacks is compared when it comes")
    # the same process has seen it and asked for it
    await exam.run(taken, connector=connector)
    [gone] = await exam.pick(1)
    await exam.digest(connector=connector)
    await exam.fetch([gone.native_id], connector)
    if await exam.is_there(gone):
        await exam.bench.delete(gone)
    listed = {(entry.native_id, entry.native_no) for entry in await exam.digest(connector=connector)}
    require(
        gone.key not in listed, "a record that the partner no longer holds is still in the digest",
        "`digest` must be the partner's present list, asked anew each time, never what this process saw.",
    )  # fmt: skip
    fetched = {(item.native_id, item.native_no) for item in await exam.fetch([gone.native_id], connector)}
    require(
        gone.key not in fetched, "`fetch` answers a record that the partner no longer holds",
        "`fetch` must ask the partner each time: an empty answer is how the hub learns of a deletion.",
    )  # fmt: skip
