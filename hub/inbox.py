"""Whatever a partner delivers is kept whole and sealed, once per version, before anybody tries to understand it.

A delivery equal to a known version keeps nothing new. On a wire without versions only the latest delivery counts as
known, so that content which comes back is a new version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.model import Item
from hub.sealing import DataKey
from hub.store.ids import new_id
from hub.store.lookup import chunks
from hub.store.tables import data_keys, inbox_items, inbox_pages
from hub.store.turn import take_inbox_turn


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping a page did: items delivered, and how many of them were versions nobody knew."""

    items: int
    new: int
    #: native ids of known versions that share their stamp with another content: only a fetch tells the newest
    ties: frozenset[str] = frozenset()


#: longer names are no identity: no index takes them, and no partner means them
LONGEST_NAME = 200
LONGEST_KEY = 2 * LONGEST_NAME + 1


def version_text(updated_at: datetime | None) -> str:
    """The partner's stamp as text of fixed width that sorts as time; '' where there is none."""
    if updated_at is None:
        return ""
    stamp = updated_at.astimezone(UTC)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{stamp.microsecond:06d}Z"


def key_owner(instance: str, native_id: str) -> str:
    """What a data key is bound to."""
    return f"{instance}/{native_id}"


async def keep_page(
    tx: AsyncConnection,
    desk: Desk,
    *,
    instance: str,
    run_id: str,
    origin: str,
    items: Sequence[Item],
    cursor: Mapping[str, Any] | None = None,
    settles_ties: bool = False,
) -> Kept:
    """Keep a page's items in the caller's transaction, which should keep the cursor too.

    ``settles_ties``: these items were fetched one by one because two contents shared a stamp; the one fetched now is
    the newest of its stamp.
    """
    await take_inbox_turn(tx, instance)
    now = desk.clock()
    arriving = _distinct(desk, items)
    known = await _known(tx, instance, {key for key, *_ in arriving})
    keys = await data_keys_of(tx, desk, instance, {owner for _, _, _, owner, _ in arriving}, now)
    page_id = new_id("pag", desk.county)
    rows: list[dict[str, Any]] = []
    confirmed: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    ties: set[str] = set()
    for position, (item_key, version, content_hash, owner, item) in enumerate(arriving):
        seen = known.setdefault(item_key, [])
        of_stamp = [one for one in seen if version and one.version == version]
        highest = max((one.fetch_rank for one in of_stamp), default=0)
        # greater than any earlier settlement of this stamp, whatever our clock did meanwhile
        fetch_rank = max(int(now.timestamp() * 1000), highest + 1) if settles_ties else 0
        same = [one for one in seen if one.version == version and one.content_hash == content_hash]
        if same and (version or same[-1] is seen[-1]):
            told = same[-1]
            if not version or told.state not in ("APPLIED", "PENDING"):
                continue
            if item.content_mark and item.content_mark != told.content_mark:
                # another hash of theirs for the same content: a comparison must know the new one
                marks.append({"item": told.id, "mark": item.content_mark[:200]})
            if settles_ties:
                confirmed.append({"item": told.id, "rank": fetch_rank})
                told.fetch_rank = fetch_rank
            elif any(one is not told and one.fetch_rank >= told.fetch_rank for one in of_stamp):
                ties.add(item.native_id)
            continue
        key_id, data_key = keys[owner]
        item_id = new_id("itm", desk.county)
        seen.append(_Known(item_id, version, content_hash, "PENDING", fetch_rank, item.content_mark[:200]))
        rows.append(
            {
                "id": item_id,
                "county": desk.county,
                "instance": instance,
                "page_id": page_id,
                "position": position,
                "item_key": item_key,
                "native_id": item.native_id if has_identity(item) else "",
                "native_no": item.native_no if has_identity(item) else "",
                "updated_at": item.updated_at,
                "version": version,
                "content_hash": content_hash,
                "content_mark": item.content_mark[:200],
                "recurrence": len(same),
                "data_key_id": key_id,
                "body_sealed": data_key.seal(item.body, item_id) if data_key else None,
                "received_at": now,
                "state": "PENDING" if data_key else "ERASED",
                "fetch_rank": fetch_rank,
            }
        )
    if rows:
        manifest = desk.keys.content_hash("\n".join(entry[2] for entry in arriving).encode())
        page = {
            "id": page_id, "county": desk.county, "instance": instance, "run_id": run_id, "origin": origin,
            "received_at": now, "cursor": dict(cursor) if cursor is not None else None, "item_count": len(items),
            "new_count": len(rows), "manifest_hash": manifest,
        }  # fmt: skip
        await tx.execute(inbox_pages.insert(), [page])
        await tx.execute(inbox_items.insert(), rows)
    if confirmed:
        settle = update(inbox_items).where(inbox_items.c.id == bindparam("item"))
        await tx.execute(settle.values(fetch_rank=bindparam("rank"), state="PENDING"), confirmed)
    if marks:
        mark = update(inbox_items).where(inbox_items.c.id == bindparam("item"))
        await tx.execute(mark.values(content_mark=bindparam("mark")), marks)
    return Kept(len(items), len(rows), frozenset(ties))


