"""The simulated mediator: ends hand-overs to the centre as the county's hidden script says, by the hub's own acts.

How a hand-over ends is read from the script, never from the hub; in the hub it is only looked up. It is ended once the
partner's simulated clock has passed the script's time, and only by a use case that a person has too. Where a partner
refuses a result or wants more, the mediator does what a person would: gives it anew, hands the material in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select

from connectors.sandbox.county import LIVE_FROM, START, County, scripts_of
from connectors.sandbox.matters import Ending
from hub import referral_acts as acts
from hub.acts import Act
from hub.desk import Desk
from hub.errors import DeadlinePassedError, HubError
from hub.model import SHANGHAI
from hub.referral_standing import Own, own_from
from hub.referrals import OPEN_STATES
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import case_records, outbound_messages, referrals
from hub.vocabulary import (
    Channel,
    CommandKind,
    DeclineReason,
    MessageState,
    Outcome,
    Performance,
    ReferralDirection,
    ReferralState,
    TerminationReason,
)

NAME = "模拟调解员"
_ACT, _CORRECTION = Act(NAME), Act(NAME, "结果有误或对方退回，予以更正")
_REASONS: Mapping[str, TerminationReason] = {
    "3": TerminationReason.UNREACHABLE, "4": TerminationReason.REFUSED, "5": TerminationReason.TOO_FAR_APART,
    "6": TerminationReason.TIME_LIMIT, "7": TerminationReason.SIGNATURE_REFUSED, "8": TerminationReason.OTHER,
}  # fmt: skip
_WORDS: Mapping[Outcome, str] = {
    Outcome.AGREED: "经调解，双方达成协议。", Outcome.PERFORMED: "经调解，双方达成协议并已履行。",
    Outcome.SELF_SETTLED: "双方自行和解。",
}  # fmt: skip
_FAILED, _NOT_SUITABLE = "经调解，双方未能达成一致，已告知其他法定途径。", "当事人不同意调解，不宜调解。"
#: nobody works in the minute in which something is handed over
_LEAST = timedelta(minutes=10)
#: a result that is refused again and again is somebody's to look at
_MOST_TRIES = 4
#: what the script does not know of, because a partner handed over once more, ends so
_ONCE_MORE = (timedelta(hours=3), timedelta(days=2))

Key = tuple[str, str]
#: a referral, its record's instance and native id, and our messages about it
_Found = tuple[AnyRow, list[AnyRow]]
_log = structlog.get_logger("mediator")


@dataclass(frozen=True, slots=True)
class _Case:
    """One hand-over as it stands in the hub, with the ending it is to have."""

    row: AnyRow
    messages: list[AnyRow]
    ending: Ending

    @property
    def own(self) -> Own:
        return own_from(self.row.own)

    @property
    def state(self) -> ReferralState:
        return ReferralState(self.row.state)

    def last(self, *kinds: CommandKind) -> AnyRow | None:
        """Our last message of these kinds."""
        names = [kind.value for kind in kinds]
        return next((one for one in reversed(self.messages) if one.command in names), None)

    def at(self, scripted: datetime) -> datetime:
        """When it is done: as the script says, but never before it was handed over."""
        earliest: datetime = self.row.sent_at + _LEAST
        return max(scripted.replace(tzinfo=SHANGHAI), earliest)


class Mediator:
    """One county's mediator. It remembers nothing that the hub does not know: another one goes on where it stopped."""

    def __init__(self, desk: Desk, seed: str, scale: str) -> None:
        self._desk, self._county = desk, County(seed, scale)
        self._endings: dict[Key, list[Ending]] = defaultdict(list)
        self._next_day = START.date()
        #: what was refused to it, by referral; told once
        self.refused: dict[str, str] = {}

    async def work(self, clocks: Mapping[str, datetime]) -> int:
        """Do everything that is due by the clock of its partner. Returns how many acts were done."""
        self._read_on(max(clocks.values()))
        done = 0
        for case in await self._cases(clocks):
            now = clocks[case.row.partner].replace(tzinfo=SHANGHAI)
            # one step may make the next one possible: what was just accepted may have ended already
            for _ in range(_MOST_TRIES):
                if not await self._step(case, now):
                    break
                done += 1
                case = await self._again(case)
        return done

    def _read_on(self, until: datetime) -> None:
        """The script of every quarrel that has opened by then."""
        while self._next_day <= until.date():
            for quarrel in self._county.arrivals(self._next_day):
                for script in scripts_of(quarrel):
                    if script.hand_over.ending is not None:
                        self._endings[script.instance, script.native_id].append(script.hand_over.ending)
            self._next_day += timedelta(days=1)

    # --- what there is to do ------------------------------------------------------------------------------------

    async def _cases(self, clocks: Mapping[str, datetime]) -> list[_Case]:
        """Hand-overs since August that are not done with, in the order in which they came."""
        query = (
            _REFERRALS.where(referrals.c.sent_at >= LIVE_FROM.replace(tzinfo=SHANGHAI))
            .where(case_records.c.instance.in_(list(clocks)))
            .order_by(referrals.c.sent_at, referrals.c.id)
        )
        async with self._desk.store.read() as connection:
            rows = (await connection.execute(query)).all()
            messages = await _messages(connection, [row.id for row in rows])
        cases, seen = [], dict.fromkeys((row.record_id for row in rows), 0)
        for row in rows:
            place = seen[row.record_id]
            seen[row.record_id] += 1
            if row.id not in self.refused:
                cases.append(_Case(row, messages.get(row.id, []), self._ending(row, place)))
        return cases

    def _ending(self, row: AnyRow, place: int) -> Ending:
        endings = self._endings.get((row.partner, row.native_id), [])
        if place < len(endings):
            return endings[place]
        sent_at = row.sent_at.astimezone(SHANGHAI).replace(tzinfo=None)
        accepted, concluded = (sent_at + pause for pause in _ONCE_MORE)
        return Ending(Outcome.NOT_AGREED, accepted, concluded, "5", undisputed="双方对事情经过无争议")

    async def _again(self, case: _Case) -> _Case:
        async with self._desk.store.read() as connection:
            row = (await connection.execute(_REFERRALS.where(referrals.c.id == case.row.id))).one()
            messages = await _messages(connection, [row.id])
        return _Case(row, messages.get(row.id, []), case.ending)

    # --- one act ------------------------------------------------------------------------------------------------

    async def _step(self, case: _Case, now: datetime) -> bool:
        """The next act that is due; False where there is none."""
        try:
            if case.state in OPEN_STATES:
                return await self._towards_the_end(case, now)
            if case.own.concluded_at is not None:
                return await self._after_the_end(case, now)
        except HubError as error:
            # a person, or the partner, went another way
            self._note(case, error)
        return False

    def _note(self, case: _Case, error: HubError) -> None:
        self.refused[case.row.id] = error.message
        _log.warning("an act is not possible", referral=case.row.id, instance=case.row.partner)

    async def _towards_the_end(self, case: _Case, now: datetime) -> bool:
        ending, own = case.ending, case.own
        if own.accepted_at is None and ending.accepted_at is None and own.declined_at is None:
            at = case.at(ending.concluded_at)
            return at <= now and await self._send_back(case, at)
        if own.accepted_at is None:
            # a refusal that the origin did not take leaves the work here, from the moment we know it
            at = case.at(ending.accepted_at) if ending.accepted_at else now
            if at <= now:
                await acts.accept_referral(
                    self._desk, case.row.id, _ACT, is_suitable=True, has_consent=True, at=at
                )  # fmt: skip
            return at <= now
        at = max(case.at(ending.concluded_at), own.accepted_at + _LEAST)
        if at <= now:
            await acts.conclude_referral(self._desk, case.row.id, _ACT, **_result(case.row, ending), at=at)
        return at <= now

    async def _send_back(self, case: _Case, at: datetime) -> bool:
        try:
            await acts.decline_referral(
                self._desk, case.row.id, _ACT, reason=DeclineReason.OTHER, words=_NOT_SUITABLE, at=at
            )
        except DeadlinePassedError:
            # too late to send it back: it is taken on, and ends with that reason
            await acts.accept_referral(self._desk, case.row.id, _ACT, is_suitable=True, has_consent=True, at=at)
        return True

    async def _after_the_end(self, case: _Case, now: datetime) -> bool:
        corrected, confirm_at = case.ending.corrected, case.ending.confirm_at
        if case.own.revision >= _MOST_TRIES:
            return False
        last = case.last(CommandKind.RETURN)
        if corrected is not None and case.own.outcome is not corrected.outcome:
            if (at := case.at(corrected.concluded_at)) > now:
                return False
            return await self._correct(case, corrected, at)
        if last is not None and last.state == MessageState.REFUSED.value:
            return await self._correct(case, corrected or case.ending, now)
        if confirm_at is not None and case.row.channel == Channel.LITIGATION.value:
            return await self._confirm(case, case.at(confirm_at), now)
        return False

    async def _correct(self, case: _Case, ending: Ending, at: datetime) -> bool:
        if case.row.channel == Channel.POLICE.value:
            # their wire has no message for it
            return False
        result = _result(case.row, ending)
        if result["agreement_no"]:
            # the court knows a correction by its agreement's number
            result["agreement_no"] += f"-{case.own.revision + 1}"
        await acts.correct_referral(self._desk, case.row.id, _CORRECTION, **result, at=at)
        return True

    async def _confirm(self, case: _Case, at: datetime, now: datetime) -> bool:
        last = case.last(CommandKind.CONFIRM, CommandKind.SUPPLEMENT)
        if last is None:
            if at > now:
                return False
            number = case.own.agreement_no
        else:
            tries = sum(one.command in _CONFIRMING for one in case.messages)
            if last.state != MessageState.DELIVERED.value or not last.answer_code or tries >= _MOST_TRIES:
                return False
            # the court wants material: it is handed in under a number of its own
            at, number = now, f"{case.own.agreement_no}-B{tries}"
        await acts.apply_for_confirmation(self._desk, case.row.id, _ACT, agreement_no=number, words=_MATERIAL, at=at)
        return True


