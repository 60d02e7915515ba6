"""A matter's way through the centre: what a person may do when, what comes of it, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hub import dispute_acts, referral_acts, referring
from hub.acts import Act
from hub.command_json import load
from hub.commands import Refer, Return, Sign
from hub.desk import Desk
from hub.errors import ConflictError, MissingFieldError, UserInputError, VersionConflictError
from hub.inbox import key_owner
from hub.model import PartyFacts
from hub.referring import Matters, Target
from hub.registering import register_dispute
from hub.store.tables import (
    case_records,
    data_keys,
    disputes,
    event_words,
    handling_events,
    outbound_messages,
    parties,
    referrals,
)
from hub.vocabulary import (
    AgencyKind,
    CommandKind,
    DeclineReason,
    HandlingEventKind,
    Outcome,
    PartyRole,
    ReferralMode,
    TerminationReason,
)
from hub.walk_in import Registration

from .databases import Database
from .hub_kit import CENTRE, PERSON, PHONE, deliver, diverted, log, open_desk, row

ACT = Act("马主任", "依当事人申请")


def at_work(desk: Desk, *carried: CommandKind) -> Desk:
    """A desk of a centre whose court takes these commands."""
    kinds = frozenset(carried or (CommandKind.RETURN, CommandKind.DECLINE, CommandKind.CONFIRM, CommandKind.REFER))
    return replace(desk, carries=lambda instance: kinds if instance == "court" else frozenset(), centre_code=CENTRE)


async def rows(desk: Desk, query: Any) -> Any:
    async with desk.store.read() as connection:
        return (await connection.execute(query)).all()


async def the_dispute(desk: Desk) -> Any:
    (one,) = await rows(desk, select(disputes).where(disputes.c.is_live))
    return one


async def the_referral(desk: Desk) -> Any:
    (one,) = await rows(desk, select(referrals).where(referrals.c.is_live))
    return one


async def sent(desk: Desk) -> list[Any]:
    """Our messages, opened."""
    found = []
    for one in await rows(desk, select(outbound_messages).order_by(outbound_messages.c.id)):
        (key,) = await rows(desk, select(data_keys).where(data_keys.c.id == one.data_key_id))
        opened = desk.keys.open_data_key(key.wrapped, key_owner(key.instance, key.native_id))
        found.append((one, load(opened.open(one.command_sealed, one.id))))
    return found


def filed(**changes: Any) -> dict[str, Any]:
    """A filing that the court hands over in August, when the hub is live."""
    values = {
        "lxrq": "2024-08-02", "gxsj": "2024-08-02 10:00:00", "ajlb": "9901", "caseStatus": 170, "ajzt": "待指派调解",
        "logs": [diverted("2024-08-02 10:00:00")],
    }  # fmt: skip
    return row("a1", **{**values, **changes})


async def test_a_filing_is_accepted_mediated_and_its_return_written_once(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = at_work(opened)
        await deliver(desk, [filed()])
        one = await the_referral(desk)
        assert (one.state, (await the_dispute(desk)).state) == ("SENT", "ASSIGNED")
        with pytest.raises(ConflictError):
            await referral_acts.conclude_referral(desk, one.id, ACT, outcome=Outcome.AGREED, agreement_no="X1")
        with pytest.raises(MissingFieldError) as missing:
            await referral_acts.accept_referral(desk, one.id, ACT, is_suitable=True)
        assert missing.value.field == "hasConsent"
        with pytest.raises(VersionConflictError):
            await referral_acts.accept_referral(
                desk, one.id, ACT, is_suitable=True, has_consent=True, expected_version=9
            )
        await referral_acts.accept_referral(desk, one.id, ACT, is_suitable=True, has_consent=True, expected_version=1)
        assert (await the_referral(desk)).state == "IN_PROGRESS"
        assert (await the_dispute(desk)).state == "IN_PROGRESS"
        # the court's wire carries no SIGN
        assert await sent(desk) == []
        with pytest.raises(MissingFieldError):
            await referral_acts.conclude_referral(desk, one.id, ACT, outcome=Outcome.AGREED)
        with pytest.raises(ConflictError):
            await dispute_acts.close_dispute(desk, (await the_dispute(desk)).id, ACT)
        await referral_acts.conclude_referral(
            desk, one.id, ACT, outcome=Outcome.AGREED, agreement_no="(2024)山综调001", words=f"已付清 {PERSON}"
        )
        concluded = await the_referral(desk)
        assert (concluded.state, concluded.outcome) == ("RETURN_QUEUED", "AGREED")
        assert (await the_dispute(desk)).state == "RESOLVED"
        ((message, command),) = await sent(desk)
        assert isinstance(command, Return) and not command.is_correction
        assert (command.native_id, command.agreement_no) == ("a1", "(2024)山综调001")
        assert (message.lane, message.state) == (f"court/{one.record_id}", "QUEUED")
        # concluded once: another result is a correction, and says so
        with pytest.raises(ConflictError):
            await referral_acts.conclude_referral(desk, one.id, ACT, outcome=Outcome.AGREED, agreement_no="X2")
        # the court's own word comes back and changes nothing of ours
        echo = log(60, "2026-01-02 09:00:00", org=CENTRE, tjjg="1", tjxybh="(2024)山综调001", sldh="SL1")
        await deliver(desk, [filed(logs=[diverted("2024-08-02 10:00:00"), echo], gxsj="2026-01-02 09:00:00")])
        again = await the_referral(desk)
        assert (again.state, again.outcome) == ("RETURN_QUEUED", "AGREED")
        told = await rows(desk, select(handling_events).where(handling_events.c.dispute_id.is_not(None)))
        assert [event.kind for event in told] == ["ACCEPTED", "RESULT_RECORDED"]
        words = await rows(desk, select(event_words))
        assert {one.actor_name for one in words if one.words == "依当事人申请"} == {"马主任"}
        assert PERSON not in str(told)


async def test_what_mediation_did_not_settle_returns_with_undisputed_facts(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = at_work(opened)
        await deliver(desk, [filed()])
        one = await the_referral(desk)
        await referral_acts.accept_referral(desk, one.id, ACT, is_suitable=True, has_consent=True)
        for missing, given in (
            ("terminationReason", {}),
            ("undisputedFacts", {"termination_reason": TerminationReason.TOO_FAR_APART}),
        ):
            with pytest.raises(MissingFieldError) as refused:
                await referral_acts.conclude_referral(desk, one.id, ACT, outcome=Outcome.NOT_AGREED, **given)
            assert refused.value.field == missing
        with pytest.raises(UserInputError):
            await referral_acts.conclude_referral(
                desk, one.id, ACT, outcome=Outcome.REFUSED, termination_reason=TerminationReason.TIME_LIMIT,
                undisputed_facts="借款属实",
            )  # fmt: skip
        await referral_acts.conclude_referral(
            desk, one.id, ACT, outcome=Outcome.NOT_AGREED, termination_reason=TerminationReason.TOO_FAR_APART,
            undisputed_facts="借款属实",
        )  # fmt: skip
        ((_, command),) = await sent(desk)
        assert isinstance(command, Return) and command.undisputed_facts == "借款属实"
        assert (await the_dispute(desk)).state == "UNRESOLVED"
        # corrected later: the parties agreed after all
        await referral_acts.correct_referral(desk, one.id, ACT, outcome=Outcome.AGREED, agreement_no="X9")
        _, (_, correction) = await sent(desk)
        assert isinstance(correction, Return) and correction.is_correction
        assert (await the_dispute(desk)).state == "RESOLVED"


async def test_a_decline_is_void_once_the_partner_refuses_it(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = at_work(opened)
        await deliver(desk, [filed()])
        one = await the_referral(desk)
        await referral_acts.decline_referral(desk, one.id, ACT, reason=DeclineReason.NOT_OURS, words="不属本中心")
        assert (await the_referral(desk)).state == "DECLINED"
        from hub.matter import opened as opened_matter
        from hub.store.tables import outbound_messages as messages

        async with desk.store.write() as tx:
            await tx.execute(messages.update().values(state="REFUSED"))
        async with opened_matter(desk, (await the_dispute(desk)).id, ACT):
            pass
        assert (await the_referral(desk)).state == "SENT"


async def test_the_centres_own_acts_fold_on_top_of_the_facts(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = at_work(opened)
        dispute_id = await register_dispute(desk, walk_in(), ACT)
        one = await the_dispute(desk)
        assert (one.id, one.state, one.channel, one.code[:2]) == (dispute_id, "REGISTERED", "WALK_IN", "JF")
        with pytest.raises(ConflictError):
            await dispute_acts.close_dispute(desk, dispute_id, ACT)
        await dispute_acts.accept_dispute(desk, dispute_id, ACT, expected_version=one.version)
        with pytest.raises(VersionConflictError):
            await dispute_acts.accept_dispute(desk, dispute_id, ACT, expected_version=one.version)
        await dispute_acts.assign_dispute(desk, dispute_id, ACT, assignee="李调解", is_suitable=True)
        await dispute_acts.record_event(desk, dispute_id, ACT, kind=HandlingEventKind.SESSION_HELD)
        assert (await the_dispute(desk)).state == "IN_PROGRESS"
        await dispute_acts.suspend_dispute(desk, dispute_id, ACT)
        with pytest.raises(ConflictError):
            await dispute_acts.resolve_dispute(desk, dispute_id, ACT, outcome=Outcome.SELF_SETTLED)
        await dispute_acts.resume_dispute(desk, dispute_id, ACT)
        assert (await the_dispute(desk)).state == "IN_PROGRESS"
        await dispute_acts.resolve_dispute(
            desk, dispute_id, ACT, outcome=Outcome.AGREED, agreement_no="X1",
            termination_reason=TerminationReason.AGREEMENT,
        )  # fmt: skip
        await dispute_acts.record_follow_up(desk, dispute_id, ACT, reached=True, solved="YES")
        await dispute_acts.close_dispute(desk, dispute_id, ACT)
        closed = await the_dispute(desk)
        assert (closed.state, closed.outcome, closed.closed_at is not None) == ("CLOSED", "AGREED", True)
        with pytest.raises(ConflictError):
            await dispute_acts.record_event(desk, dispute_id, ACT, kind=HandlingEventKind.SESSION_HELD)
        await dispute_acts.reopen_dispute(desk, dispute_id, ACT)
        assert (await the_dispute(desk)).state == "REOPENED"
        states = [
            event.to_state
            for event in await rows(
                desk,
                select(handling_events).where(handling_events.c.dispute_id == dispute_id)
                .order_by(handling_events.c.stream_seq),
            )
            if event.to_state
        ]  # fmt: skip
        assert states == [
            "ACCEPTED", "ASSIGNED", "IN_PROGRESS", "SUSPENDED", "IN_PROGRESS", "RESOLVED", "FOLLOW_UP", "CLOSED",
            "REOPENED",
        ]  # fmt: skip


def walk_in(**changes: Any) -> Registration:
    from datetime import UTC, datetime

    then = datetime(2025, 1, 1, tzinfo=UTC)
    values: dict[str, Any] = {
        "number": "", "title": "邻里通行纠纷", "received_at": then, "changed_at": then, "content": f"联系电话 {PHONE}",
        "category": "0201", "region_code": "620725101201",
        "parties": (
            PartyFacts(PartyRole.APPLICANT, "王芳", id_type="111", id_no=PERSON, phone=PHONE),
            PartyFacts(PartyRole.RESPONDENT, "李强"),
        ),
    }  # fmt: skip
    return Registration(**{**values, **changes})


async def test_a_walk_in_that_mediation_cannot_settle_goes_to_court(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = at_work(opened)
        dispute_id = await register_dispute(desk, walk_in(), ACT)
        with pytest.raises(MissingFieldError) as missing:
            await referring.refer_dispute(
                desk, dispute_id, ACT, target=Target(AgencyKind.COURT, instance="court"), mode=ReferralMode.EXIT_ROUTE
            )
        assert missing.value.field == "claim"
        assert await sent(desk) == [] and await rows(desk, select(referrals)) == []
        referral_id = await referring.refer_dispute(
            desk, dispute_id, ACT, target=Target(AgencyKind.COURT, instance="court"), mode=ReferralMode.EXIT_ROUTE,
            matters=Matters(claim="恢复通行", facts="堵塞通道", undisputed_facts="通道为共用"),
        )  # fmt: skip
        ((message, command),) = await sent(desk)
        assert isinstance(command, Refer) and message.referral_id == referral_id
        # the partner gets the numbers whole, the store keeps them sealed
        assert [(one.role.value, one.name, one.id_no, one.phone) for one in command.parties] == [
            ("APPLICANT", "王芳", PERSON, PHONE),
            ("RESPONDENT", "李强", "", ""),
        ]
        assert PERSON not in str(await rows(desk, select(parties)))
        out = await the_referral(desk)
        assert (out.direction, out.state, out.channel) == ("OUT", "QUEUED", "LITIGATION")
        # another delivery of the record does not take our own hand-over back
        assert (await rows(desk, select(case_records.c.dispute_id)))[0].dispute_id == dispute_id


async def test_a_channel_without_a_wire_is_worked_by_hand(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = at_work(opened)
        dispute_id = await register_dispute(desk, walk_in(), ACT)
        referral_id = await referring.refer_dispute(
            desk, dispute_id, ACT, target=Target(AgencyKind.ARBITRATION), mode=ReferralMode.TRANSFER
        )
        assert await sent(desk) == []
        with pytest.raises(ConflictError):
            await dispute_acts.accept_dispute(desk, dispute_id, ACT)
            await dispute_acts.withdraw_dispute(desk, dispute_id, ACT)
            await dispute_acts.close_dispute(desk, dispute_id, ACT)
        await referring.accept_by_hand(desk, referral_id, ACT)
        await referring.conclude_by_hand(desk, referral_id, ACT, outcome=Outcome.ANSWERED)
        done = await the_referral(desk)
        assert (done.state, done.outcome) == ("CONCLUDED", "ANSWERED")


@pytest.mark.parametrize(
    ("field", "told"),
    [("claim", {"claim": "请" * 20_001}), ("facts", {"facts": "事" * 20_001}), ("words", {"words": "话" * 4001}),
     ("undisputedFacts", {"undisputed_facts": "实" * 20_001})],
)  # fmt: skip
async def test_what_is_too_long_is_refused_by_its_field(database: Database, field: str, told: dict[str, str]) -> None:
    async with open_desk(database.url) as opened:
        desk = at_work(opened)
        dispute_id = await register_dispute(desk, walk_in(), ACT)
        with pytest.raises(UserInputError) as refused:
            await referring.refer_dispute(
                desk, dispute_id, ACT, target=Target(AgencyKind.ARBITRATION), mode=ReferralMode.TRANSFER,
                matters=Matters(**told),
            )  # fmt: skip
        assert refused.value.field == field
        assert await rows(desk, select(referrals)) == []


async def test_the_words_of_a_refusal_by_hand_are_bounded(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = at_work(opened)
        dispute_id = await register_dispute(desk, walk_in(), ACT)
        referral_id = await referring.refer_dispute(
            desk, dispute_id, ACT, target=Target(AgencyKind.ARBITRATION), mode=ReferralMode.TRANSFER
        )
        with pytest.raises(UserInputError) as refused:
            await referring.decline_by_hand(desk, referral_id, ACT, words="不" * 4001)
        assert refused.value.field == "words"
        assert (await the_referral(desk)).state == "SENT"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "title"),
        ({"parties": ()}, "parties"),
        ({"parties": (PartyFacts(PartyRole.RESPONDENT, "李强"),)}, "parties"),
        ({"region_code": "6207"}, "regionCode"),
    ],
)
async def test_a_registration_that_lacks_something_keeps_nothing(
    database: Database, changes: dict[str, Any], field: str
) -> None:
    async with open_desk(database.url) as desk:
        with pytest.raises(UserInputError) as refused:
            await register_dispute(at_work(desk), walk_in(**changes), ACT)
        assert refused.value.field == field
        assert await rows(desk, select(case_records)) == []


async def test_nobody_acts_in_the_future(database: Database) -> None:
    async with open_desk(database.url) as desk:
        dispute_id = await register_dispute(at_work(desk), walk_in(), ACT)
        with pytest.raises(UserInputError):
            await dispute_acts.accept_dispute(desk, dispute_id, ACT, at=desk.clock() + timedelta(hours=1))


def test_a_sign_travels_where_the_wire_carries_it() -> None:
    assert Sign.kind is CommandKind.SIGN
