"""A batch of ours for the police, byte for byte: one dataset, one row (WIRES 2.2, 2.3, 2.10).

Everything in it follows from the step's key and the command, its name too: every try makes the same file. One row a
batch, so that the file's name answers for that row.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.police import manifest
from connectors.police.names import ZIP
from connectors.pushing import clean, number_from
from hub.model import SHANGHAI

#: how many names are tried before the folder is said to be full of foreign files
MAX_NAMES = 100

_SERIALS = 99_999
#: a zip tells when its files were written; ours must be the same bytes at every try
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SEPARATORS = str.maketrans({"\t": " ", "\r": " ", "\n": " "})
_FULL_WIDTH = str.maketrans({"|": "｜", ";": "；"})

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One batch of ours."""

    #: without ``.zip``
    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """In lowercase hex, as the marker states it."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def zip_path(self) -> str:
        return f"out/{self.name}{ZIP}"

    @property
    def marker(self) -> bytes:
        """What the marker holds."""
        return f"{self.sha256}\n".encode()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset of ours: its columns in order, with what the manifest calls them."""

    name: str
    columns: Mapping[str, str]
    #: before the unit in a batch's name
    prefix: str


def batches(
    dataset: Dataset, unit: str, resource: str, key: str, at: datetime, row: Callable[[int], Row]
) -> Iterator[Outgoing]:
    """The batch under each name it may have, the first one first: the serial is made of the key, then counts on.

    ``row`` makes the row for a serial.
    """
    stamp = f"{at.astimezone(SHANGHAI):%Y%m%d%H%M%S}"
    first = number_from(key, _SERIALS)
    for step in range(MAX_NAMES):
        serial = 1 + (first + step) % _SERIALS
        yield Outgoing(f"{dataset.prefix}_{unit}_{stamp}_{serial:05}", _zip(dataset, resource, row(serial)))


def moment_text(at: datetime) -> str:
    """An instant as the police write it."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def person_text(role: str, *fields: str) -> str:
    """One party of DSRXX; the characters that separate are written full-width (WIRES 2.12)."""
    return "|".join([role, *(clean(field).translate(_FULL_WIDTH) for field in fields)])


def _zip(dataset: Dataset, resource: str, row: Row) -> bytes:
    line = "\t".join(clean(row[column]).translate(_SEPARATORS) for column in dataset.columns)
    members = {
        manifest.NAME: _manifest(dataset, resource),
        f"{dataset.name}.bcp": f"{line}\n",
    }
    kept = io.BytesIO()
    # stored, not deflated: another zlib would make other bytes of the same row
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content.encode())
    return kept.getvalue()


def _manifest(dataset: Dataset, resource: str) -> str:
    declared = "".join(f'<ITEM key="{column}" chn="{chn}"/>' for column, chn in dataset.columns.items())
    lines: Sequence[str] = (
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<MESSAGE>",
        '<DATASET name="ZA_DATA_INDEX">',
        "<DATA>",
        r'<ITEM key="lfgf" val="\t" rmk="列分隔符"/>',
        r'<ITEM key="hfgf" val="\n" rmk="行分隔符"/>',
        f'<ITEM key="xxzybsf" val="{resource}" rmk="信息资源标识符"/>',
        '<ITEM key="sjqsh" val="1" rmk="数据起始行"/>',
        '<ITEM key="wjbmgs" val="UTF-8" rmk="文件编码格式"/>',
        f'<ITEM key="sjj" val="{dataset.name}" rmk="数据集"/>',
        '<DATASET name="ZA_DATA_FILE"><DATA><ITEM key="wjlj" val="" rmk="路径"/>'
        f'<ITEM key="wjm" val="{dataset.name}.bcp" rmk="文件名"/>'
        '<ITEM key="jlhs" val="1" rmk="记录行数"/></DATA></DATASET>',
        f'<DATASET name="ZA_DATA_STRUCT"><DATA>{declared}</DATA></DATASET>',
        "</DATA>",
        "</DATASET>",
        "</MESSAGE>",
    )
    return "".join(f"{line}\n" for line in lines)
