"""A thousand subscribers who do not read: what the server holds for them, and whether others are held up.

    python -m bench.slow_subscribers [--subscribers 1000] [--backlog 5000] [--changes 2000] [--events]

The server is a process of its own over SQLite. Its memory is read when nobody follows, when everybody is connected
and reads, when everybody asked for the whole backlog and reads nothing, and after more changes were committed; beside
them one reader follows to the end. ``--events``: half of them by server-sent events. It fails when the reader missed
a change.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import websockets

_QUERY = "subscription($after: Long) { changes(after: $after) { sequence at recordIds disputes { id code version } } }"
_AT_ONCE = 50


@dataclass
class Measured:
    """Memory of the server's process in KiB, at each stage, and the reader's lag."""

    subscribers: int
    idle: int = 0
    connected: int = 0
    slow: int = 0
    later: int = 0
    #: what the kernel held for all connections of the machine, KiB, above idle
    kernel: int = 0
    seconds: float = 0.0
    lag: float = 0.0

    def told(self) -> str:
        def of(stage: int) -> str:
            return f"{stage / self.idle:.2f} times ({(stage - self.idle) / self.subscribers:.0f} KiB each)"

        return (
            f"{self.subscribers} subscribers; the idle server holds {self.idle / 1024:.0f} MiB; all connected: "
            f"{of(self.connected)}; none reads: {of(self.slow)}; after more changes: {of(self.later)}; "
            f"the kernel holds {self.kernel / self.subscribers:.0f} KiB each; a reader beside them had everything "
            f"{self.lag:.2f} s after the last commit, {self.seconds:.1f} s after the first"
        )


def serve(url: str) -> None:
    """The server: as ``dispute-hub serve``, but everybody is one principal and nobody is let go for being slow."""
    from app.authentication import whoever_is_here
    from app.doorway import Standing
    from app.graphql_live import Limits
    from app.sequencing import keep_sequencing
    from app.web import create_app, server
    from hub.desk import Desk
    from hub.sealing import KeyRing
    from hub.store.engine import open_store
    from hub.vocabulary import county_tables

    async def run() -> None:
        desk = Desk(open_store(url), KeyRing(b"k" * 32), "620725")
        limits = Limits(connections_per_principal=100_000, blocked_s=3600, silent_s=3600, ping_every_s=3600, init_s=60)
        app = create_app(desk, county_tables, authenticate=whoever_is_here, limits=limits)
        running = server(app, Standing())
        serving = asyncio.create_task(running.serve())
        while not running.started:
            await asyncio.sleep(0.02)
        sequencing = asyncio.create_task(keep_sequencing(desk, app.state.live.feed.wake))
        print(f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/graphql", flush=True)
        await serving
        sequencing.cancel()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


@contextmanager
def _serving(url: str) -> Iterator[tuple[str, int]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.slow_subscribers", "--serving", url], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parent.parent, preexec_fn=_many_files,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        found = re.search(r"http:\S+", process.stdout.readline())
        if found is None:
            raise SystemExit("the server did not start")
        yield found[0], process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _memory(pid: int) -> int:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])  # type: ignore[index]


def _kernel() -> int:
    pages = int(re.search(r"TCP:.* mem (\d+)", Path("/proc/net/sockstat").read_text())[1])  # type: ignore[index]
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _settled(pid: int) -> int:
    """The process's memory once it has nothing more to do."""
    used = _cpu(pid)
    while True:
        await asyncio.sleep(2)
        used, before = _cpu(pid), used
        if used - before < 0.1:
            return _memory(pid)


def _small_socket(port: int) -> socket.socket:
    # whoever takes in little has the server hold the rest
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", port))
    return made


