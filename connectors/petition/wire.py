"""The petition office's HTTP floor: four form posts, one envelope, and what each kind of refusal means for us.

Every answer that is not whole, well-formed and successful is an error and never an empty one. No message quotes the
partner's text or the secret.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from connectors.base import HttpAnswer, HttpWire, InstanceConfig
from connectors.json_rows import dumps, loads, stamp_text, text
from connectors.petition.rows import decode, fingerprint, make_item, stamp
from connectors.pushing import in_doubt
from hub.errors import AuthError, RejectedError, TransientError
from hub.model import Item

#: gives un-exchanged rows once: it marks what it answers before it answers (WIRES 3.9)
OBTAIN_PATH = "/obtainData/obtainJsonData"
LIST_PATH = "/obtainData/list"
ONE_PATH = "/obtainData/one"
PUSH_PATH = "/obtainData/pushJsonData"
#: codes with which nothing of a push was stored (WIRES 3.2)
NOTHING_STORED = frozenset({"400", "401", "500"})

#: what is longer is no number (the wire's have 21 characters), and would stand in the cursor
LONGEST_NUMBER = 100

_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
_CREDENTIALS_HINT = "Check the secret of this instance: the office compares its MD5 (httpRequestVerify)."


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the office's list: which version of which letter it holds."""

    xfjbh: str
    updated_at: datetime | None
    #: the office's own hash of the row's content
    mark: str
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Pushed:
    """What the office said of a push, number by number."""

    taken: frozenset[str]
    #: it holds something under this number already
    conflicts: frozenset[str]
    #: why it did not take it
    failed: Mapping[str, Sequence[str]]
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Held:
    """A push of ours as the office holds it."""

    item: Any = field(repr=False)
    raw: bytes = field(repr=False)


class PetitionApi:
    """Asks the office. Keeps nothing between two questions."""

    def __init__(self, config: InstanceConfig) -> None:
        # the office's choice of algorithm, not ours
        self._verify = hashlib.md5(config.secret.encode(), usedforsecurity=False).hexdigest()

    async def obtain(self, wire: HttpWire) -> Sequence[Item]:
        """Up to 200 rows that the office now counts as delivered: nobody gets them here again."""
        try:
            return [make_item(row) for row in _rows(await self._ask(wire, OBTAIN_PATH, {}))]
        except ValueError as exc:
            raise _unreadable("a row cannot be read") from exc

    async def listing(self, wire: HttpWire, start: datetime, end: datetime) -> Sequence[Listed]:
        """What the office holds with ``start <= gxsj < end``, each version once. Marks nothing."""
        asked = {"from": stamp_text(start), "to": stamp_text(end)}
        found: dict[int, Listed] = {}
        for row in _rows(await self._ask(wire, LIST_PATH, asked)):
            fields = row if isinstance(row, dict) else {}
            xfjbh, at, mark = text(fields.get("xfjbh")), stamp(fields.get("gxsj")), text(fields.get("hash"))
            if not 0 < len(xfjbh) <= LONGEST_NUMBER:
                # without a name it can neither be compared nor asked for
                wire.note("NAMELESS_ENTRY", "A line of the office's list names no letter and was passed over.")
                continue
            known = fingerprint(xfjbh, at, mark)
            found[known] = Listed(xfjbh, at, mark, known)
        return list(found.values())

    async def one(self, wire: HttpWire, xfjbh: str) -> Item | None:
        """The letter as it is now; None where the office no longer holds it. Marks nothing."""
        row = await self._ask(wire, ONE_PATH, {"xfjbh": xfjbh})
        if row is None:
            return None
        if not isinstance(row, dict):
            raise _unreadable("the answer holds no row")
        if text(row.get("xfjbh")) != xfjbh:
            raise TransientError("the answer holds another letter than asked for", kind="WRONG_RECORD")
        try:
            return make_item(row)
        except ValueError as exc:
            raise _unreadable("the row cannot be read") from exc

    async def push(self, wire: HttpWire, item: Mapping[str, Any]) -> Pushed:
        """Tell the office one thing; what it said of each number. Raises AuthError, RejectedError, TransientError."""
        with in_doubt():
            answer = await self._post(wire, PUSH_PATH, [item])
            envelope = read_envelope(answer)
            if text(envelope.get("code")) not in NOTHING_STORED:
                require_success(envelope)
                return _pushed(envelope, answer.body)
        require_success(envelope)
        raise AssertionError("unreachable")

    async def pushed(self, wire: HttpWire, sxfjbh: str) -> Held | None:
        """What the office holds of a push of ours; None where it holds nothing."""
        answer = await self._post(wire, ONE_PATH, {"sxfjbh": sxfjbh})
        data = _data(answer)
        if data is None:
            return None
        if not isinstance(data, dict) or "item" not in data:
            raise _unreadable("the answer holds no item")
        if text(data.get("sxfjbh")) != sxfjbh:
            raise TransientError("the answer holds another push than asked for", kind="WRONG_RECORD")
        return Held(data["item"], answer.body)

    async def _ask(self, wire: HttpWire, path: str, data: Mapping[str, str]) -> Any:
        """``data`` of a successful answer. Raises AuthError, RejectedError, TransientError."""
        return _data(await self._post(wire, path, data))

    async def _post(self, wire: HttpWire, path: str, data: Any) -> HttpAnswer:
        form = urlencode({"httpRequestVerify": self._verify, "jsonData": dumps(data).decode()})
        return await wire.request("POST", path, headers=_FORM, body=form.encode())


