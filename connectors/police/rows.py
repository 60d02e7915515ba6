"""A line of a batch as a kept item: its identity, its version, and one spelling for comparison.

A line is never dropped here. One that cannot be used is kept whole with the reason, which the ack tells too, and the
hub quarantines it alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import orjson

from connectors.police.names import NUMBERS, BatchName
from hub.model import SHANGHAI, Item, clean_text

#: longer lines are no rows; of these the beginning and the hash are kept
MAX_LINE = 1 << 20
#: longer numbers are no identity
LONGEST_NUMBER = 64

WRONG_COLUMN_COUNT, LINE_TOO_LONG, UNKNOWN_DATASET = "WRONG_COLUMN_COUNT", "LINE_TOO_LONG", "UNKNOWN_DATASET"
MISSING, BAD_VALUE = "MISSING", "BAD_VALUE"

_UNKNOWN_TIME = "1900-01-01"
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}:[0-9]{2})?")
#: outside these years a time is a typing error, and near the ends of the calendar arithmetic fails
_YEARS = range(1901, 3000)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What identifies a row of one dataset."""

    #: column of the row's own number
    own: str
    #: column of the record's number
    record: str
    #: the dataset whose keys it lists, at the month's end; '' where it carries contents
    lists: str = ""


#: WIRES 2.3, 2.13, 2.16
DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {
        "JJD": Dataset("JJDBH", "JJDBH"),
        "CJD": Dataset("CJDBH", "JJDBH"),
        "FKD": Dataset("FKDBH", "JJDBH"),
        "YSHZ": Dataset("YSBH", "YSBH"),
        "DZ_JJD": Dataset("JJDBH", "JJDBH", lists="JJD"),
        "DZ_FKD": Dataset("FKDBH", "JJDBH", lists="FKD"),
    }
)


def text(value: object) -> str:
    """A column's value without margins and what a database refuses; '' is unknown."""
    return clean_text(value)[0].strip() if isinstance(value, str) else ""


def moment(value: object) -> datetime | None:
    """``YYYY-MM-DD HH:mm:ss`` of Shanghai as an instant; None where unknown (``1900-01-01…``) or unreadable."""
    written = text(value)
    if not _STAMP.fullmatch(written):
        return None
    try:
        at = datetime.fromisoformat(written).replace(tzinfo=SHANGHAI)
    except ValueError:
        return None
    return at if at.year in _YEARS else None


def is_unknown(value: str) -> bool:
    """Nothing stands there (WIRES 0.8)."""
    return not value or value.startswith(_UNKNOWN_TIME)


def problem_of(dataset: str, columns: Mapping[str, str]) -> str:
    """Why a row with the right number of columns cannot be used; '' where it can."""
    known = DATASETS.get(dataset)
    if known is None:
        return UNKNOWN_DATASET
    for column in (known.own, known.record):
        number = text(columns.get(column))
        if not number:
            return f"{MISSING}:{column}"
        if len(number) > LONGEST_NUMBER:
            return f"{BAD_VALUE}:{column}"
    # without it no version could be told from another; a list may leave it out
    if not known.lists and moment(columns.get("GXSJ")) is None:
        return f"{BAD_VALUE}:GXSJ"
    return ""


def make_item(batch: BatchName, dataset: str, line: int, columns: dict[str, str]) -> Item:
    """A usable row. Where it stood breaks ties between versions of one GXSJ and is no part of its content."""
    known = DATASETS[dataset]
    said = {name: value for name, raw in columns.items() if not is_unknown(value := raw.strip())}
    return Item(
        key=f"{dataset}:{text(columns[known.own])}",
        native_id=text(columns[known.record]),
        native_no="",
        updated_at=moment(columns.get("GXSJ")),
        body=orjson.dumps({"dataset": dataset, "batch": batch.text, "line": line, "columns": columns}),
        canonical=orjson.dumps([dataset, said], option=orjson.OPT_SORT_KEYS),
    )


def make_rejected(
    batch: BatchName, dataset: str, line: int, names: Sequence[str], raw: str, columns: Mapping[str, str], reason: str
) -> Item:
    """A row that cannot be used, whole. It names itself only where its numbers are beyond doubt."""
    kept = raw if len(raw) <= MAX_LINE else raw[:MAX_LINE]
    what: dict[str, object] = {"dataset": dataset, "rejected": reason, "declared": list(names), "raw": kept}
    if len(raw) > MAX_LINE:
        what["sha256"] = hashlib.sha256(raw.encode()).hexdigest()
    known = DATASETS.get(dataset)
    own = _sure_number(known.own, columns) if known and not known.lists else ""
    record = _sure_number(known.record, columns) if known and own else ""
    return Item(
        key=f"{dataset}:{own}" if own and record else "",
        native_id=record,
        native_no="",
        updated_at=None,
        body=orjson.dumps({**what, "batch": batch.text, "line": line}),
        canonical=orjson.dumps(what, option=orjson.OPT_SORT_KEYS),
    )


def _sure_number(column: str, columns: Mapping[str, str]) -> str:
    number = text(columns.get(column))
    return number if NUMBERS[column].fullmatch(number) else ""
