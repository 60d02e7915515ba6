"""What a person decides about links: joined, kept apart, joined again. A rule never undoes it; another person can.

Nothing is rewritten: every act is a decision in the public log and an event in the disputes it touches. All of it
runs in one transaction; an act that is refused changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from sqlalchemy import exists, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import once
from hub.acts import Act
from hub.desk import Desk
from hub.edge_changes import EdgeChanges
from hub.edges import ACCEPTED, REFUSED, SUGGESTED, Edge
from hub.errors import ConflictError, MissingFieldError, NotFoundError, UserInputError, VersionConflictError
from hub.history import Appender
from hub.linking import relink
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import case_records, disputes, handling_events, record_links, record_separations
from hub.store.turn import take_turn
from hub.store.upsert import insert_or_ignore
from hub.vocabulary import HandlingEventKind, LinkKind

#: how a person's own edge is called
PERSON = "PERSON"
#: two sides of more records are not parted record by record
_LARGEST = 200


@dataclass(frozen=True, slots=True)
class Decided:
    """What an act came to: the records and disputes to look at now."""

    record_ids: tuple[str, ...] = ()
    #: live disputes that hold those records, each once; empty where they belong to none
    dispute_ids: tuple[str, ...] = ()
    link_id: str | None = None


async def decide_suggestion(
    desk: Desk, link_id: str, *, accept: bool, act: Act, expected_version: int | None = None
) -> Decided:
    """Accept a suggestion: its records are one matter; or refuse it: nothing joins these two by itself any more.

    Raises NotFoundError, ConflictError (decided already, or both are of one dispute anyhow), VersionConflictError.
    """
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, act.by, act.once)
        link = (await tx.execute(select(record_links).where(record_links.c.id == link_id))).first()
        if link is None:
            raise NotFoundError(f"no link is called {link_id}", hint="Take an id of the list.", field="id")
        _check_version(link.version, expected_version)
        if link.state != SUGGESTED:
            raise ConflictError(
                f"the link is {link.state}, not {SUGGESTED}", hint="It was decided, or its reason fell."
            )
        one, other = await _records(tx, [link.from_record_id, link.to_record_id])
        if one.dispute_id is not None and one.dispute_id == other.dispute_id:
            raise ConflictError("both records are of one dispute already", hint="To part them, unlink one of them.")
        paper = _Paper(tx, desk, act)
        if accept:
            paper.changes.update(link, ACCEPTED, by=act.by)
            await paper.join(one, other, is_linked=True)
        else:
            paper.changes.update(link, REFUSED, by=act.by)
            await paper.part([one.id], [other.id])
        return await paper.finish([one.id, other.id], link.id)


async def link_record(
    desk: Desk, record_id: str, dispute_id: str, *, act: Act, expected_version: int | None = None
) -> Decided:
    """Put a record into a dispute, with whatever hangs on it. A record of another dispute's company stays there.

    ``expected_version`` is the dispute's. Raises NotFoundError, ConflictError, VersionConflictError.
    """
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, act.by, act.once)
        (record,) = await _records(tx, [record_id])
        dispute = await _dispute(tx, dispute_id, expected_version)
        if record.dispute_id == dispute.id:
            raise ConflictError("the record belongs to that dispute already")
        if record.dispute_id is not None and len(await _members(tx, record.dispute_id)) > 1:
            raise ConflictError(
                "the record shares another dispute with others", hint="Unlink it first, or merge the two disputes."
            )
        (anchor,) = await _records(tx, [dispute.opening_record_id])
        paper = _Paper(tx, desk, act)
        await paper.join(record, anchor)
        return await paper.finish([record.id, anchor.id])


async def unlink_record(desk: Desk, record_id: str, *, act: Act, expected_version: int | None = None) -> Decided:
    """Take one record out of its dispute; it and each record left behind share none by themselves any more.

    ``expected_version`` is the dispute's. Raises NotFoundError, MissingFieldError (no reason), ConflictError (it is in
    no dispute, or alone in it), VersionConflictError.
    """
    _require_reason(act)
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, act.by, act.once)
        (record,) = await _records(tx, [record_id])
        if record.dispute_id is None:
            raise ConflictError("the record belongs to no dispute")
        await _dispute(tx, record.dispute_id, expected_version)
        left = [one for one in await _members(tx, record.dispute_id) if one != record_id]
        if not left:
            raise ConflictError("the record is alone in its dispute", hint="There is nothing to part it from.")
        paper = _Paper(tx, desk, act)
        await paper.part([record_id], left)
        await paper.work_on([record.dispute_id])
        return await paper.finish([record_id, *left])


async def merge_disputes(
    desk: Desk,
    dispute_ids: tuple[str, str],
    *,
    act: Act,
    expected_versions: tuple[int | None, int | None] = (None, None),
) -> Decided:
    """Make one dispute of two: the one whose opening record was received first goes on, the other's code still answers.

    Raises NotFoundError, UserInputError (twice the same), ConflictError (merged already), VersionConflictError.
    """
    if dispute_ids[0] == dispute_ids[1]:
        raise UserInputError("a dispute cannot be merged with itself", field="otherId")
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, act.by, act.once)
        found = [
            await _dispute(tx, dispute_id, expected)
            for dispute_id, expected in zip(dispute_ids, expected_versions, strict=True)
        ]
        one, other = await _records(tx, [dispute.opening_record_id for dispute in found])
        paper = _Paper(tx, desk, act)
        await paper.join(one, other)
        return await paper.finish([one.id, other.id])


async def unmerge_disputes(desk: Desk, dispute_id: str, *, act: Act, expected_version: int | None = None) -> Decided:
    """Give a merged dispute its own records back; nothing joins the two by itself any more.

    ``expected_version`` is the merged dispute's. Raises NotFoundError, MissingFieldError (no reason), ConflictError (it
    is not merged, or none of its records is there any more), VersionConflictError.
    """
    _require_reason(act)
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, act.by, act.once)
        shell = (await tx.execute(select(disputes).where(disputes.c.id == dispute_id))).first()
        if shell is None:
            raise _no_dispute(dispute_id)
        _check_version(shell.version, expected_version)
        if shell.merged_into is None:
            raise ConflictError("the dispute is not merged into another", hint="Unlink a record to part one dispute.")
        went = await _went_with(tx, shell)
        holder = next((row.dispute_id for row in await _records(tx, went) if row.dispute_id is not None), None)
        members = set(await _members(tx, holder)) if holder is not None else set()
        own, others = [one for one in went if one in members], [one for one in members if one not in set(went)]
        if not own or not others:
            raise ConflictError("none of its records is in the other dispute any more")
        paper = _Paper(tx, desk, act)
        await paper.part(own, others)
        await paper.work_on([holder] if holder else [])
        return await paper.finish([*own, *others])


class _Paper:
    """One act being carried out: edges decided, records parted or joined, then everything brought in line."""

    def __init__(self, tx: AsyncConnection, desk: Desk, act: Act) -> None:
        self._tx, self._desk, self._act, self._now = tx, desk, act, desk.clock()
        self._appender = Appender(desk, self._now)
        self.changes = EdgeChanges(desk, self._appender)

    async def join(self, one: AnyRow, other: AnyRow, *, is_linked: bool = False) -> None:
        """Say that these two are one matter, whatever was said before about the matters they belong to.

        ``is_linked``: an edge between the two says so already.
        """
        await self._lift(await self._company(one), await self._company(other))
        if not is_linked:
            await self._accept(one.id, other.id)
        await self.work_on([record.dispute_id for record in (one, other) if record.dispute_id])
        # what stands for each worked dispute is named too: only then does a rule see that a person made them one
        anchors = {await self._anchor(one), await self._anchor(other)}
        if len(anchors) == 2 and anchors != {one.id, other.id}:
            await self._accept(*sorted(anchors))

    async def part(self, one_side: Sequence[str], other_side: Sequence[str]) -> None:
        """Say that no record of one side belongs with any of the other."""
        if len(one_side) * len(other_side) > _LARGEST**2:
            raise ConflictError(
                "too many records to part at once", hint="Unlink the records that do not belong, one by one."
            )
        for pairs in chunks(product(one_side, other_side), 400):
            both_ways = [*pairs, *((other, one) for one, other in pairs)]
            query = select(record_links).where(
                tuple_(record_links.c.from_record_id, record_links.c.to_record_id).in_(both_ways),
                record_links.c.state.in_((ACCEPTED, SUGGESTED)),
            )
            for row in (await self._tx.execute(query)).all():
                self.changes.update(row, REFUSED, by=self._act.by)
            bars = [
                {
                    "record_id": min(pair), "other_record_id": max(pair), "county": self._desk.county,
                    "decided_by": self._act.by, "decided_at": self._now, "lifted_at": None,
                }
                for pair in pairs
            ]  # fmt: skip
            await insert_or_ignore(
                self._tx, record_separations, bars, update_columns=("decided_by", "decided_at", "lifted_at")
            )

    async def work_on(self, dispute_ids: Iterable[str]) -> None:
        """A person had these disputes in hand: from now on only a person joins two of them."""
        worked = case_records.alias("worked")
        for part in chunks(dispute_ids):
            # one record stands for each; a second one would speak against the first
            standing = select(disputes.c.opening_record_id).where(
                disputes.c.id.in_(part),
                ~exists().where(worked.c.dispute_id == disputes.c.id, worked.c.worked_at.is_not(None)),
            )
            await self._tx.execute(
                update(case_records).where(case_records.c.id.in_(standing)).values(worked_at=self._now)
            )

    async def finish(self, record_ids: Sequence[str], link_id: str | None = None) -> Decided:
        """Bring edges, components and disputes in line."""
        await self.changes.write(self._tx)
        await self.changes.conclude(self._tx)
        await relink(self._tx, self._desk, record_ids, self._appender, self._act)
        await self._appender.flush(self._tx)
        rows = await _records(self._tx, record_ids)
        placed = dict.fromkeys(row.dispute_id for row in rows if row.dispute_id is not None)
        await self.work_on(placed)
        done = Decided(tuple(record_ids), tuple(placed), link_id)
        result = {"records": list(done.record_ids), "disputes": list(done.dispute_ids), "link": link_id}
        await once.keep(self._tx, self._desk, self._act.by, self._act.once, result)
        return done

    async def _company(self, record: AnyRow) -> list[str]:
        return await _members(self._tx, record.dispute_id) if record.dispute_id else [record.id]

    async def _anchor(self, record: AnyRow) -> str:
        if record.dispute_id is None:
            return str(record.id)
        c = case_records.c
        query = select(c.id).where(c.dispute_id == record.dispute_id, c.worked_at.is_not(None)).order_by(c.id).limit(1)
        return str((await self._tx.execute(query)).scalar_one())

    async def _lift(self, one_side: Collection[str], other_side: Collection[str]) -> None:
        for pairs in chunks(product(one_side, other_side), 400):
            named = [(min(pair), max(pair)) for pair in pairs]
            await self._tx.execute(
                update(record_separations)
                .where(tuple_(record_separations.c.record_id, record_separations.c.other_record_id).in_(named))
                .where(record_separations.c.lifted_at.is_(None))
                .values(lifted_at=self._now)
            )

    async def _accept(self, one: str, other: str) -> None:
        query = select(record_links).where(
            or_(
                (record_links.c.from_record_id == one) & (record_links.c.to_record_id == other),
                (record_links.c.from_record_id == other) & (record_links.c.to_record_id == one),
            )
        )
        rows = (await self._tx.execute(query.order_by(record_links.c.kind))).all()
        for row in rows:
            if row.kind == LinkKind.RELATED.value:
                self.changes.update(row, ACCEPTED, by=self._act.by)
                return
        ends = (min(one, other), max(one, other))
        edge = Edge(*ends, LinkKind.RELATED, "decision", rule=self._act.by, method=PERSON)
        self.changes.insert(edge, ACCEPTED)


def _require_reason(act: Act) -> None:
    if not act.words:
        raise MissingFieldError("a reason is needed to part what was joined", field="reason", hint="Say why.")


def _check_version(found: int, expected: int | None) -> None:
    if expected is not None and expected != found:
        raise VersionConflictError(expected, found)


def _no_dispute(dispute_id: str) -> NotFoundError:
    return NotFoundError(f"no dispute is called {dispute_id}", hint="Take an id or a code of the list.", field="id")


async def _records(tx: AsyncConnection, ids: Sequence[str]) -> list[AnyRow]:
    """These records in the order given. Raises NotFoundError."""
    found: dict[str, AnyRow] = {}
    for part in chunks(ids):
        columns = (case_records.c.id, case_records.c.dispute_id, case_records.c.version)
        for row in await tx.execute(select(*columns).where(case_records.c.id.in_(part))):
            found[row.id] = row
    missing = [one for one in ids if one not in found]
    if missing:
        raise NotFoundError(f"no record is called {missing[0]}", hint="Take an id of the list.", field="recordId")
    return [found[one] for one in ids]


async def _dispute(tx: AsyncConnection, dispute_id: str, expected_version: int | None) -> AnyRow:
    row = (await tx.execute(select(disputes).where(disputes.c.id == dispute_id))).first()
    if row is None:
        raise _no_dispute(dispute_id)
    _check_version(row.version, expected_version)
    if row.merged_into is not None:
        raise ConflictError(f"{row.code} is merged into another dispute", hint="Act on the one it went into.")
    return row


async def _members(tx: AsyncConnection, dispute_id: Any) -> list[str]:
    query = select(case_records.c.id).where(case_records.c.dispute_id == dispute_id).order_by(case_records.c.id)
    return list((await tx.execute(query)).scalars())


async def _went_with(tx: AsyncConnection, shell: AnyRow) -> list[str]:
    """The records that the dispute had when it was merged the last time."""
    c = handling_events.c
    query = select(c.kind, c.data).where(
        c.dispute_id == shell.id, c.kind.in_((HandlingEventKind.UNLINKED.value, HandlingEventKind.MERGED.value))
    )
    went: list[str] = []
    is_merged = False
    for kind, data in (await tx.execute(query.order_by(c.stream_seq.desc()))).all():
        if kind == HandlingEventKind.MERGED.value:
            if is_merged:
                break
            is_merged = True
        elif data.get("to") == shell.merged_into:
            went.append(data["record"])
    return went or [shell.opening_record_id]
