"""Changes made behind the desk's back through the control address: edits, additions, deletions, stamps.

Random edits are seeded and look like a court's own: words, amounts, phones, a file closed, a result corrected.
Unless told otherwise each moves ``gxsj`` to the current simulated second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random

from connectors.sandbox import court_rows as rows
from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.court_desk import CourtDesk
from connectors.sandbox.court_rows import Row
from connectors.sandbox.court_standing import standing_of
from connectors.sandbox.matters import CENTRE, CENTRE_NAME
from connectors.sandbox.partner_store import Key
from hub.errors import NotFoundError, UserInputError


class CourtEdits:
    """The control address's hand on the rows."""

    def __init__(self, desk: CourtDesk) -> None:
        self._desk, self._store = desk, desk.store

    def edit(self, native_id: str, native_no: str | None, changes: Mapping[str, object]) -> Key:
        """Set fields of one row. Raises NotFoundError or UserInputError."""
        row_id, row = self._find(native_id, native_no)
        self._set(row, changes)
        self._store.replace(row_id, row)
        return self._key(row)

    def edit_some(self, count: int, seed: str, changes: Mapping[str, object] | None = None) -> list[Key]:
        """Edit ``count`` different rows: each by chance, or all by the same ``changes``."""
        rng = Random(f"{seed}|edits")
        keys: list[Key] = []
        for row_id in self._pick(count, rng):
            row = self._store.get(row_id)
            if row is not None:
                if changes is None:
                    self._by_chance(row, rng)
                else:
                    self._set(row, changes)
                self._store.replace(row_id, row)
                keys.append(self._key(row))
        return keys

    def delete(self, native_id: str, native_no: str | None) -> Key:
        """Take one row away without notice. Raises NotFoundError."""
        row_id, row = self._find(native_id, native_no)
        self._store.delete(row_id)
        return self._key(row)

    def delete_some(self, count: int, seed: str) -> list[Key]:
        """Take ``count`` rows away."""
        keys: list[Key] = []
        for row_id in self._pick(count, Random(f"{seed}|deletions")):
            row = self._store.get(row_id)
            if row is not None:
                self._store.delete(row_id)
                keys.append(self._key(row))
        return keys

    def add(self, given: Sequence[Mapping[str, object]]) -> list[Key]:
        """Add rows; what a row does not say is as in a plain filing of the current second."""
        keys: list[Key] = []
        for fields in given:
            serial = self._store.next_serial("added")
            fwlsh = f"{rows.COURT_CODE}{self._desk.now:%Y%m%d}{serial:05d}8"
            ajbs = hashlib.md5(f"added|{serial}".encode(), usedforsecurity=False).hexdigest()
            row = rows.touched(rows.blank_row(ajbs, fwlsh) | _plain_filing(serial), self._desk.now)
            row |= {"lxrq": self._desk.now.date().isoformat(), "firstCommitTime": rows.stamp(self._desk.now)}
            self._set(row, fields)
            self._store.add(row)
            keys.append(self._key(row))
        return keys

    def _set(self, row: Row, changes: Mapping[str, object]) -> None:
        unknown = [name for name in changes if name not in row]
        if unknown:
            raise UserInputError(f"no field of a row: {', '.join(unknown)}")
        rows.touched(row, self._desk.now)
        row |= changes
        rows.read_stamp(row["gxsj"])

    def _by_chance(self, row: Row, rng: Random) -> None:
        now = self._desk.now
        rows.touched(row, now)
        kind = rng.choice(("claim", "amount", "phone", "state", "result"))
        standing = standing_of(row)
        if kind == "amount" and row["sjdwje"]:
            row["sjdwje"] = row["caseAmount"] = str(Decimal(row["sjdwje"]) + rng.randrange(1, 500))
        elif kind == "phone" and row["dsr"]:
            rng.choice(row["dsr"])["lxdh"] = f"139{rng.randrange(10**8):08d}"
        elif kind == "state" and row["ajzt"] == "已结案":
            rows.archive(row, now)
        elif kind == "state" and standing.is_open:
            rows.log(row, 5, row["ajzt"], now, rows.clerk(row), rows.COURT_ORG)
        elif kind == "result" and standing.result and standing.ended_at < rows.stamp(LIVE_FROM):
            self._correct(row, standing.result, rng)
        else:
            row["claim"] = f"{row['claim']}（变更诉讼请求{rng.randrange(1, 10**6)}）"

    def _correct(self, row: Row, before: str, rng: Random) -> None:
        tjjg = "2" if before == "1" else "1"
        agreement_no = f"山综调{self._desk.now:%Y%m%d}{rng.randrange(10**6):06d}"
        signed = rows.wire_date(self._desk.now.date(), "signed", row["ajbs"]) if tjjg == "1" else None
        row["mediateAgreementSignDate"] = signed
        rows.log(
            row, 61, "已结案", self._desk.now, CENTRE_NAME, CENTRE, tjjg=tjjg, tjxybh=agreement_no,
            bcgyy="5" if tjjg == "2" else None, wzyss="双方对事实经过无异议" if tjjg == "2" else None,
        )  # fmt: skip

    def _pick(self, count: int, rng: Random) -> list[int]:
        ids = self._store.ids()
        if count > len(ids):
            raise UserInputError(f"only {len(ids)} rows are there")
        return rng.sample(ids, count)

    def _find(self, native_id: str, native_no: str | None) -> tuple[int, Row]:
        held = self._store.of_ajbs(native_id)
        for row_id, row in held:
            if native_no is not None and rows.half_width(row["ah"]) == rows.half_width(native_no):
                return row_id, row
        if native_no is None and len(held) == 1:
            return held[0]
        raise NotFoundError("no such row, or several share this id: name its number too")

    def _key(self, row: Row) -> Key:
        wanted = rows.half_width(row["ah"])
        deleted = Key(row["ajbs"], wanted, row["gxsj"], "")
        return next((key for key in self._store.keys(row["ajbs"]) if key.native_no == wanted), deleted)


def _plain_filing(serial: int) -> Row:
    sides = (("原告", f"甲{serial}"), ("被告", f"乙{serial}"))
    parties = [
        {"dsrlx": role, "xm": name, "zjlx": None, "zjhm": None, "lxdh": None, "xzqhdm": "620725101001", "zz": None}
        for role, name in sides
    ]
    return {
        "ajlb": "0301", "caseType": "0301", "ajzt": "待审查", "caseStatus": 110, "caseCause": "9132",
        "laaymc": "民间借贷纠纷", "saly": "当事人起诉", "sjdwje": "1000.00", "caseAmount": "1000.00",
        "claim": "请求判令被告偿还借款。", "facts": "双方系同村村民，借款未还。", "dsr": parties,
    }  # fmt: skip
