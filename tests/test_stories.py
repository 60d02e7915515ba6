"""Stories over real wires: work that comes in, goes out and comes back, as the people at both ends would tell it."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.petition.push import number_of
from hub import referral_acts, referring
from hub.acts import Act
from hub.commands import Return
from hub.errors import DeadlinePassedError
from hub.referring import Matters, Target
from hub.registering import register_dispute
from hub.store.tables import outbound_messages, referrals
from hub.vocabulary import (
    AgencyKind,
    DeclineReason,
    Outcome,
    Performance,
    ReferralMode,
    TerminationReason,
    TransferGround,
)

from .county_kit import DAY, LivingCounty, living_county
from .databases import Database
from .hub_kit import CENTRE
from .test_workflow import walk_in

ACT = Act("马主任", "依当事人申请")


async def test_a_filing_is_mediated_returned_acknowledged_and_confirmed(database: Database, tmp_path: Path) -> None:
    async with living_county(database.url, tmp_path, "court", days=3) as county:
        for kind in (60, 98):
            await county.control("court", "desk", acceptType=kind, answer=981, times=-1)
        one = (await county.open_referrals("court"))[0]
        await referral_acts.accept_referral(county.desk, one.id, ACT, is_suitable=True, has_consent=True)
        await referral_acts.conclude_referral(
            county.desk, one.id, ACT, outcome=Outcome.AGREED, agreement_no="(2024)山综调011"
        )
        await county.settle("court")
        now = await county.referral(one.id)
        assert (now.state, now.outcome) == ("RETURN_ACKED", "AGREED")
        await referral_acts.apply_for_confirmation(county.desk, one.id, ACT, agreement_no="(2024)山综调011")
        await county.settle("court")
        assert await county.messages(one.id) == [("RETURN", "ACKED"), ("CONFIRM", "ACKED")]
        dispute = await county.dispute_of(one.record_id)
        # the confirmation's own number came by pull, into the same dispute
        assert "0303" in {record.native_kind for record in await county.members(dispute.id)}
        assert dispute.state == "RESOLVED"


async def test_material_that_the_court_wants_is_supplied(database: Database, tmp_path: Path) -> None:
    async with living_county(database.url, tmp_path, "court", days=3) as county:
        await county.control("court", "desk", acceptType=60, answer=981, times=-1)
        await county.control("court", "desk", acceptType=98, answer=980, times=1)
        one = (await county.open_referrals("court"))[0]
        await referral_acts.accept_referral(county.desk, one.id, ACT, is_suitable=True, has_consent=True)
        await referral_acts.conclude_referral(county.desk, one.id, ACT, outcome=Outcome.AGREED, agreement_no="X1")
        await county.settle("court")
        await referral_acts.apply_for_confirmation(county.desk, one.id, ACT, agreement_no="X1")
        await county.settle("court", times=1)
        assert (await county.messages(one.id))[-1] == ("CONFIRM", "DELIVERED")
        await county.control("court", "desk", acceptType=98, answer=981, times=-1)
        await referral_acts.apply_for_confirmation(county.desk, one.id, ACT, agreement_no="X1-2", words="补充身份证明")
        await county.settle("court")
        assert (await county.messages(one.id))[-1] == ("SUPPLEMENT", "ACKED")


async def test_a_mediation_that_fails_is_docketed_under_a_new_number(database: Database, tmp_path: Path) -> None:
    async with living_county(database.url, tmp_path, "court", days=3) as county:
        await county.control("court", "desk", acceptType=60, answer=981, times=-1)
        for one in (await county.open_referrals("court"))[:6]:
            await referral_acts.accept_referral(county.desk, one.id, ACT, is_suitable=True, has_consent=True)
            await referral_acts.conclude_referral(
                county.desk, one.id, ACT, outcome=Outcome.NOT_AGREED, undisputed_facts="借款属实",
                termination_reason=TerminationReason.TOO_FAR_APART,
            )  # fmt: skip
            assert (await county.dispute_of(one.record_id)).state == "UNRESOLVED"
        mine = [one.id for one in (await county.rows(select(referrals).where(referrals.c.own.is_not(None))))]
        await county.settle("court", times=8)
        ended = [await county.referral(referral_id) for referral_id in mine]
        assert {one.state for one in ended} == {"RETURN_ACKED"}
        states = [(await county.dispute_of(one.record_id)) for one in ended]
        exited = [dispute for dispute in states if dispute.state == "EXITED"]
        assert exited
        numbers = {record.native_no for record in await county.members(exited[0].id)}
        assert any("民初" in number for number in numbers) and len(numbers) > 1


async def test_a_walk_in_is_filed_at_the_court_and_docketed(database: Database, tmp_path: Path) -> None:
    async with living_county(database.url, tmp_path, "court") as county:
        await county.control("court", "desk", acceptType="filing", answer=981, times=-1)
        dispute_id = await register_dispute(county.desk, walk_in(), ACT)
        referral_id = await referring.refer_dispute(
            county.desk, dispute_id, ACT, target=Target(AgencyKind.COURT, instance="court"),
            mode=ReferralMode.EXIT_ROUTE,
            matters=Matters(claim="恢复通行", facts="堵塞通道", undisputed_facts="通道共用"),
        )  # fmt: skip
        await county.settle("court", times=4)
        assert await county.messages(referral_id) == [("REFER", "ACKED")]
        assert (await county.referral(referral_id)).state in ("ACCEPTED", "CONCLUDED")
        members = await county.members(dispute_id)
        assert {record.instance for record in members} == {"centre", "court"}
        filed = next(record for record in members if record.instance == "court")
        assert "民初" in filed.native_no
        assert (await county.dispute_of(filed.id)).state == "EXITED"
        # the receipt and the court's later answer are one arrival
        assert (await county.told(dispute_id)).count("DELIVERED") == 1


async def test_a_dispute_at_risk_is_taken_by_the_police(database: Database, tmp_path: Path) -> None:
    async with living_county(database.url, tmp_path, "police") as county:
        await county.control("police", "desk", answer="1", times=-1)
        dispute_id = await register_dispute(county.desk, walk_in(), ACT)
        referral_id = await referring.refer_dispute(
            county.desk, dispute_id, ACT, target=Target(AgencyKind.POLICE, instance="police"),
            mode=ReferralMode.TRANSFER, matters=Matters(risk=TransferGround.RISK),
        )  # fmt: skip
        for _ in range(4):
            await county.push("police")
            await county.control("police", "look")
            await county.advance(DAY, "police")
            await county.pull("police")
        assert await county.messages(referral_id) == [("REFER", "ACKED")]
        assert (await county.referral(referral_id)).state == "ACCEPTED"
        assert {record.instance for record in await county.members(dispute_id)} == {"centre", "police"}


async def test_a_police_hand_over_is_performed_and_returned(database: Database, tmp_path: Path) -> None:
    async with living_county(database.url, tmp_path, "police", scale=0.1, days=3) as county:
        if not await county.open_referrals("police"):
            await county.control("police", "add", count=1, referred=True)
            await county.advance(DAY, "police")
            await county.pull("police")
        one = (await county.open_referrals("police"))[0]
        await referral_acts.accept_referral(county.desk, one.id, ACT, is_suitable=True)
        await referral_acts.conclude_referral(
            county.desk, one.id, ACT, outcome=Outcome.PERFORMED, agreement_no="(2024)山综调021",
            performance=Performance.FULL, has_written_application=True,
        )  # fmt: skip
        for _ in range(4):
            await county.push("police")
            await county.control("police", "look")
            await county.advance(DAY, "police")
            await county.pull("police")
        assert await county.messages(one.id) == [("SIGN", "ACKED"), ("RETURN", "ACKED")]
        now = await county.referral(one.id)
        assert (now.state, now.outcome) == ("RETURN_ACKED", "PERFORMED")
        assert (await county.record(one.record_id)).result_outcome == "AGREED"


async def test_a_hotline_order_goes_back_in_time_and_one_too_late(database: Database, tmp_path: Path) -> None:
    async with living_county(database.url, tmp_path, "hotline") as county:
        made = await county.control("hotline", "add", count=3)
        assert made
        await county.pull("hotline")
        early, late, missed = (await county.open_referrals("hotline"))[-3:]
        # our clock stands in another year than theirs: what is in time is told by the time of the act
        in_time = early.sent_at + timedelta(minutes=5)
        await referral_acts.decline_referral(
            county.desk, early.id, ACT, reason=DeclineReason.NOT_OURS, words="非本中心职责", at=in_time
        )
        assert (await county.push("hotline")).refused == 0
        await county.pull("hotline")
        assert (await county.referral(early.id)).state == "DECLINED"
        with pytest.raises(DeadlinePassedError):
            await referral_acts.decline_referral(
                county.desk, late.id, ACT, reason=DeclineReason.NOT_OURS, words="非本中心职责"
            )
        # written in time by our clock, but the order's time at the partner ran out before it left
        await referral_acts.decline_referral(
            county.desk, missed.id, ACT, reason=DeclineReason.NOT_OURS, words="非本中心职责",
            at=missed.sent_at + timedelta(minutes=5),
        )  # fmt: skip
        await county.control("hotline", "advance", seconds=10 * DAY)
        assert (await county.push("hotline")).refused == 1
        again = await county.referral(missed.id)
        assert (again.state, (await county.messages(missed.id))[-1]) == ("SENT", ("DECLINE", "REFUSED"))


async def test_an_order_is_opened_at_the_hotline_for_a_department(database: Database, tmp_path: Path) -> None:
    async with living_county(database.url, tmp_path, "hotline") as county:
        dispute_id = await register_dispute(county.desk, walk_in(), ACT)
        referral_id = await referring.refer_dispute(
            county.desk, dispute_id, ACT, target=Target(AgencyKind.HOTLINE, instance="hotline"),
            mode=ReferralMode.ASSIGN, matters=Matters(order_type="诉求", facts="通道堵塞"),
        )  # fmt: skip
        assert (await county.push("hotline")).delivered == 1
        assert await county.messages(referral_id) == [("REFER", "ACKED")]
        await county.pull("hotline")
        assert {record.instance for record in await county.members(dispute_id)} == {"centre", "hotline"}


async def _handed_over_petition(county: LivingCounty) -> Any:
    """A letter that the office forwards to the centre now."""
    routed = {"blfs": "02", "qxjg": CENTRE, "blsj": "2024-08-01 08:45:00", "xfjzt": "02", "xfmddm": "03"}
    await county.control("petition", "add", count=1, set=routed)
    await county.pull("petition")
    return (await county.open_referrals("petition"))[-1]


async def test_a_petition_is_answered_and_its_answer_is_final(database: Database, tmp_path: Path) -> None:
    async with living_county(database.url, tmp_path, "petition", scale=0.1) as county:
        one = await _handed_over_petition(county)
        await referral_acts.accept_referral(county.desk, one.id, ACT, is_suitable=True)
        await referral_acts.conclude_referral(
            county.desk, one.id, ACT, outcome=Outcome.AGREED, agreement_no="(2024)山综调031", words="双方达成协议"
        )
        report = await county.push("petition")
        assert (report.error, report.refused) == (None, 0)
        assert await county.messages(one.id) == [("SIGN", "ACKED"), ("RETURN", "ACKED")]
        assert (await county.referral(one.id)).state == "RETURN_ACKED"
        await county.pull("petition")
        now = await county.referral(one.id)
        assert (now.state, now.outcome) == ("RETURN_ACKED", "AGREED")


async def test_a_petition_row_in_conflict_waits_for_a_person(database: Database, tmp_path: Path) -> None:
    """The office holds another answer under the very number that ours would have: nothing is overwritten."""
    async with living_county(database.url, tmp_path, "petition", scale=0.1) as county:
        one = await _handed_over_petition(county)
        await referral_acts.accept_referral(county.desk, one.id, ACT, is_suitable=True)
        await referral_acts.conclude_referral(county.desk, one.id, ACT, outcome=Outcome.SELF_SETTLED, words="自行和解")
        (message,) = [
            row
            for row in await county.rows(select(outbound_messages).where(outbound_messages.c.referral_id == one.id))
            if row.command == "RETURN"
        ]
        record = await county.record(one.record_id)
        about = Return(
            native_id=record.native_id, hand_over=one.source_event_id, at=one.sent_at, outcome=Outcome.SELF_SETTLED
        )
        taken = {
            "sxfjbh": number_of(message.key, about), "xfj": {"xfjbh": record.native_id}, "xfr": [],
            "blfss": [{"blfs": "14", "dftype": "1", "hjbz": "0", "blyj": "另一答复", "blsj": "2024-08-01 09:00:00",
                       "xysbh": ""}],
        }  # fmt: skip
        secret = county.partners["petition"].secret
        form = {
            "httpRequestVerify": hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest(),
            "jsonData": json.dumps([taken], ensure_ascii=False),
        }
        url = f"{county.partners['petition'].base_url}/obtainData/pushJsonData"
        async with county.http.post(url, data=form) as answer:
            assert (await answer.json(content_type=None))["successStr"] == taken["sxfjbh"]
        report = await county.push("petition")
        assert report.refused == 1
        assert await county.messages(one.id) == [("SIGN", "ACKED"), ("RETURN", "REFUSED")]
        # the work is done, and its return is not with them: a person must look
        assert (await county.referral(one.id)).state == "CONCLUDED"
