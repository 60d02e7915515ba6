"""A batch: bytes of a zip in, items and the rows of its ack out. A pure function; refuses a batch whole or not at all.

Files are decoded strictly as declared. A line that cannot be used is rejected alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.police import manifest, rows
from connectors.police.ack import (
    BAD_ENCODING,
    BAD_MANIFEST,
    BAD_ZIP,
    COUNT_MISMATCH,
    Ack,
    BatchRefusedError,
    RejectedRow,
)
from connectors.police.archive import unpack
from connectors.police.manifest import DataFile, read_manifest
from connectors.police.names import BatchName
from hub.model import DigestEntry, Item

#: of one dataset in one batch
MAX_ROWS = 1_000_000


@dataclass(slots=True)
class Batch:
    """What a batch holds."""

    name: BatchName
    rows: int = 0
    items: list[Item] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    #: it carries the month's list, be it empty
    is_month_end: bool = False
    listed: list[DigestEntry] = field(default_factory=list)

    def ack(self, sha256: str) -> Ack:
        """What the police are told of it."""
        return Ack(self.name.text, sha256, self.rows, tuple(self.rejected))


def read_batch(name: BatchName, content: bytes, max_bytes: int) -> Batch:
    """The batch in these bytes. Raises BatchRefusedError, nothing else."""
    members = unpack(content, max_bytes)
    if manifest.NAME not in members:
        raise BatchRefusedError(BAD_ZIP, f"it holds no {manifest.NAME}")
    files = read_manifest(members[manifest.NAME])
    # a file nobody declared would be lost silently
    if {file.file_name for file in files} != members.keys() - {manifest.NAME}:
        raise BatchRefusedError(BAD_MANIFEST, "the declared files are not those in the zip")
    lines = {file.dataset: _lines(file, members[file.file_name]) for file in files}
    counted = sum(len(found) for found in lines.values())
    for file in files:
        if len(lines[file.dataset]) != file.rows:
            detail = f"{file.dataset} declares {file.rows} rows and holds {len(lines[file.dataset])}"
            raise BatchRefusedError(COUNT_MISMATCH, detail, counted)
    batch = Batch(name, counted)
    for file in files:
        _read_rows(batch, file, lines[file.dataset])
    return batch


def _lines(file: DataFile, content: bytes) -> list[str]:
    """The data lines of a file. Raises BatchRefusedError."""
    known = rows.DATASETS.get(file.dataset)
    if file.rows > MAX_ROWS:
        raise BatchRefusedError(BAD_MANIFEST, f"{file.dataset} declares more than {MAX_ROWS} rows")
    for column in (known.own, known.record) if known else ():
        if column not in file.columns:
            raise BatchRefusedError(BAD_MANIFEST, f"{file.dataset} has no column {column}")
    try:
        whole = content.decode(file.encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as exc:
        raise BatchRefusedError(BAD_ENCODING, f"{file.dataset} is not {file.encoding.upper()}") from exc
    separators = whole.count(file.line_separator)
    if separators > file.rows + file.first_line:
        # counted first, so that a file of nothing but line ends does not become a list of them
        raise BatchRefusedError(COUNT_MISMATCH, f"{file.dataset} declares {file.rows} rows and holds more", separators)
    lines = whole.split(file.line_separator)
    # every line ends with the separator, so what follows the last one is a line only if something stands there
    if not lines[-1]:
        lines.pop()
    return lines[file.first_line - 1 :]


def _read_rows(batch: Batch, file: DataFile, lines: list[str]) -> None:
    known = rows.DATASETS.get(file.dataset)
    batch.is_month_end |= bool(known and known.lists)
    for line, raw in enumerate(lines, file.first_line):
        cells = raw.split(file.column_separator) if len(raw) <= rows.MAX_LINE else []
        columns = dict(zip(file.columns, cells, strict=False))
        reason = _reason(file, raw, cells, columns)
        if reason:
            batch.rejected.append(RejectedRow(file.dataset, line, reason))
            batch.items.append(rows.make_rejected(batch.name, file.dataset, line, file.columns, raw, columns, reason))
            continue
        item = rows.make_item(batch.name, file.dataset, line, columns)
        if known and known.lists:
            key = f"{known.lists}:{item.key.partition(':')[2]}"
            batch.listed.append(DigestEntry(key, item.native_id, "", item.updated_at))
        else:
            batch.items.append(item)


def _reason(file: DataFile, raw: str, cells: Sequence[str], columns: Mapping[str, str]) -> str:
    """Why the line cannot be used; '' where it can."""
    if len(raw) > rows.MAX_LINE:
        return rows.LINE_TOO_LONG
    if len(cells) != len(file.columns):
        return rows.WRONG_COLUMN_COUNT
    return rows.problem_of(file.dataset, columns)
