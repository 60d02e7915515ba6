"""What we tell the police of a call they handed over: signed for, sent back, how it ended, that it may turn violent.

Rows of the dataset RETURN (WIRES 2.10). The ack is the transport receipt; of a result the police's own feedback that
names our file (HZBH) is the business answer, of everything else the ack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.base import InstanceConfig
from connectors.police import codes
from connectors.police.outgoing import Dataset, Outgoing, batches, moment_text
from connectors.pushing import require
from hub.commands import AboutRecord, Command, Return
from hub.errors import RejectedError
from hub.vocabulary import CommandKind, Outcome, Performance

RETURN = Dataset(
    "RETURN",
    {
        "JJDBH": "接警单编号", "FKDBH": "反馈单编号", "HTLX": "回传类型", "JG": "结果", "XYSBH": "协议书编号",
        "LXQK": "履行情况", "SQS": "书面申请", "BLR": "办理人", "BLSJ": "办理时间",
    },
    "RETURN",
)  # fmt: skip

RESULT = "3"
#: 回传类型 of each command (WIRES 0.19)
HTLX: Mapping[CommandKind, str] = {
    CommandKind.SIGN: "1",
    CommandKind.DECLINE: "2",
    CommandKind.RETURN: RESULT,
    CommandKind.ESCALATE: "4",
}

_CALL_HINT = "The number of the call (JJDBH) is missing."
_HAND_OVER_HINT = "Name the feedback (FKDBH) by which the police handed the call over."
_BY_HINT = "Say who acts: the police want a name (BLR)."


def is_final(command: Command) -> bool:
    """Whether the ack is the business answer too."""
    return command.kind is not CommandKind.RETURN


def return_batches(config: InstanceConfig, key: str, command: AboutRecord) -> Iterator[Outgoing]:
    """The command's batch under each name it may have. Raises RejectedError ``MISSING_…``."""
    row = return_row(command)
    return batches(
        RETURN, config.centre_code, f"{config.county}-117070302-1-1", key, command.at, lambda _serial: row
    )  # fmt: skip


def return_row(command: AboutRecord) -> dict[str, str]:
    """The row. Raises RejectedError ``MISSING_…``, and for a correction, which the police would pass over unseen."""
    return {
        "JJDBH": require(command.native_id, "NATIVE_ID", _CALL_HINT),
        "FKDBH": require(command.hand_over, "HAND_OVER", _HAND_OVER_HINT),
        "HTLX": HTLX[command.kind],
        "BLR": require(command.by, "BY", _BY_HINT),
        "BLSJ": moment_text(command.at),
        **(_result(command) if isinstance(command, Return) else dict.fromkeys(("JG", "XYSBH", "LXQK", "SQS"), "")),
    }


def _result(result: Return) -> dict[str, str]:
    if result.is_correction:
        raise RejectedError(
            "UNSUPPORTED",
            "the police's wire has no message for a correction",
            hint="A row they hold is passed over unseen: tell the police by hand.",
        )
    settled = codes.OUTCOMES[result.outcome] == codes.SETTLED
    return {
        "JG": codes.OUTCOMES[result.outcome],
        # a settlement without a number is one of the parties' own
        "XYSBH": result.agreement_no if settled and result.outcome is not Outcome.SELF_SETTLED else "",
        "LXQK": codes.PERFORMANCES[_performance(result)] if settled else "",
        "SQS": "1" if result.has_written_application else "0",
    }


def _performance(result: Return) -> Performance:
    if result.outcome is Outcome.PERFORMED:
        return Performance.FULL
    # of what was just agreed nothing is known to be performed
    return result.performance or Performance.NONE
