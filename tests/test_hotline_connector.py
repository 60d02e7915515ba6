"""The hotline's wire floor: signature, list, errors and webhooks, over real HTTP and, for the model, over a table."""

from __future__ import annotations

import asyncio
import hmac
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import registry
from connectors.base import Connector, HttpWire, Window
from connectors.hotline import HotlineConnector
from connectors.hotline.signing import signature
from hub.errors import AuthError, BadPayloadError, ConfigurationError, HubError, RejectedError, TransientError
from hub.model import SHANGHAI, CaseFacts, Cursor, Item

from .hotline_double import (
    APP,
    SECRET,
    THEIR_OLD_SECRET,
    THEIR_SECRET,
    DirectWire,
    Hotline,
    code,
    config,
    dispatched,
    failure,
    order,
    served,
    signed,
    webhook,
)

BIG_SECOND = "2024-03-01 02:00:00"


def stamp(seconds: int) -> str:
    return f"{datetime(2024, 3, 1, tzinfo=SHANGHAI) + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"


def small(page_size: int = 50, **changes: Any) -> HotlineConnector:
    return HotlineConnector(config(options={"page_size": page_size}, **changes))


async def pulled(
    connector: HotlineConnector, wire: HttpWire, cursor: Cursor | None = None, pages: int = 1000
) -> tuple[list[Item], Cursor]:
    """A whole run: every item, and the cursor to keep."""
    items: list[Item] = []
    following: Cursor = connector.start_cursor(cursor)
    for _ in range(pages):
        page = await connector.pull(wire, following)
        items += page.items
        following = json.loads(json.dumps(page.cursor))
        if not page.more:
            return items, following
    raise AssertionError("the run does not end")


def keys(items: Sequence[Item]) -> set[str]:
    return {item.key for item in items}


# --- signature --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign_type", ["SHA256", "SM3"])
async def test_every_question_is_signed_anew(sign_type: str) -> None:
    hotline = Hotline([order(n, stamp(n)) for n in range(1, 121)], sm3=sign_type == "SM3")
    connector = HotlineConnector(config(options={"sign_type": sign_type, "page_size": 50}))

    async with served(hotline) as wire:
        items, _ = await pulled(connector, wire)

    assert len(keys(items)) == 120
    assert len(hotline.nonces) == len(hotline.asked)


async def test_a_wrong_secret_is_an_auth_error_that_tells_no_secret() -> None:
    async with served(Hotline()) as wire:
        with pytest.raises(AuthError) as caught:
            await HotlineConnector(config(secret="wrong-secret")).check(wire)

    assert "secret" in caught.value.hint
    assert "wrong-secret" not in f"{caught.value!s}{caught.value!r}{caught.value.hint}"


def test_without_openssl_s_sm3_another_one_signs_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = hmac.new(b"key", b"hub1nonce{}", "sm3").hexdigest()
    without_sm3(monkeypatch)

    assert signature("SM3", "key", "hub", "1", "nonce", b"{}") == wanted


def test_a_machine_without_any_sm3_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    without_sm3(monkeypatch)
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives.hmac", None)

    with pytest.raises(AuthError, match="NO_SM3"):
        signature("SM3", "key", "hub", "1", "nonce", b"{}")


