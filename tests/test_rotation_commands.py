"""Keys are changed by command, as operators do it: beside processes that work, killed in the middle, and told why."""

from __future__ import annotations

import asyncio
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hub import key_file, rotating_index, rotating_key
from hub.sealing import KeyRing, fingerprint_of

from .cli_kit import ROOT, Run, clean_environment
from .databases import Database
from .hub_kit import deliver, row
from .rotation_kit import held, killed_at, opened_hub, opens, quiet, time_passes

SERVES = """
import asyncio, sys, threading
from pathlib import Path
from tests.hub_kit import deliver, row
from tests.rotation_kit import opened_hub, opens

url, file = sys.argv[1:]
ends = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ends.set()), daemon=True).start()

async def main():
    async with opened_hub(url, Path(file)) as desk:
        number = 0
        while not ends.is_set():
            number += 1
            await deliver(desk, [row(f"p{number}")])
            there, opened = await opens(desk, desk.keys)
            assert there == opened > 0, (there, opened)
            print(number, flush=True)
            await asyncio.sleep(0.02)

asyncio.run(main())
"""

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from hub import rotating_key, rotations
from tests.rotation_kit import opened_hub, quiet

url, file = sys.argv[1:]
rotating_key.BATCH = 2
looked = 0

async def killed(self):
    global looked
    looked += 1
    if looked == 2:
        os.kill(os.getpid(), signal.SIGKILL)

rotations.Turn.breathe = killed

async def main():
    async with opened_hub(url, Path(file)) as desk:
        await rotating_key.rotate(desk, Path(file), quiet)

asyncio.run(main())
"""


def _program(text: str, database: Database, file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", text, database.url, str(file)], cwd=ROOT, env=clean_environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


async def test_another_process_reads_and_writes_while_a_rotation_is_killed_and_gone_on_with(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "master.key"
    async with opened_hub(database.url, file) as desk:
        await deliver(desk, [row(f"a{number}") for number in range(6)])
        (old,) = key_file.load(file)
        with _program(SERVES, database, file) as serving, _program(KILLED, database, file) as killed:
            assert serving.stdin is not None and serving.stdout is not None
            try:
                assert serving.stdout.readline() == "1\n"
                assert await asyncio.to_thread(killed.wait, 60) == -signal.SIGKILL
                assert len(held(file)) == 2
                await time_passes(desk)
                await rotating_key.rotate(desk, file, quiet)
                await rotating_index.rotate(desk, quiet)
                # it works on with what is in force now
                for _ in range(3):
                    serving.stdout.readline()
                serving.stdin.close()
                told = await asyncio.to_thread(serving.stdout.read)
                assert serving.wait(30) == 0 and int(told.split()[-1]) > 5
            finally:
                serving.kill()
                killed.kill()
        (new,) = key_file.load(file)
        there, opened = await opens(desk, KeyRing(new))
        assert there == opened > 0
        assert (await opens(desk, KeyRing(old)))[1] == 0


def _killed_once(folder: Path) -> None:
    async def die() -> None:
        database = f"sqlite+aiosqlite:///{folder / 'data' / 'hub.db'}"
        async with opened_hub(database, folder / "data" / "master.key") as desk:
            await time_passes(desk)
            with killed_at("_pass:1"):
                await rotating_key.rotate(desk, folder / "data" / "master.key", quiet)
            await time_passes(desk)

    asyncio.run(die())


def test_the_command_line_wants_a_copy_and_says_what_needs_which_key(run: Run, tmp_path: Path) -> None:
    assert run("migrate").code == 0
    file, safe = tmp_path / "data" / "master.key", tmp_path / "safe"
    safe.mkdir()
    (old,) = held(file)
    refused = run("rotate", "key")
    assert refused.code == 2 and f"no copy of the master key {old} is known" in refused.err
    assert "backup keys" in refused.err and held(file) == [old]
    assert run("backup", "keys", "safe").code == 0

    new = run("rotate", "key", "--prepare", "--json").json["prepared"]
    assert held(file) == [old, new] and stat.S_IMODE(file.stat().st_mode) == 0o600
    levels = {one["what"]: one for one in run("doctor", "--json").json}
    assert levels["rotation"]["level"] == "WARN" and new in levels["rotation"]["found"]
    assert levels["key copy"]["level"] == "WARN" and new in levels["key copy"]["found"]
    copied = run("backup", "keys", "safe", "--json").json
    assert (copied["keyFingerprint"], [one["keyFingerprint"] for one in copied["others"]]) == (old, [new])
    assert {fingerprint_of(key) for one in safe.iterdir() for key in key_file.load(one)} == {old, new}

    told = run("rotate", "key")
    assert told.code == 0 and f"the master key {new} is in force" in told.out
    assert f"{old} opens nothing any more but backups made until now: keep its copy {safe}" in told.out
    assert held(file) == [new]
    assert run("rotate", "index").code == 0
    status = run("rotate", "status", "--json").json
    assert (status["keyInForce"], status["isRunning"]) == (new, False)
    assert [(one["kind"], one["new"]) for one in status["rotations"]] == [("INDEX", "2"), ("KEY", new)]
    assert "index" in run("rotate", "status").out
    levels = {one["what"]: one["level"] for one in run("doctor", "--json").json}
    assert "rotation" not in levels and levels["key copy"] == levels["master key"] == "OK"

    # one that was killed needs no copy of the key it put in force, and is gone on with
    _killed_once(tmp_path)
    (unfinished,) = [one for one in run("doctor", "--json").json if one["what"] == "rotation"]
    assert "is unfinished" in unfinished["found"] and unfinished["todo"] == "`dispute-hub rotate key` goes on with it."
    assert run("rotate", "index").code == run("rotate", "key", "--prepare").code == 1
    again = run("rotate", "key", "--json").json
    assert (again["old"], held(file)) == (new, [again["new"]]) and not again["isNewSaved"]
    new, old = again["new"], new

    # a second machine's file that kept the old line is told of
    file.write_bytes(file.read_bytes() + (safe / f"dispute-hub-620725-{old}.key").read_bytes())
    (left,) = [one for one in run("doctor", "--json").json if one["what"] == "rotation"]
    assert old in left["found"] and "opens nothing" in left["found"]
    # one that is no key says so, and names neither
    file.write_text("0" * 63)
    broken = run("rotate", "status")
    assert broken.code == 2 and "is no master key" in broken.err and "0" * 63 not in broken.err


def test_on_postgresql_it_asks_for_the_other_machines_first(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", database.url)
    assert run("migrate").code == 0
    first = run("rotate", "key", "--without-copy")
    if database.kind == "sqlite":
        assert first.code == 0 and "no copy of it is known" in first.out
        return
    assert first.code == 2 and "none of them has the new key" in first.err and "--prepare" in first.err
    assert run("rotate", "key", "--without-copy", "--prepare").code == 0
    assert run("rotate", "key", "--without-copy").code == 0
    assert run("rotate", "key", "--without-copy", "--one-machine").code == 0
    assert len(run("rotate", "status", "--json").json["rotations"]) == 2
