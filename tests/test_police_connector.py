"""The police's file drop over real folders: batches, acks, versions, and what a call and its forms mean together.

The batches are written here, from WIRES §2 alone, so that the connector is not proved against its sibling.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import time
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import registry
from connectors.base import Connector, InstanceConfig, Window
from connectors.police import PoliceConnector
from connectors.police.ack import BatchRefusedError
from connectors.police.batch import read_batch
from connectors.police.names import parse_batch
from hub.errors import BadPayloadError, ConfigurationError, OrphanError, TransientError
from hub.model import SHANGHAI, Answer, CaseFacts, Cursor, Item, RecordName, Reference, UnknownCode
from hub.vocabulary import (
    UNKNOWN,
    CaseRecordState,
    Channel,
    Classification,
    HandlingEventKind,
    LinkKind,
    Outcome,
    PartyRole,
    PartyType,
    Procedure,
    ReferralMode,
    ReferralState,
    county_tables,
)
from sync_jobs.folder import DirectoryWire, FolderOptions, open_folder_wire

CENTRE, STATION = "620725190000", "620725010000"
MANIFEST = "ZA_DATA_INDEX.xml"
Row = Mapping[str, str]


def number(kind: str, serial: int, day: str = "20240301") -> str:
    return f"{kind}{STATION}{day}{serial:05}"


J1, C1, F1, F2, F3 = number("J", 1), number("C", 1), number("F", 1), number("F", 2), number("F", 3)


def config(**options: Any) -> InstanceConfig:
    live_from = datetime(2024, 8, 1, tzinfo=SHANGHAI)
    return InstanceConfig("police", "police", "620725", CENTRE, live_from, county_tables(), options=options)


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)


def jjd(no: str = J1, gxsj: str = "2024-03-01 09:00:00", **columns: str) -> Row:
    plain = {
        "JJDBH": no, "BJSJ": "2024-03-01 08:50:00", "BJFSDM": "1", "BJRXM": "张三", "BJDH": "13800001234",
        "BJNR": "与邻居因排水发生争吵", "SFDD": "清泉镇东街 3 号", "XZQHDM": "620725101001", "JQLBDM": "05",
        "JQLXDM": "0502", "JQXLDM": "", "GXDWDM": STATION, "JQCLZTDM": "0", "LZGDBH": "", "GXBS": "0", "GXSJ": gxsj,
    }  # fmt: skip
    return {**plain, **columns}


def cjd(no: str = C1, gxsj: str = "2024-03-01 09:30:00", **columns: str) -> Row:
    plain = {
        "CJDBH": no, "JJDBH": J1, "CJDWDM": STATION, "CJSJ": "2024-03-01 08:55:00",
        "DDXCSJ": "2024-03-01 09:10:00", "CJQK": "已劝离", "GXBS": "0", "GXSJ": gxsj,
    }  # fmt: skip
    return {**plain, **columns}


def fkd(no: str = F1, code: str = "02", told: str = "2024-03-01 10:00:00", **columns: str) -> Row:
    plain = {
        "FKDBH": no, "JJDBH": J1, "CJDBH": C1, "FKDWDM": STATION, "FKSJ": told, "JQLBDM": "", "JQLXDM": "",
        "JQXLDM": "", "JQZLDM": "", "CLJGDM": code, "DSRXX": "", "YJDW": CENTRE if code in ("02", "07", "08") else "",
        "GXBS": "0", "GXSJ": told,
    }  # fmt: skip
    return {**plain, **columns}


def manifest_of(files: Mapping[str, tuple[str, int, Sequence[str]]], lfgf: str = r"\t", sjqsh: int = 1) -> str:
    """The manifest of these datasets (encoding, row count, columns), byte for byte as WIRES 2.3 shows it."""
    blocks = "\n".join(
        f"""<DATA>
<ITEM key="lfgf" val="{lfgf}" rmk="列分隔符"/>
<ITEM key="hfgf" val="\\n" rmk="行分隔符"/>
<ITEM key="xxzybsf" val="620725-117070302-1-1" rmk="信息资源标识符"/>
<ITEM key="sjqsh" val="{sjqsh}" rmk="数据起始行"/>
<ITEM key="wjbmgs" val="{encoding}" rmk="文件编码格式"/>
<ITEM key="sjj" val="{name}" rmk="数据集"/>
<DATASET name="ZA_DATA_FILE"><DATA><ITEM key="wjlj" val="" rmk="路径"/><ITEM key="wjm" val="{name}.bcp" rmk="文件名"/>\
<ITEM key="jlhs" val="{count}" rmk="记录行数"/></DATA></DATASET>
<DATASET name="ZA_DATA_STRUCT"><DATA>{"".join(f'<ITEM key="{column}" chn=""/>' for column in columns)}</DATA></DATASET>
</DATA>"""
        for name, (encoding, count, columns) in files.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<MESSAGE>
<DATASET name="ZA_DATA_INDEX">
{blocks}
</DATASET>
</MESSAGE>
"""


def zipped(members: Mapping[str, bytes | str]) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content)
    return kept.getvalue()


def zip_of(
    datasets: Mapping[str, Sequence[Row]], encoding: str = "UTF-8", *, count: int = 0, lfgf: str = r"\t",
    separator: str = "\t", header: bool = False, extra_lines: str = "", manifest: str | None = None,
) -> bytes:  # fmt: skip
    """A batch; ``count`` is added to every jlhs, ``extra_lines`` to every file."""
    files, members = {}, {}
    for name, rows in datasets.items():
        columns = list(rows[0]) if rows else ["JJDBH", "FKDBH", "CJDBH", "GXSJ", "GXBS"]
        lines = [separator.join(row.get(column, "") for column in columns) for row in rows]
        body = "".join(f"{line}\n" for line in ([separator.join(columns)] if header else []) + lines) + extra_lines
        members[f"{name}.bcp"] = body.encode(encoding)
        files[name] = (encoding, len(rows) + extra_lines.count("\n") + count, columns)
    return zipped({MANIFEST: manifest or manifest_of(files, lfgf, 2 if header else 1), **members})


def name_of(serial: int, stamp: str = "20240301235900") -> str:
    return f"620725000000_{stamp}_{serial:05}"


