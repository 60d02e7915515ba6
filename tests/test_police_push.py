"""What the police are told by files: every cell of the tables, one file a step, acks read and never guessed."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.police import PoliceConnector
from connectors.police.outgoing import MAX_NAMES, Outgoing
from connectors.police.returns import return_batches, return_row
from connectors.police.transfer import call_type, transfer_row
from connectors.sandbox.police import PoliceOptions, RunningPolice, start_police
from hub.commands import (
    Cancel,
    Command,
    Confirm,
    Decline,
    Escalate,
    Extend,
    Progress,
    Receipt,
    Refer,
    Return,
    Sign,
    Supplement,
)  # fmt: skip
from hub.errors import RejectedError, TransientError
from hub.model import SHANGHAI, Answer, CaseFacts, PartyFacts
from hub.vocabulary import (
    UNKNOWN,
    CommandKind,
    DeclineReason,
    Outcome,
    PartyRole,
    Performance,
    TransferGround,
    county_tables,
)  # fmt: skip
from sync_jobs.folder import DirectoryWire, FolderOptions, open_folder_wire

from .hub_kit import CENTRE, court_config
from .police_push_double import StrictPolice

AT = datetime(2024, 8, 5, 10, 0, 7, tzinfo=SHANGHAI)
J12 = f"J620725101000{20240802}00001"
F12 = f"F620725101000{20240802}00001"
CALL: dict[str, Any] = {"native_id": J12, "hand_over": F12, "at": AT, "by": "赵调解员"}
KEY = "referral/7f3a/return"
PARTIES = (
    PartyFacts(PartyRole.CALLER, "王|芳", id_no="620725199003074518"),
    PartyFacts(PartyRole.RESPONDENT, "李;强", phone="13893612345"),
    PartyFacts(PartyRole.APPLICANT, "张𠅤"),
)


def config() -> Any:
    return court_config(name="police", product="police")


def agreed(**changes: Any) -> Return:
    return Return(**{**CALL, "outcome": Outcome.AGREED, "agreement_no": "XY-1", **changes})


def refer(**changes: Any) -> Refer:
    plain: dict[str, Any] = {
        "at": AT, "by": "赵调解员", "dispute_code": "JF620725-2024-000001", "title": "邻里",
        "facts": "扬言\t械斗\r\n今晚",
        "category": "0201", "region_code": "620725101201", "parties": PARTIES, "risk": TransferGround.RISK,
    }  # fmt: skip
    return Refer(**{**plain, **changes})


@pytest.fixture
def police(tmp_path: Path) -> StrictPolice:
    return StrictPolice(tmp_path, {J12: {F12}})


@asynccontextmanager
async def opened(police: StrictPolice) -> AsyncIterator[tuple[PoliceConnector, DirectoryWire]]:
    async with open_folder_wire(FolderOptions(police.root)) as wire:
        yield PoliceConnector(config()), wire


# --- tables -----------------------------------------------------------------------------------------------------

#: WIRES 0.20, cell by cell: JG, LXQK of an outcome alone
CELLS = {
    Outcome.AGREED: ("07", "0"), Outcome.PERFORMED: ("07", "2"), Outcome.SELF_SETTLED: ("07", "0"),
    **dict.fromkeys(
        (Outcome.NOT_AGREED, Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.WITHDRAWN, Outcome.NOT_SUITABLE,
         Outcome.OUT_OF_SCOPE, Outcome.DOCKETED, Outcome.PENALISED, Outcome.ANSWERED), ("08", ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_its_code(outcome: Outcome) -> None:
    row = return_row(agreed(outcome=outcome))
    assert (row["JG"], row["LXQK"]) == CELLS[outcome]
    assert row["XYSBH"] == ("XY-1" if outcome in (Outcome.AGREED, Outcome.PERFORMED) else "")


@pytest.mark.parametrize(
    ("performance", "code"),
    [(None, "0"), (Performance.NONE, "0"), (Performance.PARTIAL, "1"), (Performance.FULL, "2")],
)
def test_performance_is_told_of_what_was_settled(performance: Performance | None, code: str) -> None:
    assert return_row(agreed(performance=performance))["LXQK"] == code
    assert return_row(agreed(performance=performance, outcome=Outcome.REFUSED))["LXQK"] == ""
    assert return_row(agreed(performance=performance, outcome=Outcome.PERFORMED))["LXQK"] == "2"


@pytest.mark.parametrize(("applied", "code"), [(True, "1"), (False, "0"), (None, "0")])
def test_a_written_application_is_told(applied: bool | None, code: str) -> None:
    assert return_row(agreed(has_written_application=applied))["SQS"] == code


@pytest.mark.parametrize(
    ("command", "htlx", "is_final"),
    [
        (Sign(**CALL), "1", True), (Decline(**CALL, reason=DeclineReason.NOT_OURS), "2", True), (agreed(), "3", False),
        (Escalate(**CALL, words="扬言报复"), "4", True),
    ],
)  # fmt: skip
async def test_every_command_is_a_row_and_delivered_with_its_ack(
    police: StrictPolice, command: Command, htlx: str, is_final: bool
) -> None:
    async with opened(police) as (connector, wire):
        assert await connector.find(wire, KEY, command) is None
        laid = await connector.push(wire, KEY, command)
        assert (laid.is_delivered, laid.is_final, laid.raw) == (False, is_final, b"")
        assert await connector.find(wire, KEY, command) == laid
        assert police.look() == [laid.partner_ref]
        found = await connector.find(wire, KEY, command)
        assert found is not None and found.is_delivered and found.is_final is is_final
        assert found.our_key == ("" if is_final else laid.partner_ref) and json.loads(found.raw)["accepted"] == 1
        assert await connector.push(wire, KEY, command) == found
    [row] = police.held.values()
    assert (row["HTLX"], row["JJDBH"], row["FKDBH"], row["BLSJ"]) == (htlx, J12, F12, "2024-08-05 10:00:07")
    assert htlx == "3" or not (row["JG"] or row["LXQK"] or row["XYSBH"])


@pytest.mark.parametrize(
    "command",
    [
        Extend(**CALL, due_on=date(2024, 9, 1)), Progress(**CALL), Confirm(**CALL, agreement_no="1"), Cancel(**CALL),
        Supplement(**CALL, agreement_no="1"), agreed(is_correction=True),
    ],
)  # fmt: skip
async def test_what_the_wire_cannot_carry_is_refused_and_nothing_is_written(
    police: StrictPolice, command: Command
) -> None:
    async with opened(police) as (connector, wire):
        for ask in (connector.push, connector.find):
            with pytest.raises(RejectedError) as refused:
                await ask(wire, KEY, command)
            assert refused.value.code == "UNSUPPORTED"
    assert not [*police.root.glob("out/*.*")]
    assert PoliceConnector.commands == {
        CommandKind.SIGN, CommandKind.DECLINE, CommandKind.RETURN, CommandKind.ESCALATE, CommandKind.REFER,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (Sign(**{**CALL, "hand_over": ""}), "MISSING_HAND_OVER"),
        (Sign(**{**CALL, "native_id": ""}), "MISSING_NATIVE_ID"),
        (agreed(by="  "), "MISSING_BY"),
        (refer(risk=None), "MISSING_RISK"),
        (refer(facts=""), "MISSING_FACTS"),
        (refer(dispute_code=""), "MISSING_DISPUTE_CODE"),
        (refer(by=""), "MISSING_BY"),
    ],
)
async def test_what_is_missing_is_said_and_nothing_is_written(
    police: StrictPolice, command: Command, code: str
) -> None:  # fmt: skip
    async with opened(police) as (connector, wire):
        with pytest.raises(RejectedError) as refused:
            await connector.push(wire, KEY, command)
    assert refused.value.code == code and refused.value.hint and not [*police.root.glob("out/*.*")]


# --- one file a step --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [agreed(), refer()])
async def test_every_try_writes_the_same_file_and_has_one_effect(police: StrictPolice, command: Command) -> None:
    async with opened(police) as (connector, wire):
        first = await connector.push(wire, KEY, command)
        written = {path.name: path.read_bytes() for path in police.root.glob("out/*.*")}
        assert set(written) == {f"{first.partner_ref}.zip", f"{first.partner_ref}.zip.ok"}
        # a process that never heard of it
        assert await PoliceConnector(config()).push(wire, KEY, command) == first
        police.look()
        assert (await connector.push(wire, KEY, command)).is_delivered
    assert {path.name: path.read_bytes() for path in police.root.glob("out/*.*")} == written
    assert len(police.held) == 1 and f"_{CENTRE}_20240805100007_" in first.partner_ref


async def test_a_new_key_is_another_file(police: StrictPolice) -> None:
    async with opened(police) as (connector, wire):
        receipts = [await connector.push(wire, f"step-{n}", refer()) for n in range(20)]
    assert len({one.partner_ref for one in receipts}) == len({one.our_key for one in receipts}) == 20
    police.look()
    assert len(police.held) == 20, "what carried a new key per try would have twenty effects"


async def test_a_push_that_died_before_its_marker_is_finished_by_the_next_try(police: StrictPolice) -> None:
    async with opened(police) as (connector, wire):
        receipt = await connector.push(wire, KEY, agreed())
        marker = police.root / f"out/{receipt.partner_ref}.zip.ok"
        marker.unlink()
        assert await connector.find(wire, KEY, agreed()) is None and police.look() == []
        assert await connector.push(wire, KEY, agreed()) == receipt and marker.exists()


async def test_a_name_that_is_taken_by_other_content_is_never_written_over(police: StrictPolice) -> None:
    first, second = [batch for batch, _ in zip(return_batches(config(), KEY, agreed()), range(2), strict=False)]
    (police.root / first.zip_path).write_bytes(b"another's")
    async with opened(police) as (connector, wire):
        receipt = await connector.push(wire, KEY, agreed())
        assert receipt.partner_ref == second.name != first.name
        assert await connector.push(wire, KEY, agreed()) == receipt
    assert (police.root / first.zip_path).read_bytes() == b"another's"


async def test_an_answer_to_other_bytes_is_no_answer_to_ours(police: StrictPolice) -> None:
    async with opened(police) as (connector, wire):
        first = await connector.push(wire, KEY, agreed())
        police.answer(first.partner_ref, "0" * 64, "BAD_ZIP: half arrived")
        again = await connector.push(wire, KEY, agreed())
        assert again.partner_ref != first.partner_ref and not again.is_delivered
        police.look()
        assert (await connector.find(wire, KEY, agreed())) is not None
    assert len(police.held) == 1


async def test_when_every_name_is_taken_somebody_is_told(police: StrictPolice) -> None:
    for batch in return_batches(config(), KEY, agreed()):
        (police.root / batch.zip_path).write_bytes(b"x")
    async with opened(police) as (connector, wire):
        with pytest.raises(TransientError) as taken:
            await connector.push(wire, KEY, agreed())
    assert taken.value.kind == "NAMES_TAKEN" and len([*police.root.glob("out/*.zip")]) == MAX_NAMES


async def test_two_transfers_of_a_day_never_share_a_number(police: StrictPolice) -> None:
    async with opened(police) as (connector, wire):
        first = await connector.push(wire, KEY, refer())
        # the same serial at another second of that day would be the same YSBH
        later = await connector.push(wire, KEY, refer(at=AT + timedelta(seconds=5), facts="另一件"))
        tomorrow = await connector.push(wire, KEY, refer(at=AT + timedelta(days=1), facts="另一件"))
    police.look()
    assert first.our_key != later.our_key and len(police.held) == 3
    assert first.our_key[-5:] == tomorrow.our_key[-5:] != later.our_key[-5:]


async def test_a_race_for_a_name_is_lost_without_harm(police: StrictPolice) -> None:
    class Racing:
        """Another process's file takes the place of ours right after it was written."""

        def __init__(self, wire: DirectoryWire) -> None:
            self.wire, self.raced = wire, False

        def __getattr__(self, name: str) -> Any:
            return getattr(self.wire, name)

        async def write(self, path: str, content: bytes) -> None:
            await self.wire.write(path, content)
            if path.endswith(".zip") and not self.raced:
                self.raced = True
                await self.wire.write(path, b"another's")

    async with opened(police) as (connector, wire):
        receipt = await connector.push(Racing(wire), KEY, agreed())
        zip_ = police.root / f"out/{receipt.partner_ref}.zip"
        assert zip_.read_bytes() != b"another's"
    assert police.look() == [receipt.partner_ref] and len(police.held) == 1


