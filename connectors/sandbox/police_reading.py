"""Reads a batch of the hub strictly: what WIRES.md 2.2, 2.3 and 2.8 demand, else a refusal of the whole batch."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from connectors.sandbox.police_zip import MANIFEST

_LARGEST_FILE = 32 * 1024**2
_SPELLED = {"\\t": "\t", "\\n": "\n", "\\r\\n": "\r\n"}
_ITEMS = ("lfgf", "hfgf", "sjqsh", "wjbmgs", "sjj")


class BatchRefusedError(Exception):
    """The batch is refused whole; the text is the reason of its ack."""

    def __init__(self, reason: str, rows: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.rows = reason, rows


@dataclass(frozen=True, slots=True)
class Line:
    """One data line."""

    #: 1-based physical line
    number: int
    values: Mapping[str, str]


@dataclass(slots=True)
class _Block:
    items: dict[str, str] = field(default_factory=dict)
    file: dict[str, str] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)


def read_batch(content: bytes, dataset: str) -> list[Line]:
    """The lines of a batch that holds this dataset and no other. Raises BatchRefusedError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if any(entry.file_size > _LARGEST_FILE for entry in packed.infolist()):
                raise BatchRefusedError("BAD_ZIP 文件过大")
            files = {entry.filename: packed.read(entry) for entry in packed.infolist()}
    # what a damaged zip may raise, depending on where it is damaged
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as exc:
        raise BatchRefusedError("BAD_ZIP 压缩包损坏") from exc
    if MANIFEST not in files:
        raise BatchRefusedError("BAD_MANIFEST 缺少" + MANIFEST)
    blocks = _manifest(files[MANIFEST])
    if len(blocks) != 1 or blocks[0].items.get("sjj") != dataset:
        raise BatchRefusedError(f"BAD_MANIFEST 应有且仅有数据集{dataset}")
    name = blocks[0].file.get("wjm", "")
    if name not in files:
        raise BatchRefusedError("BAD_MANIFEST 缺少数据文件")
    return _lines(blocks[0], files[name])


def _manifest(content: bytes) -> list[_Block]:
    reader = _ManifestReader()
    try:
        reader.parse(content)
    except (expat.ExpatError, ValueError) as exc:
        raise BatchRefusedError("BAD_MANIFEST 无法解析") from exc
    for block in reader.blocks:
        missing = [name for name in _ITEMS if not block.items.get(name)]
        if missing or not block.columns or "jlhs" not in block.file:
            raise BatchRefusedError("BAD_MANIFEST 缺少" + ",".join(missing or ["ZA_DATA_FILE/ZA_DATA_STRUCT"]))
    return reader.blocks


class _ManifestReader:
    """Collects the blocks of ZA_DATA_INDEX; entities and document types are refused."""

    def __init__(self) -> None:
        self.blocks: list[_Block] = []
        self._datasets: list[str] = []

    def parse(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._refuse
        parser.Parse(content, True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        where = self._datasets[-1] if self._datasets else ""
        if tag == "DATASET":
            self._datasets.append(attributes.get("name", ""))
        elif tag == "DATA" and where == "ZA_DATA_INDEX":
            self.blocks.append(_Block())
        elif tag == "ITEM" and self.blocks:
            key, value = attributes.get("key", ""), attributes.get("val", "")
            if where == "ZA_DATA_INDEX":
                self.blocks[-1].items[key] = value
            elif where == "ZA_DATA_FILE":
                self.blocks[-1].file[key] = value
            elif where == "ZA_DATA_STRUCT":
                self.blocks[-1].columns.append(key)

    def _end(self, tag: str) -> None:
        if tag == "DATASET":
            self._datasets.pop()

    def _refuse(self, *_: object) -> None:
        raise ValueError("document type")


def _lines(block: _Block, content: bytes) -> list[Line]:
    encoding = block.items["wjbmgs"].upper()
    if encoding not in ("UTF-8", "GB18030"):
        raise BatchRefusedError("BAD_MANIFEST wjbmgs")
    if not (block.items["sjqsh"].isdecimal() and block.file["jlhs"].isdecimal()):
        raise BatchRefusedError("BAD_MANIFEST sjqsh/jlhs")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as exc:
        raise BatchRefusedError(f"BAD_ENCODING {encoding}") from exc
    between, after = _separator(block.items["lfgf"]), _separator(block.items["hfgf"])
    physical = text.split(after)
    if physical[-1] == "":
        physical.pop()
    first = max(1, int(block.items["sjqsh"]))
    lines = [
        Line(number, dict(zip(block.columns, line.split(between), strict=False)))
        for number, line in enumerate(physical, start=1)
        if number >= first
    ]
    if len(lines) != int(block.file["jlhs"]):
        raise BatchRefusedError(f"COUNT_MISMATCH jlhs={block.file['jlhs']} 实际{len(lines)}", len(lines))
    return lines


def _separator(spelled: str) -> str:
    real = _SPELLED.get(spelled, spelled)
    if len(real) > 2:
        raise BatchRefusedError("BAD_MANIFEST lfgf/hfgf")
    return real
