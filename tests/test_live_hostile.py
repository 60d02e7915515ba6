"""Hostile sockets: whatever a client sends ends in a documented code, never 1006 or 1011, and disturbs nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import websockets
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect

from app.graphql_live import Limits
from hub.principal import Principal, PrincipalKind
from schema.trusted import Documents

from .databases import Database
from .hub_kit import open_desk
from .live_kit import (
    CHANGES,
    PROTOCOL,
    Served,
    Writer,
    connected,
    ending,
    hear,
    hear_changes,
    say,
    serving,
    subscribe,
    until,
)

INIT = '{"type":"connection_init"}'
SUBSCRIBE = json.dumps({"type": "subscribe", "id": "1", "payload": {"query": CHANGES}})


def sub(**fields: Any) -> str:
    return json.dumps({"type": "subscribe", "id": "1", "payload": {"query": CHANGES}, **fields})


def asked(**fields: Any) -> str:
    return sub(payload={"query": CHANGES, **fields})


def frame(
    opcode: int, data: bytes, *, fin: bool = True, reserved: int = 0, masked: bool = True, size: Any = None
) -> bytes:
    """A frame as it goes over the wire, right or wrong."""
    length = len(data) if size is None else size
    head = bytes([(0x80 if fin else 0) | reserved | opcode])
    mask = 0x80 if masked else 0
    if length < 126:
        head += bytes([mask | length])
    elif length < 1 << 16:
        head += bytes([mask | 126]) + struct.pack("!H", length)
    else:
        head += bytes([mask | 127]) + struct.pack("!Q", length)
    if not masked:
        return head + data
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[n % 4] for n, byte in enumerate(data))


@dataclass(frozen=True)
class Case:
    #: text or binary messages, or raw bytes for the wire
    sent: Sequence[str | bytes]
    code: int
    is_raw: bool = False


TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
CASES = {
    # not the protocol at all
    "empty": Case([""], 4400), "blank": Case([" "], 4400), "null": Case(["null"], 4400), "list": Case(["[]"], 4400),
    "number": Case(["1"], 4400), "text": Case(['"x"'], 4400), "half": Case(["{"], 4400), "object": Case(["{}"], 4400),
    "no type": Case(['{"type":null}'], 4400), "type 1": Case(['{"type":1}'], 4400),
    "strange": Case(['{"type":"x"}'], 4400), "capitals": Case(['{"type":"CONNECTION_INIT"}'], 4400),
    "legacy start": Case(['{"type":"start","id":"1"}'], 4400),
    "legacy end": Case(['{"type":"connection_terminate"}'], 4400),
    "prototype": Case(['{"__proto__":{"type":"connection_init"}}'], 4400), "nan": Case(['{"type":NaN}'], 4400),
    "deep list": Case(["[" * 60_000], 4400), "deep object": Case(['{"type":' * 8_000], 4400),
    "a key twice": Case(['{"type":"ping","type":"connection_init"}'], 4400),
    "half a pair": Case(['{"type":"\\ud800"}'], 4400), "nul": Case(["\x00"], 4400),
    "marked": Case(["\ufeff" + INIT], 4400),
    "two": Case([INIT + INIT], 4400), "binary": Case([INIT.encode()], 4400), "no bytes": Case([b""], 4400),
    "large": Case([json.dumps({"type": "ping", "payload": {"x": "x" * 70_000}})], 4413),
    "wide": Case([json.dumps({"type": "ping", "payload": {"x": "山" * 30_000}}, ensure_ascii=False)], 4413),
    # what only a server says
    "next": Case(['{"type":"next","id":"1","payload":{}}'], 4400), "ack": Case(['{"type":"connection_ack"}'], 4400),
    "error": Case([INIT, '{"type":"error","id":"1","payload":[]}'], 4400),
    # out of turn
    "early": Case([SUBSCRIBE], 4401), "init twice": Case([INIT, INIT], 4429),
    "id twice": Case([INIT, SUBSCRIBE, SUBSCRIBE], 4409),
    "flood": Case([INIT] + ['{"type":"ping"}'] * 400, 4429), "flood early": Case(['{"type":"pong"}'] * 400, 4429),
    # wrong shapes
    "init list": Case(['{"type":"connection_init","payload":[]}'], 4400),
    "init text": Case(['{"type":"connection_init","payload":"Bearer x"}'], 4400),
    "credential list": Case(['{"type":"connection_init","payload":{"Authorization":["x"]}}'], 4400),
    "credential twice": Case(['{"type":"connection_init","payload":{"authorization":"x","Authorization":"y"}}'], 4400),
    "ping list": Case([INIT, '{"type":"ping","payload":[1]}'], 4400),
    "pong text": Case([INIT, '{"type":"pong","payload":"x"}'], 4400),
    "no id": Case([INIT, sub(id=None)], 4400), "id 1": Case([INIT, sub(id=1)], 4400),
    "id empty": Case([INIT, sub(id="")], 4400),
    "long id": Case([INIT, sub(id="x" * 129)], 4400), "complete nothing": Case([INIT, '{"type":"complete"}'], 4400),
    "complete list": Case([INIT, '{"type":"complete","id":["1"]}'], 4400),
    "no payload": Case([INIT, sub(payload=None)], 4400),
    "payload list": Case([INIT, sub(payload=[{"query": CHANGES}])], 4400),
    "payload text": Case([INIT, sub(payload=CHANGES)], 4400),
    "no query": Case([INIT, sub(payload={})], 4400), "query 1": Case([INIT, asked(query=1)], 4400),
    "query blank": Case([INIT, asked(query=" ")], 4400), "variables list": Case([INIT, asked(variables=[])], 4400),
    "operation 1": Case([INIT, asked(operationName=1)], 4400),
    "extensions text": Case([INIT, asked(extensions="x")], 4400),
    # against the WebSocket protocol itself
    "not UTF-8": Case([frame(TEXT, b"\xff\xfe{}")], 1007, True),
    "UTF-8 cut": Case([frame(TEXT, b'"\xe5\xb1')], 1007, True),
    "surrogate": Case([frame(TEXT, b'"\xed\xa0\x80"')], 1007, True),
    "not UTF-8 in pieces": Case([frame(TEXT, b'"\xff', fin=False), frame(0, b'"')], 1007, True),
    "too large": Case([frame(TEXT, b"x" * 400_000)], 1009, True),
    "endless": Case([frame(TEXT, b"x", size=2**62)], 1009, True),
    "large binary": Case([frame(BINARY, b"x" * 300_000)], 1009, True),
    "large in pieces": Case([frame(TEXT, b"", fin=False)] + [frame(0, b"x" * 60_000, fin=False)] * 9, 1009, True),
    "many pieces": Case([frame(TEXT, b"", fin=False)] + [frame(0, b"", fin=False)] * 2_000, 1009, True),
    "reserved bit": Case([frame(TEXT, b"{}", reserved=0x40)], 1002, True),
    "reserved kind": Case([frame(3, b"{}")], 1002, True),
    "unmasked": Case([frame(TEXT, b"{}", masked=False)], 1002, True),
    "ping in pieces": Case([frame(PING, b"", fin=False)], 1002, True),
    "long ping": Case([frame(PING, b"x" * 126)], 1002, True), "piece of nothing": Case([frame(0, b"{}")], 1002, True),
    "message within": Case([frame(TEXT, b"{", fin=False), frame(TEXT, b"}")], 1002, True),
    "close of one byte": Case([frame(CLOSE, b"\x03")], 1002, True),
    "close 1005": Case([frame(CLOSE, struct.pack("!H", 1005))], 1002, True),
    "close not UTF-8": Case([frame(CLOSE, struct.pack("!H", 1000) + b"\xff")], 1007, True),
    "http": Case([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], 1002, True),
}  # fmt: skip


@pytest.fixture
async def served(lone_database: Database) -> AsyncIterator[Served]:
    async with open_desk(lone_database.url) as desk, serving(desk) as served:
        yield served


async def _code(served: Served, case: Case) -> int:
    async with connect(served.socket, subprotocols=[websockets.Subprotocol(PROTOCOL)]) as client:
        try:
            for one in case.sent:
                if case.is_raw:
                    client.transport.write(one)
                else:
                    await client.send(one)
        except websockets.ConnectionClosed:
            pass
        return await ending(client)


async def test_every_hostile_frame_ends_in_its_code(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(CASES) >= 40
    monkeypatch.setattr("app.graphql_live_wire._QUIET_S", 0.02)
    async with connected(served) as bystander:
        with capture_logs() as logs:
            for name, case in CASES.items():
                began, used = time.monotonic(), time.process_time()
                assert await _code(served, case) == case.code, name
                assert time.process_time() - used < 0.25 and time.monotonic() - began < 3, name
        await say(bystander, type="ping")
        assert await hear(bystander) == {"type": "pong"}
        assert logs == [] and caplog.records == []
        assert served.live.open == 1


async def test_all_at_once_end_the_same_way_and_hold_nobody_up(served: Served) -> None:
    slowest = 0.0

    async def keeps_its_pace() -> None:
        nonlocal slowest
        async with connected(served) as bystander:
            while True:
                asked = time.monotonic()
                await say(bystander, type="ping")
                assert await hear(bystander) == {"type": "pong"}
                slowest = max(slowest, time.monotonic() - asked)
                await asyncio.sleep(0.06)

    pacing = asyncio.create_task(keeps_its_pace())
    codes = await asyncio.gather(*(_code(served, case) for case in CASES.values()))
    assert not pacing.done() and 0 < slowest < 1
    pacing.cancel()
    assert dict(zip(CASES, codes, strict=True)) == {name: case.code for name, case in CASES.items()}


def drawn(lot: random.Random) -> Iterator[bytes]:
    """Frames near the right ones: bytes changed, cut, split, of another kind, unmasked, a bit turned on the way."""
    for _ in range(lot.randint(1, 5)):
        message = bytearray(lot.choice([INIT, SUBSCRIBE, '{"type":"ping"}', '{"type":"complete","id":"1"}']).encode())
        if lot.random() < 0.5:
            message[lot.randrange(len(message))] = lot.randrange(256)
        elif lot.random() < 0.2:
            del message[lot.randrange(len(message)) :]
        reserved = 0x40 if lot.random() < 0.05 else 0
        kind = lot.choice([TEXT, TEXT, TEXT, TEXT, BINARY, 0, PING, 10, CLOSE, 3])
        made = bytearray(
            frame(kind, bytes(message), fin=lot.random() < 0.9, reserved=reserved, masked=lot.random() < 0.97)
        )
        if lot.random() < 0.2:
            made[lot.randrange(len(made))] ^= 1 << lot.randrange(8)
        yield bytes(made)


async def test_frames_drawn_by_lot_end_cleanly(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async def one(seed: int) -> int:
        async with connect(served.socket, subprotocols=[websockets.Subprotocol(PROTOCOL)]) as client:
            client.transport.write(b"".join(drawn(random.Random(seed))))
            await asyncio.sleep(0.1)
            # a length that was made greater waits for more; who was let go already says nothing more
            with contextlib.suppress(RuntimeError):
                client.transport.write(frame(TEXT, b"x" * 300_000))
            return await ending(client)

    with capture_logs() as logs:
        codes = set(await asyncio.gather(*(one(seed) for seed in range(120))))
    assert codes <= {1002, 1005, 1007, 1009, 4400, 4401, 4413, 4429}, codes
    assert {1002, 1007, 4400} < codes and logs == [] and caplog.records == []


async def test_unread_answers_to_pings_are_not_hoarded(served: Served) -> None:
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.connect(("127.0.0.1", served.port))
    async with connected(served, sock=small) as client:
        client.transport.pause_reading()
        pings = frame(PING, b"x" * 125) * 100
        sent = 0
        while not client.transport.is_closing() and sent < 20_000_000:
            client.transport.write(pings)
            sent += len(pings)
            await asyncio.sleep(0)
            if served.live.open == 0:
                break
        await until(lambda: served.live.open == 0)
        assert sent < 20_000_000
        client.transport.abort()


async def test_another_subprotocol_is_told_so(served: Served) -> None:
    for offered in (["graphql-ws"], ["graphql-ws", "x"], None):
        protocols = None if offered is None else [websockets.Subprotocol(one) for one in offered]
        async with connect(served.socket, subprotocols=protocols) as client:
            assert client.subprotocol == (offered and offered[0])
            assert await ending(client) == 4406
    async with connect(
        served.socket, subprotocols=[websockets.Subprotocol(p) for p in ("graphql-ws", PROTOCOL)]
    ) as client:
        assert client.subprotocol == PROTOCOL


async def test_a_page_elsewhere_opens_no_socket(served: Served) -> None:
    """A browser sends its cookies with any page's socket; the handshake is refused before anything is said."""
    own = f"http://127.0.0.1:{served.port}"
    for origin in (
        "http://evil.example",
        "null",
        f"{own}.evil.example",
        "http://127.0.0.1",
        f"http://evil@127.0.0.1:{served.port}",
        "x",
    ):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await connect(
                served.socket, subprotocols=[websockets.Subprotocol(PROTOCOL)], origin=websockets.Origin(origin)
            )
        assert refused.value.response.status_code == 403, origin
    async with connected(served, origin=websockets.Origin(own)):
        pass
    for host in ("evil.example", f"127.0.0.1.evil.example:{served.port}"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await connect(f"ws://{host}/graphql", host="127.0.0.1", port=served.port)
        assert refused.value.response.status_code == 403, host
    with pytest.raises(websockets.InvalidStatus):
        await connect(served.socket.replace("/graphql", "/elsewhere"))


async def test_a_handshake_that_is_none_is_answered_4xx(served: Served) -> None:
    upgrade = "Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    right = upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    for headers, status in (
        (upgrade, b"40"), (right.replace("13", "12"), b"40"), (right.replace("dGhl", "!"), b"40"),
        (right + "X: " + "x" * 60_000 + "\r\n", b"4"), (right + "X: y\r\n" * 200, b"4"), (right + "X: \xff\r\n", b""),
    ):  # fmt: skip
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(f"GET /graphql HTTP/1.1\r\n{headers}\r\n".encode("latin-1"))
        async with asyncio.timeout(5):
            answer = await reader.read(100)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 " + status) and not answer.startswith(b"HTTP/1.1 5"), (
            headers[:200],
            answer,
        )


