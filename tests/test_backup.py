"""What was saved comes back row by row into either database, and an archive that is not whole changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import null, select, text
from sqlalchemy.exc import DBAPIError

from hub import backup
from hub.archive import DamagedError, SealedReader, SealedWriter
from hub.desk import Desk
from hub.errors import ConfigurationError, ConflictError, HubError, UserInputError
from hub.restoring import Restored, restore
from hub.sealing import KeyRing
from hub.store import guard, rows
from hub.store.engine import Store, open_store
from hub.store.tables import APPEND_ONLY, attachment_contents, backups, inbox_pages, metadata

from .cli_kit import ROOT, Run, clean_environment
from .databases import Database, SqliteDatabases
from .graphql_rows import Door
from .hub_kit import COUNTY, deliver, diverted, row
from .outbox_kit import DoubledPartner, Outbox, outbox

KEYS = KeyRing(b"k" * 32)


QUERY = """{
  disputes(first: 10) { totalCount edges { cursor node {
    id code title state records { id nativeId } parties { name idMask }
    history(first: 50) { edges { node { id kind text occurredAt sequence } } }
  } } }
}"""


def quiet(_done: int, _total: int) -> None:
    """Nobody watches."""


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database to restore into, of each kind."""
    with request.getfixturevalue(f"_{request.param}").empty() as made:
        yield made


async def saved(desk: Desk, folder: Path, name: str = "a") -> Path:
    return (await backup.make(desk, folder / f"{name}{backup.SUFFIX}", KEYS, quiet)).file


@contextlib.asynccontextmanager
async def opened(url: str) -> Any:
    store = open_store(url)
    try:
        yield store
    finally:
        await store.close()


async def restored(store: Store, file: Path, **changes: Any) -> Restored:
    given: dict[str, Any] = {"is_replacing": False, "advance": quiet, **changes}
    sealing, keys = given.pop("sealing", KEYS), given.pop("keys", KEYS)
    return await restore(store, file, sealing, keys, given.pop("county", COUNTY), **given)


async def everything(store: Store) -> dict[str, list[bytes]]:
    async with store.snapshot() as connection:
        return {
            table.name: sorted([line async for line in rows.lines_of(connection, table)])
            for table in metadata.sorted_tables
        }


async def odd_rows(desk: Desk) -> None:
    """What travels badly: bytes, JSON's null beside SQL's, a whole file, half a second."""
    async with desk.store.write() as tx:
        now = desk.clock()
        for number, cursor in enumerate(({"中": [1, None, 2.5]}, None, null())):
            await tx.execute(
                inbox_pages.insert().values(
                    id=f"pag_{number}", county=COUNTY, instance="court", run_id="r", origin="PULL", received_at=now,
                    cursor=cursor, item_count=0, new_count=0, manifest_hash="\u2028\\\"'",
                )
            )  # fmt: skip


async def test_it_comes_back_row_by_row_into_either_database(
    database: Database, target: Database, tmp_path: Path
) -> None:
    async with outbox(database.url, matters=3) as hub, opened(target.url) as store:
        await odd_rows(hub.desk)
        before = await everything(hub.desk.store)
        told = await restored(store, await saved(hub.desk, tmp_path))
        after = await everything(store)
        assert told.in_doubt == len(await hub.messages()) > 0
        assert told.manifest.rows == sum(map(len, before.values()))
        assert len(before["handling_events"]) > 10 and len(before["data_keys"]) == 3
        for name in before.keys() - {"outbound_messages", "backups", "sessions"}:
            assert after[name] == before[name], name
        assert len(after["outbound_messages"]) == len(before["outbound_messages"])
        async with store.read() as connection:
            kinds = (await connection.execute(select(backups.c.kind))).scalars().all()
            assert kinds == [backup.RESTORED]
            assert not await connection.run_sync(guard.missing, [table.name for table in APPEND_ONLY])
            values = (await connection.execute(text("SELECT count(*) FROM inbox_pages WHERE cursor IS NULL"))).scalar()
        async with hub.desk.store.read() as connection:
            query = text("SELECT count(*) FROM inbox_pages WHERE cursor IS NULL")
            assert (await connection.execute(query)).scalar() == values
        with pytest.raises(DBAPIError, match="append-only"):
            async with store.write() as tx:
                await tx.execute(text("UPDATE handling_events SET kind = 'X'"))
        ours, theirs = Door(hub.desk.store), Door(store)
        answer = await ours.data(QUERY)
        assert answer["disputes"]["totalCount"] == 3
        assert await theirs.data(QUERY) == answer


