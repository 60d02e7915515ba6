"""What the hotline is told: every cell of the tables, request ids that repeat, every refusal, and doubt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.hotline import HotlineConnector
from connectors.hotline.calls import message
from connectors.hotline.creation import order
from connectors.hotline.signing import signature
from connectors.pushing import wire_key
from connectors.sandbox.hotline import HotlineOptions, start_hotline
from connectors.sandbox.hotline_sign import hmac_sm3
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
from hub.model import SHANGHAI, CaseFacts, PartyFacts
from hub.vocabulary import CaseRecordState, CommandKind, DeclineReason, Outcome, PartyRole
from sync_jobs.http import AiohttpWire, WireOptions, open_http_wire

from .hotline_push_double import ORDER, StrictHotline, served_hotline
from .hub_kit import court_config
from .push_doubles import config_of

AT = datetime(2024, 8, 5, 10, 0, tzinfo=SHANGHAI)
ABOUT: dict[str, Any] = {"native_id": ORDER, "hand_over": "派单@2024-08-02 09:00:00", "at": AT, "by": "赵调解员"}
KEY = "referral/7f3a/return"
PARTIES = (
    PartyFacts(PartyRole.RESPONDENT, "李强", phone="13893612345"),
    PartyFacts(PartyRole.APPLICANT, "王芳", phone="13893612346"),
)


def agreed(**changes: Any) -> Return:
    plain = {**ABOUT, "outcome": Outcome.AGREED, "agreement_no": "XY-1", "words": "双方已达成协议"}
    return Return(**{**plain, **changes})


def refer(**changes: Any) -> Refer:
    plain: dict[str, Any] = {
        "at": AT, "by": "赵调解员", "dispute_code": "JF620725-2024-000001", "title": "噪声", "facts": "夜间施工",
        "category": "0402", "region_code": "620725101", "parties": PARTIES, "order_type": "投诉",
    }  # fmt: skip
    return Refer(**{**plain, **changes})


SIGN = Sign(**ABOUT)
DECLINE = Decline(**ABOUT, reason=DeclineReason.NOT_OURS, words="属住建局")
EXTEND = Extend(**ABOUT, due_on=date(2024, 9, 30), words="需评估")


@asynccontextmanager
async def opened(hotline: StrictHotline, **options: Any) -> AsyncIterator[tuple[HotlineConnector, AiohttpWire]]:
    async with served_hotline(hotline) as wire:
        yield HotlineConnector(config_of("hotline", options=options)), wire


# --- tables -----------------------------------------------------------------------------------------------------

#: WIRES 0.20, cell by cell
SETTLED = {Outcome.AGREED, Outcome.PERFORMED, Outcome.SELF_SETTLED}


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_its_code(outcome: Outcome) -> None:
    path, fields = message(KEY, agreed(outcome=outcome))
    assert (path, fields["successSolve"]) == ("/order/conclude", "1" if outcome in SETTLED else "0")
    assert fields["agreementNo"] == ("XY-1" if outcome in SETTLED else "")


@pytest.mark.parametrize(
    ("reason", "code"),
    [(DeclineReason.NOT_OURS, "01"), (DeclineReason.INCOMPLETE, "02"), (DeclineReason.DUPLICATE, "03"),
     (DeclineReason.OTHER, "09")],
)  # fmt: skip
def test_every_reason_has_its_code(reason: DeclineReason, code: str) -> None:
    assert message(KEY, Decline(**ABOUT, reason=reason, words="说明")).fields["reasonCode"] == code


@pytest.mark.parametrize("sign_type", ["SHA256", "SM3"])
@pytest.mark.parametrize(
    ("command", "state"), [(SIGN, 1), (DECLINE, 1), (EXTEND, 2), (agreed(), 3), (refer(), 1), (refer(parties=()), 1)]
)
async def test_a_strict_hotline_takes_it_and_the_second_send_changes_nothing(
    command: Command, state: int, sign_type: str
) -> None:
    hotline = StrictHotline(orders={ORDER: state}, sign_type=sign_type)
    async with opened(hotline, sign_type=sign_type) as (connector, wire):
        first = await connector.push(wire, KEY, command)
        again = await connector.push(wire, KEY, command)
        assert await connector.find(wire, KEY, command) is None
    assert first == again and len(hotline.held) == 1 and len(hotline.nonces) == 2
    assert (first.partner_ref, first.is_delivered, first.is_final, first.our_key) == ("R00001", True, True, "")
    assert [*hotline.held] == [wire_key(KEY)] and b"R00001" in first.raw
    [name] = first.names
    assert name.scheme == "hotline.workordercode" and (name.value == ORDER) is not isinstance(command, Refer)


@pytest.mark.parametrize(
    "command",
    [
        Progress(**ABOUT), Confirm(**ABOUT, agreement_no="1"), Supplement(**ABOUT, agreement_no="1"),
        Escalate(**ABOUT), Cancel(**ABOUT),
    ],
)  # fmt: skip
async def test_what_the_wire_cannot_carry_is_refused_before_anything_is_sent(command: Command) -> None:
    hotline = StrictHotline()
    async with opened(hotline) as (connector, wire):
        with pytest.raises(RejectedError) as refused:
            await connector.push(wire, KEY, command)
    assert refused.value.code == "UNSUPPORTED" and not hotline.bodies
    assert HotlineConnector.commands == {
        CommandKind.SIGN, CommandKind.DECLINE, CommandKind.EXTEND, CommandKind.RETURN, CommandKind.REFER,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (Sign(**{**ABOUT, "by": ""}), "MISSING_BY"),
        (Sign(**{**ABOUT, "native_id": ""}), "MISSING_NATIVE_ID"),
        (Decline(**ABOUT, reason=DeclineReason.OTHER), "MISSING_WORDS"),
        (Extend(**ABOUT, due_on=date(2024, 9, 30)), "MISSING_WORDS"),
        (agreed(words=" "), "MISSING_WORDS"),
        (refer(order_type="咨询"), "MISSING_ORDER_TYPE"),
        (refer(title=""), "MISSING_TITLE"),
        (refer(facts=""), "MISSING_FACTS"),
    ],
)
async def test_what_is_missing_is_said_before_anything_is_sent(command: Command, code: str) -> None:
    hotline = StrictHotline()
    async with opened(hotline) as (connector, wire):
        with pytest.raises(RejectedError) as refused:
            await connector.push(wire, KEY, command)
    assert refused.value.code == code and refused.value.hint and not hotline.bodies


def test_a_new_order_says_who_against_whom_and_what() -> None:
    said = order(config_of("hotline"), KEY, refer(claim="停工", words="尽快"))
    assert (said["caller"], said["callerPhone"], said["respondent"]) == ("王芳", "13893612346", "李强")
    assert (said["content"], said["problemId"], said["areaCode"]) == ("停工\n夜间施工\n尽快", "2502", "620725101")
    unknown = order(config_of("hotline"), KEY, refer(category="1701", region_code="6207"))
    assert (unknown["problemId"], unknown["areaCode"]) == ("", "")


# --- keys, refusals, doubt --------------------------------------------------------------------------------------


async def test_the_key_travels_so_a_new_key_per_try_would_be_caught() -> None:
    hotline = StrictHotline()
    async with opened(hotline) as (connector, wire):
        for n in range(5):
            await connector.push(wire, f"try-{n}", refer())
    assert len(hotline.held) == 5


@pytest.mark.parametrize("code", [10002, 20001, 20002, 20003, 20004, 20005])
async def test_a_refusal_is_the_hotlines_code_and_quotes_nothing(code: int) -> None:
    hotline = StrictHotline()
    hotline.codes.append(code)
    async with opened(hotline) as (connector, wire):
        with pytest.raises(RejectedError) as refused:
            await connector.push(wire, KEY, SIGN)
    assert refused.value.code == str(code) and not hotline.held
    assert "李强" not in f"{refused.value}{refused.value.hint}"


async def test_the_same_key_with_other_content_and_the_wrong_order_of_states_are_refused() -> None:
    hotline = StrictHotline()
    async with opened(hotline) as (connector, wire):
        await connector.push(wire, KEY, SIGN)
        with pytest.raises(RejectedError) as other:
            await connector.push(wire, KEY, Sign(**{**ABOUT, "by": "钱调解员"}))
        with pytest.raises(RejectedError) as late:
            await connector.push(wire, "again", SIGN)
    assert (other.value.code, late.value.code) == ("20004", "20002") and len(hotline.held) == 1


async def test_a_wrong_secret_is_an_auth_error() -> None:
    async with opened(StrictHotline()) as (_, wire):
        config = court_config(name="hotline", product="hotline", app_id="hub", secret="another")
        with pytest.raises(AuthError):
            await HotlineConnector(config).push(wire, KEY, SIGN)


RECEIPT = {"receiptNo": "R1", "workordercode": ORDER, "state": 2}


@pytest.mark.parametrize(
    "envelope",
    [
        {"success": True, "code": 10000, "resultData": None},
        {"success": True, "code": 10000, "resultData": {**RECEIPT, "receiptNo": ""}},
        {"success": True, "code": 10000, "resultData": {**RECEIPT, "workordercode": "GS20240802000009"}},
        {"success": False, "code": 10000, "resultData": RECEIPT},
        {"success": True, "code": 20002, "resultData": RECEIPT},
        {"success": False, "code": 99999, "message": "李强"},
        {"success": True},
    ],
)
async def test_an_answer_that_does_not_say_clearly_leaves_doubt(envelope: dict[str, Any]) -> None:
    hotline = StrictHotline()
    hotline.envelopes.append(envelope)
    async with opened(hotline) as (connector, wire):
        with pytest.raises(TransientError) as doubt:
            await connector.push(wire, KEY, SIGN)
    assert doubt.value.in_doubt and "李强" not in str(doubt.value)


@pytest.mark.parametrize("command", [SIGN, refer()])
@pytest.mark.parametrize(
    ("fault", "in_doubt", "done"),
    [
        ("429", False, 0), ("503", False, 0), ("html", True, 0), ("lost", True, 1), ("cut", True, 1),
        ("garbage", True, 1), ("refused-connection", True, 0),
    ],
)  # fmt: skip
async def test_doubt_is_told_and_a_retry_has_one_effect(
    command: Command, fault: str, in_doubt: bool, done: int
) -> None:  # fmt: skip
    hotline = StrictHotline()
    hotline.faults.append(fault)
    async with opened(hotline) as (connector, wire):
        with pytest.raises(TransientError) as failed:
            await connector.push(wire, KEY, command)
        assert (failed.value.in_doubt, len(hotline.held)) == (in_doubt, done)
        assert failed.value.retry_after == (7 if fault == "429" else None)
        assert (await connector.push(wire, KEY, command)).partner_ref == "R00001"
    assert len(hotline.held) == 1


TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)


@given(TEXT, TEXT, TEXT, st.binary(max_size=200))
def test_the_signature_covers_app_id_time_nonce_and_the_raw_body(
    secret: str, app: str, nonce: str, body: bytes
) -> None:
    signed = signature("SM3", secret, app, "1722470400000", nonce, body)
    assert signed == hmac_sm3(secret.encode(), f"{app}1722470400000{nonce}".encode() + body)
    plain = signature("SHA256", secret, app, "1722470400000", nonce, body)
    assert len(plain) == 64 and plain != signature("SHA256", secret, app, "1722470400000", nonce, body + b" ")
    assert plain != signature("SHA256", secret, app, "1722470400001", nonce, body)


@given(st.text(max_size=200), st.text(min_size=1, max_size=200).filter(str.strip))
def test_a_message_follows_from_key_and_command_alone(key: str, words: str) -> None:
    command = agreed(words=f"x{words}")
    assert message(key, command) == message(key, agreed(words=f"x{words}"))
    assert message(key, command).fields["requestId"] == wire_key(key)


# --- the simulated hotline --------------------------------------------------------------------------------------


@asynccontextmanager
async def simulated() -> AsyncIterator[tuple[HotlineConnector, AiohttpWire, Any]]:
    hotline = await start_hotline(HotlineOptions(scale=0.05))
    config = court_config(
        name="hotline", product="hotline", base_url=hotline.base_url, app_id=hotline.app_id, secret=hotline.secret
    )

    async def control(do: str, **arguments: Any) -> Any:
        asked = {"do": do, **arguments}
        async with aiohttp.ClientSession() as http, http.post(hotline.control_url, json=asked) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    try:
        async with open_http_wire(WireOptions(base_url=hotline.base_url)) as wire:
            yield HotlineConnector(config), wire, control
    finally:
        await hotline.close()


async def test_the_simulated_hotline_takes_an_order_of_ours_and_lists_it_under_the_receipts_name() -> None:
    async with simulated() as (connector, wire, control):
        await control("misbehave", mode="lost", times=1, on="push")
        with pytest.raises(TransientError) as lost:
            await connector.push(wire, KEY, refer())
        assert lost.value.in_doubt
        first, again = [await connector.push(wire, KEY, refer()) for _ in range(2)]
        assert first == again
        [name] = first.names
        [item] = await connector.fetch(wire, [name.value])
        [facts] = [fact for fact in connector.map(item) if isinstance(fact, CaseFacts)]
        assert name in facts.names and facts.state is CaseRecordState.RECEIVED and facts.title == "噪声"
        with pytest.raises(RejectedError) as other:
            await connector.push(wire, KEY, refer(title="别的"))
        assert other.value.code == "20004"
        with pytest.raises(RejectedError) as foreign:
            await connector.push(wire, "sign", Sign(**{**ABOUT, "native_id": name.value}))
    assert foreign.value.code in ("20002", "20005")


async def test_the_simulated_hotline_takes_the_calls_of_an_order_and_the_list_shows_them() -> None:
    async with simulated() as (connector, wire, control):
        with pytest.raises(RejectedError) as unknown:
            await connector.push(wire, KEY, SIGN)
        assert unknown.value.code == "20001"
        added = (await control("add", count=40))["added"]
        await control("advance", seconds=3600)
        codes = [key["native_id"] for key in added]
        signed = ""
        for code in codes:
            about = {**ABOUT, "native_id": code, "at": datetime(2024, 8, 1, 9, 30, tzinfo=SHANGHAI)}
            try:
                first = await connector.push(wire, f"{code}/sign", Sign(**about))
            except RejectedError as refused:
                assert refused.code in ("20002", "20005")
                continue
            assert first == await connector.push(wire, f"{code}/sign", Sign(**about))
            signed = code
            break
        assert signed, "the county dispatches some orders to the centre"
        await connector.push(wire, f"{signed}/extend", Extend(**about, due_on=date(2024, 8, 30), words="需评估"))
        await connector.push(wire, f"{signed}/return", agreed(**about))
        [item] = await connector.fetch(wire, [signed])
        [facts] = [fact for fact in connector.map(item) if isinstance(fact, CaseFacts)]
    assert facts.state is CaseRecordState.CONCLUDED and facts.result is not None
    assert facts.result.outcome is Outcome.AGREED
