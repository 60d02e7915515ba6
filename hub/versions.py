"""Kept versions: opened, mapped, and put in order.

Newest = greatest (the partner's stamp, the latest fetch that settled a tie, the connector's tie-break, content hash).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import BadPayloadError
from hub.inbox import key_owner
from hub.model import CaseFacts, Fact, Item, Mapper, Shape, Shaped
from hub.sealing import DataKey
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import data_keys, inbox_items


@dataclass(slots=True)
class Version:
    """One kept item with what it says. ``problem`` instead of ``facts`` where it cannot be understood."""

    item_id: str
    key: DataKey
    version: str
    content_hash: str
    fetch_rank: int
    received_at: datetime
    native_id: str
    facts: tuple[CaseFacts, ...] = ()
    others: tuple[Fact, ...] = ()
    problem: BadPayloadError | None = None
    record_id: str | None = None
    #: the state it had when it was read
    state: str = "PENDING"
    #: of an item read for the first time; None otherwise, and where the connector tells none
    shape: Shape | None = None

    def order_key(self, facts: CaseFacts) -> str:
        """Sortable text: greater is newer. Without a partner stamp the order of delivery decides."""
        if not self.version:
            return f"|{0:016d}||{self.item_id}"
        tie = ".".join(f"{number:010d}" for number in facts.tie_break)
        return f"{self.version}|{self.fetch_rank:016d}|{tie}|{self.content_hash}"


_COLUMNS = (
    inbox_items.c.id, inbox_items.c.instance, inbox_items.c.item_key, inbox_items.c.native_id,
    inbox_items.c.native_no, inbox_items.c.updated_at, inbox_items.c.version, inbox_items.c.content_hash,
    inbox_items.c.fetch_rank, inbox_items.c.received_at, inbox_items.c.body_sealed, inbox_items.c.record_id,
    inbox_items.c.state, data_keys.c.wrapped, data_keys.c.native_id.label("key_native_id"),
)  # fmt: skip
_JOINED = inbox_items.join(data_keys, inbox_items.c.data_key_id == data_keys.c.id)
_ALL = select(*_COLUMNS).select_from(_JOINED)


async def pending(
    tx: AsyncConnection, desk: Desk, instance: str, mapper: Mapper, *, limit: int, item_ids: Sequence[str] = ()
) -> list[Version]:
    """The oldest items that wait to be applied, mapped; ``item_ids`` narrows to some of them."""
    query = (
        # a literal, not a parameter: only then may the databases use the index of what waits
        _ALL.where(inbox_items.c.instance == instance, inbox_items.c.state == literal_column("'PENDING'"))
        .order_by(inbox_items.c.id)
        .limit(limit)
    )
    if item_ids:
        query = query.where(inbox_items.c.id.in_(item_ids))
    return _read(desk, mapper, await tx.execute(query))


async def parked(
    tx: AsyncConnection, desk: Desk, instance: str, mapper: Mapper, native_ids: Iterable[str]
) -> list[Version]:
    """The parts of these records that wait for the one that opens it, oldest first."""
    found: list[Version] = []
    for part in chunks(native_ids):
        query = (
            _ALL.where(inbox_items.c.instance == instance, inbox_items.c.native_id.in_(part))
            .where(inbox_items.c.state == literal_column("'PARKED'"))
            .order_by(inbox_items.c.id)
        )
        found += _read(desk, mapper, await tx.execute(query))
    return found


async def of_records(
    tx: AsyncConnection, desk: Desk, mapper: Mapper, record_ids: Iterable[str]
) -> dict[str, list[Version]]:
    """Every applied version of these records, mapped again."""
    found: dict[str, list[Version]] = {}
    for part in chunks(record_ids):
        query = _ALL.where(inbox_items.c.record_id.in_(part), inbox_items.c.state == "APPLIED")
        for version in _read(desk, mapper, await tx.execute(query)):
            found.setdefault(version.record_id or "", []).append(version)
    return found


async def newest_parts(
    tx: AsyncConnection, desk: Desk, mapper: Mapper, arriving: Mapping[str, Mapping[str, str]]
) -> dict[str, list[Version]]:
    """Of each of these records the newest applied version of each part, mapped again.

    ``arriving``: per record the order keys of the parts that come just now; a version older than they is not opened.
    A record with a version that another mapping understood is read whole: its part and its key may be others today.
    """
    c = inbox_items.c
    newest: dict[tuple[str, str], tuple[str, str]] = {}
    remapped: set[str] = set()
    for part in chunks(arriving):
        query = select(c.id, c.record_id, c.part, c.order_key, c.mapping_version).where(
            c.record_id.in_(part), c.state == "APPLIED"
        )
        for row in await tx.execute(query):
            if row.mapping_version != mapper.mapping_version:
                remapped.add(row.record_id)
            elif row.order_key > arriving[row.record_id].get(row.part, ""):
                # compared here: a database may sort text by the rules of a language
                place = (row.record_id, row.part)
                newest[place] = max(newest.get(place, ("", "")), (row.order_key, row.id))
    found = await of_records(tx, desk, mapper, sorted(remapped))
    for ids in chunks(item_id for (record_id, _), (_, item_id) in newest.items() if record_id not in remapped):
        for version in _read(desk, mapper, await tx.execute(_ALL.where(c.id.in_(ids)))):
            found.setdefault(version.record_id or "", []).append(version)
    return found


def _read(desk: Desk, mapper: Mapper, rows: Iterable[AnyRow]) -> list[Version]:
    opened: dict[bytes, DataKey] = {}
    shaped = mapper if isinstance(mapper, Shaped) else None
    versions = []
    for row in rows:
        if row.wrapped is None or row.body_sealed is None:
            continue
        if row.wrapped not in opened:
            opened[row.wrapped] = desk.keys.open_data_key(row.wrapped, key_owner(row.instance, row.key_native_id))
        key = opened[row.wrapped]
        version = Version(
            row.id, key, row.version, row.content_hash, row.fetch_rank, row.received_at, row.native_id,
            record_id=row.record_id, state=row.state,
        )  # fmt: skip
        body = key.open(row.body_sealed, row.id)
        item_key = "" if row.item_key.startswith("?") else row.item_key
        item = Item(item_key, row.native_id, row.native_no, row.updated_at, body, b"")
        if shaped is not None and row.record_id is None and row.state == "PENDING":
            version.shape = _shape(shaped, item)
        try:
            said = tuple(mapper.map(item))
        except BadPayloadError as exc:
            version.problem = exc
        except Exception as exc:  # a mapping that stumbles stops its own item only, never the page
            version.problem = BadPayloadError(f"MAPPING_{type(exc).__name__}", hint="The mapping itself failed.")
            version.problem.__cause__ = exc
        else:
            version.facts = tuple(fact for fact in said if isinstance(fact, CaseFacts))
            version.others = tuple(fact for fact in said if not isinstance(fact, CaseFacts))
        versions.append(version)
    return versions


def _shape(shaped: Shaped, item: Item) -> Shape | None:
    try:
        return shaped.shape(item)
    except Exception:
        # whatever is wrong with the item, its mapping says so
        return None
