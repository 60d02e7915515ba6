"""Case records: each agency's own record, found by its number or lineage and written as its newest version tells it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Update, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import attachments, search_terms, versions
from hub import referrals as referral_rows
from hub.desk import Desk
from hub.history import StreamHead
from hub.model import CaseFacts, Mapper, Source
from hub.parties import hides_numbers, party_row
from hub.said import safe_words
from hub.store.ids import new_id
from hub.store.lookup import chunks
from hub.store.tables import (
    case_records,
    inbox_items,
    parties,
    record_entries,
    record_names,
    record_references,
)
from hub.store.terms import name_terms, number_terms, title_terms
from hub.store.upsert import insert_or_ignore
from hub.telling import KnownEntry, RecordWork
from hub.versions import Version


class Family:
    """The records of the native ids in one batch, and how deliveries find theirs among them."""

    def __init__(self, desk: Desk, source: Source, now: datetime) -> None:
        self._desk, self._source, self._now = desk, source, now
        self._by_native: dict[str, list[RecordWork]] = {}

    @classmethod
    async def load(
        cls, tx: AsyncConnection, desk: Desk, source: Source, native_ids: Iterable[str], now: datetime
    ) -> Family:
        """Everything known under these ids."""
        family = cls(desk, source, now)
        by_id: dict[str, RecordWork] = {}
        for part in chunks(sorted(set(native_ids))):
            query = select(case_records).where(
                case_records.c.instance == source.instance, case_records.c.native_id.in_(part)
            )
            for row in await tx.execute(query):
                work = RecordWork(
                    row.id, desk, source, now, row.native_no, {row.lineage}, row,
                    StreamHead(row.stream_seq, row.stream_hash),
                )  # fmt: skip
                by_id[row.id] = work
                family._by_native.setdefault(row.native_id, []).append(work)
            lineages = (
                select(inbox_items.c.record_id, inbox_items.c.lineage)
                .where(inbox_items.c.instance == source.instance, inbox_items.c.native_id.in_(part))
                .where(inbox_items.c.record_id.is_not(None), inbox_items.c.lineage.is_not(None))
                .distinct()
            )
            for row in await tx.execute(lineages):
                if row.record_id in by_id:
                    by_id[row.record_id].lineages.add(row.lineage)
        return family

    def resolve(self, facts: CaseFacts) -> RecordWork:
        """The record a delivery belongs to (law 1): its number's, else the one of its lineage, else a new one."""
        works = self._by_native.setdefault(facts.native_id, [])
        giver: RecordWork | None = None
        if facts.native_no:
            work = next((known for known in works if known.native_no == facts.native_no), None)
            if work is None:
                work = next((known for known in works if not known.native_no and facts.lineage in known.lineages), None)
                if work is not None:
                    work.native_no, work.is_numbered_now = facts.native_no, True
                else:
                    # where several numbers share a lineage, the smallest has its unnumbered deliveries
                    rivals = (known for known in works if known.native_no and facts.lineage in known.lineages)
                    rival = min(rivals, key=lambda known: known.native_no, default=None)
                    if rival is not None and facts.native_no < rival.native_no:
                        giver = rival
        else:
            work = min(
                (known for known in works if facts.lineage in known.lineages),
                key=lambda known: known.native_no,
                default=None,
            )
        if work is None:
            record_id = new_id("rec", self._desk.county)
            work = RecordWork(record_id, self._desk, self._source, self._now, facts.native_no, {facts.lineage})
            works.append(work)
            if giver is not None:
                work.takes_from, giver.is_rebuilt = giver, not giver.is_new
        work.lineages.add(facts.lineage)
        return work

    async def load_entries(self, tx: AsyncConnection, works: Iterable[RecordWork]) -> None:
        """What is current about the entries of these records."""
        by_id = {work.id: work for work in works if not work.is_new}
        for part in chunks(by_id):
            for row in await tx.execute(select(record_entries).where(record_entries.c.record_id.in_(part))):
                by_id[row.record_id].entries[row.source_event_id] = KnownEntry(
                    row.event_id, row.kind, row.content_hash, row.is_live
                )

    async def load_kept(
        self, tx: AsyncConnection, mapper: Mapper, works: Collection[RecordWork]
    ) -> dict[str, list[Version]]:
        """The kept versions without which the current facts cannot be told: few records need any.

        A composed record needs the newest of each part. Older ones only tell what a partner hides by now.
        """
        whole = [work.id for work in works if work.needs_all()]
        parts = {work.id: work.arriving_parts() for work in works if not work.is_new and not work.needs_all()}
        kept = await versions.newest_parts(tx, self._desk, mapper, {name: one for name, one in parts.items() if one})
        whole += [
            record_id
            for record_id, known in kept.items()
            if any(hides_numbers(facts.parties) for version in known for facts in version.facts)
        ]
        return kept | await versions.of_records(tx, self._desk, mapper, whole)

    async def write(self, tx: AsyncConnection, works: Collection[RecordWork]) -> None:
        """Write columns, entries, parties, names, references and referrals of these records."""
        await self._write_rows(tx, works)
        await write_entries(tx, self._desk.county, works)
        changed = [(work, work.family_facts) for work in works if work.family_facts is not None]
        if changed:
            await self._write_family(tx, changed)
        await search_terms.note(tx, self._desk.county, [found for work in works if (found := _found_by(work))])

    async def _write_rows(self, tx: AsyncConnection, works: Iterable[RecordWork]) -> None:
        fresh: list[dict[str, Any]] = []
        for work in works:
            if work.row is None:
                fresh.append(
                    {
                        **work.values, "id": work.id, "county": self._desk.county, "instance": self._source.instance,
                        "system": self._source.system, "native_id": work.arrivals[0][2].native_id,
                        "first_seen_at": min(version.received_at for _, version, _ in work.arrivals), "version": 1,
                    }
                )  # fmt: skip
        await update_records(tx, [work for work in works if not work.is_new])
        if fresh:
            await tx.execute(case_records.insert(), fresh)

    async def _write_family(self, tx: AsyncConnection, changed: Sequence[tuple[RecordWork, CaseFacts]]) -> None:
        county = self._desk.county
        old = [work.id for work, _ in changed if not work.is_new]
        party_ids: dict[tuple[str, int], str] = {}
        for part in chunks(old):
            query = select(parties.c.id, parties.c.record_id, parties.c.position).where(parties.c.record_id.in_(part))
            party_ids.update({(row.record_id, row.position): row.id for row in await tx.execute(query)})
            for table in (parties, record_names, record_references):
                await tx.execute(delete(table).where(table.c.record_id.in_(part)))
        party_rows, names, references = [], [], []
        for work, facts in changed:
            for position, party in enumerate(facts.parties):
                party_id = party_ids.get((work.id, position)) or new_id("pty", county)
                party_rows.append(party_row(self._desk, party_id, work.id, position, party))
            names += [
                {"record_id": work.id, "scheme": name.scheme, "value": name.value, "county": county}
                for name in dict.fromkeys(facts.names)
                if name.value
            ]
            references += [
                {
                    "record_id": work.id, "kind": ref.kind.value, "scheme": ref.scheme, "value": ref.value,
                    "county": county,
                }
                for ref in dict.fromkeys(facts.references)
                if ref.value
            ]  # fmt: skip
        for table, rows in ((parties, party_rows), (record_names, names), (record_references, references)):
            if rows:
                await tx.execute(table.insert(), rows)
        await referral_rows.write(
            tx, self._desk, self._source, [(work.id, work.is_new, facts.hand_overs) for work, facts in changed]
        )
        told = [(work.id, work.is_new, facts) for work, facts in changed]
        await attachments.note(tx, self._desk, self._source.instance, told, self._now)


