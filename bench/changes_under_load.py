"""Ten thousand committed changes by several processes at once, and readers who are cut off all the time: each once?

    python -m bench.changes_under_load [--changes 10000] [--writers 4] [--database sqlite|postgresql|URL] [--seed 1]

Writers are processes of their own; some commit late what they began early: commit order is not the order of ids.
Two ``dispute-hub serve`` give the public order and tell it. Three readers follow from the beginning: over a socket,
as server-sent events, and by paging the query; they are cut off every few changes and go on with the other server. It
fails when a reader missed a change, saw one twice or out of order, or saw another than the database has at that place.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import websockets

#: what one writer commits together at most
_TOGETHER = 6
_RECORDS = 5
_FIELDS = "sequence at recordIds"


@dataclass
class Measured:
    """What it came to."""

    changes: int
    writers: int
    seconds: float = 0.0
    #: from the place given to the change seen, of every reader
    lags: list[float] = field(default_factory=list)
    cuts: int = 0
    #: places where what came later has the smaller id
    late: int = 0

    def told(self) -> str:
        lags = sorted(self.lags)
        return (
            f"{self.changes} changes by {self.writers} writers in {self.seconds:.1f} s "
            f"({self.changes / self.seconds:.0f} a second), {self.late} of them committed after a later id; three "
            f"readers, cut off {self.cuts} times, saw each once and in order; seen after its place was given: half "
            f"within {lags[len(lags) // 2]:.2f} s, 99 of 100 within {lags[int(len(lags) * 0.99)]:.2f} s"
        )


@dataclass
class Reader:
    """Somebody who follows, wherever they are cut off."""

    addresses: Sequence[str]
    wanted: int
    draw: random.Random
    measured: Measured
    #: with which it proves who it is
    headers: Mapping[str, str]
    seen: list[tuple[int, str]] = field(default_factory=list)

    @property
    def position(self) -> int:
        return self.seen[-1][0] if self.seen else 0

    @property
    def is_done(self) -> bool:
        return len(self.seen) >= self.wanted

    def take(self, change: dict[str, Any]) -> None:
        self.measured.lags.append(time.time() - datetime.fromisoformat(change["at"]).timestamp())
        self.seen.append((change["sequence"], *change["recordIds"]))

    def next_cut(self) -> int:
        """How many changes until the connection is cut."""
        self.measured.cuts += 1
        return self.draw.randint(1, max(2, self.wanted // 25))

    async def by_socket(self) -> None:
        query = f"subscription($after: Long) {{ changes(after: $after) {{ {_FIELDS} }} }}"
        while not self.is_done:
            address = self.draw.choice(self.addresses).replace("http:", "ws:")
            protocols = [websockets.Subprotocol("graphql-transport-ws")]
            async with websockets.connect(address, subprotocols=protocols, additional_headers=self.headers) as wire:
                await wire.send('{"type": "connection_init"}')
                asked = {"query": query, "variables": {"after": self.position}}
                await wire.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
                left = self.next_cut()
                while left and not self.is_done:
                    message = json.loads(await wire.recv())
                    if message["type"] == "next":
                        self.take(message["payload"]["data"]["changes"])
                        left -= 1
                wire.transport.abort()

    async def by_events(self) -> None:
        query = f"subscription {{ changes {{ {_FIELDS} }} }}"
        while not self.is_done:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.position), **self.headers}
            async with (
                aiohttp.ClientSession() as http,
                http.post(self.draw.choice(self.addresses), json={"query": query}, headers=headers) as answer,
            ):
                answer.raise_for_status()
                left = self.next_cut()
                while left and not self.is_done:
                    line = await answer.content.readline()
                    if not line:
                        break
                    if line.startswith(b"data: "):
                        self.take(json.loads(line[6:])["data"]["changes"])
                        left -= 1

    async def by_query(self) -> None:
        query = f"query($after: Long) {{ changes(after: $after, first: 100) {{ position entries {{ {_FIELDS} }} }} }}"
        async with aiohttp.ClientSession() as http:
            while not self.is_done:
                body = {"query": query, "variables": {"after": self.position}}
                async with http.post(self.draw.choice(self.addresses), json=body, headers=self.headers) as answer:
                    if answer.status == 429:
                        # the minute's budget: a client waits as it is told
                        await asyncio.sleep(float(answer.headers["Retry-After"]))
                        continue
                    answer.raise_for_status()
                    page = (await answer.json())["data"]["changes"]
                for change in page["entries"]:
                    self.take(change)
                if not page["entries"]:
                    await asyncio.sleep(0.1)


async def write_on(url: str, writer: int, count: int, seed: int) -> None:
    """One writer: commits its changes, few at a time, some of them long after their ids were made."""
    from hub.history import Appender, EventDraft, StreamHead
    from hub.vocabulary import HandlingEventKind
    from tests.graphql_rows import COUNTY
    from tests.hub_kit import open_desk

    draw = random.Random(seed * 100 + writer)
    heads = {f"rec_{COUNTY}_{writer * _RECORDS + n:06}": StreamHead() for n in range(_RECORDS)}
    async with open_desk(url) as desk:
        done = 0
        while done < count:
            appender = Appender(desk, desk.clock())
            for _ in range(min(draw.randint(1, _TOGETHER), count - done)):
                record = draw.choice(list(heads))
                done += 1
                draft = EventDraft(HandlingEventKind.ACCEPTED, desk.clock(), f"{writer}-{done}", record_id=record)
                appender.add(heads[record], draft)
            # the ids are made: whoever commits meanwhile has later ones
            await asyncio.sleep(draw.random() * 0.03)
            async with desk.store.write() as tx:
                await appender.flush(tx)
                if draw.random() < 0.05:
                    await asyncio.sleep(draw.random() * 0.05)


async def measure(url: str, folder: Path, changes: int, writers: int = 4, servers: int = 2, seed: int = 1) -> Measured:
    """The whole trial on a migrated, empty database. Raises SystemExit where a reader saw anything but the log."""
    from bench.webhooks_while_applying import serving, settings_file
    from hub.accounts import Grant
    from hub.api_keys import issue_key
    from hub.desk import utc_now
    from tests.graphql_rows import County
    from tests.hub_kit import open_desk

    measured = Measured(changes, writers)
    # a key of a made-up day would have ended long ago
    async with open_desk(url, utc_now) as desk:
        county = County()
        for number in range(writers * _RECORDS):
            county.record(number, county.dispute(number))
        await county.write(desk.store)
        keys = [(await issue_key(desk, f"reader-{n}", Grant("centre_operator"), 1))[1] for n in range(3)]
    with ExitStack() as stack:
        config = settings_file(folder, url)
        addresses = [f"{stack.enter_context(serving(config))}/graphql" for _ in range(servers)]
        readers = [
            Reader(addresses, changes, random.Random(seed + n), measured, {"Authorization": f"Bearer {key}"})
            for n, key in enumerate(keys)
        ]
        began = time.monotonic()
        reading = asyncio.gather(readers[0].by_socket(), readers[1].by_events(), readers[2].by_query())
        writing = []
        for writer in range(writers):
            count = changes // writers + (writer < changes % writers)
            command = [sys.executable, "-m", "bench.changes_under_load", "--writing", url, "--seed", str(seed)]
            command += ["--writer", str(writer), "--changes", str(count)]
            writing.append(await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parent.parent))
        codes = await asyncio.gather(*(process.wait() for process in writing))
        if any(codes):
            raise SystemExit(f"a writer failed: {codes}")
        async with asyncio.timeout(60):
            await reading
        measured.seconds = time.monotonic() - began
    await _compare(url, readers, measured)
    return measured


async def _compare(url: str, readers: Sequence[Reader], measured: Measured) -> None:
    from sqlalchemy import select

    from hub.store.tables import handling_events, public_log
    from tests.hub_kit import open_desk

    async with open_desk(url) as desk, desk.store.read() as connection:
        query = (
            select(public_log.c.sequence, handling_events.c.record_id, handling_events.c.id)
            .join(handling_events, handling_events.c.id == public_log.c.entry_id)
            .order_by(public_log.c.sequence)
        )
        log = (await connection.execute(query)).all()
    truth = [(row.sequence, row.record_id) for row in log]
    measured.late = sum(other.id < one.id for one, other in pairwise(log))
    if [sequence for sequence, _ in truth] != list(range(1, measured.changes + 1)):
        raise SystemExit(f"the log has gaps: {len(truth)} of {measured.changes}")
    for number, reader in enumerate(readers):
        if reader.seen != truth:
            missed, twice = len(set(truth) - set(reader.seen)), len(reader.seen) - len(set(reader.seen))
            raise SystemExit(f"reader {number} missed {missed} and saw {twice} twice, of {len(truth)}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it and print what it came to."""
    import tempfile

    from bench.kill_nine import _fresh_postgresql, _fresh_sqlite

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument(
        "--database", default="sqlite", help="sqlite, postgresql (a server of its own) or a server's URL"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writing", default="", help=argparse.SUPPRESS)
    parser.add_argument("--writer", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.writing:
        asyncio.run(write_on(asked.writing, asked.writer, asked.changes, asked.seed))
        return
    kind, address = asked.database.partition(":")[0], asked.database if ":" in asked.database else ""
    fresh = _fresh_sqlite() if kind == "sqlite" else _fresh_postgresql(address)
    with fresh as url, tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(measure(url, Path(folder), asked.changes, asked.writers, seed=asked.seed))
    print(f"{kind}: {measured.told()}")


if __name__ == "__main__":
    main()
