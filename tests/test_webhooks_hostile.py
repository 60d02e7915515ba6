"""Hostile webhooks over a raw socket: endless, slow, cut off, altered byte by byte; and strange but genuine ones."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import hooks
from hub.store.tables import case_records, handling_events, mapping_worklist, quarantine, webhook_nonces

from .databases import Database
from .hotline_double import code, dispatched, order, signed, webhook
from .webhooks_kit import DELIVERED, Listening, listening

ORDER = order(**dispatched())
BODY = webhook(ORDER, "派单", 1, "2024-06-12 12:18:11", contractorCode=ORDER["contractorCode"])


@pytest.fixture
async def hub(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listening]:
    monkeypatch.setattr(hooks, "COUNT_EVERY_S", 0.05)
    monkeypatch.setattr(hooks, "BODY_TIMEOUT_S", 0.5)
    async with listening(database.url, tmp_path, webhook_max_bytes=65_536) as opened:
        yield opened


def head(headers: Mapping[str, str], *lines: str) -> bytes:
    given = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(["POST /hooks/hotline HTTP/1.1", "Host: 127.0.0.1", *given, *lines, "", ""]).encode("latin-1")


async def told(hub: Listening, request: bytes, *, more: bytes = b"", times: int = 0, pause_s: float = 0.0) -> int:
    """The status of the answer to these bytes; ``more`` follows ``times`` times, as long as anybody listens."""
    host, port = hub.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        answer = asyncio.create_task(reader.read(4096))
        for _ in range(times):
            if answer.done():
                break
            writer.write(more)
            await asyncio.gather(writer.drain(), asyncio.sleep(pause_s), return_exceptions=True)
        async with asyncio.timeout(10):
            first = await answer
        return int(first.split()[1]) if first else 0
    except ConnectionError:
        return 0
    finally:
        writer.close()


async def test_a_body_without_end_too_long_too_slow_or_cut_off_holds_nobody(hub: Listening) -> None:
    headers = signed(BODY, nonce=secrets.token_hex(16))
    assert await told(hub, head(headers, "Content-Length: 99999999999999999999")) in (400, 413)
    assert await told(hub, head(headers, "Content-Length: 70000")) == 413
    # the answer may be lost when the server closes on a sender who goes on sending
    chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
    assert await told(hub, head(headers, "Transfer-Encoding: chunked"), more=chunk, times=10_000) in (413, 0)
    slow = head(headers, f"Content-Length: {len(BODY)}")
    assert await told(hub, slow, more=b"{", times=100, pause_s=0.05) == 408
    host, port = hub.address.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(slow + BODY[:10])
    await writer.drain()
    writer.close()
    for _ in range(200):
        found = await hub.incidents()
        if found.keys() >= {"WEBHOOK_TOO_LONG", "WEBHOOK_TOO_SLOW", "WEBHOOK_CUT_OFF"}:
            break
        await asyncio.sleep(0.02)
    assert found["WEBHOOK_TOO_LONG"] >= 2 and found["WEBHOOK_TOO_SLOW"] == found["WEBHOOK_CUT_OFF"] == 1
    assert (await hub.kept(), await hub.count(webhook_nonces)) == ({}, 0)
    assert await hub.post(BODY, headers) == (200, DELIVERED)


async def test_many_slow_ones_leave_room_for_a_quick_one(hub: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "MOST_AT_ONCE", 5)
    monkeypatch.setattr(hooks, "BODY_TIMEOUT_S", 3.0)
    slow = head(signed(BODY), "Content-Length: 1000")
    waiting = [asyncio.create_task(told(hub, slow)) for _ in range(8)]
    while sum(one.done() for one in waiting) < 3:
        await asyncio.sleep(0.01)
    assert await hub.post(BODY) == (503, {"success": False, "reason": "WEBHOOK_BUSY"})
    assert sorted(await asyncio.gather(*waiting)) == [408] * 5 + [503] * 3
    assert await hub.post(BODY) == (200, DELIVERED)


async def test_no_single_byte_can_be_changed(_sqlite: Any, tmp_path: Path) -> None:
    """Values of the signed headers and the body; what the signature leaves out changes no meaning."""
    headers = signed(BODY, nonce=secrets.token_hex(16))
    whole = head(headers, f"Content-Length: {len(BODY)}") + BODY
    open_to_change = []
    for name in ("X-App-Id", "X-Timestamp", "X-Nonce", "X-Sign"):
        start = whole.index(f"{name}: ".encode()) + len(name) + 2
        open_to_change += range(start, start + len(headers[name]))
    open_to_change += range(len(whole) - len(BODY), len(whole))
    draw = random.Random(7)
    positions = [*open_to_change[: -len(BODY)], *draw.sample(open_to_change[-len(BODY) :], 300)]
    with _sqlite.migrated() as database:
        async with listening(database.url, tmp_path) as hub:
            for position in positions:
                altered = bytearray(whole)
                altered[position] ^= draw.choice((1, 2, 4, 8, 16, 32, 64, 128, 255))
                assert await told(hub, bytes(altered)) in (400, 403), (position, altered[position])
            assert (await hub.kept(), await hub.count(webhook_nonces)) == ({}, 0)
            assert await told(hub, whole) == 200


# --- genuine and strange ----------------------------------------------------------------------------------------


async def test_what_is_genuine_and_no_sense_is_kept_and_quarantined(hub: Listening) -> None:
    strange: list[bytes] = [
        b"", b"{", b"\xff\xfe", b"[1]", b"null", b'"x"', b"NaN", b"[" * 50_000, b'{"a":' * 10_000,
        b'{"workordercode": "GS1\\u0000", "event": "\\ud800"}', b'{"order": [' * 100, b"\xef\xbb\xbf{}",
        json.dumps({"order": {"workordercode": "x" * 5_000}}).encode(),
        json.dumps({"workordercode": "y" * 300, "event": "派单", "seq": 2**80, "occurredAt": "9999-99-99"}).encode(),
        BODY.decode().encode("gb18030"), BODY.decode().encode("utf-16"),
    ]  # fmt: skip
    for body in strange:
        assert await hub.post(body) == (200, DELIVERED), body[:30]
    await hub.eventually_worked()
    kept = await hub.kept()
    assert set(kept) <= {"QUARANTINED", "PARKED"} and kept["QUARANTINED"] >= len(strange) - 2
    assert await hub.count(quarantine) == kept["QUARANTINED"]
    # and once more: nothing new
    for body in strange:
        assert await hub.post(body) == (200, DELIVERED)
    await hub.eventually_worked()
    assert await hub.kept() == kept


async def test_an_event_waits_for_its_order_and_order_of_arrival_does_not_matter(hub: Listening) -> None:
    urged = {"level": 2, "content": "快些"}
    late = webhook(None, "催办", 3, "2024-06-14 09:00:00", **urged)
    early = webhook(None, "追办", 2, "2024-06-13 09:00:00", content="请尽快")
    assert await hub.post(late) == await hub.post(early) == (200, DELIVERED)
    await hub.eventually_worked()
    assert (await hub.kept(), await hub.count(handling_events)) == ({"PARKED": 2}, 0)
    assert await hub.post(BODY) == (200, DELIVERED)
    await hub.eventually_worked()
    assert await hub.kept() == {"APPLIED": 4}
    async with hub.hub.store.read() as connection:
        c = handling_events.c
        found = (await connection.execute(select(c.native_code).order_by(c.occurred_at, c.position))).scalars().all()
    assert [word for word in found if word in ("派单", "追办", "催办")] == ["派单", "追办", "催办"]


async def test_a_word_nobody_knows_is_a_code_nobody_knows(hub: Listening) -> None:
    assert await hub.post(webhook(ORDER, "督办", 2, "2024-06-13 09:00:00")) == (200, DELIVERED)
    await hub.eventually_worked()
    assert await hub.kept() == {"APPLIED": 2}
    assert await hub.count(mapping_worklist, mapping_worklist.c.native_code == "督办") == 1
    assert await hub.count(case_records, case_records.c.native_id == code(1)) == 1