class _Slow:
    """A subscriber who asks for everything and reads nothing of it."""

    def __init__(self, port: int, *, by_events: bool) -> None:
        self._port, self._by_events = port, by_events

    async def connect(self) -> None:
        if self._by_events:
            self._streams = await asyncio.open_connection(sock=_small_socket(self._port))
            return
        self._wire = await websockets.connect(
            f"ws://127.0.0.1:{self._port}/graphql", subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
            sock=_small_socket(self._port), max_queue=1, compression=None,
        )  # fmt: skip
        await self._wire.send('{"type": "connection_init"}')
        await self._wire.recv()

    async def ask(self) -> None:
        if self._by_events:
            reader, writer = self._streams
            body = json.dumps({"query": _QUERY, "variables": {"after": 0}})
            head = "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write((head + body).encode())
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.pause_reading()
            return
        asked = {"type": "subscribe", "id": "1", "payload": {"query": _QUERY, "variables": {"after": 0}}}
        await self._wire.send(json.dumps(asked))
        self._wire.transport.pause_reading()


async def _read_all(address: str, count: int) -> list[int]:
    seen: list[int] = []
    protocols = [websockets.Subprotocol("graphql-transport-ws")]
    async with websockets.connect(address.replace("http:", "ws:"), subprotocols=protocols) as wire:
        await wire.send('{"type": "connection_init"}')
        asked = {"type": "subscribe", "id": "1", "payload": {"query": _QUERY, "variables": {"after": 0}}}
        await wire.recv()
        await wire.send(json.dumps(asked))
        while len(seen) < count:
            message = json.loads(await wire.recv())
            if message["type"] == "next":
                seen.append(message["payload"]["data"]["changes"]["sequence"])
    return seen


async def measure(url: str, subscribers: int, backlog: int, changes: int, *, by_events: bool) -> Measured:
    """The whole trial on a migrated, empty database. Raises SystemExit where the reader missed something."""
    from tests.hub_kit import open_desk
    from tests.live_kit import Writer

    _many_files()
    measured = Measured(subscribers)
    async with open_desk(url) as desk:
        writer = Writer(desk)
        await writer.open(20)
        for _ in range(backlog // 500):
            await writer.change(500)
        with _serving(url) as (address, pid):
            port = int(re.search(r":(\d+)/", address)[1])  # type: ignore[index]
            # what everybody's first question loads is no subscriber's
            await _read_all(address, 100)
            measured.idle, kernel = await _settled(pid), _kernel()
            slow = [_Slow(port, by_events=by_events and n % 2 == 1) for n in range(subscribers)]
            for start in range(0, subscribers, _AT_ONCE):
                await asyncio.gather(*(one.connect() for one in slow[start : start + _AT_ONCE]))
            measured.connected = await _settled(pid)
            for start in range(0, subscribers, _AT_ONCE):
                await asyncio.gather(*(one.ask() for one in slow[start : start + _AT_ONCE]))
            measured.slow = await _settled(pid)
            began = time.monotonic()
            total = writer._number + changes
            reading = asyncio.create_task(_read_all(address, total))
            for _ in range(changes // 20):
                await writer.commit(20)
            committed = time.monotonic()
            seen = await reading
            measured.lag, measured.seconds = time.monotonic() - committed, time.monotonic() - began
            measured.later, measured.kernel = await _settled(pid), _kernel() - kernel
    if seen != list(range(1, total + 1)):
        raise SystemExit(f"the reader saw {len(set(seen))} of {total}")
    return measured


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it and print what it came to."""
    from hub.store.migrate import upgrade_to_head

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--backlog", type=int, default=5000)
    parser.add_argument("--changes", type=int, default=2000)
    parser.add_argument("--events", action="store_true", help="half of them by server-sent events")
    parser.add_argument("--serving", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.serving:
        serve(asked.serving)
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/hub.db"
        asyncio.run(upgrade_to_head(url))
        measured = asyncio.run(measure(url, asked.subscribers, asked.backlog, asked.changes, by_events=asked.events))
    print(measured.told())


if __name__ == "__main__":
    main()