_Arriving = tuple[str, str, str, str, Item]


@dataclass(slots=True)
class _Known:
    """A kept version, as far as a later delivery must know it."""

    id: str
    version: str
    content_hash: str
    state: str
    fetch_rank: int
    content_mark: str


def has_identity(item: Item) -> bool:
    """Whether the item names itself in a way that can be kept and found again."""
    return (
        bool(item.key)
        and len(item.key) <= LONGEST_KEY
        and max(len(item.native_id), len(item.native_no)) <= (LONGEST_NAME)
    )


def kept_key(desk: Desk, item: Item) -> str:
    """Under which key the item is kept: where it has no identity, its content stands in for its name."""
    return item.key if has_identity(item) else f"?{desk.keys.content_hash(item.canonical)}"


def _distinct(desk: Desk, items: Iterable[Item]) -> list[_Arriving]:
    """(item key, version, content hash, owner of the data key, item), a page's own repeats left out."""
    found: list[_Arriving] = []
    seen: set[tuple[str, str, str]] = set()
    for item in items:
        item_key = kept_key(desk, item)
        content_hash = desk.keys.content_hash(item.canonical)
        owner = item.native_id if item_key == item.key and item.native_id else f"?{content_hash}"
        version = version_text(item.updated_at)
        name = (item_key, version, content_hash)
        # without a version a content that comes back within the page is a delivery of its own
        if version and name in seen:
            continue
        seen.add(name)
        found.append((item_key, version, content_hash, owner, item))
    return found


async def _known(tx: AsyncConnection, instance: str, item_keys: set[str]) -> dict[str, list[_Known]]:
    """Kept versions per item, oldest delivery first."""
    c = inbox_items.c
    known: dict[str, list[_Known]] = {}
    for part in chunks(item_keys):
        query = (
            select(c.id, c.item_key, c.version, c.content_hash, c.state, c.fetch_rank, c.content_mark)
            .where(c.instance == instance, c.item_key.in_(part))
            .order_by(c.id)
        )
        for row in await tx.execute(query):
            known.setdefault(row.item_key, []).append(
                _Known(row.id, row.version, row.content_hash, row.state, row.fetch_rank, row.content_mark)
            )
    return known


async def data_keys_of(
    tx: AsyncConnection, desk: Desk, instance: str, owners: set[str], now: datetime
) -> dict[str, tuple[str, DataKey | None]]:
    """Each owner's data key, made where there is none; None where it was destroyed by an erasure."""
    c = data_keys.c
    found: dict[str, tuple[str, DataKey | None]] = {}
    for part in chunks(owners):
        query = select(c.id, c.native_id, c.wrapped).where(c.instance == instance, c.native_id.in_(part))
        for row in await tx.execute(query):
            key = desk.keys.open_data_key(row.wrapped, key_owner(instance, row.native_id)) if row.wrapped else None
            found[row.native_id] = (row.id, key)
    made = []
    for owner in sorted(owners - found.keys()):
        key, wrapped = desk.keys.new_data_key(key_owner(instance, owner))
        key_id = new_id("key", desk.county)
        found[owner] = (key_id, key)
        made.append(
            {
                "id": key_id, "county": desk.county, "instance": instance, "native_id": owner, "wrapped": wrapped,
                "created_at": now,
            }
        )  # fmt: skip
    if made:
        await tx.execute(data_keys.insert(), made)
    return found
