"""The blind index is made anew while the hub serves: finding and linking see all of it at every moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from hub import key_file, party_index, rotating_index, rotating_key
from hub.desk import Desk
from hub.edges import RULE_2
from hub.reading.parties import of_disputes
from hub.reading.people import by_id_index, by_phone_index
from hub.sight import EVERYTHING
from hub.store.tables import case_records, disputes, parties, record_links
from hub.store_identity import SLOT, identity

from .databases import Database
from .hub_kit import PERSON, PHONE, deliver, diverted, row
from .rotation_kit import INDEX_MOMENTS, killed_at, opened_hub, quiet, time_passes


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "master.key"


async def found(desk: Desk, kind: str, number: str) -> int:
    """How many parties the window's search finds."""
    look = by_id_index if kind == "id" else by_phone_index
    async with desk.store.write() as tx:
        return len((await look(tx, EVERYTHING, [desk.keys.blind_index(kind, number)])).found)


async def linked(desk: Desk, native_id: str) -> set[str]:
    """The records that this one is tied to by its people."""
    links = record_links.c
    async with desk.store.read() as connection:
        records = {
            row.id: row.native_id
            for row in await connection.execute(select(case_records.c.id, case_records.c.native_id))
        }
        pairs = await connection.execute(
            select(links.from_record_id, links.to_record_id).where(links.decided_by == RULE_2)
        )
        named = [{records[one], records[other]} for one, other in pairs]
    return {other for pair in named if native_id in pair for other in pair} - {native_id}


async def columns(desk: Desk) -> tuple[dict[str, str], list[Any]]:
    async with desk.store.read() as connection:
        c = parties.c
        query = select(c.id_index, c.id_index_2, c.phone_index, c.phone_index_2).where(c.id_sealed.is_not(None))
        return await identity(connection), list((await connection.execute(query)).all())


async def test_killed_anywhere_the_next_record_still_finds_all_of_its_people(database: Database, file: Path) -> None:
    async with opened_hub(database.url, file) as serving:
        names = [f"a{number}" for number in range(5)]
        await deliver(serving, [row(name) for name in names])
        assert await linked(serving, "a0") == set(names) - {"a0"}
        for number, moment in enumerate(INDEX_MOMENTS):
            known, rows = await columns(serving)
            async with opened_hub(database.url, file) as other:
                with killed_at(moment):
                    await rotating_index.rotate(other, quiet)
            await time_passes(serving)
            for desk in (serving, other):
                await deliver(desk, [row(name := f"k{number}{desk is serving}")])
                assert await linked(desk, name) == set(names), moment
                names.append(name)
            async with opened_hub(database.url, file) as again:
                assert await found(again, "id", PERSON) == await found(again, "phone", PHONE) == len(names), moment
                assert await rotating_index.rotate(again, quiet), moment
                now, after = await columns(again)
            assert now[SLOT] != known[SLOT] and len([name for name in now if name.startswith("INDEX_KEY")]) == 1
            used = 0 if now[SLOT] == "1" else 1
            assert len({one[used] for one in after}) == len({one[2 + used] for one in after}) == 1
            assert {one[1 - used] for one in after} == {one[3 - used] for one in after} == {None}
            assert after[0][used] not in {value for one in rows for value in one}, moment
            # who serves on knows of it without being told
            assert await found(serving, "id", PERSON) == len(names)


async def test_all_is_found_at_every_moment_of_it(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotating_index, "BATCH", 2)
    async with opened_hub(database.url, file) as serving, opened_hub(database.url, file) as other:
        await deliver(serving, [row(f"a{number}", logs=[diverted()]) for number in range(6)])
        before = {one: [p.id for p in people] for one, people in (await persons(serving)).items()}
        done = asyncio.create_task(rotating_index.rotate(other, quiet))
        looks = 0
        while not done.done() or looks < 3:
            looks += 1
            assert await found(serving, "id", PERSON) == await found(serving, "phone", PHONE) == 6
            assert {one: [p.id for p in people] for one, people in (await persons(serving)).items()} == before
        await done
        assert looks > 10
        kept, _ = await deliver(serving, [row(f"a{number}", logs=[diverted()]) for number in range(6)])
        assert kept.new == 0


async def persons(desk: Desk) -> Any:
    async with desk.store.read() as connection:
        ids = (await connection.execute(select(disputes.c.id))).scalars().all()
        return await of_disputes(connection, EVERYTHING, ids)


async def test_the_master_key_may_change_before_and_after(database: Database, file: Path) -> None:
    async with opened_hub(database.url, file) as desk:
        await deliver(desk, [row("a1"), row("a2")])
        await rotating_index.rotate(desk, quiet)
        await rotating_key.rotate(desk, file, quiet)
        assert await found(desk, "id", PERSON) == 2
        await rotating_index.rotate(desk, quiet)
    assert len(key_file.load(file)) == 1
    async with opened_hub(database.url, file) as desk:
        await deliver(desk, [row("a3")])
        assert await linked(desk, "a3") == {"a1", "a2"}
        assert await found(desk, "id", PERSON) == 3


async def test_finding_is_served_by_an_index_of_the_database(database: Database, file: Path) -> None:
    async with opened_hub(database.url, file) as desk:
        await rotating_index.rotate(desk, quiet)
        async with desk.store.write() as tx:
            if database.kind == "postgresql":
                await tx.execute(text("SET LOCAL enable_seqscan = off"))
            slot = party_index.column("id", await party_index.live_slot(tx))
            query = str(select(parties.c.id).where(slot == "x").compile(compile_kwargs={"literal_binds": True}))
            explain = "EXPLAIN QUERY PLAN " if database.kind == "sqlite" else "EXPLAIN "
            plan = str((await tx.execute(text(explain + query))).all())
        assert "ix_parties_id_index_2" in plan
