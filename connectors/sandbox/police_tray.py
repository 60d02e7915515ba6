"""The police's eyes on the shared folder: the hub's acks of their batches, and the hub's batches, which they answer.

Reading twice changes nothing. A batch is read once its marker is right; wrong for long enough, it is refused.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import orjson

from connectors.sandbox import police_forms as forms
from connectors.sandbox.faults import Faults
from connectors.sandbox.matters import CENTRE
from connectors.sandbox.police_desk import PoliceDesk
from connectors.sandbox.police_drop import write_whole
from connectors.sandbox.police_forms import NUMBER, RETURN, YS
from connectors.sandbox.police_reading import BatchRefusedError, Line, read_batch
from connectors.sandbox.police_returns import Returns
from connectors.sandbox.police_store import Batch
from connectors.sandbox.stamps import stamp

#: dataset, line and reason (WIRES.md 2.8)
Rejection: TypeAlias = dict[str, str | int]

_OURS = re.compile(rf"({RETURN}|{YS})_{CENTRE}_\d{{14}}_\d{{5}}\.zip")
#: a row that is rejected again and again is somebody else's mistake
_MOST_CORRECTIONS = 3


class Tray:
    """Looks at ``in/ack`` and ``out`` below one root."""

    def __init__(
        self, desk: PoliceDesk, faults: Faults, root: Path, patience_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._desk, self._store, self._faults = desk, desk.store, faults
        self._returns = Returns(desk)
        self._acks, self._out, self._answers = root / "in" / "ack", root / "out", root / "out" / "ack"
        self._patience_s, self._clock = patience_s, clock
        # what was last seen of every file, so that a look costs next to nothing
        self._marks: dict[str, str] = {}

    def look(self) -> None:
        """Read and answer whatever is new."""
        self._desk.dispatch.drop.complete()
        if self._desk.dispatch.is_down:
            return
        for path in _files(self._acks, ".json"):
            self._ack(path)
        for path in _files(self._out, ".zip"):
            if _OURS.fullmatch(path.name):
                self._batch(path)

    # their acks of ours

    def _ack(self, path: Path) -> None:
        key, mark = f"ack/{path.name}", _mark(path)
        if self._is_seen(key, mark):
            return
        content = path.read_bytes()
        try:
            told = orjson.loads(content)
            batch = self._store.batch(f"{told['batch']}.zip", told["sha256"])
            refused = [(str(r["dataset"]), int(r["line"]), str(r["reason"])) for r in told["rejected"]]
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            # nobody can act on it; a better one will have another mark
            self._store.mark(key, mark)
            return
        if batch is not None and self._faults.strike("lost", "in"):
            # it never arrived, so the same batch is written once more, and the ack read when it is still there
            self._desk.dispatch.write_again(batch)
            return
        with self._store.transaction():
            self._store.mark(key, mark)
            if batch is not None:
                self._answered(batch, content, refused)

    def _answered(self, batch: Batch, ack: bytes, refused: list[tuple[str, int, str]]) -> None:
        is_refused_whole = any(dataset == "" and line == 0 for dataset, line, _ in refused)
        self._store.settle(batch, "rejected" if is_refused_whole else "acked", ack)
        if batch.state not in ("written", "double"):
            # answered before: what had to be done about it is done
            return
        if refused:
            self._desk.touch()
        if is_refused_whole:
            self._desk.dispatch.send_again(batch, self._desk.now)
            return
        for dataset, line, _ in refused:
            self._correct(batch, dataset, line)
        if batch.state == "double":
            self._desk.touch()
            self._desk.dispatch.overwrite(batch)

    def _correct(self, batch: Batch, dataset: str, line: int) -> None:
        """A rejected row comes again as a correction (WIRES.md 2.9)."""
        first_line, ids = batch.parts.get(dataset, (1, ()))
        position = line - first_line
        found = self._store.load(ids[position : position + 1]) if 0 <= position < len(ids) else []
        for version in found:
            number = version.row[NUMBER[dataset]]
            times = int(self._store.mark_of(f"corrected/{dataset}/{number}") or "0")
            held = self._store.held(dataset, number)
            if held is None or times >= _MOST_CORRECTIONS:
                continue
            self._store.mark(f"corrected/{dataset}/{number}", str(times + 1))
            flag = held.row["GXBS"] if held.row["GXBS"] == forms.WITHDRAWN else forms.CORRECTED
            now = self._desk.now
            self._store.write(dataset, held.row | {"GXBS": flag, "GXSJ": stamp(now)}, now)

    # our answers to theirs

    def _batch(self, path: Path) -> None:
        key, marker = f"out/{path.name}", path.with_name(f"{path.name}.ok")
        if not marker.exists():
            return
        mark = f"{_mark(path)} {_mark(marker)}"
        if self._is_seen(key, mark):
            return
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        if marker.read_bytes().decode("ascii", "replace").strip() == sha256:
            self._read(path.name, content, sha256)
        elif self._clock() - marker.stat().st_mtime < self._patience_s:
            return
        else:
            self._desk.touch()
            self._reply(path.name, [], _refusal(path.name, sha256, BatchRefusedError("BAD_ZIP 与标记不符")))
        self._store.mark(key, mark)

    def _read(self, name: str, content: bytes, sha256: str) -> None:
        before = self._store.mark_of(f"name/{name}")
        if before == sha256 and (self._answers / _ack_name(name)).exists():
            return
        self._desk.touch()
        with self._store.transaction():
            try:
                if before and before != sha256:
                    raise BatchRefusedError("文件名重复")
                self._store.mark(f"name/{name}", sha256)
                lines = read_batch(content, name.split("_")[0])
            except BatchRefusedError as refused:
                self._reply(name, [], _refusal(name, sha256, refused))
            else:
                self._judge(name, sha256, lines)

    def _judge(self, name: str, sha256: str, lines: list[Line]) -> None:
        dataset = name.split("_")[0]
        reasons = [(line.number, self._returns.judge(dataset, line, name)) for line in lines]
        rejected: list[Rejection] = [
            {"dataset": dataset, "line": line, "reason": reason} for line, reason in reasons if reason
        ]
        self._reply(name, lines, _answer(name, sha256, len(lines), len(lines) - len(rejected), rejected))

    def _reply(self, name: str, lines: list[Line], answer: dict[str, object]) -> None:
        body = orjson.dumps(answer)
        rows = orjson.dumps([dict(line.values) for line in lines])
        self._store.note_push(self._desk.now, f"out/{name}", rows, body)
        if not self._faults.strike("lost", "out"):
            write_whole(self._answers / _ack_name(name), body)

    def _is_seen(self, key: str, mark: str) -> bool:
        if key not in self._marks:
            self._marks[key] = self._store.mark_of(key)
        if self._marks[key] == mark:
            return True
        # whoever goes on from here notes the mark, or looks again next time
        del self._marks[key]
        return False


def _files(folder: Path, ending: str) -> Iterator[Path]:
    """Whole files of a folder, by name (WIRES.md 2.1)."""
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.name.endswith(ending) and not path.name.startswith("."):
                yield path


def _mark(path: Path) -> str:
    """What changes when a file is written anew."""
    told = path.stat()
    return f"{told.st_mtime_ns}-{told.st_size}-{told.st_ino}"


def _ack_name(batch: str) -> str:
    return f"{batch.removesuffix('.zip')}.json"


def _refusal(name: str, sha256: str, refused: BatchRefusedError) -> dict[str, object]:
    return _answer(name, sha256, refused.rows, 0, [{"dataset": "", "line": 0, "reason": refused.reason}])


def _answer(name: str, sha256: str, rows: int, accepted: int, rejected: list[Rejection]) -> dict[str, object]:
    """An ack as 2.8 lays it out."""
    batch = name.removesuffix(".zip")
    return {"batch": batch, "sha256": sha256, "rows": rows, "accepted": accepted, "rejected": rejected}