# --- acks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("UNKNOWN_JJDBH", "UNKNOWN_JJDBH"), ("NOT_REFERRED", "NOT_REFERRED"), ("BAD_VALUE:BLR 李强", "BAD_VALUE:BLR"),
        ("BAD_VALUE:李强", "BAD_VALUE"), ("COUNT_MISMATCH: 2", "COUNT_MISMATCH"), ("BAD_MANIFEST", "BAD_MANIFEST"),
        ("BAD_ENCODING", "BAD_ENCODING"), ("BAD_ZIP: …", "BAD_ZIP"), ("文件名重复", "文件名重复"),
        ("李强不是当事人", "REFUSED"),
    ],
)  # fmt: skip
async def test_a_refusal_is_their_code_and_quotes_nothing(police: StrictPolice, reason: str, code: str) -> None:
    police.reasons.append(reason)
    async with opened(police) as (connector, wire):
        await connector.push(wire, KEY, agreed())
        police.look()
        for ask in (connector.find, connector.push):
            with pytest.raises(RejectedError) as refused:
                await ask(wire, KEY, agreed())
            assert refused.value.code == code and "李强" not in f"{refused.value}{refused.value.hint}"
    assert not police.held


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"{", b"[]", b"null", b'{"sha256":1}', b'{"sha256":"SHA"}', b'{"sha256":"SHA","accepted":1}',
        b'{"sha256":"SHA","accepted":0,"rejected":[]}', b'{"sha256":"SHA","accepted":1,"rejected":[{"line":1}]}',
        b'{"sha256":"SHA","accepted":true,"rejected":[]}', b'{"sha256":"SHA","accepted":"1","rejected":[]}',
        b'{"sha256":"SHA","accepted":0,"rejected":["x"]}', b"[" * 100_000,
    ],
)  # fmt: skip
async def test_an_ack_that_cannot_be_read_is_neither_yes_nor_no(police: StrictPolice, damage: bytes) -> None:
    async with opened(police) as (connector, wire):
        receipt = await connector.push(wire, KEY, agreed())
        sha = hashlib.sha256((police.root / f"out/{receipt.partner_ref}.zip").read_bytes()).hexdigest()
        ack = police.root / f"out/ack/{receipt.partner_ref}.json"
        ack.write_bytes(damage.replace(b"SHA", sha.encode()))
        with pytest.raises(TransientError) as odd:
            await connector.find(wire, KEY, agreed())
        assert odd.value.kind == "BAD_ACK"
        police.answer(receipt.partner_ref, sha.upper(), "")
        found = await connector.find(wire, KEY, agreed())
    assert found is not None and found.is_delivered


