"""One box for everything: a code, an agency's key or number, a party's name, words of a title; by index alone.

Hidden rows are in no statement here, and a way in which somebody may not read is not looked along: the caller says
which ways are theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import UserInputError
from hub.reading import disputes, records
from hub.reading.disputes import DisputeRow
from hub.reading.filters import search_text
from hub.reading.records import RecordRow
from hub.sight import Sight
from hub.store.tables import search_terms
from hub.store.terms import LAST, NAME, NUMBER, TITLE, pairs, plain, words
from hub.vocabulary import SearchMatch

#: records found in one way at most; who finds more must say more
_MOST = 200
#: pairs of characters that are compared at most, and places of each that are counted to find the rarest
_MOST_PAIRS, _MOST_COUNTED = 24, 2000


@dataclass(frozen=True, slots=True)
class Hit:
    """A dispute that was found, or a record that belongs to none; in each way that led to it, the best first."""

    matched_by: tuple[SearchMatch, ...]
    dispute: DisputeRow | None
    #: the latest record that was found of it; None where only its code was
    record: RecordRow | None


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found, the best first. ``more``: so much was found that not all of it stands here."""

    found: Sequence[Hit]
    more: bool


async def search(
    connection: AsyncConnection, sight: Sight, text: str, ways: Collection[SearchMatch], size: int
) -> Hits:
    """What the text leads to in these ways, at most ``size`` hits. Raises UserInputError.

    A number and a name are found whole or by their beginning, a title where every word of the text stands in it.
    """
    text = search_text(text)
    if len(plain(text)) < 2:
        raise UserInputError("text to search for has at least two characters")
    coded = await disputes.by_code(connection, sight, plain(text).upper()) if SearchMatch.CODE in ways else None
    found = await _records(connection, sight, text, ways)
    rows = await records.by_ids(connection, sight, {record_id for _, record_id in found})
    placed = await disputes.by_ids(connection, sight, {row.dispute_id for row in rows.values() if row.dispute_id})
    hits: dict[str, tuple[list[SearchMatch], DisputeRow | None, RecordRow | None]] = {}
    if coded is not None:
        hits[coded.id] = [SearchMatch.CODE], coded, None
    for way, record_id in found:
        row = rows.get(record_id)
        if row is None or (way is SearchMatch.TITLE and not _stands_in(text, row.title)):
            continue
        dispute = placed.get(row.dispute_id or "")
        key = dispute.id if dispute is not None else row.id
        matched, _, record = hits.get(key, ([], None, None))
        hits[key] = matched if way in matched else [*matched, way], dispute, record or row
    every = [Hit(tuple(matched), dispute, record) for matched, dispute, record in hits.values()]
    cut = any(sum(1 for way, _ in found if way is one) >= _MOST for one in ways)
    return Hits(every[:size], cut or len(every) > size)


def _stands_in(text: str, title: str) -> bool:
    """Whether the title has each word of the text: pairs alone would find ``11`` where ``111`` is."""
    of_title = words(title)
    return all(any(word in one for one in of_title) for word in words(text))


async def _records(
    connection: AsyncConnection, sight: Sight, text: str, ways: Collection[SearchMatch]
) -> list[tuple[SearchMatch, str]]:
    """Records by the ways that lead to them: the best way first, the latest record of a way first."""
    whole = plain(text)
    parts = [_beginning(sight, way, kind + whole) for way, kind in _WHOLE if way in ways]
    if SearchMatch.TITLE in ways:
        of_title = await _title_terms(connection, words(text))
        if of_title:
            parts.append(_every(sight, of_title))
    if not parts:
        return []
    found = await connection.execute(union_all(*(select(part.subquery()) for part in parts)))
    return sorted(
        ((SearchMatch[row.way], row.record_id) for row in found),
        key=lambda one: (_ORDER[one[0]], [-ord(letter) for letter in one[1]]),
    )


_WHOLE = ((SearchMatch.NUMBER, NUMBER), (SearchMatch.NAME, NAME))
_ORDER = {way: place for place, way in enumerate(SearchMatch)}


def _beginning(sight: Sight, way: SearchMatch, term: str) -> Select[tuple[str, str]]:
    """Records with a term that begins so, in the index's own order: the shortest first."""
    c = search_terms.c
    return (
        select(literal(way.value).label("way"), c.record_id)
        .where(c.term >= term, c.term < term + LAST, sight.record_ids(c.record_id))
        .order_by(c.term, c.record_id)
        .limit(_MOST)
    )


async def _title_terms(connection: AsyncConnection, wanted: Iterable[str]) -> list[str]:
    """What a title must have, the rarest first; empty where no word is long enough to begin with."""
    terms = list(dict.fromkeys(TITLE + pair for word in wanted for pair in pairs(word)))[:_MOST_PAIRS]
    singles = list(dict.fromkeys(TITLE + word for word in wanted if len(word) == 1))
    if not terms:
        return []
    counts = []
    for term in terms:
        places = select(literal(1)).select_from(search_terms).where(search_terms.c.term == term).limit(_MOST_COUNTED)
        counts.append(select(func.count()).select_from(places.subquery()).scalar_subquery())
    row = (await connection.execute(select(*counts))).one()
    by_rarity = [term for _, term in sorted(zip(row, terms, strict=True))]
    return [] if min(row) == 0 else [*by_rarity, *singles]


def _every(sight: Sight, terms: Sequence[str]) -> Select[tuple[str, str]]:
    """Records that have all these terms, the latest first: walks along the first, looks each other one up."""
    first, *others = terms
    c = search_terms.c
    rules: list[ColumnElement[bool]] = [c.term == first, sight.record_ids(c.record_id)]
    for term in others:
        other = search_terms.alias()
        same = other.c.term == term
        if len(term) == 2:
            # a single character: some pair begins with it, or it ends a word
            same = and_(other.c.term >= term, other.c.term < term + LAST)
        rules.append(select(1).where(other.c.record_id == c.record_id, same).exists())
    return (
        select(literal(SearchMatch.TITLE.value).label("way"), c.record_id)
        .where(*rules)
        .order_by(c.record_id.desc())
        .limit(_MOST)
    )
