"""What a person does with a referral: accept, decline, extend, conclude, correct, apply for confirmation, warn, cancel.

Each is one transaction: checked against the workflow, told as an event, and the message to the partner written with it,
where its wire carries one. Concluding a hand-over to the centre makes exactly one return to where it came from. Every
act raises NotFoundError, VersionConflictError, ConflictError (not possible now), DeadlinePassedError, MissingFieldError
and UserInputError, and then nothing was changed and nothing will be sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from hub import once
from hub.acts import Act
from hub.calendar import calendar_of
from hub.commands import Command, Confirm, Decline, Escalate, Extend, Return, Sign, Supplement
from hub.desk import Desk
from hub.dispute_acts import check_ending
from hub.errors import ConflictError, DeadlinePassedError, UserInputError
from hub.matter import Matter, dispute_of_referral, open_in, own_of
from hub.model import SHANGHAI, shanghai_midnight
from hub.outbox import Draft, enqueue
from hub.principal import shown_name
from hub.referrals import messages_of
from hub.said import LONGEST_FACTS, words_of
from hub.store.lookup import AnyRow
from hub.store.turn import take_turn
from hub.vocabulary import (
    Channel,
    CommandKind,
    DeclineReason,
    HandlingEventKind,
    Outcome,
    Performance,
    ReferralDirection,
    TerminationReason,
)
from hub.workflow import check_referral

K = HandlingEventKind


class Handed:
    """A referral in the hands of one act, with its matter and the record it came by."""

    def __init__(self, matter: Matter, referral: AnyRow) -> None:
        self.matter, self.row = matter, referral
        self.own = own_of(referral)
        self.record = next(one for one in matter.records if one.id == referral.record_id)

    @property
    def is_inbound(self) -> bool:
        """Whether the work came to the centre."""
        return bool(self.row.direction == ReferralDirection.IN.value)

    def check(self, name: str, **given: Any) -> None:
        """Raises ConflictError, MissingFieldError."""
        check_referral(name, self.row, self.matter.state, given)

    def can_send(self, kind: CommandKind) -> bool:
        """Whether the origin's wire carries this."""
        return self.is_inbound and kind in self.matter.desk.carries(self.record.instance)

    async def send(self, command: Command, step: str) -> str | None:
        """Write the message to the origin; None where its wire does not carry it."""
        if not self.can_send(command.kind):
            return None
        record = self.record
        draft = Draft(
            record.instance, record.id, (record.native_id, self.row.source_event_id, step), command,
            self.matter.id, self.row.id, record.id, owner=record.native_id,
        )  # fmt: skip
        return await enqueue(self.matter.tx, self.matter.desk, draft)

    @property
    def about(self) -> dict[str, Any]:
        """What every command says of the record it answers."""
        return {
            "native_id": self.record.native_id, "native_no": self.record.native_no,
            "hand_over": self.row.source_event_id, "at": self.matter.at, "by": shown_name(self.matter.act.by),
        }  # fmt: skip

    @property
    def data(self) -> dict[str, str]:
        """What every event about it says: codes alone."""
        return {"referral": self.row.id, "channel": self.row.channel}


@asynccontextmanager
async def handed(
    desk: Desk, referral_id: str, act: Act, *, at: datetime | None, expected_version: int | None
) -> AsyncIterator[Handed]:
    """The referral in a transaction of its own, its dispute settled at the block's end."""
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, act.by, act.once)
        matter = await open_in(tx, desk, await dispute_of_referral(tx, referral_id), act, at=at)
        matter.result["referral"] = referral_id
        yield Handed(matter, matter.referral(referral_id, expected_version))
        await matter.finish()