async def test_it_is_of_one_moment_though_others_write(
    database: Database, lone_database: Database, tmp_path: Path
) -> None:
    async with outbox(database.url, matters=2, concluded=False) as hub, opened(lone_database.url) as store:
        written = asyncio.Event()
        done = False

        async def write() -> None:
            number = 0
            while not done:
                number += 1
                await deliver(hub.desk, [row(f"w{number}", logs=[diverted()])])
                written.set()

        writer = asyncio.create_task(write())
        await written.wait()
        file = await saved(hub.desk, tmp_path)
        done = True
        await writer
        # whoever is referred to is there, or the database would refuse
        told = await restored(store, file)
        found = await everything(store)
        now = await everything(hub.desk.store)
        assert 2 < len(found["case_records"]) <= len(now["case_records"])
        # an item is kept in one transaction and applied in the next
        assert 0 <= len(found["inbox_items"]) - len(found["case_records"]) <= 1
        assert len(found["case_records"]) == len(found["disputes"])
        assert set(found["handling_events"]) <= set(now["handling_events"])
        assert told.manifest.tables["case_records"][1] == len(found["case_records"])


def parts_of(content: bytes) -> list[bytes]:
    at = content.index(b"\n", content.index(b"\n") + 1) + 1
    found = [content[:at]]
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big") + 4
        found.append(content[at : at + length])
        at += length
    return found