def _data(answer: HttpAnswer) -> Any:
    envelope = read_envelope(answer)
    require_success(envelope)
    if "data" not in envelope:
        # an answer that forgot its data is not one that says "nothing": a letter would count as deleted
        raise _unreadable("the answer holds no data")
    return envelope["data"]


def read_envelope(answer: HttpAnswer) -> Mapping[str, Any]:
    """``{"code", "msg", "data"}``. Raises where the office did not answer in its own form."""
    if answer.status in (401, 403):
        raise AuthError(f"the petition office's gateway answers HTTP {answer.status}", hint=_CREDENTIALS_HINT)
    if answer.status != 200:
        raise TransientError(
            f"the petition office's gateway answers HTTP {answer.status}",
            kind="UNEXPECTED_STATUS",
            hint="Check base_url and the route to the office.",
        )
    try:
        envelope = loads(decode(answer.body))
    except ValueError as exc:
        raise _unreadable("the answer is not JSON") from exc
    if not isinstance(envelope, dict) or not text(envelope.get("code")):
        raise _unreadable("the answer is no envelope with a code")
    return envelope


def require_success(envelope: Mapping[str, Any]) -> None:
    """Nothing where the code is 200; else the error that says who must act."""
    code = text(envelope.get("code"))
    if code == "200":
        return
    if code == "401":
        raise AuthError("the petition office refuses our verification (code 401)", hint=_CREDENTIALS_HINT)
    if code == "400":
        raise RejectedError(code, "the office cannot read what we ask")
    shown = code if re.fullmatch(r"[0-9A-Za-z_-]{1,16}", code) else "?"
    raise TransientError(f"the petition office answers code {shown}", kind="BUSINESS_ERROR")


def _pushed(envelope: Mapping[str, Any], raw: bytes) -> Pushed:
    failures = envelope.get("failSituationList")
    if failures is not None and not (isinstance(failures, list) and all(isinstance(one, dict) for one in failures)):
        raise _unreadable("the answer's failures cannot be read")
    failed: dict[str, list[str]] = {}
    for one in failures or ():
        failed.setdefault(text(one.get("failId")), []).append(text(one.get("failReason")))
    taken, conflicts = _ids(envelope.get("successStr")), _ids(envelope.get("conflictStr"))
    if taken & conflicts or (taken | conflicts) & failed.keys():
        raise _unreadable("the answer says two things of one push")
    return Pushed(taken, conflicts, failed, raw)


def _ids(joined: Any) -> frozenset[str]:
    return frozenset(filter(None, (id_.strip() for id_ in text(joined).split(","))))


def _rows(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise _unreadable("the answer holds no list")
    return data


def _unreadable(message: str) -> TransientError:
    return TransientError(message, kind="UNREADABLE_ANSWER")