class Gap:
    """The police's side of the folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "in/ack").mkdir(parents=True)

    def put(self, serial: int, content: bytes | Mapping[str, Sequence[Row]], *, marker: str | None = None) -> str:
        """A batch and its marker (another hash than the zip's, or '' for none)."""
        return self.put_as(name_of(serial), content, marker=marker)

    def put_as(self, name: str, content: bytes | Mapping[str, Sequence[Row]], *, marker: str | None = None) -> str:
        content = content if isinstance(content, bytes) else zip_of(content)
        (self.root / f"in/{name}.zip").write_bytes(content)
        stated = hashlib.sha256(content).hexdigest() if marker is None else marker
        if stated:
            (self.root / f"in/{name}.zip.ok").write_text(f"{stated}\n")
        return name

    def age(self, name: str, seconds: float) -> None:
        past = time.time() - seconds
        os.utime(self.root / f"in/{name}.zip.ok", (past, past))

    def ack(self, name: str) -> dict[str, Any] | None:
        path = self.root / f"in/ack/{name}.json"
        return cast(dict[str, Any], json.loads(path.read_bytes())) if path.exists() else None

    def reason(self, name: str) -> str:
        """Why the batch was refused whole."""
        ack = self.ack(name)
        assert ack is not None and ack["accepted"] == 0
        (only,) = ack["rejected"]
        assert (only["dataset"], only["line"]) == ("", 0)
        return str(only["reason"])


@pytest.fixture
def gap(tmp_path: Path) -> Gap:
    return Gap(tmp_path)


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[DirectoryWire]:
    async with open_folder_wire(FolderOptions(tmp_path)) as opened:
        yield opened


@pytest.fixture
def police() -> PoliceConnector:
    return PoliceConnector(config())


async def run(
    police: PoliceConnector, wire: DirectoryWire, cursor: Cursor | None = None, *, acknowledges: bool = True
) -> tuple[list[Item], Cursor]:
    """A whole run, each page acknowledged as the hub does after it is committed."""
    items: list[Item] = []
    following = police.start_cursor(cursor)
    for _ in range(200):
        page = await police.pull(wire, following)
        items += page.items
        following = json.loads(json.dumps(dict(page.cursor)))
        if acknowledges:
            await police.acknowledge(wire, page)
        if not page.more:
            return items, following
    raise AssertionError("the run does not end")


def keys(items: Sequence[Item]) -> list[str]:
    return [item.key for item in items]


# --- the way in -------------------------------------------------------------------------------------------------


def test_it_is_registered_and_keeps_the_contract() -> None:
    connector: Connector = registry.make_connector(config())

    assert isinstance(connector, PoliceConnector)
    assert not PoliceConnector.can_fetch


@pytest.mark.parametrize("encoding", ["UTF-8", "GB18030"])
async def test_a_batch_is_read_whole_in_either_encoding_and_acknowledged(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector, encoding: str
) -> None:
    rare = jjd(BJRXM="䶮㛃𠅤", BJNR="称“不还钱”① €")
    content = zip_of({"JJD": [rare], "CJD": [cjd()], "FKD": [fkd()]}, encoding)
    name = gap.put(1, content)

    items, _ = await run(police, wire)

    assert keys(items) == [f"JJD:{J1}", f"CJD:{C1}", f"FKD:{F1}"]
    assert {(item.native_id, item.native_no) for item in items} == {(J1, "")}
    assert items[0].updated_at == at("2024-03-01 09:00:00")
    assert json.loads(items[0].body)["columns"] == rare
    assert gap.ack(name) == {
        "batch": name, "sha256": hashlib.sha256(content).hexdigest(), "rows": 3, "accepted": 3, "rejected": [],
    }  # fmt: skip


async def test_each_file_may_have_its_own_encoding_separator_and_header(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    gap.put(1, zip_of({"JJD": [jjd()]}, "GB18030", lfgf="|", separator="|", header=True))
    gap.put(2, zip_of({"JJD": [jjd(number("J", 2))]}, lfgf="\t"))
    gap.put(3, zip_of({"JJD": [jjd(number("J", 3))]}, lfgf="&#9;"))
    gap.put(4, zip_of({"JJD": [jjd(number("J", 4))]}, lfgf="|~", separator="|~"))

    items, _ = await run(police, wire)

    assert [json.loads(item.body)["line"] for item in items] == [2, 1, 1, 1]
    assert all(police.map(item) for item in items)


async def test_one_batch_is_one_page_and_the_cursor_stays_small(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    for serial in range(1, 6):
        gap.put(serial, {"JJD": [jjd(number("J", serial))]})

    first = await police.pull(wire, police.start_cursor(None))
    assert (len(first.items), first.more) == (1, True)
    assert first == await police.pull(wire, police.start_cursor(None)), "the same cursor may be asked again"

    items, cursor = await run(police, wire)
    assert len(items) == 5
    assert len(json.dumps(dict(cursor))) < 120


async def test_a_batch_that_was_acknowledged_is_not_read_again(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    name = gap.put(1, {"JJD": [jjd()]})
    _, cursor = await run(police, wire)
    before = (gap.root / f"in/ack/{name}.json").stat().st_mtime_ns

    again, cursor = await run(police, wire, cursor)
    assert again == []
    again, _ = await run(PoliceConnector(config()), wire, cursor)
    assert again == []

    assert (gap.root / f"in/ack/{name}.json").stat().st_mtime_ns == before


async def test_a_crash_before_the_ack_reads_the_batch_again(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    name = gap.put(1, {"JJD": [jjd()]})
    first, cursor = await run(police, wire, acknowledges=False)
    assert gap.ack(name) is None

    again, _ = await run(police, wire, cursor)

    assert again == first
    assert gap.ack(name) is not None


async def test_a_rebuilt_hub_reads_everything_and_changes_no_ack(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    names = [gap.put(serial, {"JJD": [jjd(number("J", serial))]}) for serial in (1, 2, 3)]
    await run(police, wire)
    before = [(gap.root / f"in/ack/{name}.json").stat().st_mtime_ns for name in names]
    rebuilt = PoliceConnector(config())

    first = await rebuilt.pull(wire, rebuilt.start_cursor(None))
    # it dies after the first page: reading again goes on where it was
    rest, cursor = await run(rebuilt, wire, first.cursor)
    assert len(first.items) + len(rest) == 3
    assert (await run(rebuilt, wire, cursor))[0] == []

    assert [(gap.root / f"in/ack/{name}.json").stat().st_mtime_ns for name in names] == before


async def test_since_a_day_reads_its_batches_again(gap: Gap, wire: DirectoryWire, police: PoliceConnector) -> None:
    for serial, day in ((1, "20240301"), (2, "20240302")):
        gap.put_as(name_of(serial, f"{day}235900"), {"JJD": [jjd(number("J", serial))]})
    _, cursor = await run(police, wire)

    page = await police.pull(wire, police.start_cursor(cursor, at("2024-03-02 00:00:00")))

    assert keys(page.items) == [f"JJD:{number('J', 2)}"]


async def test_a_missing_serial_is_noted_and_blocks_nothing_and_a_late_batch_is_read(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    gap.put(1, {"JJD": [jjd(number("J", 1))]})
    gap.put(3, {"JJD": [jjd(number("J", 3))]})
    items, cursor = await run(police, wire)
    assert len(items) == 2
    assert wire.incidents["SERIAL_GAP"] == 1

    gap.put(2, {"JJD": [jjd(number("J", 2))]})
    late, _ = await run(police, wire, cursor)

    assert keys(late) == [f"JJD:{number('J', 2)}"]
    assert wire.incidents["SERIAL_GAP"] == 1


async def test_a_half_arrived_batch_waits_and_holds_up_no_other(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    whole = zip_of({"JJD": [jjd()]})
    no_marker = gap.put(1, whole, marker="")
    broken = gap.put(2, whole[:-20], marker=hashlib.sha256(whole).hexdigest())
    (gap.root / f"in/{name_of(3)}.zip.ok").write_text("0" * 64 + "\n")
    gap.put(4, {"JJD": [jjd(number("J", 4))]})
    (gap.root / "in/.620725000000_20240301235900_00005.zip").write_bytes(whole)
    (gap.root / "in/620725000000_20240301235900_00006.zip.tmp").write_bytes(whole)

    items, cursor = await run(police, wire)
    assert keys(items) == [f"JJD:{number('J', 4)}"]
    assert [path.name for path in (gap.root / "in/ack").iterdir()] == [f"{name_of(4)}.json"]
    assert wire.incidents["HALF_ARRIVED"] == 3

    gap.put(1, whole)
    gap.put(2, whole)
    late, _ = await run(police, wire, cursor)
    assert keys(late) == [f"JJD:{J1}", f"JJD:{J1}"]
    assert gap.ack(no_marker) and gap.ack(broken)


async def test_what_is_half_arrived_for_ten_minutes_is_refused(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    whole = zip_of({"JJD": [jjd()]})
    broken = gap.put(1, whole[:-20], marker=hashlib.sha256(whole).hexdigest())
    without_zip = name_of(2)
    (gap.root / f"in/{without_zip}.zip.ok").write_text("0" * 64 + "\n")
    for name, seconds in ((broken, 595), (without_zip, 605)):
        gap.age(name, seconds)
    await run(police, wire)
    assert gap.ack(broken) is None
    assert gap.reason(without_zip).startswith("BAD_ZIP")

    gap.age(broken, 605)
    items, cursor = await run(police, wire, None)
    assert items == []
    assert gap.reason(broken).startswith("BAD_ZIP")
    assert gap.ack(broken)["sha256"] == hashlib.sha256(whole[:-20]).hexdigest()  # type: ignore[index]

    noted = wire.incidents["BAD_ZIP"]
    await run(police, wire, cursor)
    assert wire.incidents["BAD_ZIP"] == noted, "refused once"


async def test_the_patience_is_an_option(gap: Gap, wire: DirectoryWire) -> None:
    name = gap.put(1, b"x", marker="0" * 64)

    await run(PoliceConnector(config(half_arrived_s=0)), wire)

    assert gap.reason(name).startswith("BAD_ZIP")
    for options in ({"half_arrived_s": -1}, {"max_batch_bytes": "many"}, {"half_arrived_s": True}):
        with pytest.raises(ConfigurationError):
            PoliceConnector(config(**options))


async def test_the_same_name_with_other_content_is_refused_whole(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    name = gap.put(1, {"JJD": [jjd()]})
    _, cursor = await run(police, wire)
    gap.put(1, zip_of({"JJD": [jjd(BJNR="另一内容")]}))

    items, cursor = await run(police, wire, cursor)
    assert items == []
    assert gap.reason(name).startswith("文件名重复")
    assert wire.incidents["DUPLICATE_NAME"] == 1

    assert (await run(police, wire, cursor))[0] == []
    assert wire.incidents["DUPLICATE_NAME"] == 1
    assert (await run(PoliceConnector(config()), wire))[0] == [], "a rebuilt hub does not take it in either"


async def test_a_zip_altered_after_its_ack_leaves_the_ack_alone(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    content = zip_of({"JJD": [jjd()]})
    name = gap.put(1, content)
    _, cursor = await run(police, wire)
    (gap.root / f"in/{name}.zip").write_bytes(b"rotten")
    gap.age(name, 10_000)

    await run(police, wire, cursor)
    await run(PoliceConnector(config()), wire)

    assert gap.ack(name)["accepted"] == 1  # type: ignore[index]


MANIFEST_OF_ONE = manifest_of({"JJD": ("UTF-8", 1, list(jjd()))})
LINE = "\t".join(jjd().values()) + "\n"

REFUSED: dict[str, tuple[bytes, str]] = {
    "too few rows": (zip_of({"JJD": [jjd()]}, count=1), "COUNT_MISMATCH"),
    "too many rows": (zip_of({"JJD": [jjd()], "FKD": [fkd(), fkd(F2)]}, count=-1), "COUNT_MISMATCH"),
    "line ends without end": (zipped({MANIFEST: MANIFEST_OF_ONE, "JJD.bcp": b"\n" * 100_000}), "COUNT_MISMATCH"),
    "no zip": (b"not a zip at all", "BAD_ZIP"),
    "half a zip": (zip_of({"JJD": [jjd()]})[:-30], "BAD_ZIP"),
    "no manifest": (zipped({"JJD.bcp": LINE}), "BAD_ZIP"),
    "climbing name": (zipped({MANIFEST: MANIFEST_OF_ONE, "../JJD.bcp": LINE}), "BAD_ZIP"),
    "absolute name": (zipped({MANIFEST: MANIFEST_OF_ONE, "/JJD.bcp": LINE}), "BAD_ZIP"),
    "folder": (zipped({MANIFEST: MANIFEST_OF_ONE, "x/JJD.bcp": LINE}), "BAD_ZIP"),
    "foreign name": (zipped({MANIFEST: MANIFEST_OF_ONE, "接警.bcp": LINE}), "BAD_ZIP"),
    "bomb": (zipped({MANIFEST: MANIFEST_OF_ONE, "JJD.bcp": b"0" * (3 << 20)}), "BAD_ZIP"),
    "a thousand files": (zipped({f"{n}.bcp": b"" for n in range(1000)}), "BAD_ZIP"),
    "GB18030 called UTF-8": (
        zipped({MANIFEST: MANIFEST_OF_ONE, "JJD.bcp": LINE.encode("gb18030")}), "BAD_ENCODING",
    ),
    "half a character": (
        zipped({MANIFEST: MANIFEST_OF_ONE.replace("UTF-8\" rmk", "GB18030\" rmk"), "JJD.bcp": b"\x81\n"}),
        "BAD_ENCODING",
    ),
    "undeclared file": (zipped({MANIFEST: MANIFEST_OF_ONE, "JJD.bcp": LINE, "CJD.bcp": LINE}), "BAD_MANIFEST"),
    "missing file": (zipped({MANIFEST: MANIFEST_OF_ONE}), "BAD_MANIFEST"),
    "no XML": (zip_of({"JJD": [jjd()]}, manifest="<MESSAGE>"), "BAD_MANIFEST"),
    "not UTF-8": (zipped({MANIFEST: MANIFEST_OF_ONE.encode("gb18030"), "JJD.bcp": LINE}), "BAD_MANIFEST"),
    "unknown encoding": (
        zip_of({"JJD": [jjd()]}, manifest=MANIFEST_OF_ONE.replace("UTF-8\" rmk", "BIG5\" rmk")), "BAD_MANIFEST",
    ),
    "no row count": (zip_of({"JJD": [jjd()]}, manifest=MANIFEST_OF_ONE.replace("jlhs", "hs")), "BAD_MANIFEST"),
    "one separator for both": (
        zip_of({"JJD": [jjd()]}, manifest=MANIFEST_OF_ONE.replace(r'"\t"', r'"\n"')), "BAD_MANIFEST",
    ),
    "no key column": (zip_of({"JJD": [jjd()]}, manifest=MANIFEST_OF_ONE.replace('"JJDBH"', '"X"')), "BAD_MANIFEST"),
    "column twice": (zip_of({"JJD": [jjd()]}, manifest=MANIFEST_OF_ONE.replace('"BJNR"', '"SFDD"')), "BAD_MANIFEST"),
    "entities": (
        zip_of({"JJD": [jjd()]}, manifest=MANIFEST_OF_ONE.replace(
            "<MESSAGE>", '<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><MESSAGE>')),
        "BAD_MANIFEST",
    ),
    "foreign entity": (
        zip_of({"JJD": [jjd()]}, manifest=MANIFEST_OF_ONE.replace(
            "<MESSAGE>", '<!DOCTYPE m SYSTEM "file:///etc/passwd"><MESSAGE>')),
        "BAD_MANIFEST",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_a_bad_batch_is_refused_whole_with_its_reason(gap: Gap, wire: DirectoryWire, case: str) -> None:
    content, code = REFUSED[case]
    name = gap.put(1, content)
    gap.put(2, {"JJD": [jjd(number("J", 2))]})

    items, _ = await run(PoliceConnector(config(max_batch_bytes=1 << 20)), wire)

    assert keys(items) == [f"JJD:{number('J', 2)}"], "the next batch is read all the same"
    assert gap.reason(name).split(":")[0] == code
    assert wire.incidents[code] == 1


async def test_a_zip_longer_than_allowed_is_refused_unread(gap: Gap, wire: DirectoryWire) -> None:
    name = gap.put(1, random.Random(7).randbytes(5000))
    police = PoliceConnector(config(max_batch_bytes=4000))

    _, cursor = await run(police, wire)
    assert gap.reason(name).startswith("BAD_ZIP")

    noted = wire.incidents["BAD_ZIP"]
    await run(police, wire, cursor)
    assert wire.incidents["BAD_ZIP"] == noted


async def test_a_bad_line_is_rejected_alone_and_kept(gap: Gap, wire: DirectoryWire, police: PoliceConnector) -> None:
    columns = list(jjd())
    bad = [
        f"{number('J', 2)}\t2024",
        "\t".join({**jjd(), "JJDBH": ""}.values()),
        "\t".join({**jjd(number("J", 4)), "GXSJ": "1900-01-01 00:00:00"}.values()),
        "y" * (1 << 20) + "z",
    ]
    lines = [f"{line}\n" for line in (*bad, "\t".join(jjd().values()))]
    manifest = manifest_of({"JJD": ("UTF-8", 5, columns), "NEUES": ("UTF-8", 1, ["A"])})
    name = gap.put(1, zipped({MANIFEST: manifest, "JJD.bcp": "".join(lines), "NEUES.bcp": "a\n"}))

    items, _ = await run(police, wire)

    assert gap.ack(name)["rejected"] == [  # type: ignore[index]
        {"dataset": "JJD", "line": 1, "reason": "WRONG_COLUMN_COUNT"},
        {"dataset": "JJD", "line": 2, "reason": "MISSING:JJDBH"},
        {"dataset": "JJD", "line": 3, "reason": "BAD_VALUE:GXSJ"},
        {"dataset": "JJD", "line": 4, "reason": "LINE_TOO_LONG"},
        {"dataset": "NEUES", "line": 1, "reason": "UNKNOWN_DATASET"},
    ]
    assert (gap.ack(name)["rows"], gap.ack(name)["accepted"]) == (6, 1)  # type: ignore[index]
    assert keys(items) == [f"JJD:{number('J', 2)}", "", f"JJD:{number('J', 4)}", "", f"JJD:{J1}", ""]
    assert json.loads(items[0].body)["raw"] == bad[0]
    codes = []
    for item in items:
        if item.key == f"JJD:{J1}":
            continue
        with pytest.raises(BadPayloadError) as caught:
            police.map(item)
        codes.append((caught.value.code, caught.value.field))
    assert codes == [
        ("WRONG_COLUMN_COUNT", ""), ("MISSING", "JJDBH"), ("BAD_VALUE", "GXSJ"), ("LINE_TOO_LONG", ""),
        ("UNKNOWN_DATASET", ""),
    ]  # fmt: skip


async def test_a_folder_that_is_away_is_an_error_never_an_empty_page(tmp_path: Path, police: PoliceConnector) -> None:
    async with open_folder_wire(FolderOptions(tmp_path / "share")) as wire:
        for step in (police.check(wire), police.pull(wire, police.start_cursor(None))):
            with pytest.raises(TransientError) as caught:
                await step
            assert caught.value.kind == "FOLDER_AWAY"


async def test_a_file_that_cannot_be_read_holds_up_no_other(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    gap.put(1, {"JJD": [jjd()]})
    (gap.root / f"in/{name_of(2)}.zip").symlink_to("/dev/null")
    async with open_folder_wire(FolderOptions(gap.root, max_file_bytes=5000)) as narrow:
        name = gap.put(3, random.Random(7).randbytes(6000))
        gap.put(4, {"JJD": [jjd(number("J", 4))]})

        items, _ = await run(police, narrow)

        assert keys(items) == [f"JJD:{J1}", f"JJD:{number('J', 4)}"]
        assert narrow.incidents["FILE_TOO_LONG"] == 1
        assert gap.ack(name) is None


async def test_check_says_what_waits(gap: Gap, wire: DirectoryWire, police: PoliceConnector) -> None:
    gap.put(1, {"JJD": [jjd()]})
    (gap.root / "in/letter.zip").write_bytes(b"")

    assert "1 batches, 1 of them not" in await police.check(wire)
    await run(police, wire)
    assert wire.incidents["UNKNOWN_FILE"] == 1
    assert "1 batches, 0 of them not" in await police.check(wire)


# --- the month's end --------------------------------------------------------------------------------------------


async def test_the_month_end_list_is_the_digest_and_changes_no_record(
    gap: Gap, wire: DirectoryWire, police: PoliceConnector
) -> None:
    calls = [{"JJDBH": J1, "GXSJ": "2024-03-01 09:00:00", "GXBS": "0"}]
    told = [{"FKDBH": F1, "JJDBH": J1, "CLJGDM": "02", "GXSJ": "2024-03-01 10:00:00", "GXBS": "2"}]
    gap.put(1, {"JJD": [jjd()]})
    gap.put_as(name_of(2, "20240331235959"), {"DZ_JJD": [], "DZ_FKD": told})
    gap.put_as(name_of(3, "20240401090000"), {"DZ_JJD": calls, "DZ_FKD": told})
    gap.put_as(name_of(4, "20240430235959"), {"DZ_JJD": [], "DZ_FKD": []})

    items, _ = await run(police, wire)
    assert keys(items) == [f"JJD:{J1}"]
    assert gap.ack(name_of(3, "20240401090000"))["accepted"] == 2  # type: ignore[index]

    entries = [entry async for entry in police.digest(wire, Window())]
    assert [(entry.key, entry.native_id, entry.updated_at, entry.item) for entry in entries] == [
        (f"JJD:{J1}", J1, at("2024-03-01 09:00:00"), None),
        (f"FKD:{F1}", J1, at("2024-03-01 10:00:00"), None),
    ]
    march = Window(at("2024-03-01 00:00:00"), at("2024-03-31 23:59:59"))
    assert march in await police.listed(wire, Window())
    assert await police.listed(wire, Window(at("2024-03-10 00:00:00"), at("2024-03-11 00:00:00"))) == [march]
    assert await police.listed(wire, Window(end=at("2024-02-29 23:59:59"))) == []
    assert await police.fetch(wire, [J1]) == ()


# --- what the forms mean ----------------------------------------------------------------------------------------


def items_of(datasets: Mapping[str, Sequence[Row]], serial: int = 1) -> list[Item]:
    name = parse_batch(name_of(serial))
    assert name is not None
    return read_batch(name, zip_of(datasets), 1 << 24).items


def mapped(dataset: str, row: Row) -> CaseFacts:
    (item,) = items_of({dataset: [row]})
    (facts, *_) = PoliceConnector(config()).map(item)
    assert isinstance(facts, CaseFacts)
    return facts


def composed(*forms: Row) -> CaseFacts:
    """The record of these forms, each the newest version of itself."""
    return PoliceConnector(config()).compose([mapped(dataset_of(form), form) for form in forms])


def dataset_of(form: Row) -> str:
    return "FKD" if "FKDBH" in form else "CJD" if "CJDBH" in form else "JJD"


def story(facts: CaseFacts) -> list[tuple[str, HandlingEventKind]]:
    ordered = sorted(facts.entries, key=lambda entry: (entry.occurred_at, entry.position, entry.kind.rank))
    return [(entry.source_event_id, entry.kind) for entry in ordered]


def test_a_call_of_the_dispute_class_opens_a_dispute() -> None:
    facts = composed(jjd())

    assert (facts.native_id, facts.native_no, facts.part) == (J1, "", "")
    assert facts.channel is Channel.POLICE
    assert facts.opens_dispute
    assert (facts.category, facts.category_native, facts.native_kind) == ("0201", "0502", "05")
    assert facts.title == "邻里纠纷"
    assert facts.received_at == at("2024-03-01 08:50:00")
    assert (facts.region_code, facts.address, facts.content) == (
        "620725101001", "清泉镇东街 3 号", "与邻居因排水发生争吵",
    )  # fmt: skip
    assert (facts.state, facts.procedure) == (CaseRecordState.RECEIVED, Procedure.POLICE_MEDIATION)
    assert (facts.unit_key, facts.is_unit, facts.agency_code) == (J1, False, STATION)
    assert facts.names == (RecordName("police.jjdbh", J1),)
    assert [(one.role, one.name, one.phone) for one in facts.parties] == [(PartyRole.CALLER, "张三", "13800001234")]


def test_other_calls_open_none_and_a_code_of_several_classes_is_their_parent() -> None:
    traffic = composed(jjd(JQLBDM="03", JQLXDM=""))
    assert not traffic.opens_dispute
    assert (traffic.category, traffic.title, traffic.procedure) == (UNKNOWN, "交通警情", Procedure.INTAKE)
    assert traffic.unknown_codes == ()

    assert composed(jjd(JQLXDM="0501")).category == "01"
    assert composed(jjd(JQLXDM="0503")).category == UNKNOWN
    assert composed(jjd(JQLXDM="", JQXLDM="050201")).category == "0201"


def test_forms_before_their_call_are_orphans() -> None:
    with pytest.raises(OrphanError):
        composed(fkd(), cjd())
    with pytest.raises(OrphanError):
        PoliceConnector(config()).compose([])


def test_a_referral_and_its_return() -> None:
    facts = composed(jjd(), cjd(), fkd(), fkd(F2, "07", "2024-03-20 15:00:00"))

    (hand_over,) = facts.hand_overs
    assert (hand_over.source_event_id, hand_over.channel, hand_over.mode) == (
        F1, Channel.POLICE, ReferralMode.TRANSFER,
    )  # fmt: skip
    assert (hand_over.from_code, hand_over.to_code) == (STATION, CENTRE)
    assert hand_over.sent_at == at("2024-03-01 10:00:00")
    assert (hand_over.state, hand_over.outcome) == (ReferralState.CONCLUDED, Outcome.AGREED)
    assert (hand_over.concluded_at, hand_over.partner_ref) == (at("2024-03-20 15:00:00"), F2)
    assert facts.is_unit
    assert facts.result is not None and facts.result.outcome is Outcome.AGREED
    assert facts.state is CaseRecordState.CONCLUDED
    assert story(facts) == [
        (J1, HandlingEventKind.REGISTERED),
        (C1, HandlingEventKind.TRIAGED),
        (f"{C1}/DDXCSJ", HandlingEventKind.ACCEPTED),
        (F1, HandlingEventKind.REFERRED),
        (F2, HandlingEventKind.RESULT_RECORDED),
    ]
    assert facts.entries[-1].data == {"CLJGDM": "07", "YJDW": CENTRE, "FKDBH": F2, "CJDBH": C1}


@pytest.mark.parametrize(
    ("code", "unit", "is_referral"),
    [("02", CENTRE, True), ("03", CENTRE, True), ("03", "", False), ("02", "620725210000", False),
     ("02", "", False), ("06", CENTRE, False), ("01", CENTRE, False)],
)  # fmt: skip
def test_only_what_names_the_centre_is_a_referral(code: str, unit: str, is_referral: bool) -> None:
    assert composed(jjd(), fkd(F1, code, YJDW=unit)).is_unit is is_referral


def test_a_settlement_by_another_unit_is_not_ours() -> None:
    facts = composed(jjd(), fkd(), fkd(F2, "07", "2024-03-20 15:00:00", YJDW="620725210000"))

    assert facts.result is None
    assert facts.hand_overs[0].state is ReferralState.SENT


def test_the_latest_of_several_results_counts_and_is_no_second_return() -> None:
    facts = composed(
        jjd(), fkd(), fkd(F2, "08", "2024-03-20 15:00:00"), fkd(F3, "07", "2024-03-25 15:00:00")
    )  # fmt: skip

    (hand_over,) = facts.hand_overs
    assert (hand_over.outcome, hand_over.concluded_at) == (Outcome.AGREED, at("2024-03-20 15:00:00"))
    assert facts.result is not None
    assert (facts.result.outcome, facts.result.at) == (Outcome.AGREED, at("2024-03-25 15:00:00"))

    same_time = composed(
        jjd(), fkd(),
        fkd(F2, "07", "2024-03-20 15:00:00", GXSJ="2024-03-21 00:00:00"), fkd(F3, "08", "2024-03-20 15:00:00"),
    )  # fmt: skip
    assert same_time.result is not None and same_time.result.outcome is Outcome.AGREED, "by FKSJ, then GXSJ"


def test_each_hand_over_has_its_own_result() -> None:
    again, late = number("F", 8), number("F", 9)
    first, second = composed(
        jjd(), fkd(F1), fkd(F2, "08", "2024-03-20 15:00:00"),
        fkd(again, "02", "2024-04-01 10:00:00"), fkd(late, "07", "2024-04-20 15:00:00"),
    ).hand_overs  # fmt: skip
    assert (first.outcome, first.partner_ref) == (Outcome.NOT_AGREED, F2)
    assert (second.outcome, second.partner_ref) == (Outcome.AGREED, late)

    one, other = composed(
        jjd(), fkd(F1), fkd(again, "02", "2024-03-02 10:00:00", CJDBH=number("C", 2)),
        fkd(F2, "07", "2024-03-20 15:00:00", CJDBH=number("C", 2)),
    ).hand_overs  # fmt: skip
    assert (one.state, other.state) == (ReferralState.SENT, ReferralState.CONCLUDED), "its own dispatch tells"


@pytest.mark.parametrize("ending", ["", ".zip", ".ZIP"])
def test_a_result_that_names_our_batch_is_the_business_answer(ending: str) -> None:
    ours = "RETURN_620725190000_20240805101500_00001"
    form = fkd(F2, "08", "2024-08-06 15:00:00", HZBH=f"{ours}{ending}")
    (item,) = items_of({"FKD": [form]})

    facts, answer = PoliceConnector(config()).map(item)

    assert answer == Answer(ours, True, code="08", partner_ref=F2)
    assert isinstance(facts, CaseFacts)
    assert [entry.kind for entry in facts.entries] == [
        HandlingEventKind.RESULT_RECORDED, HandlingEventKind.RETURN_ACKED,
    ]  # fmt: skip
    (hand_over,) = composed(jjd(), fkd(), form).hand_overs
    assert (hand_over.state, hand_over.return_acked_at) == (ReferralState.RETURN_ACKED, at("2024-08-06 15:00:00"))


def test_a_withdrawn_form_contributes_nothing() -> None:
    gone: Row = {"FKDBH": F1, "JJDBH": J1, "GXSJ": "2024-03-02 10:00:00", "GXBS": "2"}

    facts = composed(jjd(), cjd(GXBS="2"), gone)

    assert facts.hand_overs == ()
    assert not facts.is_unit
    assert story(facts) == [(J1, HandlingEventKind.REGISTERED)]
    assert facts.updated_at == at("2024-03-02 10:00:00"), "it still is a version of the record"


def test_a_withdrawn_call_keeps_the_feedbacks_that_stand() -> None:
    gone: Row = {"JJDBH": J1, "GXSJ": "2024-03-02 10:00:00", "GXBS": "2"}

    facts = composed(gone, fkd())

    assert (facts.state, facts.withdrawn_at) == (CaseRecordState.WITHDRAWN, at("2024-03-02 10:00:00"))
    assert facts.received_at == at("2024-03-01 00:00:00"), "the day in its number"
    assert story(facts) == [(F1, HandlingEventKind.REFERRED), (f"{J1}/2", HandlingEventKind.WITHDRAWN)]
    assert facts.is_unit


def test_the_latest_feedback_that_names_a_category_overrides_the_calls() -> None:
    named = fkd(F1, "01", JQLBDM="05", JQLXDM="0504")
    later = fkd(F2, "99", "2024-03-02 10:00:00")

    facts = composed(jjd(JQLBDM="04", JQLXDM=""), named, later)

    assert (facts.category, facts.title) == ("0703", "劳资纠纷")
    assert facts.opens_dispute, "in any version ever known"
    assert composed(jjd(), fkd(F1, "99", JQLBDM="02")).opens_dispute


def test_a_case_of_their_own_leads_out_of_mediation() -> None:
    facts = composed(jjd(), fkd(F1, "04"), fkd(F2, "05", "2024-03-02 10:00:00"))

    assert [kind for _, kind in story(facts)][1:] == [HandlingEventKind.EXITED] * 2
    assert (facts.docketed_at, facts.state) == (at("2024-03-02 10:00:00"), CaseRecordState.CONCLUDED)


def test_states_follow_the_forms() -> None:
    assert composed(jjd(JQCLZTDM="1")).state is CaseRecordState.ACCEPTED
    assert composed(jjd(), cjd(DDXCSJ="1900-01-01 00:00:00")).state is CaseRecordState.ACCEPTED
    assert composed(jjd(JQCLZTDM="1"), cjd()).state is CaseRecordState.IN_PROGRESS
    assert composed(jjd(JQCLZTDM="3"), fkd()).state is CaseRecordState.TRANSFERRED
    assert composed(jjd(), fkd(F1, "03")).state is CaseRecordState.CONCLUDED


def test_a_closed_call_was_closed_after_what_had_happened_by_then() -> None:
    closed = jjd(gxsj="2024-03-05 09:00:00", JQCLZTDM="4")

    facts = composed(closed, cjd(), fkd(F1, "01"), fkd(F2, "99", "2024-03-09 10:00:00"))

    assert facts.state is CaseRecordState.CLOSED
    assert [(kind, entry.occurred_at) for entry in facts.entries if (kind := entry.kind).value in
            ("FOLLOWED_UP", "CLOSED")] == [
        (HandlingEventKind.FOLLOWED_UP, at("2024-03-01 10:00:00")),
        (HandlingEventKind.CLOSED, at("2024-03-01 10:00:00")),
    ]  # fmt: skip


def test_parties_come_from_the_feedback_and_are_completed_from_older_forms() -> None:
    first = fkd(DSRXX="报警人|张三|11010519491231002X|;对方|山丹某商店|| 0936-2721234 ;证人|李四||")
    later = fkd(F2, "07", "2024-03-20 15:00:00", DSRXX="报警人|张 三||;其他|赵六||13900001111")

    caller, third = composed(jjd(), first, later).parties
    assert (caller.role, caller.id_no, caller.phone, caller.id_type) == (
        PartyRole.CALLER, "11010519491231002X", "13800001234", "111",
    )  # fmt: skip
    assert (third.role, third.name) == (PartyRole.UNKNOWN, "赵六")

    caller, shop, witness = composed(jjd(), first).parties
    assert (shop.role, shop.type, shop.phone) == (PartyRole.RESPONDENT, PartyType.ORGANISATION, "0936-2721234")
    assert witness.role is PartyRole.WITNESS

    told_by_call = composed(jjd(), fkd(DSRXX="对方|王五||")).parties
    assert [one.name for one in told_by_call] == ["张三", "王五"]


def test_unknown_codes_are_named_and_never_guessed() -> None:
    facts = composed(
        jjd(JQLBDM="05", JQLXDM="0588", JQCLZTDM="9", GXBS="7", BJSJ="gestern"),
        fkd(F1, "55", DSRXX="路人|张三||;一|二", JQLBDM="77"),
    )  # fmt: skip

    assert set(facts.unknown_codes) == {
        UnknownCode("JQLXDM", "0588"), UnknownCode("JQCLZTDM", "9"), UnknownCode("GXBS", "7"),
        UnknownCode("BJSJ", "UNREADABLE"), UnknownCode("CLJGDM", "55"), UnknownCode("DSRXX", "路人"),
        UnknownCode("DSRXX", "UNREADABLE"), UnknownCode("JQLBDM", "77"),
    }  # fmt: skip
    assert (facts.state, facts.category) == (CaseRecordState.UNKNOWN, UNKNOWN)
    assert facts.opens_dispute
    assert [entry.source_event_id for entry in facts.entries] == [J1]
    assert facts.received_at == at("2024-03-01 00:00:00")


def test_references_to_the_hotline_and_to_what_we_handed_over() -> None:
    ours = "YS6207251900002024080100001"
    facts = composed(jjd(LZGDBH="GS20240301000007", YSBH=ours))

    assert facts.references == (
        Reference(LinkKind.RELATED, "hotline.workordercode", "GS20240301000007"),
        Reference(LinkKind.RELATED, "police.ysbh", ours),
    )
    assert RecordName("police.ysbh", ours) in facts.names
    assert composed(jjd(LZGDBH="是的，已转办")).references == ()


def test_violence_at_home_is_confidential_wherever_it_is_told() -> None:
    assert composed(jjd(BJNR="称遭家暴")).classification is Classification.CONFIDENTIAL
    assert composed(jjd(), cjd(CJQK="涉未成年人")).classification is Classification.CONFIDENTIAL
    assert composed(jjd()).classification is Classification.INTERNAL


def test_the_answer_to_a_transfer_of_ours() -> None:
    ours = "YS6207251900002024080100001"
    police = PoliceConnector(config())
    row = {"YSBH": ours, "JG": "2", "YY": "证据不足", "JJDBH": "", "GXBS": "0", "GXSJ": "2024-08-02 09:00:00"}

    (sent_back,) = items_of({"YSHZ": [row]})
    assert (sent_back.key, sent_back.native_id) == (f"YSHZ:{ours}", ours)
    assert list(police.map(sent_back)) == [Answer(ours, False, "2", "证据不足")]
    (taken,) = items_of({"YSHZ": [{**row, "JG": "1", "YY": "", "JJDBH": J1}]})
    assert list(police.map(taken)) == [Answer(ours, True, "1", partner_ref=J1)]
    (withdrawn,) = items_of({"YSHZ": [{**row, "GXBS": "2"}]})
    assert list(police.map(withdrawn)) == []
    (unknown,) = items_of({"YSHZ": [{**row, "JG": "8"}]})
    with pytest.raises(BadPayloadError):
        police.map(unknown)


def test_the_same_row_in_another_batch_and_column_order_is_the_same_version() -> None:
    row = jjd()
    (one,) = items_of({"JJD": [row]})
    (other,) = items_of({"JJD": [dict(sorted(row.items())) | {"JQZLDM": "", "JJSJ": "1900-01-01 00:00:00"}]}, 2)

    assert (one.key, one.updated_at, one.canonical) == (other.key, other.updated_at, other.canonical)
    assert one.canonical != items_of({"JJD": [jjd(BJNR="改")]})[0].canonical


def test_of_two_versions_of_one_second_the_later_serial_then_line_is_newer() -> None:
    def place(item: Item) -> tuple[int, ...]:
        (facts,) = PoliceConnector(config()).map(item)
        assert isinstance(facts, CaseFacts)
        return facts.tie_break

    first, second = items_of({"JJD": [jjd(), jjd(BJNR="二")]}, 7)
    (third,) = items_of({"JJD": [jjd(BJNR="三")]}, 8)
    assert place(first) < place(second) < place(third)


# --- for every input --------------------------------------------------------------------------------------------

#: the wire writes tab, CR and LF inside a value as one space; a database refuses NUL and lone surrogates
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\x00"), max_size=20)


@settings(deadline=None, max_examples=60)
@given(name=VALUES, words=VALUES, encoding=st.sampled_from(["UTF-8", "GB18030"]))
def test_what_was_written_is_what_is_read(name: str, words: str, encoding: str) -> None:
    batch = parse_batch(name_of(1))
    assert batch is not None
    row = jjd(BJRXM=name, BJNR=words)

    (item,) = read_batch(batch, zip_of({"JJD": [row]}, encoding), 1 << 20).items

    assert json.loads(item.body)["columns"] == row


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_no_bytes_raise_anything_but_a_refusal(data: st.DataObject) -> None:
    batch = parse_batch(name_of(1))
    assert batch is not None
    content = bytearray(zip_of({"JJD": [jjd()], "FKD": [fkd()]}))
    for position, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=6)
    ):
        content[position] = byte
    end = data.draw(st.integers(0, len(content)))
    tail = data.draw(st.binary(max_size=40))
    damaged = data.draw(st.sampled_from([bytes(content), bytes(content[:end]) + tail, tail + bytes(content)]))
    manifest = data.draw(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode(
        "utf-8", "replace"))))  # fmt: skip
    bcp = data.draw(st.binary(max_size=60))
    for candidate in (
        damaged,
        zipped({MANIFEST: manifest, "JJD.bcp": b""}),
        zipped({MANIFEST: MANIFEST_OF_ONE, "JJD.bcp": bcp}),
    ):
        try:
            items = read_batch(batch, candidate, 1 << 20).items
        except BatchRefusedError as refused:
            assert refused.code in ("BAD_ZIP", "BAD_MANIFEST", "BAD_ENCODING", "COUNT_MISMATCH")
            continue
        for item in items:
            try_to_map(item)


@settings(deadline=None, max_examples=80)
@given(
    st.one_of(
        st.binary(max_size=40),
        st.fixed_dictionaries(
            {"dataset": st.sampled_from(["JJD", "CJD", "FKD", "YSHZ", "DZ_JJD", "X"])},
            optional={
                "columns": st.one_of(
                    st.none(),
                    st.dictionaries(
                        st.sampled_from([*jjd(), *cjd(), *fkd(), "YSBH", "JG", "HZBH"]),
                        st.one_of(VALUES, st.sampled_from([J1, F1, "2024-03-01 09:00:00", "02", "07", CENTRE])),
                    ),
                ),
                "batch": st.one_of(st.none(), VALUES),
                "line": st.one_of(st.none(), VALUES, st.integers()),
            },
        ).map(lambda fields: json.dumps(fields).encode()),
    )
)
def test_no_item_raises_anything_but_a_bad_payload(body: bytes) -> None:
    try_to_map(Item("k", "n", "", None, body, body))


def try_to_map(item: Item) -> None:
    police = PoliceConnector(config())
    try:
        facts = police.map(item)
    except BadPayloadError as exc:
        assert "张三" not in f"{exc}{exc.hint}"
        return
    for fact in facts:
        if isinstance(fact, CaseFacts):
            assert fact.received_at.tzinfo is not None
            try:
                police.compose([fact])
            except OrphanError:
                assert not fact.part.startswith("JJD:")


FORMS: tuple[Row, ...] = (
    jjd(), jjd(gxsj="2024-03-05 09:00:00", JQCLZTDM="4", GXBS="1"), cjd(), cjd(GXSJ="2024-03-01 09:40:00", GXBS="2"),
    fkd(), fkd(F1, "02", "2024-03-01 10:00:00", GXSJ="2024-03-01 10:30:00", GXBS="1", DSRXX="对方|王五||"),
    fkd(F2, "08", "2024-03-20 15:00:00"), fkd(F3, "07", "2024-03-25 15:00:00"),
    fkd(number("F", 4), "02", "2024-04-01 10:00:00"),
)  # fmt: skip


def record_of(order: Sequence[int]) -> CaseFacts:
    """The record when its batches come in this order, the newest version of each form kept."""
    police = PoliceConnector(config())
    newest: dict[str, tuple[Any, CaseFacts]] = {}
    for index in order:
        (item,) = items_of({dataset_of(FORMS[index]): [FORMS[index]]}, index + 1)
        (facts, *_) = police.map(item)
        assert isinstance(facts, CaseFacts)
        version = (facts.updated_at, facts.tie_break)
        if facts.part not in newest or newest[facts.part][0] < version:
            newest[facts.part] = version, facts
    return police.compose([facts for _, facts in newest.values()])


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(len(FORMS))))
def test_the_order_of_batches_makes_no_difference(order: Sequence[int]) -> None:
    expected = record_of(range(len(FORMS)))

    assert record_of(order) == expected
    assert [hand_over.outcome for hand_over in expected.hand_overs] == [Outcome.AGREED, None]
    assert [kind for _, kind in story(expected)] == [
        HandlingEventKind.REGISTERED, HandlingEventKind.REFERRED, HandlingEventKind.FOLLOWED_UP,
        HandlingEventKind.CLOSED, HandlingEventKind.RESULT_RECORDED, HandlingEventKind.RESULT_RECORDED,
        HandlingEventKind.REFERRED,
    ]  # fmt: skip