def without_sm3(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ValueError("unsupported hash type sm3")

    monkeypatch.setattr("connectors.hotline.signing.hmac.new", refuse)


async def test_check_says_what_it_saw() -> None:
    async with served(Hotline([order()])) as wire:
        assert "lists orders" in await HotlineConnector(config()).check(wire)
    async with served(Hotline()) as wire:
        assert "no order yet" in await HotlineConnector(config()).check(wire)


@pytest.mark.parametrize(
    "options",
    [
        {"sign_type": "MD5"},
        {"page_size": 201},
        {"page_size": "x"},
    ],
)
def test_an_impossible_option_is_the_operators_to_mend(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        HotlineConnector(config(options=options))


def test_the_hotline_is_found_by_name() -> None:
    connector: Connector = registry.make_connector(config(), plugins=[])

    assert isinstance(connector, HotlineConnector)


# --- what is not an answer --------------------------------------------------------------------------------------


def html(hotline: Hotline, envelope: dict[str, Any]) -> bytes:
    return b"<html><body>502 Bad Gateway</body></html>"


def cut_short(hotline: Hotline, envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope).encode()[:-20]


def gb18030(hotline: Hotline, envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope, ensure_ascii=False).encode("gb18030")


def not_an_object(hotline: Hotline, envelope: dict[str, Any]) -> bytes:
    return b"[]"


def no_list(hotline: Hotline, envelope: dict[str, Any]) -> None:
    envelope["resultData"] = None


def no_page_info(hotline: Hotline, envelope: dict[str, Any]) -> None:
    envelope["pageInfo"] = None


def more_as_text(hotline: Hotline, envelope: dict[str, Any]) -> None:
    envelope["pageInfo"]["hasMore"] = "false"


def success_without_code(hotline: Hotline, envelope: dict[str, Any]) -> None:
    envelope["code"] = 20002


def code_without_success(hotline: Hotline, envelope: dict[str, Any]) -> None:
    envelope["success"] = False


def partial(hotline: Hotline, envelope: dict[str, Any]) -> None:
    rows = envelope["resultData"]
    envelope["resultData"] = [*rows[: len(rows) // 2], *rows[len(rows) // 2 + 1 :]]


def nothing_but_more(hotline: Hotline, envelope: dict[str, Any]) -> None:
    envelope["resultData"] = []
    envelope["pageInfo"]["hasMore"] = True


@pytest.mark.parametrize("counts_rows", [True, False])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (html, "UNREADABLE_ANSWER"),
        (cut_short, "UNREADABLE_ANSWER"),
        (gb18030, "UNREADABLE_ANSWER"),
        (not_an_object, "UNREADABLE_ANSWER"),
        (no_list, "UNREADABLE_ANSWER"),
        (no_page_info, "UNREADABLE_ANSWER"),
        (more_as_text, "UNREADABLE_ANSWER"),
        (success_without_code, "UNREADABLE_ANSWER"),
        (code_without_success, "UNREADABLE_ANSWER"),
        (partial, "PARTIAL_PAGE"),
        (nothing_but_more, "PARTIAL_PAGE"),
    ],
)
async def test_an_answer_that_is_not_whole_is_asked_again_and_never_empty(
    fault: Any, kind: str, counts_rows: bool
) -> None:
    hotline = Hotline([order(n, stamp(n)) for n in (1, 2, 3)], faults=[fault], counts_rows=counts_rows)
    connector = HotlineConnector(config())
    cursor = connector.start_cursor(None)

    async with served(hotline) as wire:
        with pytest.raises(TransientError) as caught:
            await connector.pull(wire, cursor)
        page = await connector.pull(wire, cursor)

    assert caught.value.kind == kind
    assert keys(page.items) == {code(1), code(2), code(3)} and not page.more


async def test_a_page_in_pieces_is_seen_in_the_middle_of_the_list_too() -> None:
    hotline = Hotline([order(n, stamp(n)) for n in range(1, 30)], faults=[partial])
    connector = small(10)

    with pytest.raises(TransientError) as caught:
        await connector.pull(DirectWire(hotline), connector.start_cursor(None))

    assert caught.value.kind == "PARTIAL_PAGE"


async def test_a_last_page_whose_end_was_cut_off_is_read_on() -> None:
    def without_end(hotline: Hotline, envelope: dict[str, Any]) -> None:
        del envelope["resultData"][4:]

    hotline = Hotline([order(n, stamp(n)) for n in range(1, 9)], faults=[without_end])
    items, _ = await pulled(HotlineConnector(config()), DirectWire(hotline))

    assert len(keys(items)) == 8


@pytest.mark.parametrize(
    ("number", "error"),
    [(10001, AuthError), (10002, RejectedError), (20005, RejectedError), (50000, TransientError)],
)
async def test_a_business_error_is_loud_and_quotes_nothing(number: int, error: type[HubError]) -> None:
    def refuse(hotline: Hotline, envelope: dict[str, Any]) -> None:
        envelope.clear()
        envelope.update(failure(number))

    connector = HotlineConnector(config())

    async with served(Hotline([order()], faults=[refuse])) as wire:
        with pytest.raises(error) as caught:
            await connector.pull(wire, connector.start_cursor(None))

    assert not any(word in f"{caught.value!s} {caught.value.hint}" for word in ("张三", "13800001234", SECRET))


# --- paging -----------------------------------------------------------------------------------------------------


async def test_many_orders_of_one_second_come_whole() -> None:
    hotline = Hotline([order(n, BIG_SECOND) for n in range(1, 131)] + [order(900, "2024-03-01 03:00:00")])
    items, cursor = await pulled(small(25), DirectWire(hotline))

    assert len(keys(items)) == len(items) == 131
    assert cursor == {"from": "2024-03-01 03:00:00", "after": 900}


async def test_an_order_edited_between_two_pages_is_not_lost() -> None:
    hotline = Hotline([order(n, stamp(n)) for n in range(1, 121)])

    def edit_first(hotline: Hotline, envelope: dict[str, Any]) -> None:
        hotline.edit(0, title="补充")

    hotline.faults = [edit_first, None, edit_first]
    items, _ = await pulled(small(50), DirectWire(hotline))

    assert len(keys(items)) == 120
    assert any(json.loads(item.body)["title"] == "补充" for item in items)


async def test_a_shuffled_page_loses_nothing() -> None:
    hotline = Hotline([order(n, stamp(n // 3)) for n in range(1, 121)], faults=[shuffle] * 40)
    items, _ = await pulled(small(25), DirectWire(hotline))

    assert len(keys(items)) == 120


async def test_the_next_run_reads_the_overlap_again() -> None:
    hotline = Hotline([order(1, "2024-03-01 12:00:00")])
    connector, wire = HotlineConnector(config(overlap_s=600)), DirectWire(hotline)
    _, cursor = await pulled(connector, wire)

    hotline.orders.append(order(2, "2024-03-01 11:55:00"))  # committed late, under an earlier stamp
    items, _ = await pulled(connector, wire, cursor)

    assert keys(items) == {code(1), code(2)}


async def test_a_run_killed_after_every_page_arrives_through_a_crowded_overlap() -> None:
    hotline = Hotline([order(n, stamp(n // 4)) for n in range(1, 301)])
    wire, cursor, seen = DirectWire(hotline), None, set()

    for _ in range(60):
        connector = small(10, overlap_s=600)
        page = await connector.pull(wire, connector.start_cursor(cursor))
        seen |= keys(page.items)
        cursor = json.loads(json.dumps(page.cursor))
        if not page.more:
            break

    assert not page.more
    assert len(seen) == 300


async def test_orders_without_number_or_time_are_delivered_and_block_nothing() -> None:
    odd = [{**order(501), "workordercode": ""}, {**order(502), "updatedAt": None}, {**order(503), "id": None}, "text"]

    def add_odd(hotline: Hotline, envelope: dict[str, Any]) -> None:
        envelope["resultData"][:0] = odd

    hotline = Hotline([order(n, stamp(n)) for n in range(1, 31)], faults=[add_odd] * 99)
    items, cursor = await pulled(small(10), DirectWire(hotline))

    assert {code(n) for n in range(1, 31)} | {code(502), code(503), ""} == keys(items)
    assert cursor["from"] < stamp(30)  # the wild stamp of 501 leads nowhere


@pytest.mark.parametrize("ignored", ["updatedFrom", "afterId"])
async def test_a_hotline_that_ignores_the_place_is_a_loud_error_not_a_loop(ignored: str) -> None:
    hotline = Hotline([order(n, BIG_SECOND) for n in range(1, 31)])
    wire = DirectWire(hotline)
    whole = hotline.answer

    def ignoring(path: str, query: dict[str, str], headers: dict[str, str]) -> bytes:
        return whole(path, {**query, ignored: "2000-01-01 00:00:00" if ignored == "updatedFrom" else "0"}, headers)

    hotline.answer = ignoring  # type: ignore[method-assign, assignment]
    with pytest.raises(TransientError) as caught:
        await pulled(small(10), wire)

    assert caught.value.kind == "RANGE_IGNORED"


def test_a_run_may_begin_at_a_date() -> None:
    connector, since = HotlineConnector(config()), datetime(2024, 4, 30, 16, tzinfo=UTC)

    assert connector.start_cursor({"from": stamp(0), "after": 7}, since) == {"from": "2024-05-01 00:00:00", "after": 0}
    assert connector.start_cursor(None) == {"from": "2000-01-01 00:00:00", "after": 0}


async def test_an_empty_hotline_is_empty() -> None:
    for counts_rows in (True, False):
        items, cursor = await pulled(HotlineConnector(config()), DirectWire(Hotline(counts_rows=counts_rows)))
        assert (items, cursor) == ([], {"from": "2000-01-01 00:00:00", "after": 0})


async def test_what_changes_by_itself_is_no_new_version() -> None:
    archived = order(state=9, attachments="https://files.example/a.jpg,https://files.example/b.jpg")
    hotline = Hotline([archived])
    connector, wire = HotlineConnector(config()), DirectWire(hotline)
    (one,), _ = await pulled(connector, wire)
    (two,), _ = await pulled(connector, wire)
    told = connector.receive(*_sent(webhook(archived, "催办", 1, "2024-06-13 09:00:00"))).items[0]

    assert one.body != two.body
    assert one.canonical == two.canonical == told.canonical  # the webhook hides nothing
    other = Hotline([{**archived, "callerPhone": "13893612346"}])
    (changed,), _ = await pulled(connector, DirectWire(other))
    assert changed.canonical != one.canonical


async def test_a_server_that_moved_makes_no_new_version_of_its_orders() -> None:
    here = order(attachments="https://files.example/2024/a.jpg?expires=1,https://files.example/2024/b.jpg")
    items = []
    for there in ("https://files.example", "http://files.example:9003"):
        moved = here | {"attachments": str(here["attachments"]).replace("https://files.example", there)}
        items.append(_items(webhook(moved, "催办", 1, "2024-06-13 09:00:00"))[0])
    assert items[0].canonical == items[1].canonical
    other = here | {"attachments": "https://files.example/2024/a.jpg,https://files.example/2025/b.jpg"}
    assert _items(webhook(other, "催办", 1, "2024-06-13 09:00:00"))[0].canonical != items[0].canonical


@given(st.sampled_from([0, 1, 6, 8]), st.integers(0, 10))
def test_before_the_archive_every_digit_counts(state: int, place: int) -> None:
    one, other = order(state=state), order(state=state)
    number = other["callerPhone"]
    other["callerPhone"] = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
    items = [_items(webhook(told, "催办", 1, "2024-06-13 09:00:00"))[0] for told in (one, other)]

    assert items[0].canonical != items[1].canonical


# --- digest and fetch -------------------------------------------------------------------------------------------


async def test_the_digest_lists_every_order_of_its_window_once() -> None:
    hotline = Hotline([order(n, stamp(n // 2)) for n in range(1, 200)])
    window = Window(datetime(2024, 3, 1, 0, 0, 10, tzinfo=SHANGHAI), datetime(2024, 3, 1, 0, 1, 0, tzinfo=SHANGHAI))
    hotline.faults = [None, html, partial, html]
    connector = small(25)

    async with served(hotline) as wire:
        entries = [entry async for entry in connector.digest(wire, window)]

        assert [entry.key for entry in entries] == [code(n) for n in range(20, 122)]
        assert wire.noted == ["UNREADABLE_ANSWER", "PARTIAL_PAGE", "UNREADABLE_ANSWER"]
    assert all(asked["fields"] == "key" for asked in hotline.asked)
    assert entries[0].updated_at == datetime(2024, 3, 1, 0, 0, 10, tzinfo=SHANGHAI)
    assert {entry.item for entry in entries} == {None}


async def test_the_whole_digest_agrees_with_the_pull() -> None:
    hotline = Hotline([order(n, stamp(n // 9)) for n in range(1, 100)])
    connector, wire = small(20), DirectWire(hotline)
    items, _ = await pulled(connector, wire)

    listed = [(e.key, e.native_id, e.native_no, e.updated_at) async for e in connector.digest(wire, Window())]
    assert listed == [(i.key, i.native_id, i.native_no, i.updated_at) for i in items]


async def test_fetch_reads_the_orders_there_are() -> None:
    odd = {**order(3), "workordercode": "GS/2024 号?x=1"}
    async with served(Hotline([order(1), order(2), odd])) as wire:
        connector = HotlineConnector(config())
        items = await connector.fetch(wire, [code(1), "gone", "", "list", "..", code(1), odd["workordercode"]])

    assert [item.key for item in items] == [code(1), odd["workordercode"]]


async def test_an_answer_about_another_order_is_not_believed() -> None:
    def another(hotline: Hotline, envelope: dict[str, Any]) -> None:
        envelope["resultData"] = order(2)

    with pytest.raises(TransientError):
        await HotlineConnector(config()).fetch(DirectWire(Hotline([order(1)], faults=[another])), [code(1)])


# --- webhooks ---------------------------------------------------------------------------------------------------

NOW = datetime.now(UTC)


def _sent(body: bytes, **how: Any) -> tuple[dict[str, str], bytes, datetime]:
    return signed(body, **how), body, datetime.now(UTC)


def _items(body: bytes) -> Sequence[Item]:
    return HotlineConnector(config()).receive(*_sent(body)).items


def test_a_genuine_webhook_is_the_order_and_its_event() -> None:
    told = order(**dispatched())
    body = webhook(told, "派单", 1, "2024-06-12 12:18:11", contractorCode=told["contractorCode"])
    received = HotlineConnector(config()).receive(*_sent(body))

    assert received.nonce == "0123456789abcdef0123456789abcdef" and received.content_type == "application/json"
    reply = json.loads(received.reply)
    assert (reply["success"], reply["code"]) == (True, 10000)
    delivered, event = received.items
    assert (delivered.key, delivered.native_id, delivered.native_no) == (code(1), code(1), "")
    assert delivered.updated_at == datetime(2024, 6, 12, 12, 18, 11, tzinfo=SHANGHAI)
    assert (event.key, event.native_id, event.updated_at) == (f"{code(1)}/派单/1", code(1), delivered.updated_at)
    assert json.loads(delivered.body) == told and "order" not in json.loads(event.body)


async def test_the_order_in_a_webhook_is_the_version_of_the_list() -> None:
    told = order(**dispatched())
    (listed,), _ = await pulled(HotlineConnector(config()), DirectWire(Hotline([told])))

    assert _items(webhook(told, "派单", 1, "2024-06-12 12:18:11"))[0].canonical == listed.canonical


@pytest.mark.parametrize("how", [{"secret": THEIR_OLD_SECRET}, {"sm3": True}, {"ago_s": 299}, {"ago_s": -299}])
def test_both_live_secrets_both_algorithms_and_the_whole_window_are_taken(how: dict[str, Any]) -> None:
    assert HotlineConnector(config()).receive(*_sent(webhook(order(), "追办", 2, "2024-06-13 08:00:00"), **how)).items


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"secret": "guessed"}, "BAD_SIGNATURE"),
        ({"secret": SECRET}, "BAD_SIGNATURE"),  # that of the other direction
        ({"app": APP}, "UNKNOWN_APP"),
        ({"app": ""}, "UNKNOWN_APP"),
        ({"ago_s": 302}, "OUTSIDE_WINDOW"),
        ({"ago_s": -302}, "OUTSIDE_WINDOW"),
        ({"nonce": "short"}, "BAD_HEADERS"),
    ],
)
def test_a_forged_or_old_webhook_is_refused(how: dict[str, Any], said: str) -> None:
    with pytest.raises(AuthError, match=said) as caught:
        HotlineConnector(config()).receive(*_sent(webhook(order(), "催办", 2, "2024-06-13 08:00:00"), **how))

    told = f"{caught.value!s} {caught.value.hint}"
    assert not any(word in told for word in ("王芳", "13893612345", THEIR_SECRET, THEIR_OLD_SECRET))


@pytest.mark.parametrize("header", ["X-App-Id", "X-Timestamp", "X-Nonce", "X-Sign", "X-Sign-Type"])
@pytest.mark.parametrize("value", [None, "", "0", "ä", "\ud800", "SM3", "９" * 13])
def test_a_webhook_with_a_header_missing_or_altered_is_refused(header: str, value: str | None) -> None:
    body = webhook(order(), "催办", 2, "2024-06-13 08:00:00")
    headers = {**signed(body), header: value or ""}
    if value is None:
        headers.pop(header)
    connector = HotlineConnector(config())
    if header == "X-Sign-Type" and not value:
        assert connector.receive(headers, body, datetime.now(UTC)).items
        return

    with pytest.raises(AuthError):
        connector.receive(headers, body, datetime.now(UTC))


@given(st.data())
def test_any_altered_byte_is_refused(data: st.DataObject) -> None:
    body = webhook(order(), "催办", 2, "2024-06-13 08:00:00")
    headers, _, now = _sent(body)
    altered = bytearray(body)
    altered[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(AuthError, match="BAD_SIGNATURE"):
        HotlineConnector(config()).receive(headers, bytes(altered), now)


def test_where_no_secret_is_configured_nobody_gets_in() -> None:
    connector = HotlineConnector(config(webhook_secrets=()))

    with pytest.raises(AuthError, match="NO_SECRET"):
        connector.receive(*_sent(webhook(order(), "催办", 2, "2024-06-13 08:00:00"), secret=""))


def test_header_names_are_compared_in_any_case() -> None:
    body = webhook(order(), "催办", 2, "2024-06-13 08:00:00")
    headers = {name.upper(): value for name, value in signed(body).items()}

    assert HotlineConnector(config()).receive(headers, body, datetime.now(UTC)).items


def test_a_repeat_is_the_same_items_and_the_same_reply() -> None:
    body = webhook(order(**dispatched()), "派单", 1, "2024-06-12 12:18:11")
    connector = HotlineConnector(config())
    first, again = connector.receive(*_sent(body)), connector.receive(*_sent(body, nonce="f" * 32))

    assert first.items == again.items and first.reply == again.reply and first.nonce != again.nonce


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
BODY = st.fixed_dictionaries(
    {},
    optional={
        "workordercode": st.just(code(1)) | JSON,
        "event": st.sampled_from(["派单", "追办", "催办", "回访", "督办"]) | JSON,
        "seq": st.integers(0, 9) | JSON,
        "occurredAt": st.just("2024-06-13 08:00:00") | JSON,
        "data": st.fixed_dictionaries({}, optional={"contractorCode": JSON, "successSolve": JSON, "level": JSON})
        | JSON,
        "order": st.just(order()) | JSON,
    },
)


@given(BODY.map(lambda value: json.dumps(value).encode()) | JSON.map(lambda v: json.dumps(v).encode()) | st.binary())
def test_whatever_a_signed_webhook_holds_it_is_kept_and_mapped_or_refused_alone(body: bytes) -> None:
    connector = HotlineConnector(config())
    received = connector.receive(*_sent(body))

    assert received.items
    for item in received.items:
        try:
            (facts,) = connector.map(item)
        except BadPayloadError:
            continue
        assert isinstance(facts, CaseFacts) and item.native_id == facts.native_id and item.key


# --- the model --------------------------------------------------------------------------------------------------


def shuffle(hotline: Hotline, envelope: dict[str, Any]) -> None:
    if isinstance(envelope["resultData"], list):
        random.Random(len(hotline.asked)).shuffle(envelope["resultData"])


def duplicate_replaces(hotline: Hotline, envelope: dict[str, Any]) -> None:
    rows = envelope["resultData"]
    if rows:
        rows[len(rows) // 2] = rows[0]


def duplicate_extra(hotline: Hotline, envelope: dict[str, Any]) -> None:
    envelope["resultData"] = [*envelope["resultData"], *envelope["resultData"][:1]]


def outage(hotline: Hotline, envelope: dict[str, Any]) -> None:
    raise TransientError("refused")


FAULTS = [None, html, cut_short, partial, no_list, shuffle, outage, duplicate_replaces, duplicate_extra]
STEPS = st.tuples(
    st.sampled_from(FAULTS),
    #: orders edited after this request, and by how many seconds the clock moves each time
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 2)), max_size=3),
    #: whether the run is killed after this request
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=25), st.integers(1, 4), st.booleans(), st.lists(STEPS, max_size=30))
def test_whatever_moves_or_fails_no_order_is_lost(
    seconds: list[int], page_size: int, counts_rows: bool, steps: list[Any]
) -> None:
    hotline = Hotline([order(n + 1, stamp(s), repeated=0) for n, s in enumerate(seconds)], counts_rows=counts_rows)
    hotline.now = datetime(2024, 3, 1, 0, 0, 6, tzinfo=SHANGHAI)
    connector, wire = small(page_size, overlap_s=0), DirectWire(hotline)
    delivered: set[tuple[str, int]] = set()

    async def run(cursor: Cursor | None, steps: list[Any]) -> Cursor:
        following: Cursor = connector.start_cursor(cursor)
        for _ in range(2000):
            fault, edits, is_killed = steps.pop(0) if steps else (None, [], False)
            # a lie told once: told again and again it cannot be told from the truth
            hotline.faults = [fault]
            try:
                page = await connector.pull(wire, following)
            except TransientError:
                continue
            finally:
                for index, moved in edits:
                    if hotline.orders:
                        place = index % len(hotline.orders)
                        hotline.edit(place, moved, repeated=hotline.orders[place]["repeated"] + 1)
            delivered.update((row["workordercode"], row["repeated"]) for row in map(_read, page.items))
            written = json.dumps(page.cursor)
            assert len(written) < 160
            if not page.more:
                return page.cursor
            following = connector.start_cursor(json.loads(written)) if is_killed else page.cursor
        raise AssertionError("the run does not end")

    # no overlap, so that the second run repairs nothing the first one lost: it only sees what moved since
    kept = asyncio.run(run(None, list(steps)))
    asyncio.run(run(kept, []))

    assert {(row["workordercode"], row["repeated"]) for row in hotline.orders} <= delivered


def _read(item: Item) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(item.body)
    return found
