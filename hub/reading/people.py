"""Where a person stands among the parties: by a whole number through the keyed index, or by how the name begins.

Hidden records are in no statement here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.model import plain_name
from hub.party_index import ID, PHONE, column, live_slot
from hub.reading import parties as party_rows
from hub.reading import records
from hub.reading.parties import PartyRow
from hub.reading.records import RecordRow
from hub.sight import Sight
from hub.store.tables import case_records, parties, search_terms
from hub.store.terms import LAST, NAME, plain

#: what one search brings at most
MOST = 100


@dataclass(frozen=True, slots=True)
class Match:
    """A party of a seen record that fits what was asked for."""

    party: PartyRow
    record: RecordRow


@dataclass(frozen=True, slots=True)
class Matches:
    """The latest records first. ``more``: more parties fit than stand here."""

    found: Sequence[Match]
    more: bool

    @property
    def subject_ids(self) -> list[str]:
        """Our keys of everything that was found, each once."""
        ids: dict[str, None] = {}
        for one in self.found:
            ids.update(dict.fromkeys(id for id in (one.record.dispute_id, one.record.id, one.party.id) if id))
        return list(ids)


async def by_id_index(tx: AsyncConnection, sight: Sight, indexes: Collection[str]) -> Matches:
    """Who has one of these identity numbers, told by their keyed index of now: within a write the keys stay."""
    return await _matches(tx, sight, column(ID, await live_slot(tx)).in_(list(indexes)))


async def by_phone_index(tx: AsyncConnection, sight: Sight, indexes: Collection[str]) -> Matches:
    """Who can be reached under one of these phone numbers; likewise within a write."""
    return await _matches(tx, sight, column(PHONE, await live_slot(tx)).in_(list(indexes)))


async def by_name(connection: AsyncConnection, sight: Sight, beginning: str, regions: Sequence[str] | None) -> Matches:
    """Whose name begins so, in records of these regions' subtrees; None: of any."""
    c = search_terms.c
    term = NAME + plain(beginning)
    named = select(c.record_id).where(c.term >= term, c.term < term + LAST)
    rules = [
        parties.c.record_id.in_(named),
        # another party of the record may have brought it here
        func.lower(parties.c.name_plain).startswith(plain_name(beginning).lower(), autoescape=True),
    ]
    if regions is not None:
        rules.append(or_(*(case_records.c.region_code.startswith(code, autoescape=True) for code in regions)))
    return await _matches(connection, sight, *rules)


async def _matches(connection: AsyncConnection, sight: Sight, *rules: ColumnElement[bool]) -> Matches:
    fitting = (
        select(parties.c.id, parties.c.record_id)
        .join(case_records, case_records.c.id == parties.c.record_id)
        .where(*rules, sight.records())
        .order_by(case_records.c.received_at.desc(), parties.c.record_id.desc(), parties.c.position)
        .limit(MOST + 1)
    )
    found = (await connection.execute(fitting)).all()
    people = await party_rows.by_ids(connection, sight, [row.id for row in found])
    of = await records.by_ids(connection, sight, [row.record_id for row in found])
    matches = [Match(people[row.id], of[row.record_id]) for row in found if row.id in people and row.record_id in of]
    return Matches(matches[:MOST], len(found) > MOST)
