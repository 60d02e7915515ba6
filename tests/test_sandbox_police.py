"""The simulated police over a real folder: every rule of their wire, every fault, and a life that goes on."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import shutil
import zipfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from connectors.sandbox.county import County
from connectors.sandbox.matters import PartyAsTold
from connectors.sandbox.people import Person
from connectors.sandbox.police import PoliceOptions, RunningPolice, serve_police, start_police
from connectors.sandbox.police_forms import parties_text, written
from hub.errors import ConfigurationError, NotFoundError, UserInputError
from hub.vocabulary import PartyRole

CENTRE = "620725190000"
SCALE = 0.05
NAME = re.compile(r"620725000000_(\d{14})_(\d{5})\.zip")
COLUMNS = {
    "JJD": {
        "JJDBH", "BJSJ", "BJFSDM", "BJRXM", "BJDH", "BJNR", "SFDD", "XZQHDM", "JQLBDM", "JQLXDM", "JQXLDM", "GXDWDM",
        "JQCLZTDM", "LZGDBH", "GXBS", "GXSJ",
    },
    "CJD": {"CJDBH", "JJDBH", "CJDWDM", "CJSJ", "DDXCSJ", "GXBS", "GXSJ"},
    "FKD": {
        "FKDBH", "JJDBH", "CJDBH", "FKDWDM", "FKSJ", "JQLBDM", "JQLXDM", "JQXLDM", "JQZLDM", "CLJGDM", "DSRXX", "YJDW",
        "GXBS", "GXSJ",
    },
}  # fmt: skip
OWN = {"JJD": "JJDBH", "CJD": "CJDBH", "FKD": "FKDBH", "YSHZ": "YSBH", "DZ_JJD": "JJDBH", "DZ_FKD": "FKDBH"}
BLOCK = """<DATA>
<ITEM key="lfgf" val="\\t" rmk="列分隔符"/>
<ITEM key="hfgf" val="\\n" rmk="行分隔符"/>
<ITEM key="xxzybsf" val="620725-117070302-1-1" rmk="信息资源标识符"/>
<ITEM key="sjqsh" val="1" rmk="数据起始行"/>
<ITEM key="wjbmgs" val="UTF-8" rmk="文件编码格式"/>
<ITEM key="sjj" val="{dataset}" rmk="数据集"/>
<DATASET name="ZA_DATA_FILE"><DATA><ITEM key="wjlj" val="" rmk="路径"/><ITEM key="wjm" val="{dataset}.bcp" rmk="文件名"/><ITEM key="jlhs" val="{count}" rmk="记录行数"/></DATA></DATASET>
<DATASET name="ZA_DATA_STRUCT"><DATA>{columns}</DATA></DATASET>
</DATA>
"""  # noqa: E501
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<MESSAGE>\n<DATASET name="ZA_DATA_INDEX">\n'
TAIL = "</DATASET>\n</MESSAGE>\n"


# a plain hub: its own reading of the documents


@dataclass
class Part:
    """One dataset of a batch, as its manifest declares it."""

    items: dict[str, str]
    columns: list[str]
    declared: int
    #: physical line and values
    rows: list[tuple[int, dict[str, str]]]


class UnreadableError(Exception):
    pass


def read_zip(content: bytes) -> dict[str, Part]:
    try:
        packed = zipfile.ZipFile(io.BytesIO(content))
        files = {name: packed.read(name) for name in packed.namelist()}
    except zipfile.BadZipFile:
        raise UnreadableError("BAD_ZIP") from None
    assert not files["ZA_DATA_INDEX.xml"].startswith(b"\xef\xbb\xbf")
    try:
        tree = ElementTree.fromstring(files.pop("ZA_DATA_INDEX.xml"))
    except ElementTree.ParseError:
        raise UnreadableError("BAD_MANIFEST") from None
    parts: dict[str, Part] = {}
    for block in tree.findall("DATASET/DATA"):
        items = {i.attrib["key"]: i.attrib["val"] for i in block.findall("ITEM")}
        told = {
            d.attrib["name"]: [(i.attrib["key"], i.attrib.get("val", i.attrib.get("chn", ""))) for i in d.iter("ITEM")]
            for d in block.findall("DATASET")
        }
        file, columns = dict(told["ZA_DATA_FILE"]), [key for key, _ in told["ZA_DATA_STRUCT"]]
        between, after = (items[k].replace("\\t", "\t").replace("\\n", "\n") for k in ("lfgf", "hfgf"))
        assert 1 <= len(between) <= 2 and 1 <= len(after) <= 2
        try:
            text = files.pop(file["wjm"]).decode(items["wjbmgs"])
        except UnicodeDecodeError:
            raise UnreadableError("BAD_ENCODING") from None
        assert not text or text.endswith(after)
        lines = text.split(after)[:-1]
        rows = []
        for number, line in list(enumerate(lines, 1))[int(items["sjqsh"]) - 1 :]:
            rows.append((number, dict(zip(columns, line.split(between), strict=False))))
        if len(rows) != int(file["jlhs"]):
            raise UnreadableError("COUNT_MISMATCH")
        parts[items["sjj"]] = Part(items, columns, int(file["jlhs"]), rows)
    assert not files
    return parts


@dataclass
class Hub:
    """Reads what the police write, keeps the newest version of each form, and can answer and hand in."""

    police: RunningPolice
    seen: set[tuple[str, str]] = field(default_factory=set)
    forms: dict[tuple[str, str], tuple[tuple[str, int, int], dict[str, str]]] = field(default_factory=dict)
    rows: int = 0
    refused: list[str] = field(default_factory=list)
    serial: int = 0

    @property
    def inward(self) -> Path:
        return self.police.root / "in"

    def whole(self) -> list[str]:
        """Batches whose marker is right, by serial."""
        names = [p.name for p in self.inward.glob("*.zip") if not p.name.startswith(".")]
        right = [n for n in names if self.is_marked(n)]
        return sorted(right, key=lambda name: name[-9:])

    def is_marked(self, name: str) -> bool:
        marker = self.inward / f"{name}.ok"
        return marker.exists() and marker.read_bytes() == sha(self.inward / name).encode() + b"\n"

    def pull(self, ack: bool = True) -> list[str]:
        """Read every new batch; returns the names."""
        new = [(n, sha(self.inward / n)) for n in self.whole() if (n, sha(self.inward / n)) not in self.seen]
        names_before = {name for name, _ in self.seen}
        for name, digest in new:
            self.seen.add((name, digest))
            rejected: list[dict[str, Any]] = []
            count = 0
            try:
                if name in names_before:
                    raise UnreadableError("文件名重复")
                parts = read_zip((self.inward / name).read_bytes())
                count = sum(len(part.rows) for part in parts.values())
                for dataset, part in parts.items():
                    rejected += self.keep(dataset, part, int(name[-9:-4]))
            except UnreadableError as reason:
                self.refused.append(str(reason))
                rejected = [{"dataset": "", "line": 0, "reason": str(reason)}]
            if ack:
                self.ack(name, digest, count, rejected)
        return [name for name, _ in new]

    def keep(self, dataset: str, part: Part, serial: int) -> list[dict[str, Any]]:
        rejected = []
        for line, row in part.rows:
            self.rows += 1
            if set(part.columns) - set(row) or not row.get("GXSJ"):
                rejected.append({"dataset": dataset, "line": line, "reason": "字段缺失"})
                continue
            if not dataset.startswith("DZ"):
                key, rank = (dataset, row[OWN[dataset]]), (row["GXSJ"], serial, line)
                if key not in self.forms or rank >= self.forms[key][0]:
                    self.forms[key] = (rank, row)
        return rejected

    def ack(self, name: str, digest: str, rows: int, rejected: list[dict[str, Any]]) -> None:
        whole = any(r["line"] == 0 for r in rejected)
        accepted = 0 if whole else rows - len(rejected)
        told = {"batch": name[:-4], "sha256": digest, "rows": rows, "accepted": accepted, "rejected": rejected}
        put(self.inward / "ack" / f"{name[:-4]}.json", json.dumps(told, ensure_ascii=False).encode())

    def valid(self, dataset: str) -> list[dict[str, str]]:
        return [row for (kind, _), (_, row) in self.forms.items() if kind == dataset and row["GXBS"] != "2"]

    def held(self, dataset: str, number: str) -> dict[str, str]:
        return self.forms[dataset, number][1]

    def count(self, begin: str = "2024-01-01", end: str = "2024-08-01") -> tuple[int, int]:
        """WIRES.md 2.5 and 2.6, from the wire alone."""
        handed: dict[str, list[str]] = defaultdict(list)
        ended: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for row in self.valid("FKD"):
            if row["YJDW"] == CENTRE and row["CLJGDM"] in ("02", "03"):
                handed[row["JJDBH"]].append(row["FKSJ"])
            if row["YJDW"] == CENTRE and row["CLJGDM"] in ("07", "08"):
                ended[row["JJDBH"]].append((row["FKSJ"], row["GXSJ"], row["CLJGDM"]))
        referred = [jjdbh for jjdbh, times in handed.items() if begin <= min(times) < end]
        return len(referred), sum(max(ended[jjdbh], default=("", "", ""))[2] == "07" for jjdbh in referred)

    def hand_in(self, dataset: str, rows: list[dict[str, str]], serial: int = 0, **wrong: Any) -> str:
        """Write a RETURN or YS batch; returns its name without .zip."""
        self.serial += 1
        name = f"{dataset}_{CENTRE}_20240801090000_{serial or self.serial:05d}"
        content = pack(dataset, rows, **wrong)
        path = self.police.root / "out" / f"{name}.zip"
        put(path, content)
        put(path.with_name(path.name + ".ok"), f"{hashlib.sha256(content).hexdigest()}\n".encode())
        return name

    async def answer(self, name: str) -> dict[str, Any]:
        await self.police.control("look")
        found: dict[str, Any] = json.loads((self.police.root / "out" / "ack" / f"{name}.json").read_bytes())
        return found

    async def reasons(self, dataset: str, *rows: dict[str, str], **wrong: Any) -> list[str]:
        answer = await self.answer(self.hand_in(dataset, list(rows), **wrong))
        return [entry["reason"] for entry in answer["rejected"]]

    async def advance(self, **span: float) -> list[str]:
        await self.police.control("advance", seconds=int(timedelta(**span).total_seconds()))
        return self.pull()

    async def referral(self) -> dict[str, str]:
        """A hand-over of August that waits for its result."""
        key = (await self.police.control("add", count=1, referred=True))["added"][0]
        await self.advance(seconds=1)
        return next(row for row in self.valid("FKD") if row["JJDBH"] == key["native_id"])


def put(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_bytes(content)
    draft.rename(path)


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pack(
    dataset: str,
    rows: list[dict[str, str]],
    declared: int | None = None,
    encoding: str = "UTF-8",
    real: str = "",
    sjj: str = "",
    cut: int = 0,
) -> bytes:
    columns = list(rows[0])
    text = "".join("\t".join(row.values()) + "\n" for row in rows)
    items = "".join(f'<ITEM key="{name}" chn="{name}"/>' for name in columns)
    count = len(rows) if declared is None else declared
    index = HEAD + BLOCK.format(dataset=sjj or dataset, count=count, columns=items) + TAIL
    index = index.replace('val="UTF-8"', f'val="{encoding}"').replace(f"{sjj or dataset}.bcp", f"{dataset}.bcp")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("ZA_DATA_INDEX.xml", index[: len(index) - cut])
        packed.writestr(f"{dataset}.bcp", text.encode(real or encoding))
    return buffer.getvalue()


def result(handed: dict[str, str], kind: str = "3", **values: str) -> dict[str, str]:
    """A RETURN row."""
    settled = {"JG": "07", "XYSBH": "山综调20240801000001", "LXQK": "2", "SQS": "1"} if kind == "3" else {}
    return {
        "JJDBH": handed["JJDBH"], "FKDBH": handed["FKDBH"], "HTLX": kind, "JG": "", "XYSBH": "", "LXQK": "", "SQS": "",
        "BLR": "调解员", "BLSJ": "2024-08-01 09:00:00",
    } | settled | values  # fmt: skip


def transfer(serial: int = 1, **values: str) -> dict[str, str]:
    """A YS row."""
    return {
        "YSBH": f"YS{CENTRE}20240801{serial:05d}", "JFBH": "D-1", "YSLX": "1", "JQLXDM": "0502",
        "XZQHDM": "620725101001", "DZ": "", "NR": "双方扬言械斗", "DSRXX": "报警人|甲||;对方|乙𠅤||13900000000",
        "BLR": "调解员", "BLSJ": "2024-08-01 09:00:00",
    } | values  # fmt: skip


@dataclass
class Built:
    """A small county's police at the start, built once, and a hub that has read it all."""

    folder: Path
    hub: Hub


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("police")

    async def build() -> Hub:
        police = await start_police(PoliceOptions(scale=SCALE, poll_s=0, folder=folder))
        hub = Hub(police)
        hub.pull()
        await police.close()
        return hub

    return Built(folder, asyncio.run(build()))


