"""``ZA_DATA_INDEX.xml`` (WIRES 2.3): which files a batch holds, how they are cut, and in which order the columns stand.

Read by expat with every DOCTYPE refused, so that no entity is ever expanded and no address ever opened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from xml.parsers import expat

from connectors.police.ack import BAD_MANIFEST, BatchRefusedError

NAME = "ZA_DATA_INDEX.xml"
#: columns and rows are declared here, never data
MAX_BYTES = 1 << 20

_INDEX, _FILE, _STRUCT = "ZA_DATA_INDEX", "ZA_DATA_FILE", "ZA_DATA_STRUCT"
_ENCODINGS: Mapping[str, str] = MappingProxyType({"UTF8": "utf-8", "GB18030": "gb18030"})
_ESCAPES: Mapping[str, str] = MappingProxyType({r"\t": "\t", r"\n": "\n", r"\r": "\r"})
_REQUIRED = ("lfgf", "hfgf", "sjqsh", "wjbmgs", "sjj")
_QUOTED = re.compile(r"""=\s*(?:"[^"<]*"|'[^'<]*')""")
_NUMBER = re.compile(r"[0-9]{1,9}")
_DATASET = re.compile(r"[A-Z][A-Z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One ``.bcp`` as the manifest declares it."""

    dataset: str
    file_name: str
    #: Python's name of it
    encoding: str
    column_separator: str
    line_separator: str
    #: 1-based line at which data starts
    first_line: int
    #: data lines only
    rows: int
    columns: tuple[str, ...]


@dataclass(slots=True)
class _Block:
    """A DATA block while it is read."""

    items: dict[str, str] = field(default_factory=dict)
    file: dict[str, str] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)


def read_manifest(content: bytes) -> tuple[DataFile, ...]:
    """The declared files, in the manifest's order. Raises BatchRefusedError(BAD_MANIFEST)."""
    if len(content) > MAX_BYTES:
        raise BatchRefusedError(BAD_MANIFEST, "too long")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise BatchRefusedError(BAD_MANIFEST, "not UTF-8") from exc
    files = tuple(_data_file(block) for block in _Reader().read(text))
    if not files:
        raise BatchRefusedError(BAD_MANIFEST, "it declares no file")
    for names in ([file.dataset for file in files], [file.file_name for file in files]):
        if len(set(names)) < len(names):
            raise BatchRefusedError(BAD_MANIFEST, "a dataset or file is declared twice")
    return files


class _Reader:
    """Collects the DATA blocks of the index."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        #: names of the DATASETs around; '' for every other element
        self._around: list[str] = []

    def read(self, text: str) -> list[_Block]:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(_QUOTED.sub(_keep_whitespace, text), True)
        except (expat.ExpatError, ValueError) as exc:
            raise BatchRefusedError(BAD_MANIFEST, "not well-formed XML") from exc
        return self._blocks

    def _refuse(self, *_declaration: object) -> None:
        raise BatchRefusedError(BAD_MANIFEST, "a DOCTYPE is not allowed")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        dataset = next((name for name in reversed(self._around) if name), "")
        if tag == "DATA" and dataset == _INDEX:
            self._blocks.append(_Block())
        elif tag == "ITEM":
            self._item(dataset, attributes.get("key", "").strip(), attributes.get("val", ""))
        self._around.append(attributes.get("name", "") if tag == "DATASET" else "")

    def _end(self, _tag: str) -> None:
        self._around.pop()

    def _item(self, dataset: str, key: str, value: str) -> None:
        if not self._blocks or not key:
            raise BatchRefusedError(BAD_MANIFEST, "an ITEM is out of place or has no key")
        block = self._blocks[-1]
        if dataset == _STRUCT:
            block.columns.append(key)
        elif dataset in (_INDEX, _FILE):
            items = block.items if dataset == _INDEX else block.file
            if key in items:
                raise BatchRefusedError(BAD_MANIFEST, "a key comes twice")
            items[key] = value


def _keep_whitespace(quoted: re.Match[str]) -> str:
    # a parser turns a real tab or line end inside an attribute into a space, and both may be separators
    return quoted[0].replace("\t", "&#9;").replace("\n", "&#10;").replace("\r", "&#13;")


def _data_file(block: _Block) -> DataFile:
    missing = [key for key in _REQUIRED if key not in block.items] + [
        key for key in ("wjm", "jlhs") if key not in block.file
    ]
    if missing:
        raise BatchRefusedError(BAD_MANIFEST, f"it lacks {missing[0]}")
    dataset = block.items["sjj"].strip()
    if not _DATASET.fullmatch(dataset):
        raise BatchRefusedError(BAD_MANIFEST, "sjj is no name of a dataset")
    encoding = _ENCODINGS.get(block.items["wjbmgs"].strip().upper().replace("-", ""))
    if encoding is None:
        raise BatchRefusedError(BAD_MANIFEST, f"wjbmgs of {dataset} is neither UTF-8 nor GB18030")
    column, line = _separator(block.items["lfgf"]), _separator(block.items["hfgf"])
    if not column or not line or column in line or line in column:
        raise BatchRefusedError(BAD_MANIFEST, f"the separators of {dataset} cannot be told apart")
    first_line, rows = _number(block.items["sjqsh"]), _number(block.file["jlhs"])
    if not first_line or rows is None:
        raise BatchRefusedError(BAD_MANIFEST, f"sjqsh or jlhs of {dataset} is no number")
    if not block.columns or len(set(block.columns)) < len(block.columns):
        raise BatchRefusedError(BAD_MANIFEST, f"{dataset} has no columns, or one twice")
    return DataFile(
        dataset, block.file["wjm"].strip(), encoding, column, line, first_line, rows, tuple(block.columns)
    )  # fmt: skip


def _separator(declared: str) -> str:
    """One or two characters, ``\\t`` and its like spelled out or real; '' where it is neither."""
    plain = re.sub(r"\\[tnr]", lambda found: _ESCAPES[found[0]], declared)
    return plain if len(plain) in (1, 2) else ""


def _number(digits: str) -> int | None:
    return int(digits) if _NUMBER.fullmatch(digits.strip()) else None
