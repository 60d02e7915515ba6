"""The court's wire floor: token, paging and errors, over real HTTP and, for the model, over a table in memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import registry
from connectors.base import Connector, HttpWire, InstanceConfig, Window
from connectors.court import CourtConnector
from connectors.court.paging import PATIENCE
from hub.errors import AuthError, ConfigurationError, HubError, RejectedError, TransientError
from hub.model import SHANGHAI, Cursor, Item

from .court_double import SECRET, Court, DirectWire, config, row, served

BIG_SECOND = "2024-03-01 02:00:00"


def stamp(seconds: int) -> str:
    return f"{datetime(2024, 3, 1, tzinfo=SHANGHAI) + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"


async def pulled(
    connector: CourtConnector, wire: HttpWire, cursor: Cursor | None = None, pages: int = 1000
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


# --- token ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign_type", ["MD5", "SM3"])
async def test_one_token_serves_a_whole_run(sign_type: str) -> None:
    court = Court([row(f"a{n:03}", stamp(n)) for n in range(250)], sign_type=sign_type)
    connector = CourtConnector(config(options={"sign_type": sign_type}))

    async with served(court) as wire:
        items, _ = await pulled(connector, wire)

    assert len(keys(items)) == 250
    assert len(court.tokens) == 1


async def test_a_token_that_died_is_renewed_once_and_noted() -> None:
    court = Court([row("a1")])
    connector = CourtConnector(config())

    async with served(court) as wire:
        await connector.check(wire)
        court.dead.update(court.tokens)
        items, _ = await pulled(connector, wire)

        assert keys(items) == {"a1/"}
        assert wire.noted == ["TOKEN_EXPIRED"]
        assert len(court.tokens) == 2


async def test_a_court_that_refuses_every_token_is_asked_twice_and_no_more() -> None:
    court = Court([row("a1")])
    connector = CourtConnector(config())
    court.faults = [refuse_token] * 9

    with pytest.raises(TransientError) as caught:
        await connector.pull(DirectWire(court), connector.start_cursor(None))

    assert caught.value.kind == "TOKEN_EXPIRED"
    assert len(court.asked) == 2


async def test_wrong_credentials_are_an_auth_error_that_tells_no_secret() -> None:
    connector = CourtConnector(config(secret="wrong-secret"))

    async with served(Court()) as wire:
        with pytest.raises(AuthError) as caught:
            await connector.check(wire)

    assert "secret" in caught.value.hint
    assert "wrong-secret" not in f"{caught.value!s}{caught.value!r}{caught.value.hint}"


async def test_a_machine_without_sm3_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sm3(name: str, *_: Any, **__: Any) -> Any:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr("hashlib.new", no_sm3)
    connector = CourtConnector(config(options={"sign_type": "SM3"}))

    with pytest.raises(AuthError, match="no SM3"):
        await connector.check(DirectWire(Court()))


async def test_check_says_how_many_rows_it_saw() -> None:
    async with served(Court([row("a1"), row("a2")])) as wire:
        assert "2 rows" in await CourtConnector(config()).check(wire)


# --- what is not an answer --------------------------------------------------------------------------------------


def refuse_token(court: Court, envelope: dict[str, Any]) -> None:
    envelope.update(code=401, content=None)


def html(court: Court, envelope: dict[str, Any]) -> bytes:
    return b"<html><body>502 Bad Gateway</body></html>"


def cut_short(court: Court, envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope).encode()[:-20]


def no_list(court: Court, envelope: dict[str, Any]) -> None:
    del envelope["content"]["list"]


def no_content(court: Court, envelope: dict[str, Any]) -> None:
    envelope["content"] = None


def null_list(court: Court, envelope: dict[str, Any]) -> None:
    envelope["content"]["list"] = None


def no_total(court: Court, envelope: dict[str, Any]) -> None:
    del envelope["content"]["total"]


def not_an_object(court: Court, envelope: dict[str, Any]) -> bytes:
    return b"[]"


def other_page(court: Court, envelope: dict[str, Any]) -> None:
    envelope["content"]["pageNum"] = 2


def partial(court: Court, envelope: dict[str, Any]) -> None:
    rows = envelope["content"]["list"]
    envelope["content"]["list"] = [*rows[: len(rows) // 2], *rows[len(rows) // 2 + 1 :]]


def gb18030(court: Court, envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope, ensure_ascii=False).encode("gb18030")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (html, "UNREADABLE_ANSWER"),
        (cut_short, "UNREADABLE_ANSWER"),
        (gb18030, "UNREADABLE_ANSWER"),
        (not_an_object, "UNREADABLE_ANSWER"),
        (no_content, "UNREADABLE_ANSWER"),
        (no_list, "UNREADABLE_ANSWER"),
        (null_list, "UNREADABLE_ANSWER"),
        (no_total, "UNREADABLE_ANSWER"),
        (other_page, "WRONG_PAGE"),
        (partial, "PARTIAL_PAGE"),
    ],
)
async def test_an_answer_that_is_not_whole_is_asked_again_and_never_empty(fault: Any, kind: str) -> None:
    court = Court([row("a1"), row("a2", "2024-03-02 10:00:00")], faults=[fault])
    connector = CourtConnector(config())
    cursor = connector.start_cursor(None)

    async with served(court) as wire:
        with pytest.raises(TransientError) as caught:
            await connector.pull(wire, cursor)
        page = await connector.pull(wire, cursor)

    assert caught.value.kind == kind
    assert keys(page.items) == {"a1/", "a2/"}


@pytest.mark.parametrize(
    ("code", "error"),
    [(400, RejectedError), (403, AuthError), (404, RejectedError), (500, TransientError), ("E-9", TransientError)],
)
async def test_a_business_error_is_loud_and_quotes_nothing(code: int | str, error: type[HubError]) -> None:
    def refuse(court: Court, envelope: dict[str, Any]) -> None:
        envelope.update(code=code, msg=f"张三 13800001234 {court.tokens[-1]}", content=None)

    court = Court([row("a1")], faults=[refuse])
    connector = CourtConnector(config())

    async with served(court) as wire:
        with pytest.raises(error) as caught:
            await connector.pull(wire, connector.start_cursor(None))

    said = f"{caught.value!s} {caught.value.hint}"
    assert not any(secret in said for secret in ("张三", "13800001234", court.tokens[-1], SECRET))


# --- paging -----------------------------------------------------------------------------------------------------


async def test_a_second_longer_than_a_page_comes_whole() -> None:
    crowd = [row(f"b{n:03}", BIG_SECOND) for n in range(130)]
    others = [row(f"a{n:03}", stamp(n)) for n in range(60)] + [row("z1", "2024-03-01 03:00:00")]
    court = Court([*others, *crowd])
    connector = CourtConnector(config())

    async with served(court) as wire:
        items, cursor = await pulled(connector, wire)

    assert len(keys(items)) == 191
    assert cursor == {"from": "2024-03-01 03:00:00"}


async def test_a_run_killed_inside_the_long_second_goes_on_where_it_was() -> None:
    court = Court([row(f"b{n:03}", BIG_SECOND) for n in range(230)])
    connector, wire = CourtConnector(config()), DirectWire(court)
    cursor: Cursor = connector.start_cursor(None)
    seen: set[str] = set()

    for _ in range(50):  # killed after every single page
        page = await CourtConnector(config()).pull(wire, connector.start_cursor(json.loads(json.dumps(cursor))))
        seen |= keys(page.items)
        cursor = page.cursor
        if not page.more:
            break

    assert not page.more
    assert len(seen) == 230


async def test_a_row_that_moves_while_the_second_is_read_is_not_lost() -> None:
    court = Court([row(f"b{n:03}", BIG_SECOND) for n in range(230)])
    moves = iter(range(3))

    def move_one(court: Court, envelope: dict[str, Any]) -> None:
        court.edit(next(moves), facts="补充")

    court.faults = [None, move_one, move_one, None, move_one]
    items, _ = await pulled(CourtConnector(config()), DirectWire(court))

    assert len(keys(items)) == 230
    assert sum(b"\xe8\xa1\xa5\xe5\x85\x85" in item.body for item in items) >= 3


async def test_a_shuffled_page_loses_nothing() -> None:
    def reverse(court: Court, envelope: dict[str, Any]) -> None:
        envelope["content"]["list"].reverse()

    court = Court([row(f"a{n:03}", stamp(n // 3)) for n in range(350)], faults=[reverse] * 40)
    items, _ = await pulled(CourtConnector(config()), DirectWire(court))

    assert len(keys(items)) == 350


async def test_a_list_in_an_order_of_its_own_is_still_read_whole() -> None:
    court = Court([row(f"a{n:03}", stamp(n)) for n in range(350)])
    whole = court.list

    def in_own_order(query: dict[str, str]) -> dict[str, Any]:
        size, page = int(query["pageSize"]), int(query["pageNum"])
        envelope = whole({**query, "pageSize": "100", "pageNum": "1"})
        found = [r for r in court.rows if query["gxsjq"] <= r["gxsj"] <= query.get("gxsjz", "9999")]
        found.sort(key=lambda r: hashlib.md5(r["ajbs"].encode()).digest())
        envelope["content"] |= {"pageNum": page, "list": found[(page - 1) * size : page * size]}
        return envelope

    court.list = in_own_order  # type: ignore[method-assign, assignment]
    items, _ = await pulled(CourtConnector(config()), DirectWire(court))

    assert len(keys(items)) == 350


async def test_a_page_that_repeats_a_row_in_place_of_another_loses_nothing() -> None:
    court = Court(
        [row(f"a{n:03}", stamp(n)) for n in range(150)], faults=[duplicate_replaces, None, duplicate_replaces]
    )
    items, _ = await pulled(CourtConnector(config()), DirectWire(court))

    assert len(keys(items)) == 150


async def test_rows_that_stand_twice_in_the_partners_own_table_block_nothing() -> None:
    twice = [row(f"a{n:03}", BIG_SECOND) for n in range(80)] * 2
    court = Court([*twice, row("z1", "2024-03-01 03:00:00")])
    items, cursor = await pulled(CourtConnector(config()), DirectWire(court))

    assert len(keys(items)) == 81
    assert cursor == {"from": "2024-03-01 03:00:00"}


async def test_the_next_run_reads_the_overlap_again() -> None:
    court = Court([row("a1", "2024-03-01 12:00:00")])
    connector, wire = CourtConnector(config(overlap_s=600)), DirectWire(court)
    _, cursor = await pulled(connector, wire)

    court.rows.append(row("late", "2024-03-01 11:55:00"))  # committed late, under an earlier stamp
    items, _ = await pulled(connector, wire, cursor)

    assert "late/" in keys(items)


def test_a_run_may_begin_at_a_date() -> None:
    since = datetime(2024, 5, 1, tzinfo=SHANGHAI)

    assert CourtConnector(config()).start_cursor({"from": stamp(0)}, since) == {"from": "2024-05-01 00:00:00"}
    assert CourtConnector(config()).start_cursor(None) == {"from": "2000-01-01 00:00:00"}


async def test_a_run_killed_after_every_page_arrives_through_a_crowded_overlap() -> None:
    court = Court([row(f"a{n:03}", stamp(n // 2)) for n in range(700)])
    wire = DirectWire(court)
    cursor: Cursor | None = None
    seen: set[str] = set()

    for _ in range(50):
        connector = CourtConnector(config(overlap_s=600))
        page = await connector.pull(wire, connector.start_cursor(cursor))
        seen |= keys(page.items)
        cursor = json.loads(json.dumps(page.cursor))
        if not page.more:
            break

    assert not page.more
    assert len(seen) == 700


async def test_rows_without_id_or_time_are_delivered_and_block_nothing() -> None:
    odd = [row("", stamp(1)), {**row("x"), "gxsj": None}, row("y", "20240301"), "not an object"]

    def add_odd(court: Court, envelope: dict[str, Any]) -> None:
        envelope["content"]["list"][:0] = odd
        envelope["content"]["total"] += len(odd)

    court = Court([row(f"a{n:03}", stamp(n)) for n in range(250)], faults=[add_odd] * 99)
    items, cursor = await pulled(CourtConnector(config()), DirectWire(court))

    assert len(keys(items)) == 250 + 3
    assert [item.native_id for item in items if item.key == ""] and cursor == {"from": stamp(249)}
    assert all(item.updated_at is None for item in items if item.native_id in ("x", "y"))


async def test_a_page_of_rows_without_time_is_read_by_page_numbers() -> None:
    court = Court([{**row(f"a{n:03}"), "gxsj": None} for n in range(250)])
    items, _ = await pulled(CourtConnector(config()), DirectWire(court))

    assert len(keys(items)) == 250


async def test_a_court_that_ignores_the_filter_is_a_loud_error_not_a_loop() -> None:
    court = Court([row(f"a{n:03}", stamp(n)) for n in range(250)])
    whole = court.list

    def ignoring(query: dict[str, str]) -> dict[str, Any]:
        return whole({**query, "gxsjq": "2000-01-01 00:00:00", "gxsjz": "2099-01-01 00:00:00"})

    court.list = ignoring  # type: ignore[method-assign, assignment]
    with pytest.raises(TransientError) as caught:
        await pulled(CourtConnector(config()), DirectWire(court))

    assert caught.value.kind == "RANGE_IGNORED"


async def test_a_list_that_never_agrees_with_itself_is_given_up_loudly_and_tried_anew_next_run() -> None:
    lots = random.Random(7)

    def another_order(court: Court, envelope: dict[str, Any]) -> None:
        content = envelope["content"]
        content["list"] = lots.choices(court.rows, k=len(content["list"]))

    court = Court([row(f"b{n:03}", BIG_SECOND) for n in range(230)], faults=[another_order] * 400)
    connector, wire = CourtConnector(config()), DirectWire(court)
    cursor: Cursor = connector.start_cursor(None)
    with pytest.raises(TransientError) as caught:
        while True:
            cursor = (await connector.pull(wire, cursor)).cursor
    assert caught.value.kind == "UNSTABLE_ORDER"

    court.faults.clear()
    items, _ = await pulled(connector, wire, cursor)
    assert len(keys(items)) == 230


async def test_an_empty_court_is_empty() -> None:
    items, cursor = await pulled(CourtConnector(config()), DirectWire(Court()))

    assert (items, cursor) == ([], {"from": "2000-01-01 00:00:00"})


# --- digest and fetch -------------------------------------------------------------------------------------------


async def test_the_digest_lists_every_row_of_its_window_once() -> None:
    court = Court(
        [row(f"a{n:03}", stamp(n // 2)) for n in range(300)] + [row(f"b{n:03}", stamp(70)) for n in range(130)]
    )
    window = Window(datetime(2024, 3, 1, tzinfo=SHANGHAI), datetime(2024, 3, 1, 0, 1, 39, tzinfo=SHANGHAI))
    court.faults = [None, html, partial, html]

    async with served(court) as wire:
        entries = [entry async for entry in CourtConnector(config()).digest(wire, window)]

        assert sorted(entry.key for entry in entries) == sorted(
            f"{r['ajbs']}/" for r in court.rows if r["gxsj"] <= stamp(99)
        )
        assert wire.noted == ["UNREADABLE_ANSWER", "PARTIAL_PAGE", "UNREADABLE_ANSWER"]
    assert all(entry.item is not None and entry.item.key == entry.key for entry in entries)


async def test_fetch_reads_every_row_of_the_ids_and_nothing_for_an_absent_one() -> None:
    number = "（2024）甘0725民诉前调1号"
    court = Court([row("a1", ah=number), row("a1", ah="(2024)甘0725民初2号"), row("a2")])

    async with served(court) as wire:
        items = await CourtConnector(config()).fetch(wire, ["a1", "gone", "", "a1"])

    assert [item.key for item in items] == ["a1/(2024)甘0725民初2号", "a1/(2024)甘0725民诉前调1号"]
    assert all("gxsjq" not in asked for asked in court.asked)


async def test_a_court_that_answers_with_other_records_is_not_believed() -> None:
    court = Court([row("a1"), row("a2")])

    def another(court: Court, envelope: dict[str, Any]) -> None:
        envelope["content"]["list"] = [row("a2")]

    court.faults = [another]
    with pytest.raises(TransientError):
        await CourtConnector(config()).fetch(DirectWire(court), ["a1"])


# --- the model --------------------------------------------------------------------------------------------------


def duplicate_pushes_out(court: Court, envelope: dict[str, Any]) -> None:
    rows = envelope["content"]["list"]
    envelope["content"]["list"] = [*rows[:1], *rows[:-1]] if rows else rows


def duplicate_replaces(court: Court, envelope: dict[str, Any]) -> None:
    rows = envelope["content"]["list"]
    if rows:
        rows[len(rows) // 2] = rows[0]


def duplicate_extra(court: Court, envelope: dict[str, Any]) -> None:
    rows = envelope["content"]["list"]
    envelope["content"]["list"] = [*rows, *rows[:1]]


def shuffle(court: Court, envelope: dict[str, Any]) -> None:
    random.Random(len(court.asked)).shuffle(envelope["content"]["list"])


def outage(court: Court, envelope: dict[str, Any]) -> None:
    raise TransientError("refused")


FAULTS = [
    None, html, cut_short, partial, no_list, refuse_token, shuffle, outage,
    duplicate_replaces, duplicate_pushes_out, duplicate_extra,
]  # fmt: skip
STEPS = st.tuples(
    st.sampled_from(FAULTS),
    #: rows edited after this request, and by how many seconds the clock moves each time
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 2)), max_size=3),
    #: whether the run is killed after this request
    st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=25), st.integers(1, 4), st.lists(STEPS, max_size=30))
def test_whatever_moves_or_fails_no_row_is_lost(seconds: list[int], page_size: int, steps: list[Any]) -> None:
    court = Court([row(f"a{n:03}", stamp(s), ycts=0) for n, s in enumerate(seconds)])
    court.now = datetime(2024, 3, 1, 0, 0, 6, tzinfo=SHANGHAI)
    connector, wire = CourtConnector(config(overlap_s=0, options={"page_size": page_size})), DirectWire(court)
    delivered: set[tuple[str, int]] = set()
    # the same lie told at every reading cannot be told from the truth
    lies = [index for index, (fault, _, _) in enumerate(steps) if fault is duplicate_replaces]
    steps = [step for index, step in enumerate(steps) if index not in lies[PATIENCE:]]

    async def run(cursor: Cursor | None, steps: list[Any]) -> Cursor:
        following: Cursor = connector.start_cursor(cursor)
        for _ in range(5000):
            fault, edits, is_killed = steps.pop(0) if steps else (None, [], False)
            court.faults = [fault]
            try:
                page = await connector.pull(wire, following)
            except TransientError:
                continue
            finally:
                for index, moved in edits:
                    if court.rows:
                        place = index % len(court.rows)
                        court.edit(place, moved, ycts=court.rows[place]["ycts"] + 1)
            delivered.update((r["ajbs"], r["ycts"]) for r in (json.loads(item.body) for item in page.items))
            written = json.dumps(page.cursor)
            assert len(written) < 256
            if not page.more:
                return page.cursor
            following = connector.start_cursor(json.loads(written)) if is_killed else page.cursor
        raise AssertionError("the run does not end")

    # no overlap, so that the second run repairs nothing the first one lost: it only sees what moved since
    kept = asyncio.run(run(None, list(steps)))
    asyncio.run(run(kept, []))

    assert {(r["ajbs"], r["ycts"]) for r in court.rows} <= delivered


# --- the registry -----------------------------------------------------------------------------------------------


def test_the_court_is_found_by_name() -> None:
    connector: Connector = registry.make_connector(config(), plugins=[])

    assert isinstance(connector, CourtConnector)
    assert "court" in registry.product_names([])


def plugin(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=registry.GROUP)


class ThirdParty(CourtConnector):
    product = "third"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("nobody", "", "no connector named nobody"),
        ("court", f"{__name__}:ThirdParty", "claim the name court"),
        ("third", "no.such.module:X", "cannot be loaded"),
        ("third", "datetime:date", "does not keep the contract"),
        ("other", "connectors.court:CourtConnector", "calls itself otherwise"),
    ],
)
def test_a_wrong_registration_says_what_is_wrong(name: str, value: str, said: str) -> None:
    plugins = [plugin(name, value)] if value else []

    with pytest.raises(ConfigurationError, match=said):
        registry.product_names(plugins)
        registry.make_connector(config(product=name), plugins)


def test_a_plugin_serves_its_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda self: ThirdParty)
    found = [plugin("third", "third.party:ThirdParty")]

    assert isinstance(registry.make_connector(config(product="third"), found), ThirdParty)
    assert registry.product_names(found) == tuple(sorted({*registry.PRODUCTS, "third"}))


def test_an_impossible_page_size_is_the_operators_to_mend() -> None:
    broken: InstanceConfig = config(options={"page_size": 101})

    with pytest.raises(ConfigurationError, match="page_size"):
        CourtConnector(broken)