async def test_a_damaged_archive_is_refused_and_nothing_changes(
    lone_database: Database, _sqlite: SqliteDatabases, tmp_path: Path
) -> None:
    with _sqlite.empty() as place:
        async with outbox(lone_database.url) as hub, opened(place.url) as store:
            async with hub.desk.store.write() as tx:
                await tx.execute(
                    attachment_contents.insert().values(
                        id="atc_1", county=COUNTY, content_hash="h", media_type="image/png", bytes=1, wrapped=b"w",
                        created_at=hub.clock(), body_sealed=os.urandom(3 << 20),
                    )
                )  # fmt: skip
            whole = (await saved(hub.desk, tmp_path)).read_bytes()
            head, *parts = parts_of(whole)
            assert len(parts) > 3
            places = [*range(0, len(head), 7), *range(len(head), len(whole), len(whole) // 60), len(whole) - 1]
            wrong = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in places]
            wrong += [whole[:at] for at in (0, 5, len(head) - 1, len(head), len(head) + 2, len(whole) - 1)]
            wrong += [b"".join([head, *parts[:n]]) for n in range(len(parts))]
            wrong += [b"".join([head, parts[1], parts[0], *parts[2:]]), b"".join([head, parts[0], *parts])]
            wrong += [whole + parts[-1], whole + b"x", b"", b"PK\x03\x04" + whole]
            file = tmp_path / "wrong"
            for content in wrong:
                file.write_bytes(content)
                with pytest.raises((DamagedError, UserInputError)):
                    backup.verify(file, KEYS)
            file.write_bytes(wrong[-20])
            with pytest.raises(HubError):
                await restored(store, file)
            async with store.read() as connection:
                assert await connection.run_sync(rows.tables_there) == []
            assert backup.verify(tmp_path / f"a{backup.SUFFIX}", KEYS).county == COUNTY


def test_parts_end_where_they_must(tmp_path: Path) -> None:
    for size in (0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20):
        content, file = os.urandom(size), tmp_path / "sealed"
        with file.open("wb") as out:
            writer = SealedWriter(out, KEYS, {})
            for start in range(0, size, 300_001):
                writer.write(content[start : start + 300_001])
            writer.close()
        with file.open("rb") as source:
            reader = SealedReader(source, KEYS)
            assert reader.read(size + 1) == content
            reader.finish()


async def test_another_key_another_county_and_a_place_that_is_taken_are_refused(
    database: Database, tmp_path: Path
) -> None:
    other = KeyRing(b"o" * 32)
    async with outbox(database.url) as hub:
        store, file = hub.desk.store, await saved(hub.desk, tmp_path)
        before = await everything(store)
        with pytest.raises(UserInputError, match="was sealed with the key"):
            await restored(store, file, sealing=other, is_replacing=True)
        with pytest.raises(ConfigurationError, match=r"sealed with the master key"):
            await restored(store, file, keys=other, is_replacing=True)
        with pytest.raises(ConfigurationError, match=r"is of county 620725"):
            await restored(store, file, county="620702", is_replacing=True)
        with pytest.raises(ConflictError, match="not empty"):
            await restored(store, file)
        with pytest.raises(ConflictError, match="is there already"):
            await saved(hub.desk, tmp_path)
        assert await everything(store) == before
        # what came since is given up only when told so
        await deliver(hub.desk, [row("later")])
        await restored(store, file, is_replacing=True)
        assert len((await everything(store))["case_records"]) == len(before["case_records"])
        # and a key of its own opens the file, while the master key opens what is inside
        sealed = await backup.make(hub.desk, tmp_path / "own", other, quiet)
        with pytest.raises(UserInputError, match="was sealed with the key"):
            backup.verify(sealed.file, KEYS)
        assert backup.verify(sealed.file, other).key_fingerprint == KEYS.fingerprint


@pytest.mark.parametrize(("has_keys", "can_find"), [(True, False), (False, True), (False, False)])
async def test_what_left_after_the_backup_is_not_sent_blindly_again(
    lone_database: Database, tmp_path: Path, has_keys: bool, can_find: bool
) -> None:
    async with outbox(lone_database.url, DoubledPartner(has_keys=has_keys, can_find=can_find)) as hub:
        file = await saved(hub.desk, tmp_path)
        await hub.push_for(hours=1)
        effects = dict(hub.partner.effects)
        assert effects and set(effects.values()) == {1}
        await restored(hub.desk.store, file, is_replacing=True)
        assert set(await hub.states()) == {"QUEUED"}
        again = Outbox(hub.desk, hub.clock, hub.partner)
        await again.push_for(hours=1)
        assert dict(hub.partner.effects) == effects
        states = await again.states()
        assert states[0] in (("DELIVERED", "ACKED") if has_keys or can_find else ("UNCERTAIN",))


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from hub import backup
from hub.restoring import restore
from hub.sealing import KeyRing
from hub.store.engine import open_store
from tests.hub_kit import open_desk

url, file, what = sys.argv[1:]
keys = KeyRing(b"k" * 32)

def killed(done, total):
    global left
    left -= done
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    if what == "make":
        async with open_desk(url) as desk:
            await backup.make(desk, Path(file), keys, killed)
    else:
        await restore(open_store(url), Path(file), keys, keys, "620725", is_replacing=False, advance=killed)

left = 20
asyncio.run(main())
"""


def killed_midway(url: str, file: Path, what: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, url, str(file), what], cwd=ROOT, env=clean_environment(), timeout=60
    )
    assert ended.returncode == -signal.SIGKILL


async def test_a_kill_leaves_no_half_file_and_no_half_database(
    lone_database: Database, empty_database: Database, tmp_path: Path
) -> None:
    async with outbox(lone_database.url, matters=2) as hub:
        file = tmp_path / f"half{backup.SUFFIX}"
        await asyncio.to_thread(killed_midway, lone_database.url, file, "make")
        assert not file.exists()
        assert [one.suffix for one in tmp_path.iterdir()] == [".part"]
        made = await saved(hub.desk, tmp_path, "half")
        assert made == file and made.stat().st_mode & 0o077 == 0
        await asyncio.to_thread(killed_midway, empty_database.url, file, "restore")
        async with opened(empty_database.url) as store:
            async with store.read() as connection:
                assert await connection.run_sync(rows.tables_there) == []
            assert (await restored(store, file)).manifest.rows > 20


def test_the_command_line_saves_keeps_keys_apart_and_brings_back(run: Run, tmp_path: Path) -> None:
    assert run("migrate").code == 0
    levels = {one["what"]: one["level"] for one in run("doctor", "--json").json}
    assert levels["key copy"] == levels["backup"] == "WARN"
    disk, safe = tmp_path / "disk", tmp_path / "safe"
    disk.mkdir()
    safe.mkdir()
    refused = run("backup", "make", "data")
    assert refused.code == 2 and "keys are kept apart" in refused.err.lower()
    made = run("backup", "make", "disk", "--json").json
    file = Path(made["file"])
    assert file.stat().st_size == made["bytes"] and made["tables"]["regions"] > 10
    for folder in ("disk", "data"):
        assert run("backup", "keys", folder).code == 2
    copied = run("backup", "keys", "safe", "--json").json
    assert run("backup", "keys", "safe").code == 0
    assert run("backup", "make", "safe").code == 2
    copy = Path(copied["file"])
    assert copy.read_text() == Path("data/master.key").read_text() and copy.stat().st_mode & 0o077 == 0
    assert Path("data/master.key").read_bytes().strip() not in file.read_bytes()
    levels = {one["what"]: one["level"] for one in run("doctor", "--json").json}
    assert levels["key copy"] == levels["backup"] == "OK"
    assert "whole: " in run("backup", "verify", str(file)).out
    # the machine is lost: a new one has the archive and, from the safe, the key
    Path("data").rename("lost")
    lost = run("restore", str(file))
    assert lost.code == 2 and "is not there" in lost.err and not Path("data").exists()
    Path("data").mkdir(mode=0o700)
    Path("data/master.key").write_bytes(copy.read_bytes())
    Path("data/master.key").chmod(0o600)
    assert run("restore", str(file), "--json").json["rows"] == made["rows"]
    assert run("migrate").code == 0
    levels = {one["what"]: one["level"] for one in run("doctor", "--json").json}
    assert levels["history guard"] == levels["master key"] == "OK"
    damaged = tmp_path / "damaged"
    damaged.write_bytes(file.read_bytes()[:-9])
    ended = run("restore", str(damaged), "--replace")
    assert ended.code == 1 and "the archive is damaged" in ended.err
    assert run("restore", str(file), "--replace").code == 0