@pytest.fixture
async def start(built: Built, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts police and closes them at the end of the test."""
    running: list[RunningPolice] = []

    async def begin(**options: Any) -> Hub:
        if not {"scale", "misbehave"} & set(options):
            folder = tmp_path / str(len(running))
            shutil.copytree(built.folder, folder)
            options["folder"] = folder
        police = await start_police(PoliceOptions(**({"scale": SCALE, "poll_s": 0} | options)))
        running.append(police)
        return Hub(police)

    yield begin
    for police in running:
        await police.close()


@pytest.fixture
async def hub(start: Callable[..., Any], built: Built) -> Hub:
    """A hub that has read the whole history."""
    started: Hub = await start()
    started.seen, started.forms = set(built.hub.seen), dict(built.hub.forms)
    return started


@dataclass
class History:
    """What a hub finds at the start, read once for many tests."""

    scale: float
    hub: Hub
    names: list[str]
    zips: dict[str, bytes]
    parts: dict[str, dict[str, Part]]
    batches: list[dict[str, Any]]
    count: dict[str, int]

    @cached_property
    def all_rows(self) -> list[tuple[str, str, dict[str, str]]]:
        """(batch, dataset, row)."""
        return [(n, d, row) for n, parts in self.parts.items() for d, part in parts.items() for _, row in part.rows]

    def rows(self, dataset: str) -> list[dict[str, str]]:
        return [row for _, kind, row in self.all_rows if kind == dataset]


async def read_history(seed: int, scale: float) -> History:
    police = await start_police(PoliceOptions(seed=seed, scale=scale, poll_s=0))
    try:
        hub = Hub(police)
        names = hub.pull()
        zips = {name: (hub.inward / name).read_bytes() for name in names}
        parts = {name: read_zip(content) for name, content in zips.items()}
        return History(scale, hub, names, zips, parts, await police.control("batches"), await police.control("count"))
    finally:
        await police.close()


@pytest.fixture(scope="module")
def history() -> History:
    return asyncio.run(read_history(7, 1))


# 2.1 to 2.4: folders, names, zips, manifests


def test_names_markers_and_serials(history: History) -> None:
    assert all(NAME.fullmatch(name) for name in history.names)
    serials = [int(name[-9:-4]) for name in history.names]
    assert serials == sorted(set(serials))
    withheld = [batch["serial"] for batch in history.batches if batch["state"] == "withheld"]
    assert len(withheld) == 1 and set(range(1, serials[-1] + 1)) - set(serials) == set(withheld)
    assert 38 <= len(serials) <= 45, "a batch a week, a file a month"
    assert history.names[0].startswith("620725000000_20240107235900_00001")


def test_manifest_is_written_byte_for_byte(history: History) -> None:
    plain = 0
    for content in history.zips.values():
        packed = zipfile.ZipFile(io.BytesIO(content))
        assert packed.namelist()[0] == "ZA_DATA_INDEX.xml" and all(n.isascii() for n in packed.namelist())
        written = packed.read("ZA_DATA_INDEX.xml").decode()
        expected = HEAD
        for dataset, part in read_zip(content).items():
            names = re.findall(rf'val="{dataset}" .*?STRUCT"><DATA>(.*?)</DATA>', written, re.DOTALL)[0]
            assert all(re.findall('chn="(.*?)"', names))
            block = BLOCK.format(dataset=dataset, count=len(part.rows), columns=names)
            for key, usual in (("lfgf", "\\t"), ("hfgf", "\\n"), ("sjqsh", "1"), ("wjbmgs", "UTF-8")):
                told = {"\t": "&#9;", "\n": "&#10;"}.get(part.items[key], part.items[key])
                plain += told == usual
                block = block.replace(f'key="{key}" val="{usual}"', f'key="{key}" val="{told}"')
            expected += block
        assert written == expected + TAIL
    assert plain


def test_files_vary_as_the_document_allows(history: History) -> None:
    parts = [(dataset, part) for found in history.parts.values() for dataset, part in found.items()]
    assert {part.items["wjbmgs"] for _, part in parts} == {"UTF-8", "GB18030"}
    assert {part.items["sjqsh"] for _, part in parts} == {"1", "2"}
    assert {"\\t", "\t", "^^"} >= {part.items["lfgf"] for _, part in parts} > {"\\t"}
    for dataset, needed in COLUMNS.items():
        files = [part for kind, part in parts if kind == dataset]
        assert len({tuple(part.columns) for part in files}) > 3
        assert all(needed <= set(part.columns) for part in files)
        assert any("JJYBH" in part.columns for part in files) and not all("JJYBH" in part.columns for part in files)
    assert any("ZBX" not in part.columns for kind, part in parts if kind == "JJD")
    rare = [row for row in history.rows("FKD") if set("䶮㛃𠅤") & set(row["DSRXX"])]
    assert rare


async def test_same_seed_and_scale_give_the_same_bytes() -> None:
    first, again, other = [await read_history(seed, 0.02) for seed in (7, 7, 8)]
    assert first.zips == again.zips
    assert first.zips != other.zips
    assert first.hub.count() == other.hub.count() == (12, 11)


# 2.5 to 2.7: the golden counts


def test_golden_counts_at_scale_1(history: History) -> None:
    assert history.hub.count() == (578, 530)
    assert (history.count["referred"], history.count["settled"]) == (578, 530)
    assert 7850 <= history.count["calls"] <= 8000, "of 8000 calls some were withdrawn"
    handed = [r for r in history.hub.valid("FKD") if r["CLJGDM"] in ("02", "03") and r["YJDW"] == CENTRE]
    assert Counter(r["CLJGDM"] for r in handed)["03"] > 100
    times = Counter(row["JJDBH"] for row in handed)
    assert max(times.values()) == 2, "some calls are handed over twice and count once"


@pytest.mark.parametrize(("seed", "scale", "expected"), [(11, 0.06, (35, 32)), (5, 0.037, (21, 20))])
async def test_golden_counts_at_other_scales(seed: int, scale: float, expected: tuple[int, int]) -> None:
    told = await read_history(seed, scale)
    assert told.hub.count() == expected == (told.count["referred"], told.count["settled"])


def test_hand_overs_that_do_not_count(history: History) -> None:
    ever = {r["JJDBH"] for r in history.rows("FKD") if r["CLJGDM"] in ("02", "03") and r["YJDW"] == CENTRE}
    assert len(ever) > 578, "some hand-overs were a mistake: withdrawn or corrected"
    results = Counter((row["CLJGDM"], row["YJDW"] in ("", CENTRE)) for row in history.hub.valid("FKD"))
    for code in ("01", "04", "05", "99"):
        assert results[code, True] and not results[code, False]
    assert results["06", False] and results["02", False] and results["07", False] and results["08", False]
    assert any(r["CLJGDM"] == "03" and not r["YJDW"] for r in history.hub.valid("FKD"))


def test_every_result_is_dated_before_august_and_within_its_period(history: History) -> None:
    for _, dataset, row in history.all_rows:
        assert row["GXSJ"] < "2024-08-01"
        if dataset == "FKD" and row["CLJGDM"] in ("02", "03", "07", "08"):
            assert "2024-01-01" <= row["FKSJ"] < "2024-08-01"


# 2.7, 2.12 to 2.15 and the quirks of P2


def test_forms_are_numbered_dated_and_coded_as_the_document_says(history: History) -> None:
    for dataset, letter in (("JJD", "J"), ("CJD", "C"), ("FKD", "F")):
        for row in history.rows(dataset):
            number = row[OWN[dataset]]
            assert re.fullmatch(rf"{letter}620725\d{{6}}2024\d{{9}}", number) and row["JJDBH"].startswith("J620725")
            assert row["GXBS"] in ("0", "1", "2") and datetime.fromisoformat(row["GXSJ"]).year == 2024
            assert not any(set("\t\r\n") & set(value) for value in row.values())
    for row in history.rows("JJD") + history.rows("FKD"):
        if row["GXBS"] != "2":
            levels = [row[n] for n in ("JQLBDM", "JQLXDM", "JQXLDM", "JQZLDM") if n in row]
            assert [len(code) for code in levels] == [2, 4, 6, 8][: len(levels)]
            assert all(fine.startswith(coarse) for coarse, fine in pairwise(levels))
            assert row["JQLBDM"] in ("01", "02", "03", "04", "05", "06", "99")
    assert {row["JQCLZTDM"] for row in history.hub.valid("JJD")} == {"3", "4"}
    assert {len(row["XZQHDM"]) for row in history.rows("JJD") if row["XZQHDM"]} == {6, 9, 12}


def test_parties_have_four_fields_each(history: History) -> None:
    roles: Counter[str] = Counter()
    for row in history.rows("FKD"):
        for party in row["DSRXX"].split(";") if row["DSRXX"] else []:
            role, name, *_ = fields = party.split("|")
            assert len(fields) == 4 and name
            roles[role] += 1
    assert set(roles) == {"报警人", "对方", "其他"}
    assert any(not row["DSRXX"] for row in history.hub.valid("FKD") if row["CLJGDM"] == "07")


def test_separators_inside_a_value_are_written_full_width() -> None:
    person = Person("甲|乙;丙", "", "139", "620725", "")
    assert parties_text([PartyAsTold(PartyRole.RESPONDENT, person)]) == "对方|甲｜乙；丙||139"
    assert written("一\t二\r\n三^^四", "^^") == "一 二  三 四"


def test_quirks_of_the_forms_are_there(history: History) -> None:
    empty = Counter(
        (dataset, name, value)
        for _, dataset, row in history.all_rows
        for name, value in row.items()
        if name in ("BJSJ", "DDXCSJ", "CJSJ", "FKSJ") and (value == "" or value.startswith("1900"))
    )
    assert {(d, n) for d, n, _ in empty} == {("JJD", "BJSJ"), ("CJD", "DDXCSJ"), ("CJD", "CJSJ"), ("FKD", "FKSJ")}
    assert {"", "1900-01-01 00:00:00"} == {value for _, _, value in empty}
    placed = [row for row in history.rows("JJD") if row.get("BJRXZB")]
    swapped = [r for r in placed if 18 <= float(r["BJRXZB"]) <= 54 and 73 <= float(r["BJRYZB"]) <= 136]
    assert 0 < len(swapped) < len(placed) / 5 and {r["ZBX"] for r in placed} == {"GCJ02", "CGCS2000"}
    flags = Counter((dataset, row["GXBS"]) for _, dataset, row in history.all_rows if dataset in COLUMNS)
    assert all(flags[dataset, flag] > 5 for dataset in COLUMNS for flag in "012")
    withdrawn = [row for row in history.rows("FKD") if row["GXBS"] == "2"]
    assert any(not row["CLJGDM"] for row in withdrawn) and any(row["CLJGDM"] for row in withdrawn)
    per_call = Counter(row["JJDBH"] for row in history.hub.valid("FKD"))
    assert max(per_call.values()) >= 3
    assert any("， " in row["BJNR"] for row in history.rows("JJD")), "a broken line became one space"
    assert max(Counter(row["JJDBH"] for row in history.hub.valid("CJD")).values()) == 2


def test_feedback_may_come_before_its_call_and_find_another_class(history: History) -> None:
    first: dict[str, int] = {}
    for name, dataset, row in history.all_rows:
        if dataset == "JJD":
            first.setdefault(row["JJDBH"], int(name[-9:-4]))
    early = {r["JJDBH"] for n, d, r in history.all_rows if d == "FKD" and int(n[-9:-4]) < first[r["JJDBH"]]}
    assert 5 < len(early) < 500
    calls = {row["JJDBH"]: row for row in history.hub.valid("JJD")}
    pairs = [(calls[r["JJDBH"]], r) for r in history.hub.valid("FKD") if r["JJDBH"] in calls]
    assert any(call["JQLBDM"] != "05" == told["JQLBDM"] for call, told in pairs)
    assert any(call["JQLBDM"] == "05" != told["JQLBDM"] for call, told in pairs)


def test_rows_come_again_and_batches_out_of_order(history: History) -> None:
    carried = Counter((d, r[OWN[d]], r["GXSJ"], r["GXBS"]) for _, d, r in history.all_rows if d in COLUMNS)
    assert sum(times > 1 for times in carried.values()) > 300, "a whole batch twice, and rows here and there"
    newest = ""
    late = 0
    for name, parts in history.parts.items():
        if "JJD" in parts:
            stamps = [row["GXSJ"] for _, row in parts["JJD"].rows]
            late += max(stamps) < newest
            newest = max(newest, *stamps)
            assert max(stamps) <= f"{name[13:17]}-{name[17:19]}-{name[19:21]} 23:59:59"
    assert late >= 1, "what was withheld comes after the month's end"


def test_links_with_the_hotline_are_those_of_the_quarrels(history: History) -> None:
    calls = {row["JJDBH"]: row for row in history.hub.valid("JJD")}
    to_hotline: dict[str, str] = {}
    from_hotline: set[str] = set()
    for quarrel in County(7, 1).history(only="police"):
        for matter in quarrel.matters:
            for ref in matter.references:
                if ref.is_structured and (matter.instance, ref.instance) == ("hotline", "police"):
                    to_hotline[ref.number] = matter.native_id
                if ref.is_structured and (matter.instance, ref.instance) == ("police", "hotline"):
                    from_hotline.add(matter.native_id)
    assert to_hotline and from_hotline
    assert {n: row["LZGDBH"] for n, row in calls.items() if row["LZGDBH"]} == to_hotline
    # the column is extra: its last telling counts where a file has it
    assert {row["JJDBH"] for row in history.rows("JJD") if row.get("LHLX") == "12345"} == from_hotline


# 2.13: month-end files


def test_month_end_file_lists_what_the_police_hold_then(history: History) -> None:
    months = [name for name in history.names if "DZ_JJD" in history.parts[name]]
    assert [name[13:27] for name in months] == [
        "20240131235959", "20240229235959", "20240331235959", "20240430235959", "20240531235959", "20240630235959",
        "20240731235959",
    ]  # fmt: skip
    last = history.parts[months[-1]]
    assert set(last) == {"DZ_JJD", "DZ_FKD"}
    listed = {row["JJDBH"]: row for _, row in last["DZ_JJD"].rows}
    held = {n: row for (d, n), (_, row) in history.hub.forms.items() if d == "JJD" and n[13:19] == "202407"}
    assert listed == {n: {k: row[k] for k in ("JJDBH", "GXSJ", "GXBS")} for n, row in held.items()}
    assert {row["GXBS"] for row in listed.values()} == {"0", "1", "2"}
    told = {row["FKDBH"]: row for _, row in last["DZ_FKD"].rows}
    forms = {n: row for (d, n), (_, row) in history.hub.forms.items() if d == "FKD" and n[13:19] == "202407"}
    assert told == {n: {k: row[k] for k in ("FKDBH", "JJDBH", "CLJGDM", "GXSJ", "GXBS")} for n, row in forms.items()}


def test_withheld_rows_are_listed_before_they_come(history: History) -> None:
    missing = 0
    known: set[str] = set()
    for parts in history.parts.values():
        known |= {row["JJDBH"] for _, row in parts["JJD"].rows} if "JJD" in parts else set()
        listed = {row["JJDBH"] for _, row in parts["DZ_JJD"].rows} if "DZ_JJD" in parts else set()
        missing = max(missing, len(listed - known))
    assert missing > 100
    assert known == {row["JJDBH"] for row in history.rows("JJD")}


# life goes on


async def test_calls_go_on_with_the_clock(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=0.1)
    hub.pull()
    before = hub.count()
    names = await hub.advance(days=12)
    assert 30 < len(names) <= 50
    serials = [int(name[-9:-4]) for name in names]
    assert serials == list(range(serials[0], serials[0] + len(names)))
    assert hub.count() == before
    referred, settled = hub.count("2024-08-01", "2024-09-01")
    assert referred > 0 and settled == 0, "no result without a RETURN"
    told = await hub.police.control("count", **{"from": "2024-08-01", "to": "2024-09-01"})
    assert (told["referred"], told["settled"]) == (referred, settled) and told["calls"] > 25
    keys = {key["native_id"]: key["version"] for key in await hub.police.control("view")}
    mine: dict[str, str] = defaultdict(str)
    for _, row in hub.forms.values():
        mine[row["JJDBH"]] = max(mine[row["JJDBH"]], row["GXSJ"])
    assert mine == keys


async def test_way_of_the_clock_does_not_matter(start: Callable[..., Any]) -> None:
    one, many = await start(), await start()
    await one.advance(days=3)
    for _ in range(12):
        await many.advance(hours=6)
    assert await one.police.control("view") == await many.police.control("view")


async def test_later_start_lives_through_the_time_before(start: Callable[..., Any]) -> None:
    hub: Hub = await start(start_clock=datetime(2024, 8, 2, 8, 30))
    assert (await hub.police.control("clock"))["clock"] == "2024-08-02 08:30:00"
    assert any(name[13:21] == "20240801" for name in hub.pull())


async def test_month_end_goes_on(hub: Hub) -> None:
    names = await hub.advance(days=31)
    lists = [name for name in names if "DZ_JJD" in read_zip((hub.inward / name).read_bytes())]
    assert [name[13:27] for name in lists] == ["20240831235959"]


# 2.8, 2.9: the hub's acks


async def test_batch_refused_whole_comes_again_under_the_next_serial(hub: Hub) -> None:
    name = hub.whole()[4]
    hub.ack(name, sha(hub.inward / name), 0, [{"dataset": "", "line": 0, "reason": "COUNT_MISMATCH"}])
    before = set(hub.whole())
    await hub.police.control("look")
    (again,) = set(hub.whole()) - before
    assert int(again[-9:-4]) == max(int(n[-9:-4]) for n in before) + 1
    rows = [sorted(r.items()) for p in read_zip((hub.inward / name).read_bytes()).values() for _, r in p.rows]
    more = [r for p in read_zip((hub.inward / again).read_bytes()).values() for _, r in p.rows]
    assert len(rows) == len(more)
    await hub.police.control("look")
    assert set(hub.whole()) == before | {again}, "once"


async def test_rejected_row_comes_again_as_a_correction(hub: Hub) -> None:
    for name in hub.whole()[2:]:
        part = read_zip((hub.inward / name).read_bytes()).get("FKD")
        found = [(line, row) for line, row in part.rows if row["GXBS"] == "0"] if part else []
        if found:
            break
    line, row = found[3]
    hub.ack(name, sha(hub.inward / name), len(found), [{"dataset": "FKD", "line": line, "reason": "字段缺失"}])
    await hub.police.control("look")
    await hub.advance(seconds=1)
    again = hub.held("FKD", row["FKDBH"])
    assert (again["GXBS"], again["GXSJ"]) == ("1", "2024-08-01 08:30:00")
    assert again["CLJGDM"] == row["CLJGDM"] and again["JJDBH"] == row["JJDBH"]


async def test_foolish_acks_do_no_harm(hub: Hub) -> None:
    acks = hub.inward / "ack"
    put(acks / "nonsense.json", b"{")
    put(acks / "unknown.json", b'{"batch":"x","sha256":"","rows":0,"accepted":0,"rejected":[]}')
    put(acks / "shape.json", b'{"batch":"x","sha256":"","rows":0,"accepted":0,"rejected":[{"line":"x"}]}')
    name = hub.whole()[3]
    hub.ack(name, sha(hub.inward / name), 1, [{"dataset": "FKD", "line": 10**6, "reason": "?"}])
    before = hub.whole()
    await hub.police.control("look")
    assert hub.whole() == before


# 2.10, 2.11: RETURN


async def test_result_comes_back_as_the_business_answer(hub: Hub) -> None:
    handed = await hub.referral()
    name = hub.hand_in("RETURN", [result(handed)])
    answer = await hub.answer(name)
    zipped = hub.police.root / "out" / f"{name}.zip"
    assert answer == {"batch": name, "sha256": sha(zipped), "rows": 1, "accepted": 1, "rejected": []}
    assert hub.pull() == [], "not before the clock moves"
    await hub.advance(seconds=60)
    (told,) = [row for row in hub.valid("FKD") if row.get("HZBH")]
    assert (told["JJDBH"], told["CLJGDM"], told["YJDW"]) == (handed["JJDBH"], "07", CENTRE)
    assert told["HZBH"] == f"{name}.zip" and told["FKDBH"] != handed["FKDBH"] and told["FKSJ"] > handed["FKSJ"]
    assert hub.count("2024-08-01", "2024-09-01") == (1, 1)
    (push,) = await hub.police.control("pushes")
    assert push["path"] == f"out/{name}.zip" and push["body"][0]["JG"] == "07" and push["answer"] == answer


async def test_failed_result_and_later_correction(hub: Hub) -> None:
    handed = await hub.referral()
    assert await hub.reasons("RETURN", result(handed, JG="08", LXQK="", XYSBH="")) == []
    await hub.advance(minutes=2)
    assert hub.count("2024-08-01", "2024-09-01") == (1, 0)
    assert await hub.reasons("RETURN", result(handed)) == []
    await hub.advance(minutes=2)
    assert hub.count("2024-08-01", "2024-09-01") == (1, 1)


async def test_row_already_held_is_accepted_and_changes_nothing(hub: Hub) -> None:
    handed = await hub.referral()
    assert await hub.reasons("RETURN", result(handed)) == []
    assert await hub.reasons("RETURN", result(handed)) == []
    await hub.advance(hours=1)
    assert sum(row["CLJGDM"] == "07" for row in hub.valid("FKD") if row["JJDBH"] == handed["JJDBH"]) == 1
    assert await hub.reasons("RETURN", result(handed, JG="08", LXQK="")) == ["BAD_VALUE:JG"]


async def test_sign_decline_and_warning_are_final_with_the_ack(hub: Hub) -> None:
    handed = await hub.referral()
    rows = [result(handed, kind) for kind in "124"]
    assert await hub.reasons("RETURN", *rows) == []
    await hub.advance(days=2)
    results = [row["CLJGDM"] for row in hub.valid("FKD") if row["JJDBH"] == handed["JJDBH"]]
    assert len(results) == 3 and not {"07", "08"} & set(results)


async def test_result_about_history_changes_nothing(hub: Hub) -> None:
    handed = next(r for r in hub.valid("FKD") if r["CLJGDM"] == "02" and r["YJDW"] == CENTRE)
    assert await hub.reasons("RETURN", result(handed)) == []
    before = await hub.police.control("view", native_id=handed["JJDBH"])
    await hub.advance(days=5)
    assert await hub.police.control("view", native_id=handed["JJDBH"]) == before


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"JJDBH": "J6207251010002024073199999"}, "UNKNOWN_JJDBH"),
        ({"JJDBH": "J1"}, "BAD_VALUE:JJDBH"),
        ({"FKDBH": "F6207251010002024073199999"}, "NOT_REFERRED"),
        ({"FKDBH": ""}, "BAD_VALUE:FKDBH"),
        ({"HTLX": "5"}, "BAD_VALUE:HTLX"),
        ({"JG": "09"}, "BAD_VALUE:JG"),
        ({"JG": "08"}, "BAD_VALUE:LXQK"),
        ({"LXQK": "3"}, "BAD_VALUE:LXQK"),
        ({"SQS": ""}, "BAD_VALUE:SQS"),
        ({"BLSJ": "yesterday"}, "BAD_VALUE:BLSJ"),
        ({"HTLX": "1"}, "BAD_VALUE:JG"),
    ],
)
async def test_wrong_rows_are_rejected_with_their_reason(hub: Hub, values: dict[str, str], reason: str) -> None:
    handed = await hub.referral()
    answer = await hub.answer(hub.hand_in("RETURN", [result(handed) | values, result(handed)]))
    assert answer["rejected"] == [{"dataset": "RETURN", "line": 1, "reason": reason}]
    assert (answer["rows"], answer["accepted"]) == (2, 1)


async def test_call_that_was_not_handed_over_is_not_referred(hub: Hub) -> None:
    row = next(r for r in hub.valid("FKD") if r["CLJGDM"] == "01")
    assert await hub.reasons("RETURN", result(row)) == ["NOT_REFERRED"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"declared": 2}, "COUNT_MISMATCH"),
        ({"real": "GB18030"}, "BAD_ENCODING"),
        ({"cut": 30}, "BAD_MANIFEST"),
        ({"sjj": "YS"}, "BAD_MANIFEST"),
        ({"encoding": "GB18030"}, ""),
    ],
)
async def test_wrong_batches_are_refused_whole(hub: Hub, wrong: dict[str, Any], reason: str) -> None:
    handed = await hub.referral()
    answer = await hub.answer(hub.hand_in("RETURN", [result(handed)], **wrong))
    if reason:
        assert answer["accepted"] == 0
        assert [(r["dataset"], r["line"]) for r in answer["rejected"]] == [("", 0)]
        assert answer["rejected"][0]["reason"].startswith(reason)
    else:
        assert answer["rejected"] == []


async def test_same_name_with_other_content_is_refused(hub: Hub) -> None:
    handed = await hub.referral()
    name = hub.hand_in("RETURN", [result(handed)], serial=9)
    first = await hub.answer(name)
    hub.hand_in("RETURN", [result(handed)], serial=9)
    assert await hub.answer(name) == first, "the same again changes nothing"
    hub.hand_in("RETURN", [result(handed, kind="1")], serial=9)
    again = await hub.answer(name)
    assert again["rejected"][0]["reason"].startswith("文件名重复") and again["sha256"] != first["sha256"]


async def test_batch_without_its_marker_is_not_read(start: Callable[..., Any]) -> None:
    hub: Hub = await start(patience_s=0.05)
    hub.pull()
    handed = await hub.referral()
    out, content = hub.police.root / "out", pack("RETURN", [result(handed)])
    name = f"RETURN_{CENTRE}_20240801090000_00001"
    put(out / f"{name}.zip", content[:100])
    put(out / f".{name}.zip.ok", b"x")
    await hub.police.control("look")
    assert not list((out / "ack").iterdir())
    put(out / f"{name}.zip.ok", f"{hashlib.sha256(content).hexdigest()}\n".encode())
    await hub.police.control("look")
    assert not list((out / "ack").iterdir())
    await asyncio.sleep(0.06)
    assert (await hub.answer(name))["rejected"][0]["reason"].startswith("BAD_ZIP")
    put(out / f"{name}.zip", content)
    assert (await hub.answer(name))["accepted"] == 1


# 2.16: YS


async def test_case_of_ours_is_taken_and_opens_a_call(hub: Hub) -> None:
    await hub.police.control("desk", answer="1")
    assert await hub.reasons("YS", transfer()) == []
    await hub.advance(seconds=1)
    (told,) = hub.valid("YSHZ")
    assert (told["YSBH"], told["JG"], told["YY"], told["GXBS"]) == (transfer()["YSBH"], "1", "", "0")
    await hub.advance(days=3)
    call = hub.held("JJD", told["JJDBH"])
    assert call["YSBH"] == told["YSBH"] and call["JQLXDM"] == "0502" and call["BJNR"] == transfer()["NR"]
    forms = [row for row in hub.valid("FKD") if row["JJDBH"] == told["JJDBH"]]
    assert forms and all(row["YJDW"] == "" for row in forms)
    assert forms[0]["DSRXX"] == transfer()["DSRXX"]


async def test_case_of_ours_is_sent_back_with_a_reason_and_may_be_reconsidered(hub: Hub) -> None:
    await hub.police.control("desk", answer="2", times=-1)
    for serial in range(1, 21):
        assert await hub.reasons("YS", transfer(serial)) == []
    await hub.advance(seconds=1)
    told = hub.valid("YSHZ")
    assert len(told) == 20 and all(row["JG"] == "2" and row["YY"] and not row["JJDBH"] for row in told)
    await hub.advance(days=2)
    changed = [row for row in hub.valid("YSHZ") if row["GXBS"] == "1"]
    assert 0 < len(changed) < 20 and all(row["JG"] == "1" and row["JJDBH"] and not row["YY"] for row in changed)


async def test_same_case_again_changes_nothing(hub: Hub) -> None:
    await hub.police.control("desk", answer="1", times=-1)
    assert await hub.reasons("YS", transfer()) == []
    assert await hub.reasons("YS", transfer()) == []
    assert await hub.reasons("YS", transfer(NR="另一件事")) == ["BAD_VALUE:YSBH"]
    await hub.advance(days=1)
    assert len(hub.valid("YSHZ")) == 1
    assert sum("YSBH" in row and row["YSBH"] != "" for row in hub.valid("JJD")) == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("YSBH", "YS1"), ("JFBH", ""), ("YSLX", "3"), ("JQLXDM", "0802"), ("JQLXDM", "05"), ("XZQHDM", "6207"),
        ("NR", ""), ("DSRXX", "报警人|甲"), ("DSRXX", "路人|甲||"), ("BLR", ""), ("BLSJ", ""),
    ],
)  # fmt: skip
async def test_wrong_cases_are_rejected(hub: Hub, column: str, value: str) -> None:
    assert await hub.reasons("YS", transfer() | {column: value}) == [f"BAD_VALUE:{column}"]


# 0.24: misbehaviour


async def misbehave(hub: Hub, mode: str, times: int = 1, **options: Any) -> None:
    await hub.police.control("misbehave", mode=mode, times=times, **options)


async def some_calls(hub: Hub, count: int = 5) -> set[str]:
    return {key["native_id"] for key in (await hub.police.control("add", count=count))["added"]}


def known(hub: Hub) -> set[str]:
    return {number for dataset, number in hub.forms if dataset == "JJD"}


@pytest.mark.parametrize(
    ("mode", "reason"), [("count", "COUNT_MISMATCH"), ("encoding", "BAD_ENCODING"), ("manifest", "BAD_MANIFEST")]
)
async def test_spoilt_batch_is_repaired_after_its_refusal(hub: Hub, mode: str, reason: str) -> None:
    await misbehave(hub, mode)
    added = await some_calls(hub)
    assert len(await hub.advance(seconds=1)) == 1
    assert hub.refused == [reason] and not added & known(hub)
    await hub.police.control("look")
    hub.pull()
    assert added <= known(hub) and hub.refused == [reason]


async def test_broken_line_is_repaired_as_a_correction(hub: Hub) -> None:
    await misbehave(hub, "row")
    added = await some_calls(hub)
    await hub.advance(seconds=1)
    assert len(added - known(hub)) == 1
    (missing,) = added - known(hub)
    await hub.police.control("look")
    await hub.advance(seconds=1)
    assert hub.held("JJD", missing)["GXBS"] == "1"


async def test_same_batch_comes_twice(hub: Hub) -> None:
    await misbehave(hub, "duplicate")
    added = await some_calls(hub)
    before = hub.rows
    names = await hub.advance(seconds=1)
    assert len(names) == 2 and hub.rows == before + 2 * len(added)
    await misbehave(hub, "duplicate", how="name")
    await some_calls(hub)
    assert len(await hub.advance(seconds=1)) == 1


async def test_batch_appears_after_its_successor(hub: Hub) -> None:
    await misbehave(hub, "reorder")
    first = await some_calls(hub)
    assert await hub.advance(seconds=1) == []
    second = await some_calls(hub)
    names = await hub.advance(seconds=1)
    assert len(names) == 2 and first | second <= known(hub)
    await misbehave(hub, "reorder")
    last = await some_calls(hub)
    assert await hub.advance(seconds=1) == []
    assert len(await hub.advance(seconds=1)) == 1 and last <= known(hub), "no successor: alone"


async def test_gap_is_filled_after_the_month_end(hub: Hub) -> None:
    await misbehave(hub, "gap")
    added = await some_calls(hub)
    assert await hub.advance(seconds=1) == []
    later = await some_calls(hub)
    (name,) = await hub.advance(seconds=1)
    withheld = [b["serial"] for b in await hub.police.control("batches") if b["state"] == "withheld"]
    assert int(name[-9:-4]) == withheld[-1] + 1 and later <= known(hub)
    names = await hub.advance(days=31)
    listed = next(p for p in (read_zip((hub.inward / n).read_bytes()) for n in names) if "DZ_JJD" in p)
    assert added <= {row["JJDBH"] for _, row in listed["DZ_JJD"].rows}
    assert added <= known(hub)


@pytest.mark.parametrize("mode", ["partial", "delay"])
async def test_half_arrived_batch_is_completed_later(hub: Hub, mode: str) -> None:
    await misbehave(hub, mode)
    added = await some_calls(hub)
    assert await hub.advance(seconds=1) == []
    half = max(path.name for path in hub.inward.glob("6*.zip"))
    assert (hub.inward / f"{half}.ok").exists() == (mode == "partial")
    assert await hub.advance(seconds=1) == [half] and added <= known(hub)
    await misbehave(hub, mode, seconds=0.02)
    await some_calls(hub)
    await hub.advance(seconds=1)
    await asyncio.sleep(0.03)
    await hub.police.control("look")
    assert len(hub.pull()) == 1


async def test_half_batch_that_stays_half_is_sent_again_after_its_refusal(hub: Hub) -> None:
    await misbehave(hub, "partial", stays=True)
    added = await some_calls(hub)
    await hub.advance(seconds=1)
    assert await hub.advance(seconds=1) == []
    half = max(path.name for path in hub.inward.glob("6*.zip"))
    promised = (hub.inward / f"{half}.ok").read_text().strip()
    hub.ack(half, promised, 0, [{"dataset": "", "line": 0, "reason": "BAD_ZIP"}])
    await hub.police.control("look")
    assert len(hub.pull()) == 1 and added <= known(hub)


async def test_name_is_used_twice(hub: Hub) -> None:
    await misbehave(hub, "name")
    added = await some_calls(hub)
    (name,) = await hub.advance(seconds=1)
    await hub.police.control("look")
    assert hub.pull() == [name] and hub.refused == ["文件名重复"]
    await hub.police.control("look")
    (again,) = hub.pull()
    assert again != name and added <= known(hub) and hub.refused == ["文件名重复"]


async def test_unknown_code_stands_in_the_book_too(hub: Hub) -> None:
    await misbehave(hub, "unknown")
    added = await some_calls(hub)
    await hub.advance(seconds=1)
    (odd,) = [n for n in added if hub.held("JJD", n)["JQLXDM"] == "0597"]
    (told,) = await hub.police.control("view", native_id=odd, rows=True)
    assert told["rows"][0]["JQLXDM"] == "0597" and told["rows"][0]["JQXLDM"] == "059701"


async def test_a_call_vanishes_without_a_word(hub: Hub) -> None:
    added = await some_calls(hub)
    await hub.advance(seconds=1)
    await misbehave(hub, "vanish")
    await some_calls(hub, 1)
    await hub.advance(seconds=1)
    left = {key["native_id"] for key in await hub.police.control("view")}
    assert len(set(added) - left) <= 1 and len(left) == len(await hub.police.control("view"))
    assert (await hub.police.control("misbehave"))["misbehaving"] == {}


async def test_clock_is_wrong(hub: Hub) -> None:
    await misbehave(hub, "skew", seconds=-600)
    (number,) = await some_calls(hub, 1)
    await hub.advance(seconds=1)
    assert hub.held("JJD", number)["GXSJ"] == "2024-08-01 08:20:00"


async def test_outage_and_then_the_flood(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=0.1)
    hub.pull()
    handed = await hub.referral()
    await misbehave(hub, "outage", times=12)
    name = hub.hand_in("RETURN", [result(handed)])
    assert await hub.advance(days=2, hours=18) == []
    assert not (hub.police.root / "out" / "ack" / f"{name}.json").exists()
    before = hub.rows
    assert len(await hub.advance(hours=12)) >= 1 and hub.rows > before + 30
    assert (await hub.answer(name))["accepted"] == 1
    keys = {key["native_id"] for key in await hub.police.control("view")}
    assert keys == {row["JJDBH"] for _, row in hub.forms.values()}


async def test_outage_over_the_month_end_delays_its_file(hub: Hub) -> None:
    await misbehave(hub, "outage", times=-1)
    assert await hub.advance(days=31) == []
    await misbehave(hub, "outage", times=0)
    names = await hub.advance(seconds=1)
    assert names[0][13:27] == "20240831235959" and len(names) > 1


async def test_lost_acks(hub: Hub) -> None:
    handed = await hub.referral()
    await misbehave(hub, "lost", on="out")
    name = hub.hand_in("RETURN", [result(handed)])
    await hub.police.control("look")
    assert not list((hub.police.root / "out" / "ack").iterdir())
    again = await hub.answer(hub.hand_in("RETURN", [result(handed)]))
    assert again["batch"] != name and again["accepted"] == 1
    await misbehave(hub, "lost", on="in")
    await some_calls(hub)
    (batch,) = await hub.advance(seconds=1)
    written = (hub.inward / batch).stat().st_ino, (hub.inward / batch).read_bytes()
    await hub.police.control("look")
    assert (hub.inward / batch).stat().st_ino != written[0] and (hub.inward / batch).read_bytes() == written[1]
    await hub.police.control("look")
    assert {b["state"] for b in await hub.police.control("batches") if b["name"] == batch} == {"acked"}


async def test_history_itself_may_be_spoilt(start: Callable[..., Any]) -> None:
    hub: Hub = await start(misbehave={"count": 2, "encoding": 1, "gap": 2, "duplicate": 1, "reorder": 2})
    for _ in range(4):
        hub.pull()
        await hub.police.control("look")
    assert sorted(set(hub.refused)) == ["BAD_ENCODING", "COUNT_MISMATCH"]
    assert hub.count() == (29, 27)


@pytest.mark.parametrize("wrong", [{"mode": "500"}, {"mode": "count", "on": "token"}])
async def test_unknown_modes_are_refused(hub: Hub, wrong: dict[str, Any]) -> None:
    with pytest.raises(UserInputError):
        await hub.police.control("misbehave", **wrong)


# commands


async def test_edits_are_corrections(hub: Hub) -> None:
    row = hub.valid("FKD")[0]
    await hub.police.control("edit", native_id=row["JJDBH"], number=row["FKDBH"], set={"CLJGDM": "99"})
    await hub.police.control("edit", native_id=row["JJDBH"], set={"BJRXM": "丙"})
    edited = (await hub.police.control("edit", count=7, seed="x"))["edited"]
    assert len({key["native_id"] for key in edited}) == 7
    await hub.advance(seconds=1)
    assert hub.held("FKD", row["FKDBH"])["CLJGDM"] == "99"
    call = hub.held("JJD", row["JJDBH"])
    assert (call["BJRXM"], call["GXBS"]) == ("丙", "1")
    for key in edited:
        assert max(r["GXSJ"] for _, r in hub.forms.values() if r["JJDBH"] == key["native_id"]) == key["version"]
    await hub.police.control("edit", native_id=row["JJDBH"], number=row["FKDBH"], set={"GXBS": "2"})
    await hub.advance(seconds=1)
    assert hub.held("FKD", row["FKDBH"])["GXBS"] == "2"


async def test_deleted_calls_vanish_from_the_month_end_file_only(hub: Hub) -> None:
    added = await some_calls(hub)
    await hub.advance(days=1)
    gone = {key["native_id"] for key in (await hub.police.control("delete", count=3, seed="x"))["deleted"]}
    gone.add((await hub.police.control("delete", native_id=min(added - gone)))["deleted"][0]["native_id"])
    names = await hub.advance(days=30)
    listed = next(p for p in (read_zip((hub.inward / n).read_bytes()) for n in names) if "DZ_JJD" in p)
    numbers = {row["JJDBH"] for _, row in listed["DZ_JJD"].rows}
    held = {n for d, n in hub.forms if d == "JJD" and n[13:19] == "202408"}
    assert held - numbers == gone and numbers <= held


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ({"do": "dance"}, UserInputError),
        ({"do": "advance", "seconds": -1}, UserInputError),
        ({"do": "advance"}, UserInputError),
        ({"do": "edit", "native_id": "J0", "set": {}}, NotFoundError),
        ({"do": "delete", "native_id": "J0"}, NotFoundError),
        ({"do": "add", "count": 1, "set": {"NAME": "x"}}, UserInputError),
        ({"do": "delete", "count": 10**6}, UserInputError),
        ({"do": "desk", "answer": "3"}, UserInputError),
    ],
)
async def test_wrong_commands_are_refused(hub: Hub, command: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await hub.police.control(**command)


async def test_commands_by_file_and_a_look_out_of_its_own(start: Callable[..., Any]) -> None:
    hub: Hub = await start(poll_s=0.01)
    hub.pull()
    handed = await hub.referral()
    folder = hub.police.control_folder
    put(folder / "1.json", b'{"do": "clock"}')
    put(folder / "2.json", b'{"do": "dance"}')
    put(folder / "3.json", b"nonsense")
    name = hub.hand_in("RETURN", [result(handed)])
    answers = [*(folder / "answers" / f"{n}.json" for n in "123"), hub.police.root / "out" / "ack" / f"{name}.json"]
    await until(lambda: all(path.exists() for path in answers))
    told = [json.loads(path.read_bytes()) for path in answers]
    assert told[0] == {"clock": "2024-08-01 08:30:01"} and "error" in told[1] and "error" in told[2]
    assert told[3]["accepted"] == 1


async def until(reached: Callable[[], bool]) -> None:
    for _ in range(500):
        if reached():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within five seconds")


async def test_store_is_kept_or_built_anew_as_told(tmp_path: Path) -> None:
    def options(**more: Any) -> PoliceOptions:
        return PoliceOptions(scale=0.01, folder=tmp_path, poll_s=0, **more)

    async def names(**more: Any) -> list[str]:
        police = await start_police(options(**more))
        try:
            hub = Hub(police)
            hub.pull()
            await police.control("look")
            if more.get("keep") is not False:
                await police.control("misbehave", mode="reorder")
            return hub.whole()
        finally:
            await police.close()

    first = await names()
    assert await names() == first, "read and acked is not changed"
    police = await start_police(options())
    await police.control("misbehave", mode="partial", times=-1)
    await police.control("advance", seconds=2 * 86400)
    await police.close()
    with pytest.raises(ConfigurationError):
        await start_police(options())
    kept = await names(keep=True)
    assert len(kept) > len(first), "what was half on its way is whole after the restart"
    assert await names(keep=False) == first
    spoilt = await start_police(options(misbehave={"count": 1}))
    await spoilt.close()
    with pytest.raises(ConfigurationError):
        await start_police(options())


async def test_serving_tells_its_folders_and_clears_up() -> None:
    ready: list[RunningPolice] = []
    task = asyncio.create_task(serve_police(PoliceOptions(scale=0.01), ready.append))
    await until(lambda: bool(ready))
    assert (ready[0].root / "in").is_dir() and ready[0].control_folder.is_dir()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ready[0].root.exists()


async def test_progress_is_told_and_early_clocks_are_refused() -> None:
    told: list[tuple[int, int]] = []
    police = await start_police(PoliceOptions(scale=0.01, progress=lambda done, total: told.append((done, total))))
    await police.close()
    assert told[-1][0] == told[-1][1] > 0
    with pytest.raises(ConfigurationError):
        await start_police(PoliceOptions(start_clock=datetime(2024, 7, 1)))