def _found_by(work: RecordWork) -> search_terms.Found | None:
    """What the record is found by now, as far as that changed."""
    told, row = work.values, work.row
    own = names = None
    if "title" in told and (row is None or (told["title"], told["native_no"]) != (row.title, row.native_no)):
        native_id = work.arrivals[0][2].native_id if row is None else row.native_id
        own = title_terms(told["title"])
        own |= number_terms((native_id, told["native_no"]))
    elif row is not None and told.get("native_no", row.native_no) != row.native_no:
        own = title_terms(row.title) | number_terms((row.native_id, told["native_no"]))
    if work.family_facts is not None:
        names = name_terms(safe_words(party.name) for party in work.family_facts.parties)
    return search_terms.Found(work.id, work.is_new, own, names) if own is not None or names is not None else None


async def update_records(tx: AsyncConnection, works: Iterable[RecordWork]) -> None:
    """Write known records' changed columns; their versions grow."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for work in works:
        assert work.row is not None
        row = {"record": work.id, **{f"new_{name}": value for name, value in work.values.items()}}
        alike.setdefault(tuple(sorted(work.values)), []).append(row)
    for names, rows in alike.items():
        await tx.execute(_update_of(names), rows)


@cache
def _update_of(names: tuple[str, ...]) -> Update:
    # made once: a statement with each record's own values costs more than all else that is done for it
    return (
        update(case_records)
        .where(case_records.c.id == bindparam("record"))
        .values({name: bindparam(f"new_{name}") for name in names} | {"version": case_records.c.version + 1})
    )


async def write_entries(tx: AsyncConnection, county: str, works: Iterable[RecordWork]) -> None:
    """Point each changed entry to the event that tells it now."""
    rows = [
        {
            "record_id": work.id, "source_event_id": source_event_id, "county": county, "kind": known.kind,
            "event_id": known.event_id, "content_hash": known.content_hash, "is_live": known.is_live,
        }
        for work in works
        for source_event_id, known in work.entries.items()
        if known.is_changed
    ]  # fmt: skip
    if rows:
        await insert_or_ignore(
            tx, record_entries, rows, on=("record_id", "source_event_id"),
            update_columns=("kind", "event_id", "content_hash", "is_live"),
        )  # fmt: skip
