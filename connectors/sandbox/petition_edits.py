"""Changes made behind the desk's back through the control address: edits, additions, deletions.

Random edits are seeded and look like the office's own: words, phones, flags, a satisfaction, a result corrected.
Unless told otherwise each moves ``gxsj`` to the current simulated second; a changed letter waits for exchange again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from connectors.sandbox import petition_letters as letters
from connectors.sandbox.partner_store import Key
from connectors.sandbox.petition_desk import PetitionDesk
from connectors.sandbox.petition_letters import FIELDS, Letter
from connectors.sandbox.stamps import read_stamp
from hub.errors import NotFoundError, UserInputError

_ROUTING = ("blfs", "qxjg", "blsj")


class PetitionEdits:
    """The control address's hand on the letters."""

    def __init__(self, desk: PetitionDesk) -> None:
        self._desk, self._store = desk, desk.store

    def edit(self, xfjbh: str, changes: Mapping[str, Any]) -> Key:
        """Set fields of one letter. Raises NotFoundError or UserInputError."""
        letter = self._find(xfjbh)
        self._set(letter, changes)
        self._store.replace(letter)
        return self._key(xfjbh)

    def edit_some(self, count: int, seed: str, changes: Mapping[str, Any] | None = None) -> list[Key]:
        """Edit ``count`` different letters: each by chance, or all by the same ``changes``."""
        rng = Random(f"{seed}|edits")
        keys: list[Key] = []
        for xfjbh in self._pick(count, rng):
            letter = self._find(xfjbh)
            if changes is None:
                self._by_chance(letter, rng)
            else:
                self._set(letter, changes)
            self._store.replace(letter)
            keys.append(self._key(xfjbh))
        return keys

    def delete(self, xfjbh: str) -> Key:
        """Take one letter away without notice. Raises NotFoundError."""
        self._find(xfjbh)
        key = self._key(xfjbh)
        self._store.delete(xfjbh)
        return key

    def delete_some(self, count: int, seed: str) -> list[Key]:
        """Take ``count`` letters away."""
        return [self.delete(xfjbh) for xfjbh in self._pick(count, Random(f"{seed}|deletions"))]

    def add(self, given: Sequence[Mapping[str, Any]]) -> list[Key]:
        """Add letters; what one does not say is as in a plain complaint of the current second."""
        keys: list[Key] = []
        for fields in given:
            serial = self._store.next_serial("added")
            xfjbh = str(fields.get("xfjbh", _free_number(serial)))
            if self._store.get(xfjbh) is not None:
                raise UserInputError(f"{xfjbh} is there already")
            letter = letters.blank_letter(xfjbh, self._desk.now)
            letter["xfj"] |= _plain_complaint(serial) | {"xfrq": self._desk.now.date().isoformat()}
            letter["xfr"] = [letters.petitioner(None) | {"xm": f"甲{serial}", "xb": "1"}]
            self._set(letter, fields)
            self._store.add(letter)
            keys.append(self._key(xfjbh))
        return keys

    def _set(self, letter: Letter, changes: Mapping[str, Any]) -> None:
        """``xfj``'s fields by their names or within ``xfj``; ``gxsj``, ``xfr`` and ``blfss`` whole."""
        whole = {name: changes[name] for name in ("gxsj", "xfr", "blfss") if name in changes}
        rest = {name: value for name, value in changes.items() if name not in (*whole, "xfj")} | changes.get("xfj", {})
        unknown = [name for name in rest if name not in FIELDS]
        if unknown or rest.get("xfjbh", letter["xfjbh"]) != letter["xfjbh"]:
            raise UserInputError(f"no field of a letter that can be set: {', '.join(unknown) or 'xfjbh'}")
        if not all(isinstance(value, str) for value in rest.values()):
            raise UserInputError("all values of a letter are strings")
        letters.touched(letter, self._desk.now)
        letter["xfj"] |= rest
        if any(name in rest for name in _ROUTING):
            # a decision is the latest step, unless the caller says what came after it
            letter["blfss"][0] |= {name: letter["xfj"][name] for name in _ROUTING} | {"czjg": letters.OFFICE}
        letter |= whole
        read_stamp(letter["gxsj"])
        if len(letter["blfss"]) != 1:
            raise UserInputError("blfss holds exactly one step")

    def _by_chance(self, letter: Letter, rng: Random) -> None:
        xfj = letter["xfj"]
        kind = rng.choice(("words", "phone", "flag", "opinion", "result"))
        if kind == "phone" and xfj["nmbz"] == "0" and letter["xfr"]:
            rng.choice(letter["xfr"])["lxdh"] = f"139{rng.randrange(10**8):08d}"
        elif kind == "flag":
            name = rng.choice(("dbbz", "yybz", "jabz", "zdjjbz"))
            xfj[name] = "0" if xfj[name] == "1" else "1"
        elif kind == "opinion" and xfj["hfbz"] == "1":
            xfj["myd"] = rng.choice([myd for myd in ("0", "1", "3", "") if myd != xfj["myd"]])
        elif kind == "result" and xfj["hjbz"]:
            xfj["hjbz"] = "0" if xfj["hjbz"] == "1" else "1"
        else:
            xfj["xfnr"] = f"{xfj['xfnr']}（补充反映{rng.randrange(1, 10**6)}）"
        letters.touched(letter, self._desk.now)

    def _pick(self, count: int, rng: Random) -> list[str]:
        numbers = self._store.numbers()
        if count > len(numbers):
            raise UserInputError(f"only {len(numbers)} letters are there")
        return rng.sample(numbers, count)

    def _find(self, xfjbh: str) -> Letter:
        letter = self._store.get(xfjbh)
        if letter is None:
            raise NotFoundError(f"no letter {xfjbh}")
        return letter

    def _key(self, xfjbh: str) -> Key:
        return next(self._store.keys(xfjbh))


def _free_number(serial: int) -> str:
    # the county's own letters begin with 2024
    day = date(2023, 12, 31) - timedelta(days=serial // 100_000)
    return f"XF620725{day:%Y%m%d}{serial % 100_000:05d}"


def _plain_complaint(serial: int) -> dict[str, str]:
    return {
        "xfxs": "02", "wtsddm": "620725101001", "wtsd": "山丹县清泉镇长城社区", "nrfldm": "0501", "xfmddm": "03",
        "xfnr": "来信人反映：对方借款未还。", "bfyr": f"乙{serial}", "xfrs": "1", "sjrs": "1",
    }  # fmt: skip
