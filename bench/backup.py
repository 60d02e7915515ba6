"""A backup beside a plain copy of the same SQLite file: how large and how slow, made, verified and restored.

    python -m bench.backup [--records 2000]

A hub is filled with so many filings of the court; then its file is copied and synced, as the measure, and saved,
verified and restored into an empty SQLite file. It fails when a row is missing afterwards. Of PostgreSQL it measures
nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from hub import backup
from hub.restoring import restore
from hub.store.engine import open_store
from hub.store.migrate import upgrade_to_head
from tests.hub_kit import COUNTY, deliver, diverted, open_desk, row

_SQLITE = "sqlite+aiosqlite:///"
_PAGE = 200


def _quiet(_done: int, _total: int) -> None:
    pass


def _copied(source: Path, target: Path) -> float:
    """Seconds that a plain copy takes until it is on the disk; everything is in the one file before."""
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    began = time.perf_counter()
    shutil.copyfile(source, target)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    return time.perf_counter() - began


async def measure(records: int, folder: Path) -> int:
    """Print what was measured; returns the exit code."""
    source, target = folder / "hub.db", folder / "restored.db"
    await upgrade_to_head(f"{_SQLITE}{source}")
    async with open_desk(f"{_SQLITE}{source}") as desk:
        for start in range(0, records, _PAGE):
            await deliver(
                desk, [row(f"b{n}", logs=[diverted()]) for n in range(start, min(start + _PAGE, records))]
            )  # fmt: skip
        copy_s = _copied(source, folder / "copy.db")
        size = source.stat().st_size
        began = time.perf_counter()
        made = await backup.make(desk, folder / f"one{backup.SUFFIX}", desk.keys, _quiet)
        made_s = time.perf_counter() - began
        began = time.perf_counter()
        backup.verify(made.file, desk.keys)
        verified_s = time.perf_counter() - began
        store = open_store(f"{_SQLITE}{target}")
        try:
            began = time.perf_counter()
            back = await restore(
                store, made.file, desk.keys, desk.keys, COUNTY, is_replacing=False, advance=_quiet
            )  # fmt: skip
            restored_s = time.perf_counter() - began
        finally:
            await store.close()
    print(f"{records} records, {made.manifest.rows} rows, SQLite file {size / 1e6:.1f} MB, copied in {copy_s:.2f} s")
    print(f"archive   {made.size_bytes / 1e6:.1f} MB, {made.size_bytes / size:.2f} of the file")
    for what, seconds in (("make", made_s), ("verify", verified_s), ("restore", restored_s)):
        print(f"{what:<9} {seconds:.2f} s, {made.manifest.rows / seconds:.0f} rows/s, {seconds / copy_s:.0f}× the copy")
    return 0 if back.manifest.rows == made.manifest.rows > records else 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(given.records, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
