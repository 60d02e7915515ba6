"""Batches on their way to the hub: what is ready leaves, under one rising serial, spoilt where the police misbehave."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import orjson

from connectors.sandbox.chance import luck
from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.partner_store import Step
from connectors.sandbox.police_drop import Drop
from connectors.sandbox.police_forms import BUREAU, COLUMNS, DZ_FKD, DZ_JJD, FKD, JJD, Form
from connectors.sandbox.police_store import Batch, PoliceStore, Version
from connectors.sandbox.police_zip import Part, batch_bytes, plain_style, quirky_style
from connectors.sandbox.stamps import read_stamp, stamp

#: rows in one zip at most, so that nobody needs the memory for more
LARGEST_BATCH = 4000
#: how often one content is sent again before the police give up
_MOST_TRIES = 5
#: a withheld batch follows so long after the month-end file that shows its rows as missing
_RELEASED_AFTER = timedelta(hours=8)
_EVERY = timedelta(hours=6)
_REPEATED = 0.004
_ROWS, _SECOND = "rows", timedelta(seconds=1)
#: the month-end lists and the forms that they list
_LISTS = ((DZ_JJD, JJD), (DZ_FKD, FKD))
#: what may be wrong inside a batch
_SPOILS = ("count", "encoding", "manifest", "row")


#: a dataset of a batch, with the versions behind its rows
_Filled: TypeAlias = Sequence[tuple[Part, Sequence[int]]]


@dataclass(frozen=True, slots=True)
class _Order:
    """One batch to be written."""

    at: datetime
    kind: str
    ids: Sequence[int]
    tries: int = 0
    #: modes that this batch is to show whatever the switch says; None = repaired, no mode at all
    quirks: Sequence[str] | None = ()


class Dispatch:
    """Writes batches; its steps stand on the desk's agenda."""

    def __init__(self, store: PoliceStore, drop: Drop, faults: Faults, seed: str) -> None:
        self._store, self.drop, self._faults, self._seed = store, drop, faults, seed
        self.steps = {"batch": self._batch_due, "month": self._month_due, "release": self._release}

    @property
    def is_down(self) -> bool:
        """Nothing is written, read or acknowledged."""
        return "outage" in self._faults.state()

    def send_waiting(self, at: datetime, quirks: Sequence[str] = ()) -> None:
        """Everything that may leave by then, month-end files that were held up first."""
        if self.is_down:
            return
        for month in self._months_due():
            self._send_month(month)
        self._store.remember("months", "[]")
        ids = self._store.waiting(at)
        for start in range(0, len(ids), LARGEST_BATCH):
            self._send(_Order(at, _ROWS, ids[start : start + LARGEST_BATCH], quirks=quirks))

    def send_again(self, batch: Batch, at: datetime) -> bool:
        """A batch rejected whole, repaired and under the next serial; False where the police give up."""
        if batch.tries >= _MOST_TRIES:
            return False
        if batch.kind == _ROWS:
            ids = [version for _, versions in batch.parts.values() for version in versions]
            self._send(_Order(at, _ROWS, ids, batch.tries + 1, quirks=None))
        else:
            self._send(_Order(read_stamp(batch.kind), batch.kind, (), batch.tries + 1, quirks=None))
        return True

    def write_again(self, batch: Batch) -> None:
        """The same file once more."""
        content = self.drop.content(batch.name)
        if content is not None:
            self.drop.publish(batch.name, content)

    def overwrite(self, batch: Batch) -> None:
        """Another batch under a name that the hub has already acknowledged (文件名重复)."""
        ids = [version for _, versions in batch.parts.values() for version in versions]
        # two seconds, a zip's own resolution, make it another zip even where the style is the same
        order = _Order(_written_at(batch.name) - 2 * _SECOND, batch.kind, ids, batch.tries, quirks=None)
        parts = self._parts(order, self._store.load(ids), f"{batch.serial}|other")
        self._write(order, batch.serial, batch.name, parts)

    # the agenda

    def _batch_due(self, step: Step) -> None:
        is_hit = self._faults.strike("outage") is not None
        if not is_hit:
            self.send_waiting(step.due, step.payload.get("quirks", ()))
        if step.payload.get("goes_on"):
            self._store.schedule(step.due + _EVERY, "batch", "batch", goes_on=True)

    def _month_due(self, step: Step) -> None:
        self._store.remember("months", orjson.dumps([*map(stamp, self._months_due()), stamp(step.due)]).decode())
        if not self.is_down:
            for month in self._months_due():
                self._send_month(month)
            self._store.remember("months", "[]")
        self._store.schedule(end_of_month(step.due + _SECOND), "month", "month")

    def _release(self, step: Step) -> None:
        batch = self._store.batch_of_id(step.payload["batch"])
        if batch is not None:
            ids = [version for _, versions in batch.parts.values() for version in versions]
            self._send(_Order(step.due, _ROWS, ids, quirks=None))

    def _months_due(self) -> list[datetime]:
        return [read_stamp(text) for text in orjson.loads(self._store.fact("months") or "[]")]

    def _send_month(self, end: datetime) -> None:
        self._send(_Order(end, stamp(end), (), quirks=()))

    # one batch

    def _send(self, order: _Order) -> None:
        if order.kind == _ROWS and self._struck(order, "vanish"):
            self._lose_a_call(order.at)
        versions = self._store.load(order.ids)
        if order.kind == _ROWS and not versions:
            return
        serial = self._store.next_serial("batch")
        name = f"{BUREAU}_{order.at:%Y%m%d%H%M%S}_{serial:05d}.zip"
        unknown = self._struck(order, "unknown") if versions else None
        if unknown is not None:
            self._misname(versions, unknown)
        parts = self._parts(order, versions, str(serial))
        if order.kind == _ROWS and self._struck(order, "gap"):
            self._withhold(order, serial, name, parts)
            return
        self._write(order, serial, name, parts)
        twice = self._struck(order, "duplicate") if order.kind == _ROWS else None
        if twice is not None:
            self._duplicate(order, name, twice)
        for version in versions:
            if version.batch is None and luck("repeated", self._seed, str(version.id)) < _REPEATED:
                self._store.repeat(version.id, order.at + _SECOND)

    def _parts(self, order: _Order, versions: Sequence[Version], key: str) -> _Filled:
        if order.kind != _ROWS:
            end = read_stamp(order.kind)
            listed = ((name, self._store.month(source, COLUMNS[name], order.kind[:7], end)) for name, source in _LISTS)
            return [(self._part(order, dataset, rows, key), ()) for dataset, rows in listed]
        parts: list[tuple[Part, Sequence[int]]] = []
        for dataset in COLUMNS:
            found = [version for version in versions if version.dataset == dataset]
            if found:
                rows = [version.row for version in found]
                parts.append((self._part(order, dataset, rows, key), [version.id for version in found]))
        return parts

    def _part(self, order: _Order, dataset: str, rows: list[Form], key: str) -> Part:
        is_plain = order.tries > 0
        style = plain_style(dataset, rows) if is_plain else quirky_style(dataset, rows, f"{self._seed}|{key}")
        return Part(dataset, rows, style)

    def _withhold(self, order: _Order, serial: int, name: str, parts: _Filled) -> None:
        self._store.carried(order.ids, serial)
        batch_id = self._store.keep_batch(_kept(serial, name, "", order, "withheld", parts))
        due = end_of_month(order.at) + _RELEASED_AFTER
        self._store.schedule(due, f"release:{serial}", "release", batch=batch_id)

    def _write(self, order: _Order, serial: int, name: str, parts: _Filled) -> None:
        spoilt = self._spoilt(order, [part.dataset for part, _ in parts if part.rows])
        content = batch_bytes([part for part, _ in parts], order.at, spoilt)
        is_double = order.kind == _ROWS and self._struck(order, "name") is not None
        state = "double" if is_double else "written"
        self._store.carried(order.ids, serial)
        self._store.keep_batch(_kept(serial, name, hashlib.sha256(content).hexdigest(), order, state, parts))
        self._publish(order, name, content)

    def _publish(self, order: _Order, name: str, content: bytes) -> None:
        if self._struck(order, "reorder"):
            self.drop.hold(name, content)
            return
        for mode, publish in (("partial", self.drop.publish_half), ("delay", self.drop.publish_unmarked)):
            fault = self._struck(order, mode)
            if fault is not None:
                publish(name, content, fault.number("seconds", 3), bool(fault.options.get("stays")))
                return
        self.drop.publish(name, content)

    def _duplicate(self, order: _Order, name: str, fault: Fault) -> None:
        content = self.drop.content(name)
        if fault.text("how", "") == "name" and content is not None:
            self.drop.publish(name, content)
        else:
            self._send(_Order(order.at, _ROWS, order.ids, order.tries, quirks=None))

    def _struck(self, order: _Order, mode: str) -> Fault | None:
        if order.quirks is None:
            return None
        return Fault(1) if mode in order.quirks else self._faults.strike(mode)

    def _spoilt(self, order: _Order, datasets: Sequence[str]) -> dict[str, str]:
        if order.quirks is None or not datasets:
            return {}
        hit = [mode for mode in _SPOILS if self._faults.strike(mode)]
        return {mode: self._faults.rng.choice(datasets) for mode in hit}

    def _lose_a_call(self, at: datetime) -> None:
        calls = self._store.calls(f"{at:%Y-%m}")
        if calls:
            self._store.delete(self._faults.rng.choice(calls))

    def _misname(self, versions: list[Version], fault: Fault) -> None:
        """A form that nobody has seen yet holds an unknown code, in the police's own book too."""
        field, value, wanted = fault.text("field", "JQLXDM"), fault.text("value", "0597"), fault.text("dataset", "")
        fresh = [
            at
            for at, version in enumerate(versions)
            if version.batch is None and field in version.row and wanted in ("", version.dataset)
        ]
        disputes = [at for at in fresh if versions[at].row.get("JQLBDM") == "05"] or fresh
        if disputes:
            at = self._faults.rng.choice(disputes)
            version = versions[at]
            versions[at] = Version(version.id, version.dataset, version.row | _chain(field, value, version.row))
            self._store.rewrite(versions[at])