async def accept_referral(
    desk: Desk, referral_id: str, act: Act, *, is_suitable: bool | None = None, has_consent: bool | None = None,
    at: datetime | None = None, expected_version: int | None = None,
) -> None:  # fmt: skip
    """接收. A court's delegation needs the parties' consent (诉前委派、诉中委托均以当事人同意为前提)."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        one.check("acceptReferral", isSuitable=is_suitable, hasConsent=has_consent)
        if is_suitable is False or has_consent is False:
            raise UserInputError(
                "what is unsuitable, or not agreed to by the parties, is not accepted",
                field="isSuitable" if is_suitable is False else "hasConsent", hint="Decline it with the reason.",
            )  # fmt: skip
        one.matter.tell(K.ACCEPTED, data=one.data, about=one.row.id)
        await one.matter.own(one.row, replace(one.own, accepted_at=one.matter.at, consent=has_consent))
        await one.send(Sign(**one.about), "sign")


async def decline_referral(
    desk: Desk, referral_id: str, act: Act, *, reason: DeclineReason | None, words: str = "",
    at: datetime | None = None, expected_version: int | None = None,
) -> None:  # fmt: skip
    """退回: back to where it came from, within the return-by time of its channel."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        said = words_of(words)
        one.check("declineReferral", declineReason=reason, words=said)
        back_by = await return_by(one.matter.tx, one.row) if one.is_inbound else None
        if back_by is not None and one.matter.at > back_by:
            raise DeadlinePassedError(
                f"it could be returned until {back_by.astimezone(SHANGHAI):%Y-%m-%d %H:%M}",
                hint="Accept it and conclude it with the reason.",
            )
        code = reason.value if reason else ""
        one.matter.tell(K.DECLINED, data={**one.data, "decline_reason": code}, about=one.row.id)
        own = replace(one.own, declined_at=one.matter.at, decline_reason=code)
        await one.matter.own(one.row, own, words=said)
        if reason is not None:
            await one.send(Decline(**one.about, reason=reason, words=said), "decline")


#: working days after the hand-over in which a petition may go back (信访工作条例 art. 23)
_PETITION_BACK_DAYS = 5


async def return_by(tx: AsyncConnection, referral: AnyRow) -> datetime | None:
    """Until when a hand-over may go back, as its wire says or by the statute; None where nothing sets a time."""
    found = (referral.told or {}).get("return_by_at")
    if found:
        return datetime.fromisoformat(found)
    if referral.channel != Channel.PETITION.value:
        return None
    handed_on = referral.sent_at.astimezone(SHANGHAI).date()
    return (await calendar_of(tx)).working_days_after(handed_on, _PETITION_BACK_DAYS).at


async def extend_referral(
    desk: Desk, referral_id: str, act: Act, *, due_on: date, words: str, at: datetime | None = None,
    expected_version: int | None = None,
) -> None:  # fmt: skip
    """延期: more time, told to the origin where its wire carries that."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        said = words_of(words)
        one.check("extendReferral", dueOn=due_on, words=said)
        due_at = shanghai_midnight(due_on) + timedelta(days=1) - timedelta(seconds=1)
        if due_at <= one.matter.at or (one.row.due_at is not None and due_at <= one.row.due_at):
            raise UserInputError("an extension ends later than what it extends", field="dueOn")
        one.matter.tell(K.EXTENDED, data={**one.data, "due_on": due_on.isoformat()}, about=one.row.id)
        await one.matter.own(one.row, replace(one.own, extended_to=due_at))
        await one.send(Extend(**one.about, due_on=due_on, words=said), f"extend/{due_on.isoformat()}")


async def conclude_referral(
    desk: Desk, referral_id: str, act: Act, *, outcome: Outcome, termination_reason: TerminationReason | None = None,
    agreement_no: str = "", undisputed_facts: str = "", words: str = "", performance: Performance | None = None,
    has_written_application: bool | None = None, at: datetime | None = None, expected_version: int | None = None,
) -> None:  # fmt: skip
    """办结: how it ended. An inbound one goes back to its origin, once."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        one.check(
            "concludeReferral", outcome=outcome.value, terminationReason=termination_reason,
            agreementNo=agreement_no, undisputedFacts=undisputed_facts,
        )  # fmt: skip
        ending = Ending(
            outcome, termination_reason, agreement_no, undisputed_facts, words, performance, has_written_application
        )
        await _conclude(one, ending, K.RESULT_RECORDED)


