"""Planted numbers are found nowhere in the database: not in columns, not in files, not in logs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from sqlalchemy import select, text

from hub.sequencer import sequence_all
from hub.store.tables import metadata, parties

from .databases import Database
from .hub_kit import CENTRE, deliver, log, open_desk, row

IDENTITY, MOBILE, LANDLINE = "620725198112250017", "13919876543", "0936-2729876"
FULL_WIDTH = "１３９１９８７６５４３"
CANARIES = (IDENTITY, MOBILE, LANDLINE, FULL_WIDTH)
WORDS = f"联系电话{MOBILE}，座机{LANDLINE}，身份证{IDENTITY}，另{FULL_WIDTH}。"


def _planted() -> list[dict[str, object]]:
    party = {"dsrlx": "原告", "xm": f"王芳{MOBILE}", "zjlx": "111", "zjhm": IDENTITY, "lxdh": MOBILE,
             "xzqhdm": "620725101201", "zz": WORDS}  # fmt: skip
    lines = [
        log(80, "2024-03-06 10:00:00", org=CENTRE, mode="委派", by=f"法官{MOBILE}"),
        log(4, "2024-03-07 10:00:00", bcgyy=WORDS),
        log(60, "2024-03-08 10:00:00", tjjg="2", bcgyy="5", wzyss=WORDS),
    ]
    fields = {"laaymc": WORDS, "claim": WORDS, "facts": WORDS, "dsr": [party], "logs": lines, "caseCause": MOBILE}
    return [row("c1", **fields), row("c2", **fields, lxrq="never"), row("", **fields)]


async def test_planted_numbers_are_in_no_column(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with open_desk(database.url) as desk:
            await deliver(desk, _planted())
            await deliver(desk, [{**one, "gxsj": "2024-03-09 09:00:00"} for one in _planted()])
            await sequence_all(desk)
            found = []
            async with desk.store.read() as connection:
                for table in metadata.sorted_tables:
                    for one in await connection.execute(text(f"SELECT * FROM {table.name}")):
                        for column, value in one._mapping.items():
                            shown = value if isinstance(value, bytes) else str(value).encode()
                            found += [(table.name, column) for canary in CANARIES if canary.encode() in shown]
                sealed = (await connection.execute(select(parties).where(parties.c.id_sealed.is_not(None)))).first()
            assert found == []
            assert sealed is not None and sealed.id_mask == "6207**********0017"
            assert (
                desk.keys.open_field(sealed.id_sealed, table="parties", row=sealed.id, column="id_sealed") == IDENTITY
            )
    assert not [canary for canary in CANARIES if canary in caplog.text]
    if database.kind == "sqlite":
        path = Path(database.url.split("///", 1)[1])
        files = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
        assert files
        for file in files:
            assert not [canary for canary in CANARIES if canary.encode() in file.read_bytes()], file.name