_CONFIRMING = (CommandKind.CONFIRM.value, CommandKind.SUPPLEMENT.value)
_MATERIAL = "补充身份证明、调解协议及履行情况说明"
_REFERRALS = (
    select(referrals, case_records.c.instance.label("partner"), case_records.c.native_id)
    .join(case_records, case_records.c.id == referrals.c.record_id)
    .where(referrals.c.is_live, referrals.c.direction == ReferralDirection.IN.value)
)


async def _messages(connection: Any, referral_ids: Iterable[str]) -> dict[str, list[AnyRow]]:
    c = outbound_messages.c
    found: dict[str, list[AnyRow]] = defaultdict(list)
    for part in chunks(referral_ids):
        query = select(c.referral_id, c.command, c.state, c.answer_code).where(c.referral_id.in_(part))
        for row in await connection.execute(query.order_by(c.id)):
            found[row.referral_id].append(row)
    return found


def _result(row: AnyRow, ending: Ending) -> dict[str, Any]:
    """The ending as the use cases take it."""
    is_settled = ending.outcome.resolves
    return {
        "outcome": ending.outcome,
        "termination_reason": None if is_settled else _REASONS.get(ending.reason, TerminationReason.OTHER),
        "agreement_no": ending.agreement_no,
        "undisputed_facts": "" if is_settled else ending.undisputed or "无",
        "words": _WORDS.get(ending.outcome, _FAILED),
        "performance": Performance.FULL if ending.outcome is Outcome.PERFORMED else None,
        "has_written_application": False if row.channel == Channel.POLICE.value else None,
    }
