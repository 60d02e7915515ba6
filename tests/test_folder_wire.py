"""The folder wire over real directories: whole files or none, nothing outside, an absent share is no empty one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import FolderWire
from hub.errors import ConfigurationError, TransientError, UserInputError
from sync_jobs.folder import DirectoryWire, FolderOptions, open_folder_wire


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[DirectoryWire]:
    async with open_folder_wire(FolderOptions(tmp_path, max_file_bytes=1000)) as opened:
        contract: FolderWire = opened
        assert contract is opened
        yield opened


def kind_of(caught: pytest.ExceptionInfo[TransientError]) -> str:
    return caught.value.kind


async def test_what_was_written_is_listed_and_read_whole(wire: DirectoryWire, tmp_path: Path) -> None:
    await wire.write("in/ack/b.json", b"two")
    await wire.write("in/ack/a.json", b"one")

    first, second = await wire.list("in/ack")

    assert (first.name, first.size, second.name) == ("a.json", 3, "b.json")
    assert abs(datetime.now(UTC) - first.modified_at) < timedelta(minutes=1)
    assert await wire.read("in/ack/a.json") == b"one"
    assert sorted(path.name for path in (tmp_path / "in/ack").iterdir()) == ["a.json", "b.json"]


async def test_an_existing_file_is_replaced_at_once(wire: DirectoryWire, tmp_path: Path) -> None:
    await wire.write("x", b"old")
    with open(tmp_path / "x", "rb") as reader:
        await wire.write("x", b"newer")
        assert reader.read() == b"old"

    assert await wire.read("x") == b"newer"


async def test_hidden_and_unfinished_files_links_and_folders_are_not_listed(
    wire: DirectoryWire, tmp_path: Path
) -> None:
    for name in (".hidden", "half.tmp", "whole"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "whole")

    assert [entry.name for entry in await wire.list(".")] == ["whole"]
    assert [entry.name for entry in await wire.list("")] == ["whole"]
    assert await wire.list("nowhere") == ()


async def test_a_folder_that_is_away_is_an_error_and_is_not_built_anew(tmp_path: Path) -> None:
    root = tmp_path / "share"
    async with open_folder_wire(FolderOptions(root)) as wire:
        for step in (wire.list("in"), wire.read("in/x"), wire.write("in/ack/x", b"x")):
            with pytest.raises(TransientError) as caught:
                await step
            assert kind_of(caught) == "FOLDER_AWAY"
        assert not root.exists()

        root.mkdir()
        assert await wire.list("in") == ()


@pytest.mark.parametrize("path", ["../x", "in/../../x", "/etc/passwd", "in\\..\\x", "in/\x00"])
async def test_no_path_leads_out_of_the_folder(wire: DirectoryWire, path: str) -> None:
    for step in (wire.list, wire.read):
        with pytest.raises(UserInputError):
            await step(path)
    with pytest.raises(UserInputError):
        await wire.write(path, b"x")


async def test_no_link_leads_out_of_the_folder(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    (root / "in").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")

    async with open_folder_wire(FolderOptions(root)) as wire:
        for step in (wire.list("in"), wire.read("in/secret"), wire.write("in/x", b"x")):
            with pytest.raises(TransientError) as caught:
                await step
            assert kind_of(caught) == "LINK_REFUSED"
        with pytest.raises(TransientError) as caught:
            await wire.read("file")
        assert kind_of(caught) == "FILE_UNREADABLE"
    assert [path.name for path in outside.iterdir()] == ["secret"]


async def test_a_file_that_is_gone_too_long_or_no_file_says_so(wire: DirectoryWire, tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * 1001)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    expected = {
        "none": "FILE_GONE",
        "long": "FILE_TOO_LONG",
        "folder": "FILE_UNREADABLE",
        "pipe": "FILE_UNREADABLE",
    }
    for path, kind in expected.items():
        with pytest.raises(TransientError) as caught:
            await wire.read(path)
        assert kind_of(caught) == kind, path


async def test_a_file_that_grows_while_it_is_read_is_an_error(
    wire: DirectoryWire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"one")
    real = os.fstat
    seen = []

    def fstat(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        if not seen:
            with open(tmp_path / "x", "ab") as file:
                file.write(b"two")
        seen.append(found)
        return found

    monkeypatch.setattr("sync_jobs.folder.os.fstat", fstat)
    with pytest.raises(TransientError) as caught:
        await wire.read("x")

    assert kind_of(caught) == "FILE_CHANGED"


async def test_a_write_that_fails_leaves_nothing_behind(
    wire: DirectoryWire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wire.write("x", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sync_jobs.folder.os.fsync", full)
    with pytest.raises(TransientError) as caught:
        await wire.write("x", b"new")

    assert (kind_of(caught), caught.value.hint) == ("WRITE_FAILED", "x: ENOSPC")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x": b"old"}


async def test_a_name_that_readers_pass_over_is_not_written(wire: DirectoryWire) -> None:
    for path in (".hidden", "in/half.tmp"):
        with pytest.raises(UserInputError):
            await wire.write(path, b"x")


async def test_a_dead_mount_times_out_and_holds_up_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(_path: Path) -> None:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(5)

    async with open_folder_wire(FolderOptions(tmp_path, timeout_s=0.05)) as wire:
        with monkeypatch.context() as patched:
            patched.setattr("sync_jobs.folder.os.scandir", hang)
            with pytest.raises(TransientError) as caught:
                await wire.list("")
        assert kind_of(caught) == "TIMEOUT"
        release.set()


async def test_incidents_are_counted(wire: DirectoryWire) -> None:
    wire.note("GAP", "a")
    wire.note("GAP", "b")

    assert (wire.incidents["GAP"], wire.hints["GAP"]) == (2, "b")


async def test_a_relative_root_is_a_setting_to_correct() -> None:
    with pytest.raises(ConfigurationError):
        async with open_folder_wire(FolderOptions(Path("share"))):
            pass
