"""The master key changes while the hub serves: all that is kept opens at every moment, then not by the old one."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from hub import backup, key_file, rotating_key, rotations
from hub.attachments import Outcome, seal, settle, waiting
from hub.errors import ConfigurationError, ConflictError, HubError
from hub.restoring import restore
from hub.rotations import all_rotations, turn
from hub.sealing import KeyRing
from hub.store.engine import open_store
from hub.store.tables import attachment_contents, attachments, inbox_items, parties
from sync_jobs.lease import FencedStore
from sync_jobs.queue import Queue

from .databases import Database, SqliteDatabases
from .files_kit import JPEG
from .hub_kit import COUNTY, deliver, row
from .rotation_kit import KEY_MOMENTS, held, killed_at, opened_hub, opens, quiet, time_passes


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "master.key"


async def test_all_opens_before_while_and_after_and_the_old_key_opens_nothing(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotating_key, "BATCH", 6)
    async with opened_hub(database.url, file) as serving, opened_hub(database.url, file) as other:
        await deliver(serving, [row(f"a{number}") for number in range(8)])
        (old,) = key_file.load(file)
        ends = asyncio.Event()

        async def serves() -> int:
            number = 0
            while not ends.is_set() or number < 3:
                number += 1
                await deliver(serving, [row(f"b{number}")])
                there, opened = await opens(serving, serving.keys)
                assert there == opened > 0
            return number

        async def rotates() -> None:
            await asyncio.sleep(0.05)
            try:
                await rotating_key.rotate(other, file, quiet)
            finally:
                ends.set()

        await asyncio.gather(serves(), rotates())
        await deliver(serving, [row("c1")])
        (new,) = key_file.load(file)
        assert new != old and file.stat().st_mode & 0o777 == 0o600
        assert list(file.parent.iterdir()) == [file]
        for keys in (KeyRing(new), serving.keys, other.keys):
            there, opened = await opens(serving, keys)
            assert there == opened > 30
        _, opened = await opens(serving, KeyRing(old))
        assert opened == 0
        async with serving.store.read() as connection:
            (told,) = await all_rotations(connection)
        assert (told.old, told.new) == (KeyRing(old).fingerprint, KeyRing(new).fingerprint)
        assert told.finished_at is not None and told.changed >= 24


async def test_what_was_known_stays_known(database: Database, file: Path) -> None:
    pages = [row("a1"), row("a2")]
    async with opened_hub(database.url, file) as desk:
        await deliver(desk, pages)
        before = desk.keys.content_hash(b"x"), desk.keys.blind_index("id", "1")
        await rotating_key.rotate(desk, file, quiet)
    async with opened_hub(database.url, file) as desk:
        assert (desk.keys.content_hash(b"x"), desk.keys.blind_index("id", "1")) == before
        kept, _ = await deliver(desk, pages)
        assert kept.new == 0
        # and once more, now that the kept keys were wrapped twice
        await rotating_key.rotate(desk, file, quiet)
        assert desk.keys.content_hash(b"x") == before[0]
        async with desk.store.read() as connection:
            assert len((await connection.execute(select(inbox_items.c.id))).all()) == 2


async def test_killed_anywhere_nothing_is_lost_and_it_goes_on(database: Database, file: Path) -> None:
    async with opened_hub(database.url, file) as serving:
        await deliver(serving, [row(f"a{number}") for number in range(4)])
        for moment in KEY_MOMENTS:
            (old,) = key_file.load(file)
            async with opened_hub(database.url, file) as other:
                with killed_at(moment):
                    await rotating_key.rotate(other, file, quiet)
            await time_passes(serving)
            # who serves on, and who comes new
            await deliver(serving, [row(f"k{moment}")])
            async with opened_hub(database.url, file) as again:
                for desk in (serving, again):
                    there, opened = await opens(desk, desk.keys)
                    assert there == opened > 0, moment
                await rotating_key.rotate(again, file, quiet)
                assert held(file) == [again.keys.fingerprint], moment
                assert (await opens(again, KeyRing(old)))[1] == 0, moment
                there, opened = await opens(again, KeyRing(*key_file.load(file)))
                assert there == opened, moment
        async with serving.store.read() as connection:
            told = await all_rotations(connection)
        assert len(told) == len(KEY_MOMENTS) and all(one.finished_at for one in told)


async def test_one_at_a_time(database: Database, file: Path) -> None:
    async with opened_hub(database.url, file) as desk, opened_hub(database.url, file) as other:
        async with turn(desk, "KEY"):
            for kind in ("KEY", "INDEX"):
                with pytest.raises(ConflictError, match="is running already"):
                    async with turn(other, kind):
                        pass
        with killed_at("_pass:1"):
            await rotating_key.rotate(desk, file, quiet)
        await time_passes(desk)
        with pytest.raises(ConflictError, match="of the key is unfinished"):
            async with turn(other, "INDEX"):
                pass


async def test_a_long_write_is_waited_for_and_nobody_else_waits_long(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotations, "LOCK_WAIT_MS", 100)
    monkeypatch.setattr(rotations, "RETRY_S", 0.1)
    async with opened_hub(database.url, file) as serving, opened_hub(database.url, file) as other:
        await deliver(serving, [row("a1")])
        (old,) = held(file)
        async with serving.store.write() as tx:
            # it sealed with the old key, and ends only after the new one wanted to come into force
            done = asyncio.create_task(rotating_key.rotate(other, file, quiet))
            if database.kind == "postgresql":
                for name in ("b1", "b2", "b3"):
                    await asyncio.sleep(0.1)
                    await asyncio.wait_for(deliver(other, [row(name)]), 3)
            assert serving.keys.fingerprint == old
            late = serving.keys.seal_field("1", table="parties", row="late", column="id_sealed")
            first = (await tx.execute(select(parties).limit(1))).first()
            assert first is not None
            values = {**first._mapping, "id": "late", "position": 99, "id_sealed": late, "phone_sealed": None}
            await tx.execute(parties.insert().values(**values))
            assert not done.done()
        await done
        there, opened = await opens(serving, KeyRing(*key_file.load(file)))
        assert there == opened > 0 and held(file) != [old]


async def test_nothing_of_the_old_key_is_left_in_the_files(lone_database: Database, file: Path) -> None:
    async with opened_hub(lone_database.url, file) as desk:
        await deliver(desk, [row("a1")])
        async with desk.store.read() as connection:
            query = select(parties.c.id_sealed).where(parties.c.id_sealed.is_not(None))
            before = (await connection.execute(query)).scalars().all()
        await rotating_key.rotate(desk, file, quiet)
        place = Path(lone_database.url.partition("///")[2])
        for one in place.parent.glob(f"{place.name}*"):
            assert not [value for value in before if value in one.read_bytes()], one.name


async def test_another_machine_gets_the_new_key_before_it_is_in_force(
    database: Database, file: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "other machine.key"
    async with opened_hub(database.url, file) as desk:
        theirs.write_bytes(file.read_bytes())
        async with opened_hub(database.url, theirs) as far:
            await deliver(far, [row("a1")])
            new = await rotating_key.prepare(desk, file)
            assert await rotating_key.prepare(desk, file) == new != desk.keys.fingerprint
            assert await rotating_key.is_prepared(desk, file)
            theirs.write_bytes(file.read_bytes())
            await rotating_key.rotate(desk, file, quiet)
            assert desk.keys.fingerprint == new
            there, opened = await opens(far, far.keys)
            assert there == opened > 0
            await deliver(far, [row("a2")])
            assert far.keys.fingerprint == new
            there, opened = await opens(desk, KeyRing(*key_file.load(file)))
            assert there == opened > 0
    # a line too many does no harm, and the old key is not taken for a new one
    async with opened_hub(database.url, theirs) as far:
        assert len(held(theirs)) == 2 and far.keys.fingerprint == new
        assert not await rotating_key.is_prepared(far, theirs)


async def test_a_machine_without_the_new_key_writes_nothing_and_says_why(
    lone_database: Database, file: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "other machine.key"
    async with opened_hub(lone_database.url, file) as desk:
        theirs.write_bytes(file.read_bytes())
        async with opened_hub(lone_database.url, theirs) as far:
            await rotating_key.rotate(desk, file, quiet)
            with pytest.raises(ConfigurationError, match="not in the key file here") as told:
                await deliver(far, [row("a1")])
            assert "Copy the key file" in told.value.hint
            theirs.write_bytes(file.read_bytes())
            await deliver(far, [row("a1")])
    theirs.write_text("0" * 64)
    with pytest.raises(ConfigurationError, match="is not the key"):
        async with opened_hub(lone_database.url, theirs):
            pass


async def test_a_key_file_that_cannot_be_written_stops_it_before_anything_changed(
    file: Path, lone_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened_hub(lone_database.url, file) as desk:
        before = file.read_bytes()

        def refuses(*_: object, **__: object) -> int:
            raise PermissionError(13, "Permission denied")

        with monkeypatch.context() as patched:
            patched.setattr("hub.key_file.os.open", refuses)
            with pytest.raises(ConfigurationError, match="cannot be written anew: Permission denied"):
                await rotating_key.rotate(desk, file, quiet)
        assert file.read_bytes() == before
        async with desk.store.read() as connection:
            assert not await all_rotations(connection)


async def test_archives_of_before_while_and_after_come_back_with_their_keys(
    lone_database: Database, file: Path, tmp_path: Path, _sqlite: SqliteDatabases
) -> None:
    sealing = KeyRing(b"s" * 32)
    async with opened_hub(lone_database.url, file) as desk:
        await deliver(desk, [row(f"a{number}") for number in range(3)])
        old = file.read_bytes()
        before = await backup.make(desk, tmp_path / "before", sealing, quiet)
        with killed_at("_renew:2"):
            await rotating_key.rotate(desk, file, quiet)
        while_both = file.read_bytes()
        middle = await backup.make(desk, tmp_path / "middle", sealing, quiet)
        await time_passes(desk)
        await rotating_key.rotate(desk, file, quiet)
        after = await backup.make(desk, tmp_path / "after", sealing, quiet)
        new = file.read_bytes()
        assert (before.manifest.older_key, middle.manifest.older_key, after.manifest.older_key) == (
            "",
            held_in(old),
            "",
        )
    for made, fitting, wrong in ((middle, while_both, new), (before, old, new), (after, new, old)):
        with _sqlite.empty() as target:
            place = tmp_path / f"{made.file.name}.key"
            store = open_store(target.url)
            try:
                place.write_bytes(wrong)
                with pytest.raises(ConfigurationError, match=r"is sealed with|wants that one too"):
                    await restore(store, made.file, sealing, ring(place), COUNTY, is_replacing=False, advance=quiet)
                place.write_bytes(fitting)
                if made is not middle:
                    # to bring one back takes seconds: test_backup.py does it for those of one key
                    continue
                await restore(store, made.file, sealing, ring(place), COUNTY, is_replacing=False, advance=quiet)
            finally:
                await store.close()
            async with opened_hub(target.url, place) as back:
                there, opened = await opens(back, back.keys)
                assert there == opened > 0
                await time_passes(back)
                assert (await deliver(back, [row("a1")]))[0].new == 0
                await rotating_key.rotate(back, place, quiet)
                assert len(held(place)) == 1
                there, opened = await opens(back, ring(place))
                assert there == opened


def ring(file: Path) -> KeyRing:
    return KeyRing(*key_file.load(file))


def held_in(content: bytes) -> str:
    return KeyRing(bytes.fromhex(content.decode())).fingerprint


async def test_no_key_is_told(
    lone_database: Database, file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    async with opened_hub(lone_database.url, file) as desk:
        await deliver(desk, [row("a1")])
        with killed_at("_renew:2"):
            await rotating_key.rotate(desk, file, quiet)
        keys = file.read_text().split()
        await time_passes(desk)
        async with desk.store.read() as connection:
            sealed = (await connection.execute(select(parties).where(parties.c.id_sealed.is_not(None)))).first()
        assert sealed is not None
        for use in (
            lambda: desk.keys.open_field(sealed.id_sealed, table="parties", row="another", column="id_sealed"),
            lambda: desk.keys.open_data_key(b"0" * 60, "x"),
            lambda: desk.keys.take_kept("00", {}, 1),
        ):
            with pytest.raises(HubError) as refused:
                use()
            told += [repr(refused.value), str(refused.value), refused.value.hint]
        told += [repr(desk.keys), repr(desk), repr(vars(desk.keys)["_masters"])]
        await rotating_key.rotate(desk, file, quiet)
    told += [record.getMessage() for record in caplog.records]
    for key in keys:
        assert not [one for one in told if key in one or repr(bytes.fromhex(key)) in one]


async def test_what_was_sealed_before_a_write_began_is_kept_under_the_key_of_the_write(
    database: Database, file: Path
) -> None:
    async with opened_hub(database.url, file) as worker, opened_hub(database.url, file) as other:
        await deliver(worker, [row("a1")])
        queue = Queue(worker.store, COUNTY)
        assert await queue.enqueue("pull:court", "court", worker.clock())
        claim = await queue.claim("w", worker.clock(), 3600)
        assert claim is not None
        fenced = replace(worker, store=FencedStore(worker.store, claim))
        now = worker.clock()
        async with worker.store.write() as tx:
            await tx.execute(
                attachments.insert().values(
                    id="att", county=COUNTY, instance="court", record_id=await tx.scalar(select(parties.c.record_id)),
                    ref_hash="r", position=0, kind="OTHER", name="a.jpg", classification="INTERNAL", state="PENDING",
                    attempts=0, next_try_at=now, first_seen_at=now,
                )
            )  # fmt: skip
            (waits,) = await waiting(tx, "court", worker.clock(), 10)
        sealed = seal(fenced, JPEG)
        await rotating_key.rotate(other, file, quiet)
        assert await settle(fenced, [Outcome(waits, sealed)]) == 1
        await deliver(fenced, [row("a2")])
        new = KeyRing(*key_file.load(file))
        async with other.store.read() as connection:
            (content,) = (await connection.execute(select(attachment_contents))).all()
        assert new.open_data_key(content.wrapped, content.id).open(content.body_sealed, content.id) == JPEG
        there, opened = await opens(other, new)
        assert there == opened > 0


def test_a_process_that_stands_still_over_the_key_file_puts_nothing_back(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = key_file.load_or_create(file)
    second, third = b"2" * 32, b"3" * 32
    looked, goes_on = threading.Event(), threading.Event()

    def slowly(keys: Sequence[bytes]) -> Sequence[bytes]:
        looked.set()
        goes_on.wait(10)
        return [*keys, second]

    slow = threading.Thread(target=key_file.change, args=(file, slowly))
    slow.start()
    assert looked.wait(10)
    with monkeypatch.context() as hurried:
        hurried.setattr(key_file, "_TRIES", 2)
        with pytest.raises(ConfigurationError, match="another process"):
            key_file.change(file, lambda keys: [*keys, third])
    goes_on.set()
    key_file.change(file, lambda keys: [*keys, third])
    slow.join()
    assert set(key_file.load(file)) == {first, second, third}