async def correct_referral(
    desk: Desk, referral_id: str, act: Act, *, outcome: Outcome, termination_reason: TerminationReason | None = None,
    agreement_no: str = "", undisputed_facts: str = "", words: str = "", performance: Performance | None = None,
    has_written_application: bool | None = None, at: datetime | None = None, expected_version: int | None = None,
) -> None:  # fmt: skip
    """更正: another result than the one that was returned; the origin is told as a correction."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        one.check(
            "correctReferral", outcome=outcome.value, terminationReason=termination_reason, reason=act.words,
            agreementNo=agreement_no, undisputedFacts=undisputed_facts,
        )  # fmt: skip
        if one.own.concluded_at is None:
            raise ConflictError("the result is the partner's own", hint="Only its own agency corrects it.")
        ending = Ending(
            outcome, termination_reason, agreement_no, undisputed_facts, words, performance, has_written_application
        )
        await _conclude(one, ending, K.RESULT_CORRECTED)


class Ending:
    """What a result says, as it may be stored and sent. Raises UserInputError."""

    def __init__(
        self, outcome: Outcome, reason: TerminationReason | None, agreement_no: str, facts: str, words: str,
        performance: Performance | None, has_written_application: bool | None,
    ) -> None:  # fmt: skip
        self.outcome, self.agreement_no = outcome, check_ending(outcome, reason, agreement_no)
        self.facts = words_of(facts, "undisputedFacts", longest=LONGEST_FACTS)
        self.words = words_of(words)
        self.performance, self.has_written_application = performance, has_written_application
        # an agreement and a settlement name their own ending
        self.reason = reason or {
            Outcome.AGREED: TerminationReason.AGREEMENT, Outcome.PERFORMED: TerminationReason.AGREEMENT,
            Outcome.SELF_SETTLED: TerminationReason.SELF_SETTLED,
        }.get(outcome)  # fmt: skip


async def _conclude(one: Handed, ending: Ending, kind: HandlingEventKind) -> None:
    matter, revision = one.matter, one.own.revision + 1
    own = replace(
        one.own, concluded_at=one.own.concluded_at or matter.at, outcome=ending.outcome,
        termination_reason=ending.reason, agreement_no=ending.agreement_no, revision=revision,
        performance=ending.performance.value if ending.performance else "",
        has_written_application=ending.has_written_application,
    )  # fmt: skip
    data = {
        **one.data, "outcome": ending.outcome.value, "agreement_no": ending.agreement_no,
        "termination_reason": ending.reason.value if ending.reason else "",
    }  # fmt: skip
    matter.tell(kind, data=data, about=one.row.id)
    await matter.own(one.row, own, facts=ending.facts, words=ending.words)
    if one.is_inbound and one.row.owes_return:
        command = Return(
            **one.about, outcome=ending.outcome, termination_reason=ending.reason, agreement_no=ending.agreement_no,
            undisputed_facts=ending.facts, words=ending.words, is_correction=revision > 1,
            performance=ending.performance, has_written_application=ending.has_written_application,
        )  # fmt: skip
        await one.send(command, f"return/{revision}")


async def apply_for_confirmation(
    desk: Desk, referral_id: str, act: Act, *, agreement_no: str, words: str = "", at: datetime | None = None,
    expected_version: int | None = None,
) -> None:  # fmt: skip
    """申请司法确认, jointly, within 30 days of the agreement (人民调解法 art. 33); again: the material wanted."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        number = check_ending(Outcome.AGREED, None, agreement_no)
        one.check("applyForConfirmation", agreementNo=number)
        sent = (await messages_of(one.matter.tx, [one.row.id])).get(one.row.id, [])
        command: Command = Confirm(**one.about, agreement_no=number)
        if any(message.command in (CommandKind.CONFIRM.value, CommandKind.SUPPLEMENT.value) for message in sent):
            command = Supplement(**one.about, agreement_no=number, words=words_of(words))
        one.matter.tell(K.CONFIRMATION_APPLIED, data={**one.data, "agreement_no": number}, about=one.row.id)
        await one.send(command, f"confirm/{number}")


async def escalate_referral(
    desk: Desk, referral_id: str, act: Act, *, words: str, at: datetime | None = None,
    expected_version: int | None = None,
) -> None:  # fmt: skip
    """升级风险提示 to the police who handed it over."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        said = words_of(words)
        one.check("escalateReferral", words=said)
        one.matter.tell(K.WARNED, data=one.data, about=one.row.id)
        await one.send(Escalate(**one.about, words=said), f"escalate/{one.matter.at.isoformat()}")
