"""What we tell the court of a case it handed over: results, corrections, refusals, applications (WIRES 1.8–1.10).

Its transaction key is made of the case, the kind of message and the agreement number, so sending one again is harmless.
A correction gets a number of its own out of the step's key.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.base import HttpWire
from connectors.court import codes
from connectors.court.wire import CourtApi
from connectors.pushing import clean, digest_of, require
from hub.commands import Command, Confirm, Decline, Receipt, Return, Supplement
from hub.errors import RejectedError
from hub.vocabulary import CommandKind, DeclineReason

PUSH_PATH = "/sqtj/fk"

#: acceptType of each command; a correction is 61 (WIRES 0.19)
ACCEPT_TYPES: Mapping[CommandKind, str] = {
    CommandKind.DECLINE: codes.RETURNED_BACK,
    CommandKind.RETURN: codes.RESULT,
    CommandKind.CONFIRM: codes.APPLICATION,
    CommandKind.SUPPLEMENT: codes.APPLICATION,
}

_FACTS_HINT = "Write down what the parties do not dispute (无争议事实); where that is nothing, say so (无)."
_AGREEMENT_HINT = "Give the number of the mediation agreement (调解协议编号)."
_REASON_HINT = "Say in words why the case goes back: the court reads nothing else."


async def push(api: CourtApi, wire: HttpWire, key: str, command: Command) -> Receipt:
    """The receipt; the court's decision comes later, in the row's log, under the receipt's number."""
    said = message(key, command)
    signed = (said[name] for name in ("ajbs", "ah", "acceptType", "tjjg", "tjxybh"))
    sent = await api.send(wire, PUSH_PATH, said, *signed)
    return Receipt(partner_ref=sent.sldh, is_delivered=True, is_final=False, our_key=sent.sldh, raw=sent.raw)


def message(key: str, command: Command) -> dict[str, str]:
    """The message's fields but for time and signature. Raises RejectedError ``MISSING_…`` or ``UNSUPPORTED``."""
    match command:
        case Return():
            said = _result(key, command)
        case Decline():
            reason = require(command.words, "WORDS", _REASON_HINT)
            said = _fields(codes.RETURNED_BACK, bcgyy=_told(command.reason, reason))
        case Confirm():
            said = _fields(codes.APPLICATION, tjxybh=_agreement(command.agreement_no))
        case Supplement():
            said = _fields(codes.APPLICATION, tjxybh=_agreement(command.agreement_no), wzyss=command.words)
        case _:
            raise RejectedError("UNSUPPORTED", f"the court's wire has no message for {command.kind}")
    named = {"ajbs": require(command.native_id, "NATIVE_ID", "The court's case id (ajbs) is missing.")}
    return {**said, **named, "ah": command.native_no}


def spelling(result: Return) -> codes.Spelling:
    """The outcome in the court's codes; of a failed mediation the ending of art. 25, where it agrees with it."""
    spelled = codes.OUTCOMES[result.outcome]
    code = codes.FAILURE_CODES.get(result.termination_reason) if result.termination_reason else None
    agrees = code is not None and codes.FAILURES[code].outcome is result.outcome
    return codes.Spelling(spelled.tjjg, code) if code and agrees and spelled.bcgyy else spelled


def _result(key: str, result: Return) -> dict[str, str]:
    tjjg, bcgyy = spelling(result)
    accept_type = codes.CORRECTION if result.is_correction else codes.RESULT
    # a result without agreement names none; a correction needs a number all the same, or its key is that of another
    agreement_no = correction_no(key) if result.is_correction else ""
    facts = clean(result.undisputed_facts)
    if tjjg == codes.AGREED:
        agreement_no = _agreement(result.agreement_no)
    elif tjjg == codes.NOT_AGREED:
        facts = require(facts, "UNDISPUTED_FACTS", _FACTS_HINT)
    return _fields(accept_type, tjjg=tjjg, bcgyy=bcgyy, tjxybh=agreement_no, wzyss=facts)


def correction_no(key: str) -> str:
    """The number of a correction that has no agreement, the same at every try: ``GZ`` and twenty characters."""
    return f"GZ{digest_of(key)[:20].upper()}"


def _fields(accept_type: str, *, tjjg: str = "", tjxybh: str = "", bcgyy: str = "", wzyss: str = "") -> dict[str, str]:
    return {
        "acceptType": accept_type, "tjjg": tjjg, "tjxybh": tjxybh, "bcgyy": clean(bcgyy), "wzyss": clean(wzyss),
    }  # fmt: skip


def _agreement(number: str) -> str:
    return require(number, "AGREEMENT_NO", _AGREEMENT_HINT)


def _told(reason: DeclineReason, words: str) -> str:
    return words if reason is DeclineReason.OTHER else f"{reason.zh}：{words}"
