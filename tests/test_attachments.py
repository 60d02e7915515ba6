"""Files that records name: fetched at once, once per content, from allowed hosts, whole, of a type that may be kept."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import func, select, text

from connectors.hotline import HotlineConnector
from connectors.sandbox.hotline import HotlineOptions, RunningHotline, start_hotline
from connectors.sandbox.hotline_files import DISGUISED, FINE, MISSING, OVERSIZED, condition, content
from hub import attachments
from hub.desk import Desk
from hub.history import event_hash
from hub.reading.attachments import sealed_of
from hub.sight import EVERYTHING
from hub.store.tables import attachment_contents, handling_events, inbox_items, metadata
from sync_jobs.downloads import host_of
from sync_jobs.http import WireOptions, open_http_wire
from sync_jobs.pull import pull_instance

from .databases import Database
from .files_kit import JPEG, Files, FileServer, file_server, paper
from .hub_kit import Clock, court_config, open_desk


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with open_desk(database.url) as desk:
        yield desk


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with file_server() as server:
        yield server


async def contents(desk: Desk) -> list[Any]:
    async with desk.store.read() as connection:
        return list((await connection.execute(select(attachment_contents))).all())


async def opened(desk: Desk, id: str) -> bytes:
    async with desk.store.read() as connection:
        found = await sealed_of(connection, EVERYTHING, id)
    assert found is not None
    return found.open(desk.keys)


# --- kept ---------------------------------------------------------------------------------------------------------


async def test_a_photo_of_two_records_is_stored_once(desk: Desk, server: FileServer) -> None:
    hub = paper(desk, server)
    hub.connector.put("A", {"name": "现场.jpg", "url": server.put("/a", JPEG) + "?token=1"})
    hub.connector.put("B", {"name": "现场.jpg", "url": server.put("/b", JPEG) + "?token=2"})
    _, report = await hub.take_in()
    first, second = await hub.rows()
    (kept,) = await contents(desk)
    assert (report.stored, report.missed.total()) == (2, 0)
    assert first.content_id == second.content_id == kept.id
    assert {(row.state, row.media_type, row.bytes) for row in (first, second)} == {("STORED", "image/jpeg", len(JPEG))}
    assert await opened(desk, first.id) == JPEG
    assert JPEG not in kept.body_sealed


async def test_twice_changes_nothing(desk: Desk, server: FileServer) -> None:
    hub = paper(desk, server)
    hub.connector.put("A", {"name": "a.jpg", "url": server.put("/a", JPEG) + "?token=1"})
    await hub.take_in()
    before = await hub.rows()
    hub.connector.put("A", {"name": "a.jpg", "url": server.base_url + "/a?token=2"})
    run, report = await hub.take_in()
    assert (run.new, report.stored) == (0, 0)
    assert await hub.rows() == before
    assert server.asked == ["/a"]
    async with desk.store.read() as connection:
        told = (await connection.execute(select(handling_events).where(handling_events.c.kind == "ATTACHED"))).all()
    (event,) = told
    assert event.source_event_id == f"hub:attached:{before[0].id}"
    assert set(event.data) == {"attachment", "kind", "mediaType", "bytes"}
    assert event.hash == event_hash(event._mapping)


async def test_a_file_no_longer_named_is_marked_and_comes_back(desk: Desk, server: FileServer) -> None:
    hub = paper(desk, server)
    a, b = ({"name": f"{name}.jpg", "url": server.put(f"/{name}", JPEG + name.encode())} for name in "ab")
    hub.connector.put("A", a, b)
    await hub.take_in()
    hub.connector.put("A", b, minute=1)
    await hub.take_in()
    gone, stays = await hub.rows()
    assert gone.deleted_at_source is not None and gone.state == "STORED"
    assert (stays.deleted_at_source, stays.position) == (None, 0)
    hub.connector.put("A", a, b, minute=2)
    await hub.take_in()
    assert [row.deleted_at_source for row in await hub.rows()] == [None, None]
    assert len(server.asked) == 2


async def test_the_chain_holds_with_files_between_versions(desk: Desk, server: FileServer) -> None:
    hub = paper(desk, server)
    for minute in range(3):
        hub.connector.put("A", {"name": "a", "url": server.put(f"/{minute}", JPEG + bytes([minute]))}, minute=minute)
        await hub.take_in()
    async with desk.store.read() as connection:
        query = select(handling_events).where(handling_events.c.record_id.is_not(None))
        events = (await connection.execute(query.order_by(handling_events.c.stream_seq))).all()
    assert [event.stream_seq for event in events] == list(range(1, len(events) + 1))
    assert [event.previous_hash for event in events] == ["", *(event.hash for event in events[:-1])]
    assert sum(event.kind == "ATTACHED" for event in events) == 3


# --- inline -------------------------------------------------------------------------------------------------------


async def test_what_comes_inline_is_decoded(desk: Desk) -> None:
    hub = paper(desk, max_bytes=4096)
    good = base64.b64encode(JPEG).decode()
    hub.connector.put(
        "A",
        {"name": "a.jpg", "inline": good},
        {"name": "b.jpg", "inline": f"data:image/jpeg;base64,{good[:40]}\r\n{good[40:]}"},
        {"name": "c.jpg", "inline": good[:-3] + "!"},
        {"name": "d.jpg", "inline": base64.b64encode(JPEG + bytes(4096)).decode()},
        {"name": "e.jpg", "inline": base64.b64encode(b"<html><script>alert(1)</script>").decode()},
    )
    await hub.take_in()
    assert await hub.ends() == [
        ("STORED", None), ("STORED", None), ("REFUSED", "BAD_BASE64"), ("REFUSED", "TOO_LARGE"),
        ("REFUSED", "TYPE_NOT_ALLOWED"),
    ]  # fmt: skip
    assert len(await contents(desk)) == 1
    assert await opened(desk, (await hub.rows())[1].id) == JPEG


@pytest.mark.parametrize(("size", "is_taken"), [(5_000_000, True), (5 * 1024**2, True), (5 * 1024**2 + 1, False)])
def test_the_limit_is_of_the_content_not_of_its_base64(size: int, is_taken: bool) -> None:
    found = attachments.decode(base64.b64encode(bytes(size)).decode(), 5 * 1024**2)
    assert isinstance(found, bytes) is is_taken


# --- hosts --------------------------------------------------------------------------------------------------------


async def test_a_redirect_to_a_foreign_host_is_not_followed(desk: Desk, server: FileServer) -> None:
    async with file_server() as foreign:
        target = foreign.put("/steal", JPEG)

        async def away(_: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(target + "?secret=1")

        hub = paper(desk, server)
        hub.connector.put("A", {"name": "a.jpg", "url": server.answer("/a", away)}, {"name": "b.jpg", "url": target})
        await hub.take_in()
        assert await hub.ends() == [("REFUSED", "HOST_NOT_ALLOWED")] * 2
        assert foreign.asked == []
        # the operator allows the host, and asks again
        hub.hosts |= {foreign.host}
        async with desk.store.write() as tx:
            assert await attachments.retry(tx, desk.clock(), instance="paper") == 2
        await hub.fetch()
        assert await hub.ends() == [("STORED", None)] * 2


async def test_redirects_within_the_hosts_are_followed_three_times(desk: Desk, server: FileServer) -> None:
    def hop(to: str) -> Any:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": to})

        return answer

    server.put("/0", JPEG)
    for number in range(1, 5):
        server.answer(f"/{number}", hop(f"/{number - 1}"))
    hub = paper(desk, server)
    hub.connector.put("A", *({"name": "x", "url": f"{server.base_url}/{number}"} for number in (3, 4)))
    await hub.take_in()
    assert await hub.ends() == [("STORED", None), ("PENDING", "SERVER_ERROR")]


async def test_addresses_that_are_none_are_refused_unasked(desk: Desk, server: FileServer) -> None:
    host = server.host
    bad = (
        f"http://user:pw@{host}/a", f"ftp://{host}/a", "file:///etc/passwd", "a.jpg", "//x/a", f"http://{host}/a b",
        "http:" + "//[::1]@", "http:" + "//[::1", f"http://{host}/{'x' * 5000}", f"http://{host}\\@evil.example/a", "http:///a",
    )  # fmt: skip
    foreign = ("http://127.0.0.1:1/a", "http://evil.example/a", "http://127.0.0.1.evil.example/a", "http://localhost/a")
    hub = paper(desk, server)
    hub.connector.put("A", *({"name": "x", "url": address} for address in (*bad, *foreign)))
    await hub.take_in()
    ends = await hub.ends()
    assert all(state == "REFUSED" for state, _ in ends)
    assert {reason for _, reason in ends[len(bad) :]} == {"HOST_NOT_ALLOWED"}
    assert {reason for _, reason in ends[: len(bad)]} <= {"BAD_ADDRESS", "HOST_NOT_ALLOWED"}
    assert server.asked == []


# --- broken files -------------------------------------------------------------------------------------------------


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(JPEG))})
    await response.prepare(request)
    await response.write(JPEG[:50])
    assert request.transport is not None
    request.transport.close()
    return response


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(100):
        await response.write(JPEG[:4] + bytes(65_536))
    return response


async def _slow(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3)
    return web.Response(body=JPEG)


async def _broken(_: web.Request) -> web.StreamResponse:
    return web.Response(status=502, text="<html>", content_type="text/html")


@pytest.mark.parametrize(
    ("handler", "state", "reason"),
    [
        (_cut, "PENDING", "CUT_OFF"),
        (_endless, "REFUSED", "TOO_LARGE"),
        (_slow, "PENDING", "TIMED_OUT"),
        (_broken, "PENDING", "SERVER_ERROR"),
    ],
)
async def test_a_file_that_does_not_come_whole_is_not_kept(
    desk: Desk, server: FileServer, handler: Any, state: str, reason: str
) -> None:
    hub = paper(desk, server, max_bytes=1 << 20, timeout_s=0.4)
    hub.connector.put("A", {"name": "a.jpg", "url": server.answer("/a", handler)})
    _, report = await hub.take_in()
    assert await hub.ends() == [(state, reason)]
    assert report.missed == {reason: 1}
    assert await contents(desk) == []


async def test_a_length_that_is_too_large_is_believed_before_anything_is_read(desk: Desk, server: FileServer) -> None:
    sent = 0

    async def large(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Length": str(1 << 30)})
        await response.prepare(request)
        with pytest.raises(ConnectionError):
            while True:
                await response.write(bytes(1 << 16))
                sent += 1 << 16
        return response

    hub = paper(desk, server)
    hub.connector.put("A", {"name": "a.jpg", "url": server.answer("/a", large)})
    await hub.take_in()
    assert await hub.ends() == [("REFUSED", "TOO_LARGE")]
    assert sent < 1 << 26


@pytest.mark.parametrize(
    "body", [b"<html><script>alert(1)</script></html>", b"\xef\xbb\xbf <svg xmlns='x'>", b"MZ\x90\x00" + bytes(60), b""]
)
async def test_what_a_browser_or_a_machine_would_run_is_refused_whatever_it_is_called(
    desk: Desk, server: FileServer, body: bytes
) -> None:
    hub = paper(desk, server)
    hub.connector.put("A", {"name": "a.jpg", "url": server.put("/a.jpg", body)})
    await hub.take_in()
    assert await hub.ends() == [("REFUSED", "TYPE_NOT_ALLOWED" if body else "EMPTY")]
    assert await contents(desk) == []


async def test_a_missing_file_is_tried_a_bounded_number_of_times(desk: Desk, server: FileServer) -> None:
    hub = paper(desk, server)
    hub.connector.put("A", {"name": "a.jpg", "url": f"{server.base_url}/gone?t=1"})
    await hub.take_in()
    for _ in range(20):
        # what is not due is not asked
        asked = len(server.asked)
        await hub.fetch()
        assert len(server.asked) == asked
        assert isinstance(desk.clock, Clock)
        desk.clock.advance(days=2)
        await hub.fetch()
    assert await hub.ends() == [("FAILED", "NOT_FOUND")]
    assert len(hub.connector.fetched) == len(server.asked) == len(attachments.WAITS_S) + 1
    server.put("/gone", JPEG)
    (row,) = await hub.rows()
    async with desk.store.write() as tx:
        await attachments.retry(tx, desk.clock(), ids=[row.id])
    await hub.fetch()
    assert await hub.ends() == [("STORED", None)]


async def test_an_expired_address_is_healed_by_reading_the_record_again(desk: Desk, server: FileServer) -> None:
    async def only_new(request: web.Request) -> web.StreamResponse:
        is_new = request.query["token"] == "new"
        return web.Response(body=JPEG) if is_new else web.Response(status=403)

    hub = paper(desk, server)
    hub.connector.put("A", {"name": "a.jpg", "url": server.answer("/a", only_new) + "?token=old"})
    # the records came, then the hub stood still until the address was dead
    await hub.fetch()
    run, connector = await hub.take_in(), hub.connector
    assert run[1].stored == 0 and connector.fetched == ["A"]
    connector.put("A", {"name": "a.jpg", "url": server.base_url + "/a?token=new"})
    assert isinstance(desk.clock, Clock)
    desk.clock.advance(hours=1)
    run = await hub.take_in()
    assert run[0].new == 0
    assert await hub.ends() == [("STORED", None)]


async def test_a_silent_file_server_costs_one_run_little(desk: Desk, server: FileServer) -> None:
    hub = paper(desk, server, timeout_s=0.3)
    hub.connector.put("A", *({"name": "x", "url": server.answer(f"/{number}", _slow)} for number in range(12)))
    run, report = await hub.take_in()
    assert run.error is None and report.is_cut_short
    tried = [row for row in await hub.rows() if row.attempts]
    assert len(tried) == report.missed["TIMED_OUT"] == 4
    # the rest was not tried, and is next
    assert (await hub.fetch(budget_s=0)).is_cut_short and len(server.asked) == 4


async def test_a_file_over_which_we_stumble_stops_no_other(
    desk: Desk, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = paper(desk, server)
    hub.connector.put("A", *({"name": name, "url": server.put(f"/{name}", JPEG + name.encode())} for name in "abcdef"))
    whole = attachments.seal

    def stumbling(desk: Desk, content: bytes, known: bool = False) -> Any:
        if content.endswith(b"f"):
            raise ZeroDivisionError
        return whole(desk, content, known)

    monkeypatch.setattr(attachments, "seal", stumbling)
    await hub.take_in()
    assert await hub.ends() == [("STORED", None)] * 5 + [("PENDING", "SERVER_ERROR")]


async def test_a_redirect_to_what_is_no_address_is_refused(desk: Desk, server: FileServer) -> None:
    async def away(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "http:" + "//[::1]@"})

    hub = paper(desk, server)
    hub.connector.put("A", {"name": "a.jpg", "url": server.answer("/a", away)})
    await hub.take_in()
    assert await hub.ends() == [("REFUSED", "BAD_ADDRESS")]


async def test_a_run_killed_between_fetching_and_keeping_loses_nothing(
    desk: Desk, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = paper(desk, server)
    hub.connector.put("A", {"name": "a.jpg", "url": server.put("/a", JPEG)})

    class Killed(BaseException):
        pass

    async def killed(*_: Any) -> int:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(attachments, "settle", killed)
        with pytest.raises(Killed):
            await hub.take_in()
    assert await hub.ends() == [("PENDING", None)] and await contents(desk) == []
    await hub.take_in()
    assert await hub.ends() == [("STORED", None)]
    assert server.asked == ["/a", "/a"]


# --- nothing in the clear -----------------------------------------------------------------------------------------


async def test_a_files_words_and_address_are_nowhere_in_the_database(
    database: Database, server: FileServer, caplog: pytest.LogCaptureFixture
) -> None:
    canaries = ("13919876543", "620725198112250017", "TOKEN-9f31c2", "一封给法院的信")
    letter = f"{canaries[3]}，电话{canaries[0]}，身份证{canaries[1]}。\n".encode() * 20
    caplog.set_level("DEBUG")
    async with open_desk(database.url) as desk:
        hub = paper(desk, server)
        address = server.put(f"/{canaries[0]}/{canaries[1]}", letter, "text/plain") + f"?token={canaries[2]}"
        hub.connector.put(
            "A",
            {"name": f"..\\王芳{canaries[1]}.txt", "url": address},
            {"name": "b.txt", "inline": base64.b64encode(letter + b"2").decode()},
            {"name": "c.txt", "url": f"http://{canaries[2]}.example/{canaries[0]}"},
        )
        await hub.take_in()
        assert [state for state, _ in await hub.ends()] == ["STORED", "STORED", "REFUSED"]
        marks = [canary.encode() for canary in canaries] + [base64.b64encode(letter)[:60]]
        found = []
        async with desk.store.read() as connection:
            for one in metadata.sorted_tables:
                for row in await connection.execute(text(f"SELECT * FROM {one.name}")):
                    for column, value in row._mapping.items():
                        shown = value if isinstance(value, bytes) else str(value).encode()
                        found += [(one.name, column) for mark in marks if mark in shown]
        assert found == []
        assert [row.name for row in await hub.rows()] == ["王芳6207**********0017.txt", "b.txt", "c.txt"]
        if database.kind == "sqlite":
            path = Path(database.url.split("///", 1)[1])
            for file in path.parent.iterdir():
                assert not [mark for mark in marks if mark in file.read_bytes()], file.name
    assert not [canary for canary in canaries if canary in caplog.text]


@pytest.mark.parametrize(
    ("declared", "cleaned"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\现场.JPG", "现场.JPG"),
        ("a\u202egpj.exe\r\nX: y", "agpj.exeX: y"),
        ("联系13919876543.png", "联系139****6543.png"),
        ("  .. ", ""),
        ("长" * 300 + ".jpeg", "长" * 115 + ".jpeg"),
        ("n\ud800\x00.pdf", "n.pdf"),
    ],
)
def test_a_declared_name_is_cleaned(declared: str, cleaned: str) -> None:
    assert attachments.clean_name(declared) == cleaned


# --- the simulated hotline ----------------------------------------------------------------------------------------


@dataclass
class HotlineFiles(Files):
    """The simulated hotline, and a transport clock that both sides look at."""

    hotline: RunningHotline = None  # type: ignore[assignment]
    clock: list[float] = None  # type: ignore[assignment]

    def named(self) -> list[tuple[str, str]]:
        orders = self.hotline.desk.store.orders()
        return [(order["workordercode"], name) for order in orders for name in order["attachments"]]


@pytest.fixture
async def hotline(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HotlineFiles]:
    clock = [1_722_500_000.0]
    monkeypatch.setattr("connectors.hotline.signing.time", SimpleNamespace(time_ns=lambda: int(clock[0] * 1e9)))
    hotline = await start_hotline(HotlineOptions(scale=0.06, transport_clock=lambda: clock[0]))
    try:
        config = court_config(
            name="hotline", product="hotline", base_url=hotline.base_url, app_id=hotline.app_id, secret=hotline.secret
        )
        async with open_http_wire(WireOptions(hotline.base_url)) as wire:
            hosts = host_of(hotline.base_url)
            yield HotlineFiles(
                desk, HotlineConnector(config), wire, hosts, max_bytes=20 << 20, hotline=hotline, clock=clock
            )
    finally:
        await hotline.close()


async def test_the_hotlines_files_come_in_and_its_odd_ones_do_not(desk: Desk, hotline: HotlineFiles) -> None:
    run, report = await hotline.take_in()
    named = hotline.named()
    wanted = Counter(condition(code, name) for code, name in named)
    assert len(await hotline.rows()) == len(named) > 20 and run.new > 0
    assert report.stored == wanted[FINE] > 20
    missed = {"NOT_FOUND": MISSING, "TOO_LARGE": OVERSIZED, "TYPE_NOT_ALLOWED": DISGUISED}
    assert dict(report.missed) == {reason: wanted[one] for reason, one in missed.items() if wanted[one]}
    stored = [row for row in await hotline.rows() if row.state == "STORED"]
    assert {await opened(desk, row.id) for row in stored} == {
        content(code, name) for code, name in named if condition(code, name) == FINE
    }
    assert {row.media_type for row in stored} == {"image/png", "application/pdf"}
    # nothing new, however often addresses change: in the archive they differ at every read
    assert any(order["state"] == 9 and order["attachments"] for order in hotline.hotline.desk.store.orders())
    items = await _count(desk, inbox_items)
    for _ in range(2):
        hotline.clock[0] += 3600
        again, files = await hotline.take_in()
        assert (again.new, files.stored, files.missed.total(), await _count(desk, inbox_items)) == (0, 0, 0, items)


async def test_addresses_of_the_hotline_that_expired_are_read_anew(desk: Desk, hotline: HotlineFiles) -> None:
    run = await pull_instance(desk, hotline.connector, hotline.wire)
    assert run.error is None
    hotline.clock[0] += 7200
    report = await hotline.fetch()
    assert report.stored == Counter(condition(*named) for named in hotline.named())[FINE] > 20


async def _count(desk: Desk, of: Any) -> int:
    async with desk.store.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(of))).scalar_one())
