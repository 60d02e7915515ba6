"""What a record is found by: pairs of characters of its title, its numbers, its parties' names; kept with the record.

Chinese words are often of two characters, too short for a trigram index, and PostgreSQL's ``pg_trgm`` may not be
installable: so the hub keeps its own pairs in a table that works alike on both databases. They are written in the
transaction that writes the record, and end with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.lookup import chunks
from hub.store.tables import search_terms
from hub.store.terms import LAST, NAME, NUMBER, TITLE


@dataclass(frozen=True, slots=True)
class Found:
    """What a record is to be found by from now on; None leaves that as it was."""

    record_id: str
    is_new: bool
    #: by title and numbers
    own: Collection[str] | None
    #: by its parties
    names: Collection[str] | None


async def note(tx: AsyncConnection, county: str, found: Sequence[Found]) -> None:
    """Put these terms in place of what the records were found by before."""
    c = search_terms.c
    own = [one.record_id for one in found if not one.is_new and one.own is not None]
    names = [one.record_id for one in found if not one.is_new and one.names is not None]
    for ids, kinds in ((own, (NUMBER, TITLE)), (names, (NAME,))):
        of_kind = or_(*(and_(c.term >= kind, c.term < kind + LAST) for kind in kinds))
        for part in chunks(ids):
            await tx.execute(delete(search_terms).where(c.record_id.in_(part), of_kind))
    rows: list[dict[str, Any]] = [
        {"record_id": one.record_id, "term": term, "county": county}
        for one in found
        for terms in (one.own, one.names)
        for term in sorted(terms or ())
    ]
    if rows:
        await tx.execute(search_terms.insert(), rows)


async def forget(tx: AsyncConnection, record_ids: Sequence[str]) -> None:
    """Nothing finds these records any more: their words are gone from here."""
    for part in chunks(record_ids):
        await tx.execute(delete(search_terms).where(search_terms.c.record_id.in_(part)))
