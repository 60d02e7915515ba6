"""What the court is told: every cell of the tables, every refusal, doubt, and the key that travels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.court import CourtConnector
from connectors.court.filing import money
from connectors.court.push import correction_no, message, spelling
from connectors.court.wire import signature
from connectors.pushing import wire_key
from connectors.sandbox.court import CourtOptions, RunningCourt, start_court
from connectors.sandbox.digests import sm3
from hub.commands import (
    Cancel,
    Command,
    Confirm,
    Decline,
    Earlier,
    Escalate,
    Extend,
    Progress,
    Refer,
    Return,
    Sign,
    Supplement,
)  # fmt: skip
from hub.errors import AuthError, RejectedError, TransientError
from hub.model import SHANGHAI, Answer, CaseFacts, PartyFacts
from hub.vocabulary import CommandKind, DeclineReason, Outcome, PartyRole, ReferralState, TerminationReason
from sync_jobs.http import AiohttpWire, WireOptions, open_http_wire

from .hub_kit import CENTRE, court_config
from .push_doubles import StrictCourt, config_of, served_court

AT = datetime(2024, 8, 5, 10, 0, tzinfo=SHANGHAI)
NUMBERED: dict[str, Any] = {
    "native_id": "a" * 32, "native_no": "(2024)甘0725民诉前调7号", "hand_over": "80@2024-08-02 09:00:00#1", "at": AT,
    "by": "赵调解员",
}  # fmt: skip
UNNUMBERED: dict[str, Any] = {**NUMBERED, "native_id": "b" * 32, "native_no": ""}
KEY = "referral/7f3a/return"
PARTIES = (
    PartyFacts(PartyRole.APPLICANT, "王芳", id_type="111", id_no="620725199003074518", region_code="620725101201"),
    PartyFacts(PartyRole.RESPONDENT, "李强", phone="13893612345"),
    PartyFacts(PartyRole.WITNESS, "赵六"),
)


def agreed(**changes: Any) -> Return:
    return Return(**{**NUMBERED, "outcome": Outcome.AGREED, "agreement_no": "XY-1", **changes})


def refer(**changes: Any) -> Refer:
    plain: dict[str, Any] = {
        "at": AT, "by": "赵调解员", "dispute_code": "JF620725-2024-000001", "title": "借款", "claim": "归还借款",
        "facts": "借款未还", "category": "0804", "amount_cny": Decimal("12000"), "parties": PARTIES,
        "undisputed_facts": "借过钱",
    }  # fmt: skip
    return Refer(**{**plain, **changes})


# --- tables -----------------------------------------------------------------------------------------------------

#: WIRES 0.20, cell by cell
CELLS = {
    Outcome.AGREED: ("1", ""), Outcome.PERFORMED: ("1", ""), Outcome.SELF_SETTLED: ("3", ""),
    Outcome.NOT_AGREED: ("2", "5"), Outcome.REFUSED: ("2", "4"), Outcome.UNREACHABLE: ("2", "3"),
    Outcome.WITHDRAWN: ("3", ""), Outcome.NOT_SUITABLE: ("2", "8"), Outcome.OUT_OF_SCOPE: ("2", "8"),
    Outcome.DOCKETED: ("2", "8"), Outcome.PENALISED: ("2", "8"), Outcome.ANSWERED: ("2", "8"),
}  # fmt: skip


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_its_code(outcome: Outcome) -> None:
    said = message(KEY, agreed(outcome=outcome, undisputed_facts="借过钱"))
    assert (said["tjjg"], said["bcgyy"]) == CELLS[outcome]
    assert said["tjxybh"] == ("XY-1" if said["tjjg"] == "1" else "")


@pytest.mark.parametrize(
    ("reason", "outcome", "code"),
    [
        (TerminationReason.TIME_LIMIT, Outcome.NOT_AGREED, "6"),
        (TerminationReason.SIGNATURE_REFUSED, Outcome.NOT_AGREED, "7"),
        (TerminationReason.TOO_FAR_APART, Outcome.NOT_AGREED, "5"),
        (TerminationReason.OTHER, Outcome.NOT_AGREED, "8"),
        # a reason that contradicts the outcome does not change it
        (TerminationReason.TIME_LIMIT, Outcome.REFUSED, "4"),
        (TerminationReason.REFUSED, Outcome.UNREACHABLE, "3"),
        (TerminationReason.TIME_LIMIT, Outcome.AGREED, ""),
    ],
)
def test_the_ending_of_art_25_is_told_where_it_agrees(reason: TerminationReason, outcome: Outcome, code: str) -> None:
    assert spelling(agreed(outcome=outcome, termination_reason=reason)).bcgyy == code


@pytest.mark.parametrize(
    ("command", "accept_type", "tjxybh"),
    [
        (agreed(), "60", "XY-1"),
        (agreed(is_correction=True, agreement_no="XY-2"), "61", "XY-2"),
        (Decline(**NUMBERED, reason=DeclineReason.NOT_OURS, words="不归我们管"), "4", ""),
        (Confirm(**NUMBERED, agreement_no="XY-1"), "98", "XY-1"),
        (Supplement(**NUMBERED, agreement_no="XY-1b", words="补充"), "98", "XY-1b"),
    ],
)
def test_every_command_has_its_message(command: Command, accept_type: str, tjxybh: str) -> None:
    said = message(KEY, command)
    assert (said["acceptType"], said["tjxybh"]) == (accept_type, tjxybh)


@pytest.mark.parametrize(
    "command",
    [
        Sign(**NUMBERED), Extend(**NUMBERED, due_on=date(2024, 9, 1)), Progress(**NUMBERED), Escalate(**NUMBERED),
        Cancel(**NUMBERED),
    ],
)  # fmt: skip
async def test_what_the_wire_cannot_carry_is_refused_before_anything_is_sent(command: Command) -> None:
    court = StrictCourt()
    async with served_court(court) as wire:
        with pytest.raises(RejectedError) as refused:
            await CourtConnector(config_of("court")).push(wire, KEY, command)
    assert refused.value.code == "UNSUPPORTED" and not court.tokens and not court.bodies
    assert command.kind not in CourtConnector.commands
    assert CourtConnector.commands == {
        CommandKind.DECLINE, CommandKind.RETURN, CommandKind.CONFIRM, CommandKind.SUPPLEMENT, CommandKind.REFER,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (agreed(agreement_no=" "), "MISSING_AGREEMENT_NO"),
        (agreed(outcome=Outcome.REFUSED), "MISSING_UNDISPUTED_FACTS"),
        (agreed(native_id=""), "MISSING_NATIVE_ID"),
        (Decline(**NUMBERED, reason=DeclineReason.OTHER), "MISSING_WORDS"),
        (Confirm(**NUMBERED, agreement_no=""), "MISSING_AGREEMENT_NO"),
        (Supplement(**NUMBERED, agreement_no=""), "MISSING_AGREEMENT_NO"),
        (refer(category="0503"), "MISSING_CATEGORY"),
        (refer(claim=""), "MISSING_CLAIM"),
        (refer(facts="\u3000"), "MISSING_FACTS"),
        (refer(parties=PARTIES[:1]), "MISSING_PARTIES"),
        (refer(parties=PARTIES[1:]), "MISSING_PARTIES"),
        (refer(parties=(*PARTIES, PartyFacts(PartyRole.THIRD_PARTY, ""))), "MISSING_PARTY_NAME"),
        (refer(amount_cny=Decimal("NaN")), "BAD_AMOUNT"),
    ],
)
async def test_what_is_missing_is_said_before_anything_is_sent(command: Command, code: str) -> None:
    court = StrictCourt()
    async with served_court(court) as wire:
        with pytest.raises(RejectedError) as refused:
            await CourtConnector(config_of("court")).push(wire, KEY, command)
    assert refused.value.code == code and refused.value.hint and not court.bodies


# --- over the wire ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def opened(court: StrictCourt, **options: Any) -> AsyncIterator[tuple[CourtConnector, AiohttpWire]]:
    async with served_court(court) as wire:
        yield CourtConnector(config_of("court", options=options)), wire


@pytest.mark.parametrize("sign_type", ["MD5", "SM3"])
@pytest.mark.parametrize(
    "command",
    [
        agreed(), agreed(**UNNUMBERED), agreed(outcome=Outcome.UNREACHABLE, undisputed_facts="无"),
        agreed(outcome=Outcome.SELF_SETTLED), agreed(outcome=Outcome.WITHDRAWN, is_correction=True),
        agreed(is_correction=True), agreed(outcome=Outcome.NOT_AGREED, undisputed_facts="无", is_correction=True),
        Decline(**NUMBERED, reason=DeclineReason.INCOMPLETE, words="缺被告地址"),
        Confirm(**NUMBERED, agreement_no="XY-1"), Supplement(**NUMBERED, agreement_no="XY-1b"),
        refer(), refer(is_administrative=True, amount_cny=None),
        refer(earlier=Earlier(native_id="a" * 32, native_no="(2024)甘0725民诉前调7号", service_no="FW9")),
    ],
)  # fmt: skip
async def test_a_strict_court_takes_it_and_the_second_send_changes_nothing(command: Command, sign_type: str) -> None:
    court = StrictCourt(sign_type=sign_type)
    async with opened(court, sign_type=sign_type) as (connector, wire):
        first = await connector.push(wire, KEY, command)
        again = await connector.push(wire, KEY, command)
    assert court.effects == 1 and len(court.bodies) == 2
    assert first.partner_ref == first.our_key == again.our_key == "SL000001"
    assert first.is_delivered and not first.is_final and b"success" in first.raw and "已存在".encode() in again.raw


async def test_a_filing_names_the_row_it_opened_and_carries_the_key() -> None:
    court = StrictCourt()
    async with opened(court) as (connector, wire):
        receipt = await connector.push(wire, KEY, refer())
        await connector.push(wire, "another step", refer())
    body = court.bodies[0]
    names = {name.scheme: name.value for name in receipt.names}
    assert set(names) == {"court.ajbs", "court.fwlsh"} and names["court.fwlsh"] == "FW1"
    assert body["requestId"] == wire_key(KEY) and court.effects == 2, "a new key is a new filing"
    assert (body["caseCause"], body["caseAmount"], body["ajlb"]) == ("9132", "12000.00", "0301")
    assert body["submitter"] == CENTRE
    assert [row["dsrlx"] for row in body["dsr"]] == ["原告", "被告"], "a witness is no party of a filing"
    assert (body["dsr"][0]["xzqhdm"], body["dsr"][1]["xzqhdm"]) == ("620725101201", "")


async def test_brackets_match_in_either_width_and_a_number_may_be_unknown() -> None:
    court = StrictCourt(cases={("a" * 32, "（2024）甘0725民诉前调7号"), ("b" * 32, "")})
    async with opened(court) as (connector, wire):
        await connector.push(wire, KEY, agreed())
        await connector.push(wire, KEY, agreed(**UNNUMBERED))
    assert [body["ah"] for body in court.bodies] == ["(2024)甘0725民诉前调7号", ""] and court.effects == 2


async def test_two_corrections_do_not_collide_and_one_repeats_itself() -> None:
    court = StrictCourt()
    failed = agreed(outcome=Outcome.REFUSED, undisputed_facts="无", is_correction=True)
    async with opened(court) as (connector, wire):
        for key in ("step-1", "step-2", "step-1"):
            await connector.push(wire, key, failed)
    assert court.effects == 2
    assert court.bodies[0]["tjxybh"] == court.bodies[2]["tjxybh"] == correction_no("step-1") != correction_no("step-2")


async def test_the_same_key_with_other_content_is_refused_and_never_success() -> None:
    court = StrictCourt()
    async with opened(court) as (connector, wire):
        await connector.push(wire, KEY, agreed(undisputed_facts="甲"))
        with pytest.raises(RejectedError) as refused:
            await connector.push(wire, KEY, agreed(undisputed_facts="乙"))
        await connector.push(wire, KEY, refer())
        with pytest.raises(RejectedError):
            await connector.push(wire, KEY, refer(claim="别的"))
    assert refused.value.code == "409" and court.effects == 2


@pytest.mark.parametrize("code", [400, 404, 409, 422])
async def test_a_refusal_is_the_courts_code_and_quotes_nothing(code: int) -> None:
    court = StrictCourt()
    court.codes.append(code)
    async with opened(court) as (connector, wire):
        with pytest.raises(RejectedError) as refused:
            await connector.push(wire, KEY, agreed())
    assert refused.value.code == str(code) and not court.effects
    assert "李强" not in f"{refused.value}{refused.value.hint}"


async def test_wrong_credentials_and_unknown_codes() -> None:
    court = StrictCourt()
    async with opened(court) as (connector, wire):
        court.codes.append(403)
        with pytest.raises(AuthError):
            await connector.push(wire, KEY, agreed())
        court.codes.append(500)
        with pytest.raises(TransientError) as odd:
            await connector.push(wire, KEY, agreed())
    assert odd.value.in_doubt and "李强" not in str(odd.value)


async def test_a_dead_token_is_renewed_once_and_the_same_push_goes_again() -> None:
    court = StrictCourt()
    async with opened(court) as (connector, wire):
        await connector.push(wire, KEY, agreed())
        court.dead.update(court.tokens)
        await connector.push(wire, KEY, refer())
        assert wire.incidents["TOKEN_EXPIRED"] == 1 and court.bodies[1] == court.bodies[2]
        court.dead.update(f"{n:032x}" for n in range(9))
        with pytest.raises(TransientError) as refused:
            await connector.push(wire, KEY, refer())
    assert refused.value.kind == "TOKEN_EXPIRED" and not refused.value.in_doubt and court.effects == 2


@pytest.mark.parametrize("command", [agreed(), refer()])
@pytest.mark.parametrize(
    ("fault", "in_doubt", "done"),
    [
        ("429", False, 0), ("503", False, 0), ("html", True, 0), ("lost", True, 1), ("cut", True, 1),
        ("garbage", True, 1), ("refused-connection", True, 0),
    ],
)  # fmt: skip
async def test_doubt_is_told_and_a_retry_has_one_effect(
    command: Command, fault: str, in_doubt: bool, done: int
) -> None:
    court = StrictCourt()
    court.faults.append(fault)
    async with opened(court) as (connector, wire):
        with pytest.raises(TransientError) as failed:
            await connector.push(wire, KEY, command)
        assert (failed.value.in_doubt, court.effects) == (in_doubt, done)
        assert failed.value.retry_after == (7 if fault == "429" else None)
        assert "李强" not in f"{failed.value}{failed.value.hint}"
        receipt = await connector.push(wire, KEY, command)
        assert await connector.find(wire, KEY, command) is None
    assert court.effects == 1 and receipt.our_key == "SL000001"


async def test_nobody_at_the_address_leaves_no_doubt() -> None:
    async with open_http_wire(WireOptions(base_url="http://127.0.0.1:9")) as wire:
        with pytest.raises(TransientError) as failed:
            await CourtConnector(config_of("court")).push(wire, KEY, agreed())
    assert failed.value.kind == "CONNECTION_REFUSED" and not failed.value.in_doubt


# --- pure parts -------------------------------------------------------------------------------------------------


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8")), max_size=9))
def test_the_signature_covers_exactly_its_parts(parts: list[str]) -> None:
    joined = "".join(parts)
    assert signature("SM3", *parts) == sm3(joined.encode()) == signature("SM3", joined)
    assert len(signature("MD5", *parts)) == 32 and signature("MD5", *parts) == signature("MD5", joined)
    assert signature("MD5", *parts) != signature("MD5", *parts, "x")


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_key_on_the_wire_is_plain_and_its_own(one: str, other: str) -> None:
    spelled = wire_key(one)
    assert 0 < len(spelled) <= 64 and spelled.isascii() and not set(spelled) & set(" /?&=\"'\\\n")
    assert (spelled == wire_key(other)) == (one == other)


@given(st.text(max_size=80), st.text(max_size=300))
def test_a_message_follows_from_key_and_command_alone(key: str, words: str) -> None:
    command = agreed(outcome=Outcome.REFUSED, undisputed_facts=f"x{words}", is_correction=True)
    said = message(key, command)
    assert said == message(key, replace(command)) and all(isinstance(value, str) for value in said.values())
    assert "\x00" not in said["wzyss"]


@given(st.decimals(min_value=0, max_value=10**12, places=2))
def test_money_has_two_places(amount: Decimal) -> None:
    assert Decimal(money(amount)) == amount and money(amount)[-3] == "."
    with pytest.raises(RejectedError):
        money(-amount - 1)


def test_no_command_shows_words_in_its_repr() -> None:
    shown = repr(refer()) + repr(agreed(words="李强说", undisputed_facts="李强欠钱"))
    assert "李强" not in shown and "王芳" not in shown and "赵调解员" not in shown and "借款" not in shown


# --- the simulated court ----------------------------------------------------------------------------------------


@asynccontextmanager
async def simulated() -> AsyncIterator[tuple[CourtConnector, AiohttpWire, RunningCourt]]:
    court = await start_court(CourtOptions(seed=7, scale=0.02))
    config = court_config(base_url=court.base_url, app_id=court.app_id, secret=court.secret)
    try:
        async with open_http_wire(WireOptions(base_url=court.base_url)) as wire:
            yield CourtConnector(config), wire, court
    finally:
        await court.close()


async def control(court: RunningCourt, do: str, **arguments: Any) -> Any:
    async with aiohttp.ClientSession() as http, http.post(court.control_url, json={"do": do, **arguments}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def answers(connector: CourtConnector, wire: AiohttpWire, ajbs: str) -> list[Answer]:
    facts = [fact for row in await connector.fetch(wire, [ajbs]) for fact in connector.map(row)]
    return [fact for fact in facts if isinstance(fact, Answer)]


async def test_a_filing_is_accepted_and_docketed_as_the_pull_tells_under_its_receipt() -> None:
    async with simulated() as (connector, wire, court):
        await control(court, "desk", acceptType=90, answer=981, times=1)
        await control(court, "misbehave", mode="lost", times=1, on="push")
        with pytest.raises(TransientError) as lost:
            await connector.push(wire, KEY, refer())
        assert lost.value.in_doubt
        first, again = [await connector.push(wire, KEY, refer()) for _ in range(2)]
        assert first.our_key == again.our_key and first.names == again.names
        ajbs = next(name.value for name in first.names if name.scheme == "court.ajbs")
        [row] = await connector.fetch(wire, [ajbs])
        [facts] = [fact for fact in connector.map(row) if isinstance(fact, CaseFacts)]
        # the echo of our own push is recognisable before the court has said anything
        assert any(entry.data.get("sldh") == first.our_key for entry in facts.entries)
        assert {name.value for name in first.names} <= {name.value for name in facts.names}
        await court.desk.advance(120)
        assert [(one.our_key, one.accepted, one.code) for one in await answers(connector, wire, ajbs)] == [
            (first.our_key, True, "981")
        ]
        await court.desk.advance(2 * 86_400)
        docketed = (await answers(connector, wire, ajbs))[-1]
        assert (docketed.our_key, docketed.accepted, docketed.code) == (first.our_key, True, "DOCKETED")
        assert "甘0725民初" in docketed.partner_ref


@pytest.mark.parametrize("answer", [980, 982])
async def test_a_filing_that_is_not_accepted_says_so_and_is_never_docketed(answer: int) -> None:
    async with simulated() as (connector, wire, court):
        await control(court, "desk", acceptType=90, answer=answer, times=1)
        receipt = await connector.push(wire, KEY, refer())
        ajbs = next(name.value for name in receipt.names if name.scheme == "court.ajbs")
        await court.desk.advance(5 * 86_400)
        [said] = await answers(connector, wire, ajbs)
    assert (said.our_key, said.accepted, said.code) == (receipt.our_key, False, str(answer))


async def open_referral(connector: CourtConnector, wire: AiohttpWire, court: RunningCourt) -> tuple[CaseFacts, str]:
    """A case that waits for the centre's result, and the hand-over."""
    await control(court, "add", count=40)
    await court.desk.advance(12 * 86_400)
    cursor, more, found = connector.start_cursor(None, datetime(2024, 8, 1, tzinfo=SHANGHAI)), True, []
    while more:
        page = await connector.pull(wire, cursor)
        cursor, more = page.cursor, page.more
        found += [fact for item in page.items for fact in connector.map(item) if isinstance(fact, CaseFacts)]
    open_ = (ReferralState.SENT, ReferralState.ACCEPTED, ReferralState.IN_PROGRESS)
    return next((one, ho.source_event_id) for one in found for ho in one.hand_overs if ho.state in open_)


@pytest.mark.parametrize(("answer", "accepted"), [(981, True), (982, False)])
async def test_a_result_is_answered_under_its_receipt(answer: int, accepted: bool) -> None:
    async with simulated() as (connector, wire, court):
        facts, handed = await open_referral(connector, wire, court)
        await control(court, "desk", acceptType=60, answer=answer, times=1)
        result = agreed(
            native_id=facts.native_id, native_no=facts.native_no, hand_over=handed, outcome=Outcome.REFUSED,
            undisputed_facts="借过钱",
        )  # fmt: skip
        receipt = await connector.push(wire, KEY, result)
        assert (await connector.push(wire, KEY, result)).our_key == receipt.our_key
        await court.desk.advance(120)
        said = [one for one in await answers(connector, wire, facts.native_id) if one.our_key == receipt.our_key]
    assert [(one.accepted, one.code) for one in said] == [(accepted, str(answer))]


async def test_what_the_simulated_court_does_not_know_is_refused() -> None:
    async with simulated() as (connector, wire, _):
        with pytest.raises(RejectedError) as unknown:
            await connector.push(wire, KEY, agreed())
    assert unknown.value.code == "404"
