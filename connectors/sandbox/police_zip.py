"""A batch as bytes: bcp files and their manifest in one zip, byte for byte as WIRES.md 2.3 says.

The quirks are those the document allows: GB18030, another column order, a header line, columns left out or too many,
other spellings of the separators. The same key gives the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from connectors.sandbox.chance import luck
from connectors.sandbox.police_forms import COLUMNS, EXTRA, Form, written

MANIFEST = "ZA_DATA_INDEX.xml"
#: a column that only some of their exports have
_OFFICER = "JJYBH"
#: columns that some of their exports leave out
_LEFT_OUT = {"JJD": ("BJRXZB", "BJRYZB", "ZBX"), "CJD": ("CJQK",)}
_BLOCK = """<DATA>
<ITEM key="lfgf" val="{between}" rmk="列分隔符"/>
<ITEM key="hfgf" val="{after}" rmk="行分隔符"/>
<ITEM key="xxzybsf" val="620725-117070302-1-1" rmk="信息资源标识符"/>
<ITEM key="sjqsh" val="{first}" rmk="数据起始行"/>
<ITEM key="wjbmgs" val="{encoding}" rmk="文件编码格式"/>
<ITEM key="sjj" val="{dataset}" rmk="数据集"/>
<DATASET name="ZA_DATA_FILE"><DATA><ITEM key="wjlj" val="" rmk="路径"/>\
<ITEM key="wjm" val="{dataset}.bcp" rmk="文件名"/>\
<ITEM key="jlhs" val="{count}" rmk="记录行数"/></DATA></DATASET>
<DATASET name="ZA_DATA_STRUCT"><DATA>{columns}</DATA></DATASET>
</DATA>
"""
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<MESSAGE>\n<DATASET name="ZA_DATA_INDEX">\n'
_TAIL = "</DATASET>\n</MESSAGE>\n"


@dataclass(frozen=True, slots=True)
class Style:
    """How one bcp of one batch is written."""

    columns: tuple[str, ...]
    encoding: str = "UTF-8"
    has_header: bool = False
    #: the separators as the manifest spells them, and as they stand in the file
    between: tuple[str, str] = ("\\t", "\t")
    after: tuple[str, str] = ("\\n", "\n")

    @property
    def first_line(self) -> int:
        """The 1-based line at which data starts (sjqsh)."""
        return 2 if self.has_header else 1


@dataclass(frozen=True, slots=True)
class Part:
    """One dataset of a batch."""

    dataset: str
    rows: Sequence[Form]
    style: Style


def plain_style(dataset: str, rows: Sequence[Form]) -> Style:
    """As the document's own example."""
    used = {name for row in rows for name, value in row.items() if value}
    return Style(tuple(name for name in COLUMNS[dataset] if name not in EXTRA or name in used))


def quirky_style(dataset: str, rows: Sequence[Form], key: str) -> Style:
    """A style of this batch's own, from its key alone."""
    rng = Random(f"style|{key}|{dataset}")
    columns = list(plain_style(dataset, rows).columns)
    if rng.random() < 0.15:
        columns = [name for name in columns if name not in _LEFT_OUT.get(dataset, ())]
    if _OFFICER in COLUMNS[dataset] and rng.random() < 0.3:
        columns.append(_OFFICER)
    if rng.random() < 0.6:
        rng.shuffle(columns)
    encoding = "GB18030" if rng.random() < 0.45 else "UTF-8"
    has_header = rng.random() < 0.35
    drawn = rng.random()
    between = ("&#9;", "\t") if drawn < 0.06 else ("^^", "^^") if drawn < 0.12 else ("\\t", "\t")
    after = ("&#10;", "\n") if rng.random() < 0.06 else ("\\n", "\n")
    return Style(tuple(columns), encoding, has_header, between, after)


def batch_bytes(parts: Sequence[Part], at: datetime, spoilt: Mapping[str, str] | None = None) -> bytes:
    """The zip; ``spoilt`` names what is wrong with it and in which dataset: count, encoding, row, manifest."""
    wrong = spoilt or {}
    index = _HEAD
    files: dict[str, bytes] = {}
    for part in parts:
        files[f"{part.dataset}.bcp"] = _bcp(part, wrong)
        index += _block(part, len(part.rows) + (wrong.get("count") == part.dataset))
    index += _TAIL
    if "manifest" in wrong:
        index = index[: len(index) * 2 // 3]
    return _packed({MANIFEST: index.encode(), **files}, at)


def _block(part: Part, count: int) -> str:
    style, names = part.style, COLUMNS[part.dataset]
    columns = "".join(f'<ITEM key="{name}" chn="{names[name]}"/>' for name in style.columns)
    return _BLOCK.format(
        between=style.between[0], after=style.after[0], first=style.first_line, encoding=style.encoding,
        dataset=part.dataset, count=count, columns=columns,
    )  # fmt: skip


def _bcp(part: Part, wrong: Mapping[str, str]) -> bytes:
    style = part.style
    between, after = style.between[1], style.after[1]
    lines = [between.join(style.columns)] if style.has_header else []
    for row in part.rows:
        lines.append(_line(row, style))
    if wrong.get("row") == part.dataset:
        lines[-1] = between.join(lines[-1].split(between)[:-2])
    text = "".join(line + after for line in lines)
    if wrong.get("encoding") == part.dataset:
        # whatever the file says it is, this is not it
        return text.encode("gb18030")[: -len(after)] + b"\xff" + after.encode()
    return text.encode(style.encoding)


def _line(row: Form, style: Style) -> str:
    between = style.between[1]
    values = [row.get(name, "") for name in style.columns]
    if _OFFICER in style.columns:
        values[style.columns.index(_OFFICER)] = f"{int(luck('officer', *row.values()) * 10**6):06d}"
    return between.join(written(value, between) for value in values)


def _packed(files: Mapping[str, bytes], at: datetime) -> bytes:
    buffer = io.BytesIO()
    moment = (at.year, at.month, at.day, at.hour, at.minute, at.second)
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, moment)
            # some of their exports are not compressed
            is_stored = luck("stored", name, str(at)) < 0.2
            entry.compress_type = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
            packed.writestr(entry, content)
    return buffer.getvalue()