async def test_a_folder_that_is_away_is_no_doubt_and_a_marker_that_fails_is(police: StrictPolice) -> None:
    async with open_folder_wire(FolderOptions(police.root / "elsewhere")) as wire:
        with pytest.raises(TransientError) as away:
            await PoliceConnector(config()).push(wire, KEY, agreed())
    assert away.value.kind == "FOLDER_AWAY" and not away.value.in_doubt

    class Failing:
        def __init__(self, wire: DirectoryWire) -> None:
            self.wire = wire

        def __getattr__(self, name: str) -> Any:
            return getattr(self.wire, name)

        async def write(self, path: str, content: bytes) -> None:
            await self.wire.write(path, content)
            if path.endswith(".ok"):
                raise TransientError("no answer", kind="TIMEOUT")

    async with opened(police) as (connector, wire_):
        with pytest.raises(TransientError) as doubt:
            await connector.push(Failing(wire_), KEY, agreed())
        assert doubt.value.in_doubt
        assert (await connector.push(wire_, KEY, agreed())).partner_ref
    police.look()
    assert len(police.held) == 1


# --- rows -------------------------------------------------------------------------------------------------------


async def test_a_transfer_holds_everything_in_one_line(police: StrictPolice) -> None:
    async with opened(police) as (connector, wire):
        receipt = await connector.push(wire, KEY, refer(words="请尽快"))
        assert (receipt.is_final, [(name.scheme, name.value) for name in receipt.names]) == (
            False, [("police.ysbh", receipt.our_key)],
        )  # fmt: skip
    police.look()
    [row] = police.held.values()
    assert row["NR"] == "扬言 械斗  今晚 请尽快" and (row["YSLX"], row["JQLXDM"], row["XZQHDM"]) == (
        "1", "0502", "620725101201",
    )  # fmt: skip
    assert row["DSRXX"] == "报警人|王｜芳|620725199003074518|;对方|李；强||13893612345;其他|张𠅤||"
    assert transfer_row(config(), refer(risk=TransferGround.OFFENCE, region_code=""), 1)["XZQHDM"] == "620725"
    assert transfer_row(config(), refer(risk=TransferGround.OFFENCE), 1)["YSLX"] == "2"