async def test_what_cannot_run_is_an_error_and_the_connection_goes_on(served: Served) -> None:
    wrong, invalid = "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"
    cases = {
        "{ changes { position } }": "OPERATION_NOT_ALLOWED",
        "mutation { x }": "OPERATION_NOT_ALLOWED",
        "{": "GRAPHQL_PARSE_FAILED",
        "subscription { changes { " + "at " * 2_100 + "} }": "GRAPHQL_PARSE_FAILED",
        "subscription { nothing }": invalid,
        "subscription { changes { sequence } a: changes { at } }": invalid,
        "subscription($after: Long!) { changes(after: $after) { at } }": wrong,
        "subscription { changes(after: 7) { at } }": wrong,
        "subscription { changes(after: -1) { at } }": wrong,
        "subscription { disputeChanged { at } }": wrong,
        'subscription { disputeChanged(id: "dsp_1") { at } }': "NOT_FOUND",
        'subscription { disputeChanged(code: "x") { at } }': "NOT_FOUND",
    }
    async with connected(served) as client:
        for number, (query, code) in enumerate(cases.items()):
            await subscribe(client, query, f"s{number}")
            message = await hear(client)
            assert (message["type"], message["id"]) == ("error", f"s{number}"), query
            assert message["payload"][0]["extensions"]["code"] == code, (query, message)
        # an id is free again after its end
        await subscribe(client, CHANGES, "s0")
        await say(client, type="complete", id="s0")
        await subscribe(client, CHANGES, "s0")
        await say(client, type="complete", id="unknown")
        await say(client, type="ping", payload={"x": 1})
        assert await hear(client) == {"type": "pong"}


