"""Any acts in any order, and facts between them: only legal moves happen, and what stands follows from that."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hub import dispute_acts, referral_acts, referring
from hub.acts import Act
from hub.desk import Desk
from hub.dispute_state import derive, fold
from hub.errors import ConflictError, UserInputError
from hub.history import event_hash
from hub.referring import Target
from hub.store.tables import case_records, disputes, handling_events, outbound_messages, referrals
from hub.vocabulary import (
    AgencyKind,
    CommandKind,
    DeclineReason,
    DisputeState,
    HandlingEventKind,
    Outcome,
    ReferralMode,
    TerminationReason,
)
from hub.workflow import DISPUTE_MOVES, dispute_actions, referral_actions

from .hub_kit import CENTRE, deliver, diverted, log, open_desk
from .test_workflow import at_work, filed

ACT = Act("某人", "有事由")
_ENDINGS = (
    {"outcome": Outcome.AGREED, "agreement_no": "X1"},
    {"outcome": Outcome.SELF_SETTLED},
    {"outcome": Outcome.NOT_AGREED, "termination_reason": TerminationReason.TIME_LIMIT, "undisputed_facts": "属实"},
)

#: name of the move, and what is given with it
_STEPS = st.one_of(
    st.sampled_from([(name, None) for name in DISPUTE_MOVES if name not in ("referDispute",)]),
    st.sampled_from([("acceptReferral", None), ("declineReferral", None), ("out", None), ("answerOut", None)]),
    st.tuples(st.sampled_from(["concludeReferral", "correctReferral"]), st.integers(0, len(_ENDINGS) - 1)),
    st.tuples(st.just("fact"), st.sampled_from(["again", "result", "docketed", "odd"])),
)


class _Case:
    def __init__(self, desk: Desk) -> None:
        self.desk, self.minute, self.log = desk, 0, [diverted("2024-08-02 10:00:00")]
        self.closed_at_event: dict[str, int] = {}

    async def rows(self, query: Any) -> Any:
        async with self.desk.store.read() as connection:
            return (await connection.execute(query)).all()

    async def dispute(self) -> Any:
        found = await self.rows(select(disputes).where(disputes.c.is_live).order_by(disputes.c.registered_at))
        return found[0]

    async def inbound(self) -> Any:
        query = select(referrals).where(referrals.c.direction == "IN", referrals.c.is_live)
        return (await self.rows(query.order_by(referrals.c.id)))[0]

    async def do(self, step: tuple[str, Any]) -> None:
        name, given = step
        if name == "fact":
            await self._fact(given)
            return
        before = await self.dispute(), await self.inbound()
        possible = {one.name for one in dispute_actions(before[0].state, await self._handed())}
        possible |= {one.name for one in referral_actions(before[1], before[0].state)}
        try:
            await self._act(name, given)
        except (ConflictError, UserInputError):
            after = await self.dispute(), await self.inbound()
            # what is refused changes nothing
            assert (after[0].version, after[1].version) == (before[0].version, before[1].version)
            return
        assert name in ("out", "answerOut") or name in possible, name

    async def _handed(self) -> Any:
        return await self.rows(select(referrals).where(referrals.c.is_live))

    async def _act(self, name: str, given: Any) -> None:
        one, work = await self.dispute(), await self.inbound()
        acts = dispute_acts
        if name in ("concludeReferral", "correctReferral"):
            move = referral_acts.conclude_referral if name == "concludeReferral" else referral_acts.correct_referral
            await move(self.desk, work.id, ACT, **_ENDINGS[given])
        elif name == "acceptReferral":
            await referral_acts.accept_referral(self.desk, work.id, ACT, is_suitable=True, has_consent=True)
        elif name == "declineReferral":
            await referral_acts.decline_referral(self.desk, work.id, ACT, reason=DeclineReason.OTHER, words="退回")
        elif name == "out":
            target = Target(AgencyKind.ARBITRATION)
            await referring.refer_dispute(self.desk, one.id, ACT, target=target, mode=ReferralMode.TRANSFER)
        elif name == "answerOut":
            outs = [row for row in await self._handed() if row.direction == "OUT" and row.state == "SENT"]
            if outs:
                await referring.decline_by_hand(self.desk, outs[0].id, ACT, words="不受理")
        else:
            more: dict[str, Any] = {
                "rejectDispute": {"legal_ground": "第十七条"}, "recordEvent": {"kind": HandlingEventKind.SESSION_HELD},
                "assignDispute": {"assignee": "某调解员", "is_suitable": True}, "recordFollowUp": {"reached": True},
                "resolveDispute": {"outcome": Outcome.SELF_SETTLED},
            }.get(name, {})  # fmt: skip
            snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
            await getattr(acts, snake)(self.desk, one.id, ACT, **more)

    async def _fact(self, kind: str) -> None:
        self.minute += 1
        stamp = f"2026-03-01 {9 + self.minute // 60:02d}:{self.minute % 60:02d}:00"
        changes: dict[str, Any] = {}
        if kind == "result":
            self.log = [*self.log, log(60, stamp, org=CENTRE, tjjg="1", tjxybh="X1", sldh=f"SL{self.minute}")]
        if kind == "odd":
            # a correction of a result that nobody gave: kept, and said to be odd
            self.log = [*self.log, log(61, stamp, org=CENTRE, tjjg="2", bcgyy="5", tjxybh="Y", sldh=f"SO{self.minute}")]
        if kind == "docketed":
            changes = {"ajzt": "已正式立案", "ah": "(2024)甘0725民初9号", "ajlb": "0301", "caseStatus": 130}
        await deliver(self.desk, [filed(gxsj=stamp, logs=self.log, **changes)])

    async def check(self) -> None:
        records = await self.rows(select(case_records))
        handed = await self._handed()
        events = await self.rows(select(handling_events).order_by(handling_events.c.id))
        for one in await self.rows(select(disputes).where(disputes.c.is_live)):
            members = [record for record in records if record.dispute_id == one.id]
            of_it = [row for row in handed if row.record_id in {record.id for record in members}]
            # the state is the fold of facts and acts, and of nothing else
            standing = fold(derive(members, of_it), one)
            assert (one.state, one.state_since) == (standing.state.value, standing.since)
            told = [event for event in events if event.dispute_id == one.id and event.to_state]
            assert one.own_state == (told[-1].to_state if told else None)
            _check_closed(told)
            ended = [event for event in events if event.dispute_id == one.id]
            _check_nothing_concluded_after_closing(ended)
        # exactly one return for each inbound referral that we concluded, and one more for each correction
        messages = await self.rows(select(outbound_messages))
        for row in handed:
            returns = [one for one in messages if one.referral_id == row.id and one.command == CommandKind.RETURN.value]
            own = row.own or {}
            assert len(returns) == (own.get("revision", 0) if row.direction == "IN" and row.owes_return else 0)
            assert len({one.key for one in returns}) == len(returns)
        assert all(event_hash(event._mapping) == event.hash for event in events)


def _check_closed(told: list[Any]) -> None:
    state = None
    for event in told:
        if state == DisputeState.CLOSED.value:
            assert event.kind == HandlingEventKind.REOPENED.value
        state = event.to_state


def _check_nothing_concluded_after_closing(events: list[Any]) -> None:
    is_closed = False
    for event in sorted(events, key=lambda one: one.stream_seq):
        if event.kind == HandlingEventKind.CLOSED.value:
            is_closed = True
        elif event.kind == HandlingEventKind.REOPENED.value:
            is_closed = False
        assert not (is_closed and event.kind in ("RESULT_RECORDED", "RESULT_CORRECTED"))


def _play(databases: Any, steps: list[tuple[str, Any]]) -> None:
    async def run(url: str) -> None:
        async with open_desk(url) as opened:
            case = _Case(at_work(opened))
            await case._fact("again")
            for step in steps:
                await case.do(step)
                await case.check()

    with databases.migrated() as database:
        asyncio.run(run(database.url))


_SETTINGS = settings(
    deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@settings(_SETTINGS, max_examples=40)
@given(steps=st.lists(_STEPS, min_size=3, max_size=14))
def test_only_legal_moves_happen_on_sqlite(_sqlite: Any, steps: list[tuple[str, Any]]) -> None:
    _play(_sqlite, steps)


@settings(_SETTINGS, max_examples=8)
@given(steps=st.lists(_STEPS, min_size=3, max_size=14))
def test_only_legal_moves_happen_on_postgresql(_postgresql: Any, steps: list[tuple[str, Any]]) -> None:
    _play(_postgresql, steps)


async def test_an_odd_fact_is_kept_and_said_to_be_odd(database: Any) -> None:
    async with open_desk(database.url) as opened:
        case = _Case(at_work(opened))
        await case._fact("again")
        await case._fact("odd")
        kinds = [event.kind for event in await case.rows(select(handling_events))]
        assert "RESULT_CORRECTED" in kinds and "ANOMALY" in kinds