@pytest.mark.parametrize(
    ("category", "code"),
    [("0201", "0502"), ("0804", "0503"), ("0603", "0503"), ("0202", "0502"), ("06", "0599"), ("99", "0599"),
     (UNKNOWN, "0599"), ("1701", "0599"), ("0101", "0501"), ("0902", "0506")],
)  # fmt: skip
def test_a_category_has_its_call_type_and_what_is_unclear_is_other(category: str, code: str) -> None:
    assert call_type(county_tables(), category) == code


def test_without_any_code_for_it_somebody_must_decide() -> None:
    bare = replace(county_tables(), native_codes=())
    with pytest.raises(RejectedError) as refused:
        call_type(bare, "0201")
    assert refused.value.code == "MISSING_CATEGORY"


def read_row(batch: Outgoing) -> str:
    with zipfile.ZipFile(io.BytesIO(batch.content)) as archive:
        return archive.read("RETURN.bcp").decode()


@given(st.text(max_size=200), st.text(min_size=1).filter(str.strip))
def test_a_batch_follows_from_key_and_command_alone_whatever_is_written(key: str, by: str) -> None:
    command = agreed(by=f"x{by}")
    one, other = next(return_batches(config(), key, command)), next(return_batches(config(), key, agreed(by=f"x{by}")))
    assert one == other and one.sha256 == hashlib.sha256(one.content).hexdigest()
    line = read_row(one)
    assert line.count("\n") == 1 and line.count("\t") == 8 and "\r" not in line and "\x00" not in line