async def test_the_guard_stands_before_subscriptions_too(lone_database: Database) -> None:
    """Registered documents only, where a hub was told so; who asks too much waits, on a connection that goes on."""
    known = "subscription { changes { sequence } }"
    documents = Documents({"following": known}, only=True, texts=frozenset([known]))
    court = Principal("key_1", PrincipalKind.PARTNER, "法院", "partner_system", instances=("court",))

    async def authenticate(_: object) -> Principal:
        return court

    async def code(client: ClientConnection, id: str, **payload: Any) -> str:
        await say(client, type="subscribe", id=id, payload=payload)
        return str((await hear(client))["payload"][0]["extensions"]["code"])

    async with open_desk(lone_database.url) as desk:
        server = serving(desk, documents=documents, authenticate=authenticate)
        async with server as served, connected(served) as client:
            assert await code(client, "1", query=CHANGES) == "DOCUMENT_NOT_TRUSTED"
            assert await code(client, "2", documentId="strange") == "PERSISTED_QUERY_NOT_FOUND"
            for id, payload in (("3", {"documentId": "following"}), ("4", {"query": known})):
                await say(client, type="subscribe", id=id, payload=payload)
            await served.has_followers(2)
            budget = served.live.new_context(court, None).budget
            assert budget is not None
            # it fills by the second: on a busy machine it would be full enough again before the next question comes
            now = budget.clock()
            budget.clock = lambda: now
            budget.spend(court.id, budget.spend(court.id, 0, 50_000).remaining, 50_000)
            assert await code(client, "5", documentId="following") == "RATE_LIMITED"
            await say(client, type="ping")
            assert await hear(client) == {"type": "pong"}


