"""The mapping worklist: native codes that no table explains, and the records that wait for somebody to explain them.

A code leaves the list when no record carries it any more: it was explained and its records mapped again, or a newer
version of each brought another code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import MissingFieldError, UserInputError
from hub.jobs import APPLY, put_in_line
from hub.model import UnknownCode
from hub.reference import set_code
from hub.said import safe_words
from hub.store.ids import new_id
from hub.store.lookup import chunks
from hub.store.tables import case_records, inbox_items, mapping_worklist, record_unknown_codes
from hub.store.turn import take_turn
from hub.store.upsert import insert_or_ignore
from hub.vocabulary import UNKNOWN, CountyTables, NativeCode

#: characters of a native code that are kept: a code field may hold anything once a partner errs
LONGEST_CODE = 64
LONGEST_LABEL = 200

Pair = tuple[str, str]


def shown_code(code: str) -> str:
    """The code as the list shows it: short, and no number of a person in it."""
    return safe_words(code)[:LONGEST_CODE]


async def note(
    tx: AsyncConnection, desk: Desk, instance: str, told: Sequence[tuple[str, Sequence[UnknownCode]]], now: datetime
) -> None:
    """Put down which unknown codes each of these records (id, codes) carries now, in place of what it carried."""
    carried = await _carried(tx, [record_id for record_id, _ in told])
    for part in chunks(carried):
        await tx.execute(delete(record_unknown_codes).where(record_unknown_codes.c.record_id.in_(part)))
    rows = [
        {"record_id": record_id, "table_name": table, "native_code": code, "county": desk.county}
        for record_id, unknown in told
        for table, code in dict.fromkeys((one.table, shown_code(one.code)) for one in unknown)
    ]
    found = {(row["table_name"], row["native_code"]) for row in rows}
    if rows:
        await insert_or_ignore(tx, record_unknown_codes, rows)
        await _list(tx, desk, instance, sorted(found), now)
    await _forget_explained(tx, instance, {pair for pairs in carried.values() for pair in pairs} - found)


async def _carried(tx: AsyncConnection, record_ids: Sequence[str]) -> dict[str, set[Pair]]:
    c = record_unknown_codes.c
    carried: dict[str, set[Pair]] = {}
    for part in chunks(record_ids):
        for row in await tx.execute(select(record_unknown_codes).where(c.record_id.in_(part))):
            carried.setdefault(row.record_id, set()).add((row.table_name, row.native_code))
    return carried


async def _list(tx: AsyncConnection, desk: Desk, instance: str, pairs: Sequence[Pair], now: datetime) -> None:
    c = mapping_worklist.c
    rows = [
        {
            "id": new_id("map", desk.county), "county": desk.county, "instance": instance, "table_name": table,
            "native_code": code, "first_seen_at": now, "last_seen_at": now,
        }
        for table, code in pairs
    ]  # fmt: skip
    await insert_or_ignore(tx, mapping_worklist, rows, on=("instance", "table_name", "native_code"))
    await tx.execute(
        update(mapping_worklist)
        .where(c.instance == instance, c.table_name == bindparam("t"), c.native_code == bindparam("n"))
        .values(last_seen_at=now),
        [{"t": table, "n": code} for table, code in pairs],
    )


async def _forget_explained(tx: AsyncConnection, instance: str, pairs: Iterable[Pair]) -> None:
    c, carried = mapping_worklist.c, record_unknown_codes.c
    somebody = exists().where(
        carried.table_name == c.table_name, carried.native_code == c.native_code,
        carried.record_id == case_records.c.id, case_records.c.instance == c.instance,
    )  # fmt: skip
    for table, code in sorted(pairs):
        await tx.execute(
            delete(mapping_worklist).where(
                c.instance == instance, c.table_name == table, c.native_code == code, ~somebody
            )
        )


@dataclass(frozen=True, slots=True)
class Explained:
    """What explaining codes set going: how many records are mapped again, of which instances."""

    records: int
    instances: tuple[str, ...]


async def explain(desk: Desk, tables: CountyTables, codes: Sequence[NativeCode]) -> Explained:
    """Keep an operator's word about these codes and have a worker map again what waited for them. All or none.

    Raises MissingFieldError, UserInputError.
    """
    for code in codes:
        _check(tables, code)
    waiting: dict[str, int] = {}
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        for code in codes:
            await set_code(tx, desk, code)
            for instance, records in (await map_again(tx, code.system, code.table, code.code)).items():
                waiting[instance] = waiting.get(instance, 0) + records
        for instance in sorted(waiting):
            await put_in_line(tx, desk, APPLY, instance)
    return Explained(sum(waiting.values()), tuple(sorted(waiting)))


async def map_again(tx: AsyncConnection, system: str, table: str, code: str) -> dict[str, int]:
    """Put the newest versions of the records that carry this code back in line; returns how many, by instance."""
    rec, carried = case_records.c, record_unknown_codes.c
    query = (
        select(rec.newest_item_id, rec.instance)
        .join(record_unknown_codes, carried.record_id == rec.id)
        .where(rec.system == system, carried.table_name == table, carried.native_code == shown_code(code))
    )
    waiting = (await tx.execute(query)).all()
    for part in chunks([row.newest_item_id for row in waiting]):
        await tx.execute(
            update(inbox_items)
            .where(inbox_items.c.id.in_(part), inbox_items.c.state == "APPLIED")
            .values(state="PENDING")
        )
    return Counter(row.instance for row in waiting)


def explainable(tables: CountyTables) -> frozenset[tuple[str, str]]:
    """The tables (system, table) whose codes an operator can explain; any other needs a release of the connector."""
    return frozenset((one.system, one.table) for one in tables.native_codes)


def _check(tables: CountyTables, code: NativeCode) -> None:
    known = explainable(tables)
    if (code.system, code.table) not in known:
        there = sorted(f"{system} {table}" for system, table in known)
        raise UserInputError(
            f"there is no table {code.table[:LONGEST_CODE]} of {code.system[:LONGEST_CODE]}",
            hint=f"There are: {', '.join(there)}.", field="table",
        )  # fmt: skip
    if not code.code.strip():
        raise MissingFieldError("a code is empty", field="code")
    if len(code.code) > LONGEST_CODE or len(code.zh) > LONGEST_LABEL:
        name, most = ("code", LONGEST_CODE) if len(code.code) > LONGEST_CODE else ("label", LONGEST_LABEL)
        raise UserInputError(f"a {name} has at most {most} characters", field=name)
    for one in code.classes:
        if one not in tables.categories and one != UNKNOWN:
            raise UserInputError(
                f"{one[:LONGEST_CODE]} is no class of zz-dispute-17", hint="Four digits, e.g. 0101.", field="classes"
            )