# --- the way back -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def simulated(tmp_path: Path) -> AsyncIterator[tuple[PoliceConnector, DirectoryWire, RunningPolice]]:
    police = await start_police(PoliceOptions(scale=0.02, poll_s=0, folder=tmp_path))
    try:
        async with open_folder_wire(FolderOptions(police.root)) as wire:
            yield PoliceConnector(config()), wire, police
    finally:
        await police.close()


async def pulled(connector: PoliceConnector, wire: DirectoryWire) -> list[Any]:
    cursor, more, facts = connector.start_cursor({"after": "", "reread_from": None}), True, []
    while more:
        page = await connector.pull(wire, cursor)
        await connector.acknowledge(wire, page)
        cursor, more = page.cursor, page.more
        facts += [fact for item in page.items for fact in connector.map(item)]
    return facts


def receipts(found: Receipt | None) -> Receipt:
    assert found is not None
    return found


@pytest.mark.parametrize(("outcome", "code"), [(Outcome.PERFORMED, "07"), (Outcome.REFUSED, "08")])
async def test_a_result_is_acked_and_then_answered_by_a_feedback_that_names_our_file(
    tmp_path: Path, outcome: Outcome, code: str
) -> None:
    async with simulated(tmp_path) as (connector, wire, police):
        await pulled(connector, wire)
        [key] = (await police.control("add", count=1, referred=True))["added"]
        await police.control("advance", seconds=1)
        parts = [one for one in await pulled(connector, wire) if isinstance(one, CaseFacts)]
        [handed] = [ho for one in parts for ho in one.hand_overs if one.native_id == key["native_id"]]
        call = {**CALL, "native_id": key["native_id"], "hand_over": handed.source_event_id}
        for step, command in (("sign", Sign(**call)), ("return", agreed(**call, outcome=outcome))):
            laid = [await connector.push(wire, step, command) for _ in range(2)]
            assert laid[0] == laid[1] and not laid[0].is_delivered
            await police.control("look")
            assert receipts(await connector.find(wire, step, command)).is_delivered
        await police.control("advance", seconds=120)
        [answer] = [one for one in await pulled(connector, wire) if isinstance(one, Answer)]
        assert (answer.our_key, answer.accepted, answer.code) == (laid[0].our_key, True, code)
        assert not laid[0].our_key.endswith(".zip")


@pytest.mark.parametrize(("decision", "accepted"), [("1", True), ("2", False)])
async def test_a_transfer_is_taken_or_sent_back_under_its_number(
    tmp_path: Path, decision: str, accepted: bool
) -> None:  # fmt: skip
    async with simulated(tmp_path) as (connector, wire, police):
        await pulled(connector, wire)
        for n in range(40):
            await connector.push(wire, f"refer-{n}", refer(at=AT + timedelta(seconds=n)))
        await police.control("look")
        receipt = receipts(await connector.find(wire, "refer-0", refer()))
        assert receipt.is_delivered and not receipt.is_final
        await police.control("advance", seconds=3 * 86_400)
        facts = await pulled(connector, wire)
        answers = {one.our_key: one for one in facts if isinstance(one, Answer)}
        assert len(answers) == 40 and receipt.our_key in answers
        one = next(answer for answer in answers.values() if answer.code == decision)
        assert one.accepted is accepted and bool(one.partner_ref) is accepted and bool(one.reason) is not accepted
        if accepted:
            call = [fact for fact in facts if isinstance(fact, CaseFacts) and fact.part == f"JJD:{one.partner_ref}"][-1]
            assert ("police.ysbh", one.our_key) in {(name.scheme, name.value) for name in call.names}
            assert not call.hand_overs, "what the police do with it is theirs"
