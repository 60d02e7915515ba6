"""What we tell the hotline of an order it dispatched to us: signed for, sent back, extended, concluded (WIRES 4.6).

The request id is the step's key: the hotline answers a repeat as it answered the first. Its word is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from connectors.base import HttpWire
from connectors.hotline import codes
from connectors.hotline.wire import HotlineApi
from connectors.json_rows import stamp_text
from connectors.pushing import clean, require, wire_key
from hub.commands import Command, Decline, Extend, Receipt, Return, Sign
from hub.errors import RejectedError, TransientError
from hub.model import RecordName
from hub.vocabulary import CommandKind

#: WIRES 0.19
PATHS: Mapping[CommandKind, str] = {
    CommandKind.SIGN: "/order/sign",
    CommandKind.DECLINE: "/order/return",
    CommandKind.EXTEND: "/order/extend",
    CommandKind.RETURN: "/order/conclude",
}


class Call(NamedTuple):
    """One request."""

    path: str
    fields: Mapping[str, str]


async def call(api: HotlineApi, wire: HttpWire, key: str, command: Command) -> Receipt:
    """The receipt, which is final."""
    path, fields = message(key, command)
    sent = await api.send(wire, path, fields)
    if sent.workordercode != fields["workordercode"]:
        raise TransientError("the receipt is of another order", kind="WRONG_RECORD", in_doubt=True)
    return Receipt(
        partner_ref=sent.receipt_no,
        is_delivered=True,
        is_final=True,
        names=(RecordName("hotline.workordercode", sent.workordercode),),
        raw=sent.raw,
    )


def message(key: str, command: Command) -> Call:
    """Path and body. Raises RejectedError ``MISSING_…``."""
    match command:
        case Sign():
            signer = require(command.by, "BY", "Say who signs for the order (signer).")
            said = {"signer": signer, "at": stamp_text(command.at)}
        case Decline():
            reason = require(command.words, "WORDS", "Say in words why the order goes back.")
            said = {"reasonCode": codes.DECLINE_REASONS[command.reason], "reason": reason}
        case Extend():
            reason = require(command.words, "WORDS", "Say in words why more time is needed.")
            said = {"processlimited": command.due_on.isoformat(), "reason": reason}
        case Return():
            said = _conclusion(command)
        case _:
            raise RejectedError("UNSUPPORTED", f"the hotline's wire has no message for {command.kind}")
    code = require(command.native_id, "NATIVE_ID", "The order's number (workordercode) is missing.")
    return Call(PATHS[command.kind], {"requestId": wire_key(key), "workordercode": code, **said})


def _conclusion(result: Return) -> dict[str, str]:
    solved = codes.CONCLUSIONS[result.outcome]
    return {
        "successSolve": solved,
        "replyContent": require(result.words, "WORDS", "Give the answer in words: the hotline reads it to the caller."),
        "agreementNo": clean(result.agreement_no) if solved == codes.SOLVED else "",
        "at": stamp_text(result.at),
    }
