"""What the petition office is told: every cell of the tables, numbers that repeat, conflicts, refusals and doubt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.petition import PetitionConnector
from connectors.petition.push import STEPS, message, number_of
from connectors.sandbox.petition import PetitionOptions, start_petition
from hub.commands import (
    Cancel,
    Command,
    Confirm,
    Decline,
    Escalate,
    Extend,
    Progress,
    Refer,
    Return,
    Sign,
    Supplement,
)  # fmt: skip
from hub.errors import AuthError, RejectedError, TransientError
from hub.model import SHANGHAI, CaseFacts
from hub.vocabulary import CommandKind, DeclineReason, HandlingEventKind, Outcome
from sync_jobs.http import AiohttpWire, WireOptions, open_http_wire

from .hub_kit import CENTRE, court_config
from .petition_push_double import LETTER, StrictOffice, served_office
from .push_doubles import config_of

AT = datetime(2024, 8, 5, 10, 0, tzinfo=SHANGHAI)
ABOUT: dict[str, Any] = {"native_id": LETTER, "hand_over": "02@2024-08-02", "at": AT, "by": "赵调解员"}
KEY = "referral/7f3a/return"


def agreed(**changes: Any) -> Return:
    plain = {**ABOUT, "outcome": Outcome.AGREED, "agreement_no": "XY-1", "words": "双方已达成协议"}
    return Return(**{**plain, **changes})


SIGN = Sign(**ABOUT)
DECLINE = Decline(**ABOUT, reason=DeclineReason.NOT_OURS, words="属住建局")
EXTEND = Extend(**ABOUT, due_on=date(2024, 9, 30), words="需评估")


@asynccontextmanager
async def opened(office: StrictOffice) -> AsyncIterator[tuple[PetitionConnector, AiohttpWire]]:
    async with served_office(office) as wire:
        yield PetitionConnector(config_of("petition")), wire


# --- tables -----------------------------------------------------------------------------------------------------

#: WIRES 0.20, cell by cell
SETTLED = {Outcome.AGREED, Outcome.PERFORMED, Outcome.SELF_SETTLED}


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_its_code(outcome: Outcome) -> None:
    [step] = message(KEY, agreed(outcome=outcome))["blfss"]
    is_settled = outcome in SETTLED
    assert (step["blfs"], step["dftype"], step["hjbz"]) == ("14", "1", "1" if is_settled else "0")
    assert step["xysbh"] == ("XY-1" if is_settled else "")


@pytest.mark.parametrize(
    ("command", "blfs", "digits"),
    [(SIGN, "11", range(10)), (DECLINE, "12", range(10, 20)), (EXTEND, "13", range(20, 50)),
     (agreed(), "14", range(50, 100))],
)  # fmt: skip
async def test_a_strict_office_takes_it_and_the_second_send_changes_nothing(
    command: Command, blfs: str, digits: range
) -> None:
    office = StrictOffice()
    async with opened(office) as (connector, wire):
        assert await connector.find(wire, KEY, command) is None
        first = await connector.push(wire, KEY, command)
        again = await PetitionConnector(config_of("petition")).push(wire, KEY, command)
        found = await connector.find(wire, KEY, command)
    [(number, item)] = office.held.items()
    assert first.partner_ref == again.partner_ref == number and found is not None and found.partner_ref == number
    assert first.is_delivered and first.is_final and not first.our_key and b"successStr" in first.raw
    assert item["blfss"][0]["blfs"] == blfs and int(number[-2:]) in digits and number[:-3] == LETTER


@pytest.mark.parametrize(
    "command",
    [
        Progress(**ABOUT), Confirm(**ABOUT, agreement_no="1"), Supplement(**ABOUT, agreement_no="1"),
        Escalate(**ABOUT), Cancel(**ABOUT), Refer(at=AT, dispute_code="JF1", title="x"),
    ],
)  # fmt: skip
async def test_what_the_wire_cannot_carry_is_refused_before_anything_is_sent(command: Command) -> None:
    office = StrictOffice()
    async with opened(office) as (connector, wire):
        for ask in (connector.push, connector.find):
            with pytest.raises(RejectedError) as refused:
                await ask(wire, KEY, command)
            assert refused.value.code == "UNSUPPORTED"
    assert not office.bodies and not office.asked
    assert PetitionConnector.commands == {
        CommandKind.SIGN, CommandKind.DECLINE, CommandKind.EXTEND, CommandKind.RETURN,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (agreed(words="\n"), "MISSING_WORDS"),
        (Decline(**ABOUT, reason=DeclineReason.OTHER), "MISSING_WORDS"),
        (Extend(**ABOUT, due_on=date(2024, 9, 30)), "MISSING_WORDS"),
        (Sign(**{**ABOUT, "native_id": ""}), "MISSING_NATIVE_ID"),
    ],
)
async def test_what_is_missing_is_said_before_anything_is_sent(command: Command, code: str) -> None:
    office = StrictOffice()
    async with opened(office) as (connector, wire):
        with pytest.raises(RejectedError) as refused:
            await connector.push(wire, KEY, command)
    assert refused.value.code == code and refused.value.hint and not office.bodies


# --- keys -------------------------------------------------------------------------------------------------------


async def test_the_key_travels_so_a_new_key_per_try_would_be_caught() -> None:
    office = StrictOffice()
    async with opened(office) as (connector, wire):
        for n in range(12):
            await connector.push(wire, f"try-{n}", agreed())
    assert len(office.held) > 6, "a connector that made a new key per try would have as many effects"


@given(st.text(max_size=200), st.sampled_from([SIGN, DECLINE, EXTEND, agreed()]))
def test_the_two_digits_follow_from_kind_and_key(key: str, command: Any) -> None:
    step = STEPS[command.kind]
    number = number_of(key, command)
    assert number == number_of(key, command) and number[:-2] == f"{LETTER}-" and len(number) == len(LETTER) + 3
    assert step.first <= int(number[-2:]) < step.first + step.width
    assert message(key, command) == message(key, command)


def test_kinds_never_share_digits_and_all_digits_are_used() -> None:
    taken = [digit for step in STEPS.values() for digit in range(step.first, step.first + step.width)]
    assert sorted(taken) == list(range(100))
    assert len({number_of(f"k{n}", agreed()) for n in range(2000)}) == 50


# --- conflicts, refusals, doubt ---------------------------------------------------------------------------------


async def test_a_conflict_of_equal_content_is_the_first_receipt() -> None:
    office = StrictOffice()
    async with opened(office) as (connector, wire):
        await connector.push(wire, KEY, agreed())
        office.held = {number: dict(reversed(item.items())) for number, item in office.held.items()}
        receipt = await connector.push(wire, KEY, agreed())
    assert receipt.is_final and len(office.asked) == 1, "key order is no content"


async def test_a_conflict_of_other_content_is_for_a_person() -> None:
    office = StrictOffice()
    async with opened(office) as (connector, wire):
        await connector.push(wire, KEY, agreed(words="李强已还款"))
        for ask in (connector.push, connector.find):
            with pytest.raises(RejectedError) as refused:
                await ask(wire, KEY, agreed(words="李强未还款"))
            assert refused.value.code == "CONFLICT" and refused.value.hint
            assert "李强" not in f"{refused.value}{refused.value.hint}"
    assert len(office.held) == 1


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("信访件不存在", "信访件不存在"), ("非本单位办理", "非本单位办理"), ("字段缺失:blyj", "字段缺失:blyj"),
        ("字段缺失:李强的电话", "字段缺失"),
        ("blfss必须且只能有一条", "blfss必须且只能有一条"), ("李强不同意", "FAILED"),
    ],
)  # fmt: skip
async def test_a_refusal_is_their_reason_and_quotes_nothing(reason: str, code: str) -> None:
    office = StrictOffice()
    office.reasons.append(reason)
    async with opened(office) as (connector, wire):
        with pytest.raises(RejectedError) as refused:
            await connector.push(wire, KEY, agreed())
    assert refused.value.code == code and not office.held
    assert "李强" not in f"{refused.value}{refused.value.hint}"


NUMBER = number_of(KEY, agreed())


@pytest.mark.parametrize(
    "envelope",
    [
        {"code": "200", "msg": "成功", "successStr": "", "conflictStr": "", "failSituationList": []},
        {"code": "200", "msg": "成功", "successStr": f"{NUMBER}0", "conflictStr": "", "failSituationList": []},
        {"code": "200", "msg": "成功", "successStr": NUMBER, "conflictStr": NUMBER, "failSituationList": []},
        {"code": "200", "successStr": NUMBER, "failSituationList": [{"failId": NUMBER, "failReason": "信访件不存在"}]},
        {"code": "200", "successStr": NUMBER, "failSituationList": "none"},
        {"code": "200", "msg": "成功", "conflictStr": NUMBER},
        {"code": "999", "msg": "李强"},
    ],
)
async def test_an_answer_that_does_not_say_clearly_leaves_doubt(envelope: dict[str, Any]) -> None:
    office = StrictOffice()
    office.envelopes.append(envelope)
    async with opened(office) as (connector, wire):
        with pytest.raises(TransientError) as doubt:
            await connector.push(wire, KEY, agreed())
        assert doubt.value.in_doubt and "李强" not in str(doubt.value)
        assert (await connector.push(wire, KEY, agreed())).is_final


@pytest.mark.parametrize(
    ("envelope", "error"),
    [({"code": "500", "msg": "x"}, TransientError), ({"code": "400", "msg": "x"}, RejectedError),
     ({"code": "401", "msg": "x"}, AuthError)],
)  # fmt: skip
async def test_what_was_certainly_not_stored_leaves_no_doubt(
    envelope: dict[str, Any], error: type[Exception]
) -> None:  # fmt: skip
    office = StrictOffice()
    office.envelopes.append(envelope)
    async with opened(office) as (connector, wire):
        with pytest.raises(error) as failed:
            await connector.push(wire, KEY, agreed())
    assert not getattr(failed.value, "in_doubt", False)


async def test_a_wrong_secret_is_an_auth_error() -> None:
    async with opened(StrictOffice()) as (_, wire):
        config = court_config(name="petition", product="petition", secret="another")
        with pytest.raises(AuthError):
            await PetitionConnector(config).push(wire, KEY, agreed())


@pytest.mark.parametrize(
    ("fault", "in_doubt", "done"),
    [
        ("429", False, 0), ("503", False, 0), ("html", True, 0), ("lost", True, 1), ("cut", True, 1),
        ("garbage", True, 1), ("refused-connection", True, 0),
    ],
)  # fmt: skip
async def test_doubt_is_told_and_a_retry_has_one_effect(fault: str, in_doubt: bool, done: int) -> None:
    office = StrictOffice()
    office.faults.append(fault)
    async with opened(office) as (connector, wire):
        with pytest.raises(TransientError) as failed:
            await connector.push(wire, KEY, agreed())
        assert (failed.value.in_doubt, len(office.held)) == (in_doubt, done)
        assert failed.value.retry_after == (7 if fault == "429" else None)
        assert (await connector.find(wire, KEY, agreed()) is not None) is bool(done)
        assert (await connector.push(wire, KEY, agreed())).partner_ref == NUMBER
    assert len(office.held) == 1


async def test_an_answer_lost_while_a_conflict_is_looked_into_leaves_doubt() -> None:
    office = StrictOffice()
    async with opened(office) as (connector, wire):
        await connector.push(wire, KEY, agreed())
        office.faults.extend(["", "lost"])
        with pytest.raises(TransientError) as failed:
            await connector.push(wire, KEY, agreed())
    assert failed.value.in_doubt


# --- the simulated office ---------------------------------------------------------------------------------------


@asynccontextmanager
async def simulated() -> AsyncIterator[tuple[PetitionConnector, AiohttpWire, Any]]:
    office = await start_petition(PetitionOptions(scale=0.1))
    config = court_config(name="petition", product="petition", base_url=office.base_url, secret=office.secret)

    async def control(do: str, **arguments: Any) -> Any:
        asked = {"do": do, **arguments}
        async with aiohttp.ClientSession() as http, http.post(office.control_url, json=asked) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    try:
        async with open_http_wire(WireOptions(base_url=office.base_url)) as wire:
            yield PetitionConnector(config), wire, control
    finally:
        await office.close()


async def test_the_simulated_office_takes_every_step_and_the_pull_shows_it() -> None:
    async with simulated() as (connector, wire, control):
        routing = {"blfs": "02", "qxjg": CENTRE, "blsj": "2024-08-01 08:30:00", "xfjzt": "02"}
        letters = [key["native_id"] for key in (await control("add", count=2, set=routing))["added"]]
        about = {**ABOUT, "native_id": letters[0], "at": datetime(2024, 8, 1, 9, 0, tzinfo=SHANGHAI)}
        steps: list[tuple[str, Command]] = [
            ("sign", Sign(**about)), ("extend", Extend(**about, due_on=date(2024, 10, 8), words="需评估")),
            ("return", agreed(**about)), ("decline", Decline(**{**about, "native_id": letters[1]},
                                                            reason=DeclineReason.DUPLICATE, words="已有")),
        ]  # fmt: skip
        for key, command in steps:
            await control("misbehave", mode="lost", times=1, on="push")
            with pytest.raises(TransientError) as lost:
                await connector.push(wire, key, command)
            assert lost.value.in_doubt
            first = await connector.push(wire, key, command)
            assert (await connector.push(wire, key, command)).partner_ref == first.partner_ref
            assert (found := await connector.find(wire, key, command)) and found.partner_ref == first.partner_ref
        pushes = [push for push in await control("pushes") if push["path"].endswith("pushJsonData")]
        assert len({push["body"][0]["sxfjbh"] for push in pushes}) == 4 and len(pushes) >= 8
        rows = await connector.fetch(wire, letters)
        facts = {fact.native_id: fact for row in rows for fact in connector.map(row) if isinstance(fact, CaseFacts)}
        ended, refused = facts[letters[0]], facts[letters[1]]
        assert ended.result is not None and ended.result.outcome is Outcome.AGREED
        assert any(entry.kind is HandlingEventKind.DECLINED for entry in refused.entries)


async def test_the_simulated_office_refuses_unknown_letters_and_other_content() -> None:
    async with simulated() as (connector, wire, control):
        with pytest.raises(RejectedError) as unknown:
            await connector.push(wire, KEY, agreed())
        assert unknown.value.code == "信访件不存在"
        routing = {"blfs": "02", "qxjg": CENTRE, "blsj": "2024-08-01 08:30:00", "xfjzt": "02"}
        [letter] = [key["native_id"] for key in (await control("add", count=1, set=routing))["added"]]
        await connector.push(wire, KEY, agreed(native_id=letter))
        with pytest.raises(RejectedError) as conflict:
            await connector.push(wire, KEY, agreed(native_id=letter, words="别的"))
    assert conflict.value.code == "CONFLICT"
