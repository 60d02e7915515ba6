"""What we tell the petition office of a letter: signed for, sent back, extended, how it ended (WIRES 3.7, 3.8).

Each push has a number of ours, ``<xfjbh>-<two digits>``. The digits follow from the command's kind and the step's key,
so every try repeats them: signing has 00–09, sending back 10–19, an extension 20–49, a result 50–99, and within that
range the key decides. Two steps of one letter that fall on the same digits are told apart by their content: the second
is a conflict, for a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from connectors.base import HttpWire
from connectors.json_rows import dumps, loads, stamp_text
from connectors.petition import codes
from connectors.petition.wire import PetitionApi
from connectors.pushing import clean, in_doubt, number_from, require
from hub.commands import AboutRecord, Command, Decline, Extend, Receipt, Return, Sign
from hub.errors import RejectedError, TransientError
from hub.vocabulary import CommandKind, DeclineReason

CONFLICT = "CONFLICT"
ANSWERED = "1"


class Step(NamedTuple):
    """How a command is spelled, and which two digits its pushes may have."""

    blfs: str
    first: int
    width: int


#: WIRES 0.19
STEPS: Mapping[CommandKind, Step] = {
    CommandKind.SIGN: Step(codes.SIGNED, 0, 10),
    CommandKind.DECLINE: Step(codes.RETURNED_BACK, 10, 10),
    CommandKind.EXTEND: Step(codes.PROLONGED, 20, 30),
    CommandKind.RETURN: Step(codes.CONCLUDED, 50, 50),
}

_WORDS_HINTS: Mapping[CommandKind, str] = {
    CommandKind.DECLINE: "Say in words why the letter goes back (blyj).",
    CommandKind.EXTEND: "Say in words why more time is needed (blyj).",
    CommandKind.RETURN: "Give the answer in words (blyj): the office passes it on to the petitioner.",
}


async def push(api: PetitionApi, wire: HttpWire, key: str, command: Command) -> Receipt:
    """The receipt, which is final. A conflict is success only where the office holds the very same."""
    item = message(key, command)
    answer = await api.push(wire, item)
    number = item["sxfjbh"]
    if number in answer.failed:
        raise RejectedError(*_reason(answer.failed[number]))
    if number in answer.taken:
        return _receipt(number, answer.raw)
    with in_doubt():
        if number not in answer.conflicts:
            raise TransientError("the answer does not name what was pushed", kind="UNREADABLE_ANSWER")
        held = await find(api, wire, key, command)
        if held is None:
            raise TransientError("the office holds nothing of what it calls a conflict", kind="UNREADABLE_ANSWER")
        return held


async def find(api: PetitionApi, wire: HttpWire, key: str, command: Command) -> Receipt | None:
    """The receipt of a push the office holds. Raises RejectedError where it holds something else under its number."""
    item = message(key, command)
    held = await api.pushed(wire, item["sxfjbh"])
    if held is None:
        return None
    if held.item != loads(dumps(item)):
        raise RejectedError(
            CONFLICT,
            "the office holds other content under this push's number",
            hint="Compare with the office what it recorded; then discard this message, or send it as a new step.",
        )
    return _receipt(item["sxfjbh"], held.raw)


def number_of(key: str, command: AboutRecord) -> str:
    """``sxfjbh``: the letter's number and two digits."""
    step = STEPS[command.kind]
    return f"{command.native_id}-{step.first + number_from(key, step.width):02}"


def message(key: str, command: Command) -> dict[str, Any]:
    """The pushed item. Raises RejectedError ``MISSING_…``."""
    if not isinstance(command, Sign | Decline | Extend | Return):
        raise RejectedError("UNSUPPORTED", f"the petition office's wire has no message for {command.kind}")
    require(command.native_id, "NATIVE_ID", "The letter's number (xfjbh) is missing.")
    said = {
        "blfs": STEPS[command.kind].blfs, "dftype": "", "hjbz": "", "blyj": "", "blsj": stamp_text(command.at),
        "xysbh": "",
    }  # fmt: skip
    if not isinstance(command, Sign):
        said["blyj"] = require(command.words, "WORDS", _WORDS_HINTS[command.kind])
    if isinstance(command, Decline) and command.reason is not DeclineReason.OTHER:
        said["blyj"] = f"{command.reason.zh}：{said['blyj']}"
    if isinstance(command, Extend):
        said["xbjzrq"] = command.due_on.isoformat()
    if isinstance(command, Return):
        hjbz = codes.PUSHED_OUTCOMES[command.outcome]
        said |= {"dftype": ANSWERED, "hjbz": hjbz, "xysbh": clean(command.agreement_no) if hjbz == codes.YES else ""}
    return {
        "sxfjbh": number_of(key, command),
        "xfj": {"xfjbh": command.native_id},
        "xfr": [],
        "blfss": [said],
    }


def _receipt(number: str, raw: bytes) -> Receipt:
    return Receipt(partner_ref=number, is_delivered=True, is_final=True, raw=raw)


def _reason(said: Sequence[str]) -> tuple[str, str]:
    """The first reason's code, and what it means; a reason no table explains is not quoted."""
    for reason in said:
        code, _, field = reason.partition(":")
        if code in codes.FAILURES:
            shown = f"{code}:{field}" if field.isascii() and field.isalnum() and len(field) <= 32 else code
            return shown, codes.FAILURES[code]
    return "FAILED", "the office refused it for a reason that no table explains"
