"""Referring: a dispute, or a part of the work, goes out to the proper procedure, over a wire where one carries it.

An outbound referral hangs on the record that stands for its dispute, so that it follows that record through every merge
and split. Where no wire carries it, it is worked by hand in the same object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.acts import Act
from hub.commands import Earlier, Refer
from hub.desk import Desk
from hub.dispute_acts import check_ending
from hub.errors import ConflictError, MissingFieldError, UserInputError
from hub.matter import Matter, opened
from hub.model import PartyFacts
from hub.outbox import Draft, enqueue
from hub.parties import opened_parties
from hub.principal import shown_name
from hub.referral_acts import handed
from hub.referral_standing import Own, to_json
from hub.said import LONGEST_FACTS, words_of
from hub.store.ids import new_id
from hub.store.lookup import AnyRow
from hub.store.tables import agencies, referrals
from hub.vocabulary import (
    AgencyKind,
    Channel,
    CommandKind,
    HandlingEventKind,
    Outcome,
    ReferralDirection,
    ReferralMode,
    ReferralState,
    TransferGround,
)
from hub.workflow import check_dispute

_CHANNELS = {
    AgencyKind.COURT: Channel.LITIGATION, AgencyKind.POLICE: Channel.POLICE, AgencyKind.PETITION: Channel.PETITION,
    AgencyKind.HOTLINE: Channel.HOTLINE, AgencyKind.GRID: Channel.GRID,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Who is to take it."""

    kind: AgencyKind
    #: 12-digit unit code; '' where the agency is not in the hub's list
    code: str = ""
    #: the configured partner whose wire carries it; '' is worked by hand
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Matters:
    """What the receiver is told besides what the dispute's records say. Raises UserInputError where it is too long."""

    claim: str = ""
    facts: str = ""
    words: str = ""
    undisputed_facts: str = ""
    is_administrative: bool = False
    risk: TransferGround | None = None
    order_type: str = ""
    report_in_by: datetime | None = None

    def __post_init__(self) -> None:
        words_of(self.claim, "claim", longest=LONGEST_FACTS)
        words_of(self.facts, "facts", longest=LONGEST_FACTS)
        words_of(self.words)
        words_of(self.undisputed_facts, "undisputedFacts", longest=LONGEST_FACTS)


async def refer_dispute(
    desk: Desk, dispute_id: str, act: Act, *, target: Target, mode: ReferralMode | None, matters: Matters = Matters(),
    parent_referral_id: str | None = None, at: datetime | None = None, expected_version: int | None = None,
) -> str:  # fmt: skip
    """Hand it out; returns the referral's id.

    ``mode`` is EXIT_ROUTE, TRANSFER, ASSIST (中心吹哨、部门报到), ESCALATE, ASSIGN or DELEGATE. Raises as every act.
    """
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        given = {"target": target.kind, "mode": mode, "reason": act.words}
        check_dispute("referDispute", matter.state, matter.referrals, given)
        assert mode is not None
        if mode in (ReferralMode.RETURN, ReferralMode.DISPATCH, ReferralMode.ENTRUST):
            raise UserInputError(f"{mode} is no way to refer a dispute", field="mode")
        if target.instance and CommandKind.REFER not in desk.carries(target.instance):
            raise ConflictError(
                f"the wire of {target.instance} takes no new case", hint="Leave instance out: it is worked by hand."
            )
        if parent_referral_id is not None:
            matter.referral(parent_referral_id)
        anchor = next(one for one in matter.records if one.id == matter.row.opening_record_id)
        referral_id = await _write(matter, anchor, target, mode, matters, parent_referral_id)
        matter.result["referral"] = referral_id
        data = {"referral": referral_id, "to_code": target.code, "mode": mode.value, "to_kind": target.kind.value}
        is_exit = mode is ReferralMode.EXIT_ROUTE
        matter.tell(HandlingEventKind.EXITED if is_exit else HandlingEventKind.REFERRED, data=data, about=referral_id)
        if target.instance:
            command = await _command(matter, anchor, target, matters)
            ordinal = await _ordinal(matter.tx, anchor.id, target.instance)
            parent = next((one for one in matter.referrals if one.id == parent_referral_id), None)
            await enqueue(
                matter.tx, desk,
                Draft(
                    target.instance, parent.record_id if parent is not None else referral_id,
                    (anchor.instance, anchor.native_id, anchor.native_no, f"refer/{ordinal}"), command, matter.id,
                    referral_id, anchor.id, owner=referral_id,
                ),
            )  # fmt: skip
        return referral_id


async def cancel_referral(
    desk: Desk, referral_id: str, act: Act, *, at: datetime | None = None, expected_version: int | None = None
) -> None:
    """Take back a hand-over of ours that nobody took yet and that no message has left for."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        one.check("cancelReferral", reason=act.words)
        if one.row.instance:
            raise ConflictError("its message may have left already", hint="Discard the message, or ask the partner.")
        one.matter.tell(HandlingEventKind.CANCELLED, data=one.data, about=one.row.id)
        await one.matter.own(one.row, replace(one.own, cancelled_at=one.matter.at))


async def accept_by_hand(
    desk: Desk, referral_id: str, act: Act, *, at: datetime | None = None, expected_version: int | None = None
) -> None:
    """The receiver took a hand-over of ours that no wire carries."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        one.check("acceptReferral")
        one.matter.tell(HandlingEventKind.ACCEPTED, data=one.data, about=one.row.id, actor_code=one.row.to_code)
        await one.matter.own(one.row, replace(one.own, accepted_at=one.matter.at))


