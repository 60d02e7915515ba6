"""Signatures, refusals, extensions and results pushed to the office (``/obtainData/pushJsonData``, WIRES.md 3.7, 3.8).

Every item stands alone: taken, in conflict with one that is held, or failed with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connectors.sandbox import petition_letters as letters
from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.matters import CENTRE
from connectors.sandbox.petition_desk import PetitionDesk
from connectors.sandbox.petition_letters import DECLINE, EXTEND, RESULT, SIGN, Letter
from connectors.sandbox.stamps import stamp

_SXFJBH = re.compile(r"(?P<xfjbh>[^,]+)-[0-9]{2}")
_STEP = ("blfs", "dftype", "hjbz", "blyj", "blsj", "xysbh", "xbjzrq")
ONE_STEP, NO_SUCH_LETTER, NOT_YOURS = "blfss必须且只能有一条", "信访件不存在", "非本单位办理"
MISSING = "字段缺失:{name}"


class Failure(Exception):
    """One item fails; ``str`` is its failReason."""

    @classmethod
    def missing(cls, name: str) -> Failure:
        """The field is absent, empty or makes no sense."""
        return cls(MISSING.format(name=name))


@dataclass(slots=True)
class Result:
    """What becomes of the items of one batch."""

    success: list[str] = field(default_factory=list)
    conflict: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def reply(self) -> dict[str, object]:
        """The answer; ``code`` stays 200 under partial success (3.2)."""
        return {
            "code": "200", "msg": "成功", "successStr": ",".join(self.success), "conflictStr": ",".join(self.conflict),
            "failSituationList": [{"failId": name, "failReason": reason} for name, reason in self.failed],
        }  # fmt: skip


def receive_push(desk: PetitionDesk, items: list[dict[str, Any]]) -> Result:
    """Do what was pushed, each item once for ever."""
    result = Result()
    with desk.store.transaction():
        desk.touch()
        for item in items:
            sxfjbh = item.get("sxfjbh", "")
            try:
                about = _about(sxfjbh)
                if desk.store.held(sxfjbh) is not None:
                    result.conflict.append(sxfjbh)
                    continue
                _take(desk, item, about)
            except Failure as failure:
                result.failed.append((sxfjbh if isinstance(sxfjbh, str) else "", str(failure)))
            else:
                desk.store.hold(sxfjbh, item)
                result.success.append(sxfjbh)
    return result


def _about(sxfjbh: object) -> str:
    """The letter that our number names."""
    found = _SXFJBH.fullmatch(sxfjbh) if isinstance(sxfjbh, str) else None
    if found is None:
        raise Failure.missing("sxfjbh")
    return found["xfjbh"]


def _take(desk: PetitionDesk, item: Mapping[str, Any], about: str) -> None:
    step = _only_step(item)
    named = item.get("xfj")
    if not isinstance(named, dict) or named.get("xfjbh") != about:
        raise Failure.missing("xfjbh")
    letter = desk.store.get(about)
    if letter is None:
        raise Failure(NO_SUCH_LETTER)
    if not letters.is_with_centre(letter):
        raise Failure(NOT_YOURS)
    _check(step)
    if "" < letter["xfj"]["bjsj"] < stamp(LIVE_FROM):
        # concluded before: receipted, and nothing changes (WIRES.md 0.13)
        return
    if _apply(desk, letter, step, str(item["sxfjbh"])):
        desk.store.replace(letter)


def _only_step(item: Mapping[str, Any]) -> dict[str, str]:
    steps = item.get("blfss")
    if not isinstance(steps, list) or len(steps) != 1 or not isinstance(steps[0], dict):
        raise Failure(ONE_STEP)
    step = {name: steps[0].get(name) or "" for name in _STEP}
    for name, value in step.items():
        if not isinstance(value, str):
            raise Failure.missing(name)
    return step


def _check(step: Mapping[str, str]) -> None:
    if step["blfs"] not in (SIGN, DECLINE, EXTEND, RESULT):
        raise Failure.missing("blfs")
    if step["blfs"] == RESULT:
        if step["dftype"] not in ("0", "1"):
            raise Failure.missing("dftype")
        if step["hjbz"] not in ("0", "1"):
            raise Failure.missing("hjbz")
    try:
        letters.read_mixed(step["blsj"])
    except ValueError as exc:
        raise Failure.missing("blsj") from exc
    if step["blfs"] == EXTEND and not _is_date(step["xbjzrq"]):
        raise Failure.missing("xbjzrq")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _apply(desk: PetitionDesk, letter: Letter, step: Mapping[str, str], cause: str) -> bool:
    """Change the letter as the office's desk would; False where the step comes too late to mean anything."""
    now = desk.now
    if step["blfs"] == RESULT:
        # a second result corrects the first
        letters.answer(letter, CENTRE, step["hjbz"], now, step)
        desk.answered(letter, cause)
        return True
    if letter["xfj"]["hjbz"]:
        return False
    if step["blfs"] == SIGN:
        letters.sign(letter, CENTRE, now, step)
        desk.signed(letter, cause)
    elif step["blfs"] == EXTEND:
        letters.extend(letter, CENTRE, step["xbjzrq"], now, step)
    else:
        letters.decline(letter, CENTRE, now, step)
        desk.sent_back(letter, cause)
    return True
