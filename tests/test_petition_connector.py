"""The petition connector: the exchange that gives each row once, and the list behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import registry
from connectors.base import Connector, HttpWire, Window
from connectors.petition import REREAD_SIZE, TRIES, PetitionConnector
from connectors.petition.rows import decode, make_item
from connectors.petition.walking import PATIENCE
from hub.errors import AuthError, HubError, RejectedError, TransientError
from hub.model import Cursor, Item

from .petition_double import JSON, LIST, OBTAIN, ONE, SECRET, DirectWire, Office, at, config, row, served, stamp

CONNECTOR = PetitionConnector(config())


async def pulled(
    connector: PetitionConnector, wire: HttpWire, cursor: Cursor | None = None, pages: int = 1000
) -> tuple[list[Item], Cursor]:
    """A whole run as the hub does it: every item, and the cursor to keep. What fails is asked again, five times."""
    items: list[Item] = []
    following: Cursor = connector.start_cursor(cursor)
    for _ in range(pages):
        for attempt in range(5):
            try:
                page = await connector.pull(wire, following)
                break
            except TransientError:
                if attempt == 4:
                    raise
        items += page.items
        following = json.loads(json.dumps(page.cursor))
        if not page.more:
            return items, following
    raise AssertionError("the run does not end")


def keys(items: Iterable[Item]) -> set[str]:
    return {item.key for item in items}


def versions(items: Iterable[Item]) -> set[tuple[str, str, str]]:
    rows = (json.loads(item.body) for item in items)
    return {(r["xfjbh"], r["gxsj"], r["hash"]) for r in rows}


def lose(office: Office, path: str, envelope: dict[str, Any]) -> None:
    raise TransientError("done, then lost", kind="HTML_ANSWER")


def when(path: str, fault: Any) -> Any:
    """The fault on one path only."""
    return lambda office, asked, envelope: fault(office, asked, envelope) if asked == path else None


# --- the exchange -----------------------------------------------------------------------------------------------


async def test_a_run_obtains_until_nothing_is_left_and_then_compares_the_list() -> None:
    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(450)])
    connector = PetitionConnector(config())

    async with served(office) as wire:
        items, cursor = await pulled(connector, wire)

    assert len(items) == 450 and versions(items) == office.versions()
    assert office.count(OBTAIN) == 4  # fewer than 200 promise nothing: the last answer is empty
    assert office.count(ONE) == 0 and wire.noted == []
    assert cursor["from"] == stamp(449)
    assert office.headers[0]["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"


async def test_fewer_than_200_rows_do_not_end_the_run() -> None:
    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(20)], batch=3)
    items, _ = await pulled(PetitionConnector(config()), DirectWire(office))

    assert keys(items) == {f"XF{n:03}" for n in range(20)}
    assert office.count(ONE) == 0


async def test_rows_of_a_lost_answer_are_read_one_by_one_and_the_loss_is_noted() -> None:
    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(10)], batch=4, faults=[lose])
    wire = DirectWire(office)
    items, _ = await pulled(PetitionConnector(config()), wire)

    assert versions(items) == office.versions()
    assert office.count(ONE) == 4 and wire.noted == ["ROW_NOT_OBTAINED"] * 4


async def test_nothing_is_lost_where_every_answer_of_the_exchange_is_lost() -> None:
    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(120)], faults=[when(OBTAIN, lose)] * 1000)
    wire = DirectWire(office)
    items, cursor = await pulled(PetitionConnector(config()), wire)

    assert versions(items) == office.versions()
    assert "HTML_ANSWER" in wire.noted and wire.noted.count("ROW_NOT_OBTAINED") == 120
    assert cursor["from"] == stamp(119)


async def test_a_gap_in_an_answer_is_found() -> None:
    def gap(office: Office, path: str, envelope: dict[str, Any]) -> None:
        del envelope["data"][3:6]

    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(10)], faults=[gap])
    items, _ = await pulled(PetitionConnector(config()), DirectWire(office))

    assert versions(items) == office.versions()
    assert office.count(ONE) == 3


async def test_a_page_that_was_never_kept_is_read_again() -> None:
    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(5)])
    connector = PetitionConnector(config())
    start = connector.start_cursor(None)
    await connector.pull(DirectWire(office), start)  # and the hub dies before it commits

    again, _ = await pulled(connector, DirectWire(office))
    assert versions(again) == office.versions()


async def test_any_cursor_can_be_resumed_by_any_process() -> None:
    office = Office([row(f"XF{n:03}", stamp(n // 2)) for n in range(30)], batch=4)
    connector, wire = PetitionConnector(config()), DirectWire(office)
    cursor, seen = connector.start_cursor(None), set[str]()
    pages = []
    while True:
        page = await connector.pull(wire, cursor)
        pages.append((page.cursor, set(seen := seen | keys(page.items))))
        if not page.more:
            break
        cursor = page.cursor

    for kept, before in pages:
        items, _ = await pulled(PetitionConnector(config()), wire, json.loads(json.dumps(kept)))
        assert before | keys(items) == keys(make_item(r) for r in office.rows)


async def test_a_run_killed_after_every_page_arrives() -> None:
    office = Office([row(f"XF{n:03}", "2024-03-01 02:00:00") for n in range(230)], batch=20)
    for letter in office.rows[:130]:
        letter["xfj"]["sjjhzt"] = "20"  # exchanged with somebody before us
    cursor: Cursor | None = None
    seen: set[str] = set()
    for _ in range(60):
        connector = PetitionConnector(config())
        page = await connector.pull(DirectWire(office), connector.start_cursor(cursor))
        seen |= keys(page.items)
        cursor = json.loads(json.dumps(page.cursor))
        if not page.more:
            break

    assert not page.more and len(seen) == 230


async def test_a_second_longer_than_an_answer_is_obtained_and_not_read_one_by_one() -> None:
    office = Office([row(f"XF{n:03}", "2024-03-01 02:00:00") for n in range(130)], batch=20)
    items, _ = await pulled(PetitionConnector(config()), DirectWire(office))

    assert len(items) == 130 and office.count(ONE) == 0


async def test_an_edit_between_two_answers_comes_too() -> None:
    def edit(office: Office, path: str, envelope: dict[str, Any]) -> None:
        office.edit(0, xfjzt="02")

    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(6)], batch=3, faults=[edit, None, edit])
    items, _ = await pulled(PetitionConnector(config()), DirectWire(office))

    assert office.versions() <= versions(items)


async def test_a_process_that_dies_in_a_long_backlog_reads_again_no_more_than_its_last_answer() -> None:
    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(100)], batch=10)
    cursor = PetitionConnector(config()).start_cursor(None)
    connector = PetitionConnector(config())
    for _ in range(8):
        cursor = (await connector.pull(DirectWire(office), cursor)).cursor

    await pulled(PetitionConnector(config()), DirectWire(office), json.loads(json.dumps(cursor)))
    assert office.count(ONE) < 15


async def test_what_another_chain_of_pages_obtained_is_not_taken_for_delivered() -> None:
    office = Office([row(f"XF{n}", stamp(0)) for n in range(2)], batch=1)
    connector, wire = PetitionConnector(config()), DirectWire(office)
    start = connector.start_cursor(None)
    first = await connector.pull(wire, start)
    await connector.pull(wire, start)

    items, _ = await pulled(connector, wire, first.cursor)
    assert keys(first.items) | keys(items) == {"XF0", "XF1"}


async def test_a_stamp_that_only_the_exchange_shows_does_not_move_the_walk() -> None:
    def skew(office: Office, path: str, envelope: dict[str, Any]) -> None:
        envelope["data"] = [r | {"gxsj": "2030-01-01 00:00:00"} for r in envelope["data"]]

    office = Office([row("XF1", stamp(1)), row("XF2", stamp(2))], faults=[skew])
    items, cursor = await pulled(PetitionConnector(config()), DirectWire(office))

    assert office.versions() <= versions(items)
    assert cursor["from"] == stamp(2)


async def test_an_edit_within_a_second_the_walk_has_passed_is_the_overlaps() -> None:
    office = Office([row("XF1"), row("XF2")], faults=[when(OBTAIN, lose)] * 100)
    connector, wire = PetitionConnector(config()), DirectWire(office)
    office.edit(0)
    _, cursor = await pulled(connector, wire)
    office.edit(0, seconds=0, xfnr="又改")

    items, _ = await pulled(connector, wire, cursor)
    assert office.versions() <= versions(items) | {("XF2", "2024-03-01 09:00:00", office.rows[1]["hash"])}


@pytest.mark.parametrize("is_restarted", [True, False])
async def test_the_next_run_compares_the_overlap_again(is_restarted: bool) -> None:
    office = Office([row(f"XF{n}", stamp(n * 400)) for n in range(4)])
    connector, wire = PetitionConnector(config(overlap_s=600)), DirectWire(office)
    _, cursor = await pulled(connector, wire)

    late = row("XF9", stamp(1000))  # committed late, and its answer lost
    late["xfj"]["sjjhzt"] = "20"
    office.rows.append(late)
    connector = PetitionConnector(config(overlap_s=600)) if is_restarted else connector
    items, again = await pulled(connector, wire, cursor)

    assert connector.start_cursor(cursor)["from"] == stamp(600)
    # what this very process delivered under this very cursor need not be read again
    assert keys(items) == ({"XF2", "XF9", "XF3"} if is_restarted else {"XF9"})
    assert wire.noted == [] and again["from"] == cursor["from"] == stamp(1200)
    assert (await pulled(connector, wire, again))[0] == []
    # another hub that stands at the same second holds who knows what
    others, _ = await pulled(connector, wire, {**again, "sum": "0"})
    assert keys(others) == {"XF2", "XF9", "XF3"}


async def test_an_empty_office_is_empty_and_an_idle_run_does_not_creep_back() -> None:
    connector, wire = PetitionConnector(config()), DirectWire(Office())
    items, cursor = await pulled(connector, wire)
    assert items == [] and cursor["from"] == "2000-01-01 00:00:00"

    items, cursor = await pulled(connector, wire, {"from": stamp(0)})
    assert items == [] and cursor["from"] == stamp(0)


def test_a_run_may_begin_at_a_date() -> None:
    assert CONNECTOR.start_cursor(None, at("2024-02-01")) == {"from": "2024-02-01 00:00:00"}
    since = CONNECTOR.start_cursor({"from": stamp(0)}, at("2024-02-01"))
    assert since == {"from": "2024-02-01 00:00:00", "floor": stamp(0)}


async def test_an_office_that_does_not_mark_ends_the_run_all_the_same() -> None:
    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(30)], batch=20, marks=False)
    wire = DirectWire(office)
    items, _ = await pulled(PetitionConnector(config()), wire)

    assert versions(items) == office.versions()
    assert office.count(OBTAIN) <= PATIENCE + 2 and "OBTAIN_DOES_NOT_END" in wire.noted


async def test_rows_without_number_or_time_are_delivered_and_block_nothing() -> None:
    office = Office([row("XF1"), row("", stamp(1)), {**row("XF3"), "gxsj": ""}])
    items, _ = await pulled(PetitionConnector(config()), DirectWire(office))

    assert [(item.key, item.updated_at) for item in items if not item.key or not item.updated_at] == [
        ("XF3", None),
        ("", at(stamp(1))),
    ]
    assert "XF1" in keys(items)


async def test_what_was_read_before_a_failure_is_delivered() -> None:
    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(9)], faults=[lose, None, None, None, None, lose])
    connector, wire = PetitionConnector(config()), DirectWire(office)
    cursor = connector.start_cursor(None)
    with pytest.raises(TransientError):
        await connector.pull(wire, cursor)
    page = await connector.pull(wire, cursor)

    assert [item.key for item in page.items] == ["XF000", "XF001"]
    rest, _ = await pulled(connector, wire, page.cursor)
    assert [item.key for item in rest] == [f"XF{n:03}" for n in range(2, 9)]


async def test_a_letter_that_can_never_be_read_holds_back_no_other() -> None:
    def broken(office: Office, path: str, envelope: dict[str, Any]) -> bytes | None:
        is_it = path == ONE and envelope["data"]["xfjbh"] == "XF003"
        return b'{"code": "200", "data": "\xff"}' if is_it or path == OBTAIN else None

    office = Office([row(f"XF{n:03}", stamp(n)) for n in range(9)], faults=[broken] * 1000)
    wire = DirectWire(office)
    items, _ = await pulled(PetitionConnector(config()), wire)

    assert keys(items) == {f"XF{n:03}" for n in range(9) if n != 3}
    assert wire.noted.count("UNREADABLE_LETTER") == 1


async def test_a_letter_that_fails_once_is_asked_again_and_not_passed_over() -> None:
    office = Office([row(f"XF{n}", stamp(n), sjjhzt="20") for n in range(3)], faults=[None, None, lose])
    connector, wire = PetitionConnector(config()), DirectWire(office)
    with pytest.raises(TransientError):
        await connector.pull(wire, connector.start_cursor(None))
    items, _ = await pulled(connector, wire)

    assert keys(items) == {"XF0", "XF1", "XF2"} and "UNREADABLE_LETTER" not in wire.noted


async def test_an_outage_passes_over_nothing() -> None:
    office = Office([row("XF1")], faults=[lose, *[when(ONE, lose)] * 60])
    connector, wire = PetitionConnector(config()), DirectWire(office)
    with pytest.raises(TransientError):
        await pulled(connector, wire)

    office.faults = []
    items, _ = await pulled(connector, wire)
    assert keys(items) == {"XF1"}


# --- what is not an answer --------------------------------------------------------------------------------------


def html(office: Office, path: str, envelope: dict[str, Any]) -> bytes:
    return b"<html><body>502 Bad Gateway</body></html>"


def cut_short(office: Office, path: str, envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope).encode()[:-20]


def no_data(office: Office, path: str, envelope: dict[str, Any]) -> None:
    del envelope["data"]


def null_data(office: Office, path: str, envelope: dict[str, Any]) -> None:
    envelope["data"] = None


def not_an_object(office: Office, path: str, envelope: dict[str, Any]) -> bytes:
    return b"[]"


def no_encoding(office: Office, path: str, envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope, ensure_ascii=False).encode().replace("借".encode(), b"\xff")


def one_broken_byte(office: Office, path: str, envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope, ensure_ascii=False).encode().replace("借款".encode(), b"\xe5\x80\xe6\xac\xbe", 1)


def gb18030(office: Office, path: str, envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope, ensure_ascii=False).encode("gb18030")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (html, "UNREADABLE_ANSWER"),
        (cut_short, "UNREADABLE_ANSWER"),
        (not_an_object, "UNREADABLE_ANSWER"),
        (no_data, "UNREADABLE_ANSWER"),
        (null_data, "UNREADABLE_ANSWER"),
        (no_encoding, "UNDECODABLE"),
        (one_broken_byte, "UNDECODABLE"),
        (lose, "HTML_ANSWER"),
    ],
)
async def test_an_answer_that_is_not_whole_is_loud_and_its_rows_are_repaired(fault: Any, kind: str) -> None:
    office = Office([row("XF1"), row("XF2", stamp(1))], faults=[fault])
    connector = PetitionConnector(config())
    cursor = connector.start_cursor(None)

    async with served(office) as wire:
        with pytest.raises(TransientError) as caught:
            await connector.pull(wire, cursor)
        items, _ = await pulled(connector, wire)

    assert caught.value.kind == kind
    assert versions(items) == office.versions()


async def test_an_answer_in_gb18030_is_read_whatever_its_header_says() -> None:
    office = Office([row("XF1", xfnr="䶮㛃𠅤还款", xfr=[{"xm": "𠅤䶮"}])], faults=[gb18030])

    async with served(office) as wire:
        items, _ = await pulled(PetitionConnector(config()), wire)

    assert json.loads(items[0].body) == {**office.rows[0], "xfj": {**office.rows[0]["xfj"]}}
    assert office.count(ONE) == 0


#: the letters of GB 2312, of which names and places are made
HANZI = [bytes([lead, trail]).decode("gb18030") for lead in range(0xB0, 0xF8) for trail in range(0xA1, 0xFA)]


@given(st.text(st.sampled_from(HANZI), min_size=3, max_size=40))
def test_either_encoding_is_read_as_it_was_written(name: str) -> None:
    written = f'{{"xm": "{name}", "zz": "清泉镇"}}'

    assert decode(written.encode()) == decode(written.encode("gb18030")) == written


def test_damaged_utf8_is_not_believed_to_be_gb18030() -> None:
    damaged = "借款未还，请求归还借款".encode().replace(b"\xe6", b"", 1)
    assert damaged.decode("gb18030")  # every pair of its bytes is some letter

    with pytest.raises(TransientError) as caught:
        decode(damaged)
    assert caught.value.kind == "UNDECODABLE"


@pytest.mark.parametrize(
    ("code", "error"),
    [("401", AuthError), ("400", RejectedError), ("500", TransientError), ("张三", TransientError)],
)  # fmt: skip
async def test_a_business_error_is_loud_and_quotes_nothing(code: str, error: type[HubError]) -> None:
    def refuse(office: Office, path: str, envelope: dict[str, Any]) -> None:
        envelope.update(code=code, msg="张三 13800001234", data=None)

    office = Office([row("XF1")], faults=[refuse])
    connector = PetitionConnector(config())

    async with served(office) as wire:
        with pytest.raises(error) as caught:
            await connector.pull(wire, connector.start_cursor(None))

    said = f"{caught.value!s} {caught.value.hint} {connector.config!r}"
    assert not any(secret in said for secret in ("张三", "13800001234", SECRET))


async def test_a_code_may_be_a_number() -> None:
    def number(office: Office, path: str, envelope: dict[str, Any]) -> None:
        envelope["code"] = int(envelope["code"])

    items, _ = await pulled(PetitionConnector(config()), DirectWire(Office([row("XF1")], faults=[number] * 9)))
    assert keys(items) == {"XF1"}
    with pytest.raises(AuthError):
        await pulled(PetitionConnector(config(secret="other")), DirectWire(Office()))


async def test_wrong_credentials_are_an_auth_error_and_check_marks_nothing() -> None:
    office = Office([row("XF1")])
    async with served(office) as wire:
        with pytest.raises(AuthError) as caught:
            await PetitionConnector(config(secret="other")).check(wire)
        said = await PetitionConnector(config()).check(wire)

    assert SECRET not in str(caught.value) and said.endswith(".")
    assert office.count(OBTAIN) == 0 and office.rows[0]["xfj"]["sjjhzt"] == "0"


# --- digest and fetch -------------------------------------------------------------------------------------------


async def test_the_digest_lists_the_window_with_the_offices_hash() -> None:
    office = Office([row(f"XF{n}", stamp(n)) for n in range(5)], faults=[lose])
    window = Window(at(stamp(1)), at(stamp(3)))

    async with served(office) as wire:
        entries = [entry async for entry in CONNECTOR.digest(wire, window)]
        everything = [entry async for entry in CONNECTOR.digest(wire, Window())]

    assert [(e.key, e.native_id, e.native_no, e.updated_at, e.content_mark) for e in entries] == [
        (r["xfjbh"], r["xfjbh"], "", at(r["gxsj"]), r["hash"]) for r in office.rows[1:4]
    ]
    assert len(everything) == 5 and wire.noted == ["HTML_ANSWER"]
    assert [make_item(r).content_mark for r in office.rows[1:4]] == [e.content_mark for e in entries]


async def test_fetch_reads_each_letter_once_and_nothing_for_an_absent_one() -> None:
    office = Office([row("XF1"), row("XF2")])
    async with served(office) as wire:
        items = await CONNECTOR.fetch(wire, ["XF2", "", "XF9", "XF2"])

    assert [item.key for item in items] == ["XF2"]
    assert [asked for _, asked in office.asked] == [{"xfjbh": "XF2"}, {"xfjbh": "XF9"}]
    assert office.rows[1]["xfj"]["sjjhzt"] == "0"


@pytest.mark.parametrize("fault", [no_data, lambda office, path, envelope: envelope.update(data=row("XF2"))])
async def test_an_answer_about_another_letter_or_none_is_not_a_deletion(fault: Any) -> None:
    with pytest.raises(TransientError):
        await CONNECTOR.fetch(DirectWire(Office([row("XF1")], faults=[fault])), ["XF1"])


# --- the model --------------------------------------------------------------------------------------------------


def shuffle(office: Office, path: str, envelope: dict[str, Any]) -> None:
    if path != ONE:
        random.Random(len(office.asked)).shuffle(envelope["data"])


def drop_some(office: Office, path: str, envelope: dict[str, Any]) -> None:
    if path == OBTAIN:  # a list that tells less than the truth is found by the next digest alone
        del envelope["data"][::2]


def repeat(office: Office, path: str, envelope: dict[str, Any]) -> None:
    if path != ONE:
        envelope["data"] = envelope["data"] * 2


def fail(office: Office, path: str, envelope: dict[str, Any]) -> None:
    envelope.update(code="500", data=None)


FAULTS = [None, lose, html, cut_short, no_data, no_encoding, shuffle, drop_some, repeat, fail, when(OBTAIN, lose)]
# an edit within a second that the walk has passed is a late commit: that is what the overlap is for
EDITS = st.tuples(st.sampled_from(["edit", "delete", "add"]), st.integers(0, 30), st.integers(1, 2))
STEPS = st.tuples(
    st.sampled_from(FAULTS),
    #: what changes at the office after this page, and by how many seconds its clock moves each time
    st.lists(EDITS, max_size=3),
    #: whether the hub is killed after this page, and before it was kept or behind it
    st.sampled_from(["", "", "", "before", "behind"]),
    #: whether another process goes on
    st.booleans(),
)


def change(office: Office, what: str, place: int, seconds: int) -> None:
    if what == "add":
        office.rows.append(row(f"XN{office.now:%H%M%S}"))
        office.edit(-1, seconds)
    elif office.rows and what == "delete":
        del office.rows[place % len(office.rows)]
    elif office.rows:
        office.edit(place % len(office.rows), seconds, xfnr=f"第{len(office.asked)}稿")


@settings(max_examples=250, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["0", "20"])), max_size=20), st.integers(1, 4),
    st.lists(STEPS, max_size=40), st.sampled_from([0, 3]),
)  # fmt: skip
def test_whatever_is_lost_changes_or_dies_no_row_is_lost(
    seconds: list[tuple[int, str]], batch: int, steps: list[Any], overlap_s: int
) -> None:
    office = Office([row(f"XF{n:03}", stamp(s), sjjhzt=mark) for n, (s, mark) in enumerate(seconds)], batch=batch)
    office.now = at(stamp(4))
    wire = DirectWire(office)
    delivered: set[tuple[str, str, str]] = set()
    connector = PetitionConnector(config(overlap_s=overlap_s))

    async def run(cursor: Cursor | None) -> Cursor:
        nonlocal connector
        kept, following = cursor, connector.start_cursor(cursor)
        for _ in range(3000):
            fault, edits, killed, is_other = steps.pop(0) if steps else (None, [], "", False)
            office.faults = [fault]
            try:
                page = await connector.pull(wire, following)
            except TransientError:
                page = None
            for edit in edits:
                change(office, *edit)
            if page is not None and killed != "before":
                delivered.update(versions(page.items))
                written = json.dumps(page.cursor)
                assert len(written) < 256
                kept = following = dict(json.loads(written))
                if not page.more:
                    return kept
            if killed:
                connector = PetitionConnector(config(overlap_s=overlap_s)) if is_other else connector
                following = connector.start_cursor(kept)
        raise AssertionError("the run does not end")

    cursor = asyncio.run(run(None))
    while steps:
        cursor = asyncio.run(run(cursor))
    asyncio.run(run(cursor))

    assert office.versions() <= delivered


# --- any answer -------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(JSON, st.sampled_from([OBTAIN, LIST, ONE]))
def test_whatever_the_answer_it_is_used_or_a_known_error(anything: Any, path: str) -> None:
    def spoil(office: Office, asked: str, envelope: dict[str, Any]) -> None:
        if asked == path:
            envelope["data"] = anything

    office = Office([row("XF1", sjjhzt="20"), row("XF2", stamp(1))], faults=[spoil] * 40)
    with contextlib.suppress(TransientError):
        asyncio.run(pulled(PetitionConnector(config()), DirectWire(office)))


def test_the_office_is_found_by_name() -> None:
    connector: Connector = registry.make_connector(config(), plugins=[])
    assert isinstance(connector, PetitionConnector) and connector.product in registry.product_names([])
    assert REREAD_SIZE > 1 and TRIES < 5  # the hub asks five times: the last tries must reach the list