async def decline_by_hand(
    desk: Desk, referral_id: str, act: Act, *, words: str, at: datetime | None = None,
    expected_version: int | None = None,
) -> None:  # fmt: skip
    """The receiver sent back a hand-over of ours that no wire carries."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        said = words_of(words)
        one.check("declineReferral", words=said)
        one.matter.tell(HandlingEventKind.DECLINED, data=one.data, about=one.row.id, actor_code=one.row.to_code)
        await one.matter.own(one.row, replace(one.own, declined_at=one.matter.at), words=said)


async def conclude_by_hand(
    desk: Desk, referral_id: str, act: Act, *, outcome: Outcome, at: datetime | None = None,
    expected_version: int | None = None,
) -> None:  # fmt: skip
    """What became of a hand-over of ours that no wire carries."""
    async with handed(desk, referral_id, act, at=at, expected_version=expected_version) as one:
        one.check("concludeReferral", outcome=outcome.value)
        check_ending(outcome, None, "")
        data = {**one.data, "outcome": outcome.value}
        one.matter.tell(HandlingEventKind.RESULT_RECORDED, data=data, about=one.row.id, actor_code=one.row.to_code)
        await one.matter.own(one.row, replace(one.own, concluded_at=one.matter.at, outcome=outcome))


async def _write(
    matter: Matter, anchor: AnyRow, target: Target, mode: ReferralMode, matters: Matters, parent: str | None
) -> str:
    referral_id = new_id("ref", matter.desk.county)
    own = Own(extended_to=matters.report_in_by)
    facts = words_of(matters.undisputed_facts, "undisputedFacts", longest=LONGEST_FACTS)
    await matter.tx.execute(
        referrals.insert().values(
            id=referral_id, county=matter.desk.county, record_id=anchor.id, source_event_id=f"own:{referral_id}",
            parent_referral_id=parent, channel=_CHANNELS.get(target.kind, Channel(matter.row.channel)).value,
            mode=mode.value, direction=ReferralDirection.OUT.value, from_code=matter.desk.centre_code,
            to_code=target.code or await _code_of(matter.tx, target.kind),
            state=(ReferralState.QUEUED if target.instance else ReferralState.SENT).value, agreement_no="",
            undisputed_facts=facts, returned_reason="", partner_ref="",
            sent_at=matter.at, due_at=matters.report_in_by, owes_return=False, is_live=True, version=1,
            own=to_json(own), own_undisputed_facts=facts,
            own_words=matter.act.words, instance=target.instance,
        )
    )  # fmt: skip
    return referral_id


async def _command(matter: Matter, anchor: AnyRow, target: Target, matters: Matters) -> Refer:
    row = matter.row
    parties = await _parties(matter)
    if target.kind is AgencyKind.COURT:
        for role_field, text in (("claim", matters.claim), ("facts", matters.facts)):
            if not text.strip():
                raise MissingFieldError(f"the court wants {role_field}", field=role_field)
    earlier = next((one for one in matter.records if one.instance == target.instance), None)
    return Refer(
        at=matter.at, by=shown_name(matter.act.by), dispute_code=row.code, title=row.title, claim=matters.claim.strip(),
        facts=matters.facts.strip() or row.summary, words=matters.words.strip() or matter.act.reason.strip(),
        category=row.category, region_code=row.region_code, address=row.address_text,
        amount_cny=Decimal(row.amount_cny) if row.amount_cny else None, parties=parties,
        undisputed_facts=matters.undisputed_facts.strip(), is_administrative=matters.is_administrative,
        risk=matters.risk, order_type=matters.order_type,
        earlier=Earlier() if earlier is None else Earlier(
            native_id=earlier.native_id, native_no=earlier.native_no, service_no=earlier.unit_key
        ),
    )  # fmt: skip


async def _parties(matter: Matter) -> tuple[PartyFacts, ...]:
    """Everybody the dispute's records name, each once, the opening record's own first."""
    ordered = sorted(matter.records, key=lambda one: (one.id != matter.row.opening_record_id, one.received_at, one.id))
    found: dict[tuple[str, str], PartyFacts] = {}
    for party in await opened_parties(matter.tx, matter.desk, [one.id for one in ordered]):
        name = (party.id_no or "", party.name)
        same = next((key for key in found if _may_be_one(key, name)), None)
        if same is None:
            found[name] = party
        elif not same[0] and name[0]:
            # a later record knows the number: the same person, in the part they had first
            found[name] = replace(party, role=found.pop(same).role)
    return tuple(found.values())


def _may_be_one(one: tuple[str, str], other: tuple[str, str]) -> bool:
    return one[1] == other[1] and (not one[0] or not other[0] or one[0] == other[0])


async def _ordinal(tx: AsyncConnection, anchor_id: str, instance: str) -> int:
    query = select(func.count()).where(referrals.c.record_id == anchor_id, referrals.c.instance == instance)
    return int((await tx.execute(query)).scalar_one())


async def _code_of(tx: AsyncConnection, kind: AgencyKind) -> str:
    query = select(agencies.c.code).where(agencies.c.kind == kind.value).order_by(agencies.c.code).limit(1)
    return str((await tx.execute(query)).scalar_one_or_none() or "")