def _chain(field: str, value: str, row: Form) -> Form:
    """The code, and where it is a type of call the finer levels that go with it."""
    finer = {"JQXLDM": f"{value}01", "JQZLDM": f"{value}0100"} if field == "JQLXDM" else {}
    return {field: value} | {name: code for name, code in finer.items() if name in row}


def _kept(serial: int, name: str, sha256: str, order: _Order, state: str, parts: _Filled) -> Batch:
    lines = {part.dataset: (part.style.first_line, ids) for part, ids in parts}
    return Batch(0, serial, name, sha256, order.kind, order.tries, state, lines)


def _written_at(name: str) -> datetime:
    return datetime.strptime(name.split("_")[1], "%Y%m%d%H%M%S")


def end_of_month(at: datetime) -> datetime:
    """The month's last second (WIRES.md 2.13)."""
    following = (at.replace(day=1) + timedelta(days=32)).replace(day=1)
    return following.replace(hour=0, minute=0, second=0, microsecond=0) - _SECOND


def weeks(begin: datetime, end: datetime) -> Iterator[datetime]:
    """Sundays 23:59:00 in between, and the last evening."""
    at = begin + timedelta(days=6 - begin.weekday(), hours=23, minutes=59)
    while at < end:
        yield at
        at += timedelta(days=7)
    yield end
