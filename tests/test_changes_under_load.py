"""Changes by several processes reach readers who are cut off, each once: a slice of the program in ``bench/``."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.changes_under_load import measure

from .databases import Database


def test_readers_who_are_cut_off_see_each_change_once(database: Database, tmp_path: Path) -> None:
    measured = asyncio.run(measure(database.url, tmp_path, 300, writers=2, servers=2))
    print(measured.told())
    assert measured.cuts > 20 and len(measured.lags) == 900