async def test_who_does_not_begin_or_says_nothing_is_let_go(lone_database: Database) -> None:
    limits = Limits(init_s=0.2, ping_every_s=0.1, silent_s=0.5)
    async with open_desk(lone_database.url) as desk, serving(desk, limits=limits) as served:
        async with connect(served.socket, subprotocols=[websockets.Subprotocol(PROTOCOL)]) as client:
            assert await ending(client) == 4408
        async with connected(served) as client:
            assert json.loads(await client.recv()) == {"type": "ping"}
            assert await ending(client) == 4408
        async with connected(served) as client:
            for _ in range(8):
                assert json.loads(await client.recv()) == {"type": "ping"}
                await say(client, type="pong")


async def test_how_many_are_let_in(lone_database: Database) -> None:
    limits = Limits(connections_per_principal=2, connections=4, subscriptions_per_connection=2)
    async with open_desk(lone_database.url) as desk, serving(desk, limits=limits) as served:
        async with connected(served) as one:
            async with connected(served):
                async with connect(served.socket, subprotocols=[websockets.Subprotocol(PROTOCOL)]) as client:
                    await client.send(INIT)
                    assert await ending(client) == 1013
                waiting = [
                    await connect(served.socket, subprotocols=[websockets.Subprotocol(PROTOCOL)]) for _ in range(3)
                ]
                assert await ending(waiting[2]) == 1013
                for client in waiting:
                    await client.close()
            for id in ("1", "2", "3"):
                await subscribe(one, CHANGES, id)
            message = await hear(one)
            assert (message["id"], message["payload"][0]["extensions"]["code"]) == ("3", "TOO_MANY_SUBSCRIPTIONS")
            await say(one, type="complete", id="1")
            await served.has_followers(1)
            await subscribe(one, CHANGES, "3")
            await served.has_followers(2)
            writer = Writer(desk)
            await writer.open()
            await writer.change()
            assert sorted([(await hear(one))["id"], (await hear(one))["id"]]) == ["2", "3"]
        await until(lambda: served.live.open == 0 and not served.live._listening)


async def test_one_who_does_not_read_is_let_go_and_holds_nobody_up(lone_database: Database) -> None:
    async with open_desk(lone_database.url) as desk, serving(desk, limits=Limits(blocked_s=1)) as served:
        writer = Writer(desk)
        await writer.open()
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.connect(("127.0.0.1", served.port))
        async with connected(served, max_queue=1, sock=small) as deaf, connected(served) as other:
            await subscribe(deaf, CHANGES, after=0)
            deaf.transport.pause_reading()
            await subscribe(other, CHANGES, after=0)
            await writer.change(2_000)
            assert await hear_changes(other, 2_000) == list(range(1, 2_001))
            assert served.live.open == 2
            await until(lambda: served.live.open == 1)
            deaf.transport.abort()
