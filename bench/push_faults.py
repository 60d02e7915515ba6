"""Sends messages over the four wires to simulated partners through a seeded fault proxy, and counts what came of them.

    python -m bench.push_faults [--pushes 2000] [--seed 7] [--rate 0.4] [--database URL]

A quarter of the messages goes to each partner: at the court and the police half are results of matters handed to the
centre and half new cases, at the petition office results, at the hotline new orders. One in a hundred is about a record
that the partner does not know, and must be refused. The messages are put into the outbox directly; from there on all is
as in a worker: outbox, pushes, connectors, real HTTP, a real folder. Between the hub and a partner stands a proxy that
by the seed loses answers, breaks them in the middle, delays them, cuts connections, answers 5xx, 429 or garbage, and
hangs; the folder's writes and reads fail, half-fail and hang the same. The hub's clock is moved, so that no pause is
waited for. Faults last until every message was tried; then the partners behave, and nobody does anything by hand.

Effects are counted from the partners' own lists, by a mark that each message carries in its words, whatever key it
had. Beside them stands what a client would have done that sends again under a new number whenever no answer came (a
naive retry: what arrived with its answer lost is done twice), and one that never sends again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from sqlalchemy import select

from connectors.base import Connector, FileEntry
from connectors.registry import make_connector
from hub.commands import Command, Refer, Return
from hub.desk import Desk
from hub.errors import TransientError
from hub.model import SHANGHAI, PartyFacts
from hub.outbox import Draft, enqueue
from hub.store.tables import outbound_attempts, outbound_messages
from hub.store.turn import take_turn
from hub.vocabulary import MessageState, Outcome, PartyRole, TransferGround
from sync_jobs.http import WireOptions, open_http_wire
from sync_jobs.push import push_instance
from tests.hub_kit import CENTRE, Clock, open_desk
from tests.partner_benches import PRODUCTS, Opened, open_partner

AT = datetime(2024, 8, 1, 9, 0, tzinfo=SHANGHAI)
#: each with its share of all that goes wrong
FAULTS: Mapping[str, int] = {
    "lost": 25, "half": 15, "garbage": 15, "5xx": 15, "delay": 10, "refused": 8, "429": 6, "hang": 6,
}  # fmt: skip
TIMEOUT_S = 0.6
_MARK = re.compile(r"PF-(\d{5})")
#: which requests carry a message, of each partner
_PUSHES = ("/sqtj/fk", "/sqtj/tj", "/obtainData/pushJsonData", "/order/")


@dataclass
class Chance:
    """What goes wrong next; nothing once ``rate`` is 0."""

    seed: str
    rate: float
    hang_s: float
    counts: Counter[str] = field(default_factory=Counter)
    #: messages that reached the partner whole, and whose answer did not come back: sent again under a new number they
    #: would be done twice
    answer_lost: set[str] = field(default_factory=set)
    #: messages whose first request did not reach it
    first_lost: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)

    def next(self) -> str:
        if self._draw.random() >= self.rate:
            return ""
        fault = self._draw.choices([*FAULTS], [*FAULTS.values()])[0]
        self.counts[fault] += 1
        return fault

    def note(self, mark: str, fault: str, *, arrives: bool) -> None:
        """One request with this message."""
        if not mark:
            return
        if mark not in self._seen and not arrives:
            self.first_lost.add(mark)
        self._seen.add(mark)
        if arrives and fault in ("lost", "half", "garbage", "hang"):
            self.answer_lost.add(mark)


@asynccontextmanager
async def http_proxy(target: str, chance: Chance) -> AsyncIterator[str]:
    """An address that passes requests on to ``target``, or does not."""
    async with AsyncExitStack() as undo:
        session = await undo.enter_async_context(aiohttp.ClientSession(auto_decompress=False))

        async def handle(request: web.Request) -> web.StreamResponse:
            body, fault = await request.read(), chance.next()
            mark = mark_of(body.decode("utf-8", "replace")) if _is_push(request.path) else ""
            is_passed = fault not in ("5xx", "refused", "429") and not (fault == "hang" and len(body) % 2)
            chance.note(mark, fault, arrives=is_passed)
            status, content, kind = 200, b"", "application/json"
            if is_passed:
                headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
                url = f"{target}{request.path_qs}"
                async with session.request(request.method, url, data=body, headers=headers) as answer:
                    status, content = answer.status, await answer.read()
                    kind = answer.content_type
            match fault:
                case "lost":
                    return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
                case "5xx":
                    return web.Response(status=500, text="<html>Error</html>", content_type="text/html")
                case "429":
                    return web.Response(status=429, headers={"Retry-After": "3"})
                case "garbage":
                    return web.Response(body=b"\x00\xff<xml>{" + content[: len(content) // 3], content_type=kind)
                case "delay":
                    await asyncio.sleep(TIMEOUT_S / 4)
                case "hang":
                    await asyncio.sleep(chance.hang_s)
                case "refused":
                    assert request.transport is not None
                    request.transport.abort()
                case "half":
                    broken = web.StreamResponse(status=status, headers={"Content-Length": str(len(content))})
                    broken.content_type = kind
                    await broken.prepare(request)
                    await broken.write(content[: len(content) // 2])
                    assert request.transport is not None
                    request.transport.close()
                    return broken
            return web.Response(status=status, body=content, content_type=kind)

        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        undo.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"


def _is_push(path: str) -> bool:
    return any(path.startswith(one) for one in _PUSHES)


class FaultyFolder:
    """A folder wire over a real one: steps fail before, after or half-way, or hang."""

    def __init__(self, inner: Any, chance: Chance) -> None:
        self._inner, self._chance = inner, chance

    def note(self, kind: str, hint: str = "") -> None:
        self._inner.note(kind, hint)

    async def list(self, folder: str) -> Sequence[FileEntry]:
        self._strike(self._chance.next())
        found: Sequence[FileEntry] = await self._inner.list(folder)
        return found

    async def read(self, path: str) -> bytes:
        self._strike(self._chance.next())
        content: bytes = await self._inner.read(path)
        return content

    async def write(self, path: str, content: bytes) -> None:
        fault, name = self._chance.next(), path.partition(".")[0]
        # with its marker a batch has arrived, without it is not read
        arrives = path.endswith(".ok") and fault not in ("5xx", "refused", "429")
        if path.endswith(".ok") or fault in ("5xx", "refused", "429", "lost", "half", "garbage", "hang"):
            self._chance.note(name, fault, arrives=arrives)
        self._strike_before(fault)
        if fault == "hang":
            await asyncio.sleep(self._chance.hang_s)
        await self._inner.write(path, content)
        if fault in ("lost", "half", "garbage"):
            raise TransientError("the write may have failed", kind="WRITE_FAILED")

    def _strike_before(self, fault: str) -> None:
        if fault in ("refused", "5xx", "429"):
            raise TransientError("the folder is away", kind="FOLDER_AWAY")

    def _strike(self, fault: str) -> None:
        self._strike_before(fault)
        if fault in ("lost", "half", "garbage", "hang"):
            raise TransientError("the folder does not answer", kind="TIMEOUT")


def mark_of(text: str) -> str:
    """The mark of the message in a request or a row; '' where there is none."""
    found = _MARK.search(text)
    if found is None:
        # a form: percent-encoded, and JSON inside
        found = _MARK.search(text.replace("%2D", "-"))
    return found[0] if found else ""


@dataclass
class Line:
    """One partner, the way to it, and what is sent over it."""

    product: str
    partner: Opened
    connector: Connector
    wire: Any
    chance: Chance
    #: mark → command
    messages: dict[str, Command] = field(default_factory=dict)
    #: marks that the partner must refuse
    unknown: set[str] = field(default_factory=set)
    away: bool = False

    async def effects(self) -> dict[str, set[str]]:
        """The partner's own numbers of what it did for each mark."""
        found: dict[str, set[str]] = {}
        for push in await self.partner.command("pushes"):
            answer, mark = push["answer"] or {}, mark_of(orjson.dumps(push["body"]).decode())
            if self.product == "court" and str(answer.get("code")) == "200":
                found.setdefault(mark, set()).add(answer["content"]["sldh"])
            elif self.product == "petition":
                for number in filter(None, answer.get("successStr", "").split(",")):
                    found.setdefault(mark, set()).add(number)
            elif self.product == "hotline" and answer.get("success"):
                found.setdefault(mark, set()).add(answer["resultData"]["receiptNo"])
            elif self.product == "police" and answer.get("accepted"):
                for row in push["body"]:
                    # the same row under two names is held once, a second number is a second effect
                    number = row.get("YSBH") or "/".join(row[n] for n in ("JJDBH", "FKDBH", "HTLX", "XYSBH"))
                    found.setdefault(mark_of(orjson.dumps(row).decode()), set()).add(number)
        found.pop("", None)
        return found


@asynccontextmanager
async def lines(folder: Path, seed: int, rate: float, timeout_s: float = TIMEOUT_S) -> AsyncIterator[list[Line]]:
    """The four partners, each behind its proxy."""
    async with AsyncExitStack() as undo:
        made = []
        for product in PRODUCTS:
            home = folder / product
            home.mkdir()
            partner = await open_partner(undo, product, home, str(seed), 0.02)
            chance, wire = Chance(f"{seed}/{product}", rate, timeout_s * 3), partner.wire
            if product == "police":
                wire = FaultyFolder(partner.wire, chance)
            else:
                address = await undo.enter_async_context(http_proxy(partner.config.base_url, chance))
                options = WireOptions(base_url=address, request_timeout_s=timeout_s)
                wire = await undo.enter_async_context(open_http_wire(options))
            made.append(Line(product, partner, make_connector(partner.config), wire, chance))
        yield made


async def compose(line: Line, marks: Sequence[str]) -> None:
    """What this partner is to be told, one message a mark; the last of a hundred is about what it does not know."""
    known = [mark for place, mark in enumerate(marks) if place % 100 != 99]
    results = known if line.product == "petition" else known[::2] if line.product in ("court", "police") else []
    targets = iter(await _handed_over(line, len(results)))
    unknown = {
        "court": "f" * 32, "police": "J6207251010002024080199999", "petition": "XF6207252024080199999",
        "hotline": "GS20240801999999",
    }[line.product]  # fmt: skip
    wanted = set(results)
    for mark in marks:
        if mark in wanted:
            line.messages[mark] = _result(mark, *next(targets))
        elif mark in known:
            line.messages[mark] = _refer(mark)
        else:
            line.messages[mark] = _result(mark, unknown, "F6207251010002024080199999")
            line.unknown.add(mark)


async def _handed_over(line: Line, count: int) -> list[tuple[str, str]]:
    """So many matters of today that the partner hands to the centre: key and hand-over."""
    if not count:
        return []
    command = line.partner.command
    if line.product == "petition":
        routing = {"blfs": "02", "qxjg": CENTRE, "blsj": "2024-08-01 08:30:00", "xfjzt": "02"}
        added = (await command("add", count=count, set=routing))["added"]
        return [(one["native_id"], "x") for one in added]
    if line.product == "court":
        entry = {
            "acceptType": 80, "caseState": "待指派调解", "at": "2024-08-01 08:30:00", "by": "赵法官", "org": CENTRE,
            "mode": "委派", "tjjg": None, "tjxybh": None, "bcgyy": None, "wzyss": None, "sldh": None,
        }  # fmt: skip
        added = (await command("add", count=count, set={"logs": [entry], "caseStatus": 170}))["added"]
        return [(one["native_id"], "x") for one in added]
    added = (await command("add", count=count, referred=True))["added"]
    found = []
    for one in added:
        (held,) = await command("view", native_id=one["native_id"], rows=True)
        found.append((one["native_id"], next(row["FKDBH"] for row in held["rows"] if row.get("FKDBH"))))
    return found


def _result(mark: str, native_id: str, hand_over: str) -> Return:
    number = int(mark[3:])
    return Return(
        native_id=native_id, hand_over=hand_over, at=AT + timedelta(seconds=number), by="赵调解员", agreement_no=mark,
        outcome=Outcome.AGREED, words=f"达成协议 {mark}", undisputed_facts=f"欠款属实 {mark}",
    )  # fmt: skip


def _refer(mark: str) -> Refer:
    number = int(mark[3:])
    parties = (PartyFacts(PartyRole.APPLICANT, "王芳"), PartyFacts(PartyRole.RESPONDENT, "李强"))
    return Refer(
        at=AT + timedelta(seconds=number), by="赵调解员", dispute_code=f"JF620725-2024-{number:06}",
        title=f"借款 {mark}", claim=f"归还借款 {mark}", facts=f"经过 {mark}", category="0804",
        region_code="620725101201", parties=parties,
        amount_cny=Decimal(100 + number), order_type="投诉", risk=TransferGround.RISK,
    )  # fmt: skip


async def queue(desk: Desk, line: Line) -> None:
    """Put its messages into the outbox, each on a lane of its own."""
    for mark, command in line.messages.items():
        async with desk.store.write() as tx:
            await take_turn(tx, desk.county)
            await enqueue(tx, desk, Draft(line.product, mark, (mark, "step"), command, "none"))


async def one_round(desk: Desk, clock: Clock, line: Line) -> None:
    """One run of a worker, and the partner looks into its folder where it has one."""
    await push_instance(desk, line.connector, line.wire, request_s=TIMEOUT_S * 2)
    if line.product == "police":
        await line.partner.command("look")


async def states_of(desk: Desk, product: str) -> dict[str, Any]:
    """How each mark's message stands."""
    async with desk.store.read() as connection:
        query = select(outbound_messages).where(outbound_messages.c.instance == product)
        return {row.lane.partition("/")[2]: row for row in await connection.execute(query)}


@dataclass
class Verdict:
    """What came of the messages to one partner."""

    product: str
    sent: int = 0
    tries: int = 0
    faults: int = 0
    twice: int = 0
    missing: int = 0
    delivered: int = 0
    by_itself: float = 0.0
    refused: int = 0
    expected_refused: int = 0
    dead: int = 0
    uncertain: int = 0
    open: int = 0
    naive_twice: int = 0
    never_again_missing: int = 0
    foreign: int = 0


async def judge(desk: Desk, line: Line) -> Verdict:
    """Ours against the partner's own list."""
    states, effects = await states_of(desk, line.product), await line.effects()
    made = Verdict(line.product, len(line.messages), expected_refused=len(line.unknown))
    made.faults = line.chance.counts.total()
    arrived = {mark for mark, row in states.items() if row.state in ("DELIVERED", "ACKED")}
    made.delivered = len(arrived)
    made.refused = sum(row.state == MessageState.REFUSED.value for row in states.values())
    made.dead = sum(row.state == MessageState.DEAD.value for row in states.values())
    made.uncertain = sum(row.state == MessageState.UNCERTAIN.value for row in states.values())
    made.open = sum(row.state == MessageState.QUEUED.value for row in states.values())
    made.twice = sum(len(numbers) > 1 for numbers in effects.values())
    made.missing = sum(not effects.get(mark) for mark in arrived)
    made.foreign = len(effects.keys() - states.keys())
    wanted = len(line.messages) - len(line.unknown)
    made.by_itself = len(arrived) / wanted if wanted else 1.0
    async with desk.store.read() as connection:
        query = select(outbound_attempts.c.outcome).join(
            outbound_messages, outbound_messages.c.id == outbound_attempts.c.message_id
        )
        tries = await connection.execute(query.where(outbound_messages.c.instance == line.product))
        made.tries = len(tries.all())
    made.naive_twice = len(line.chance.answer_lost - line.unknown)
    made.never_again_missing = len(line.chance.first_lost - line.unknown)
    return made


async def run(url: str, folder: Path, *, pushes: int, seed: int, rate: float, told: bool = True) -> list[Verdict]:
    """All of it; returns what came of it, a partner each."""
    clock = Clock()
    async with lines(folder, seed, rate) as all_lines, open_desk(url, clock) as opened:
        desk = replace(opened, carries=lambda name: next(
            one.connector.commands for one in all_lines if one.product == name))  # fmt: skip
        each = pushes // len(all_lines)
        for place, line in enumerate(all_lines):
            await compose(line, [f"PF-{place * each + number:05}" for number in range(each)])
            await queue(desk, line)
        faulty_rounds = 0
        while await _untried(desk) and faulty_rounds < 400:
            await asyncio.gather(*(one_round(desk, clock, line) for line in all_lines))
            clock.advance(seconds=30)
            faulty_rounds += 1
        for line in all_lines:
            line.chance.rate = 0.0
        rounds = 0
        while await _open(desk) and rounds < 400:
            await asyncio.gather(*(one_round(desk, clock, line) for line in all_lines))
            clock.advance(minutes=10)
            rounds += 1
        if told:
            print(f"{faulty_rounds} rounds while partners misbehaved, {rounds} after", flush=True)
        return [await judge(desk, line) for line in all_lines]


async def _untried(desk: Desk) -> bool:
    """Whether a message was never tried, or only held up by a partner that was not there."""
    async with desk.store.read() as connection:
        tried = select(outbound_attempts.c.message_id)
        query = select(outbound_messages.c.id).where(outbound_messages.c.id.not_in(tried)).limit(1)
        return (await connection.execute(query)).first() is not None


async def _open(desk: Desk) -> bool:
    async with desk.store.read() as connection:
        query = select(outbound_messages.c.id).where(outbound_messages.c.state == MessageState.QUEUED.value).limit(1)
        return (await connection.execute(query)).first() is not None


async def pace(url: str, folder: Path, *, seed: int = 7, count: int = 60) -> tuple[float, float]:
    """Messages a second to the hotline: alone, and while the court hangs at every request."""
    clock = Clock()
    async with lines(folder, seed, 0.0, timeout_s=60) as all_lines, open_desk(url, clock) as opened:
        court, hotline = (next(one for one in all_lines if one.product == name) for name in ("court", "hotline"))
        desk = replace(opened, carries=lambda _name: hotline.connector.commands)

        async def rate_of(marks: range) -> float:
            hotline.messages = {f"PF-{number:05}": _refer(f"PF-{number:05}") for number in marks}
            await queue(desk, hotline)
            began = time.monotonic()
            report = await push_instance(desk, hotline.connector, hotline.wire)
            return report.delivered / (time.monotonic() - began)

        alone = await rate_of(range(count))
        court.messages = {f"PF-{number:05}": _refer(f"PF-{number:05}") for number in range(900, 920)}
        await queue(desk, court)
        court.chance.rate = 1.0
        court.chance.next = lambda: "hang"  # type: ignore[method-assign]
        hanging = asyncio.create_task(push_instance(desk, court.connector, court.wire, request_s=120))
        beside = await rate_of(range(count, 2 * count))
        assert not hanging.done(), "the court was to hang all the while"
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        return alone, beside


def table_of(found: Sequence[Verdict]) -> str:
    """A line for each partner, and the sum."""
    head = (
        f"{'partner':9} {'sent':>5} {'tries':>6} {'faults':>6} {'twice':>6} {'missing':>8} {'delivered':>10} "
        f"{'by itself':>9} {'refused':>12} {'dead':>5} {'uncertain':>9} | "
        f"{'naive: twice':>12} {'never again: lost':>17}"
    )
    rows = [
        f"{one.product:9} {one.sent:5} {one.tries:6} {one.faults:6} {one.twice:6} {one.missing:8} {one.delivered:10} "
        f"{one.by_itself:9.1%} {f'{one.refused} of {one.expected_refused}':>12} {one.dead:5} {one.uncertain:9} | "
        f"{one.naive_twice:12} {one.never_again_missing:17}"
        for one in found
    ]
    return "\n".join([head, *rows])


def failed(found: Sequence[Verdict]) -> list[str]:
    """What is not as it should be."""
    wrong = []
    for one in found:
        if one.twice or one.missing or one.open or one.foreign or one.uncertain:
            wrong.append(
                f"{one.product}: {one.twice} twice, {one.missing} missing, {one.open} open, {one.uncertain} unsure"
            )
        if one.by_itself < 0.99 or one.refused != one.expected_refused:
            wrong.append(
                f"{one.product}: {one.by_itself:.1%} by itself, {one.refused} of {one.expected_refused} refused"
            )
    return wrong


def main() -> int:
    from bench.kill_nine import _fresh_postgresql, _fresh_sqlite

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pushes", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=0.4, help="share of requests that go wrong (default 0.4)")
    parser.add_argument("--database", default="sqlite", help="`sqlite`, or the URL of a PostgreSQL server's database")
    asked = parser.parse_args()

    def fresh() -> Any:
        return _fresh_sqlite() if asked.database == "sqlite" else _fresh_postgresql(asked.database)

    began = time.monotonic()
    with fresh() as url, tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(run(url, Path(folder), pushes=asked.pushes, seed=asked.seed, rate=asked.rate))
    print(table_of(found))
    sent, naive = sum(one.sent for one in found), sum(one.naive_twice for one in found)
    wanted = sent - sum(one.expected_refused for one in found)
    by_itself = sum(one.delivered for one in found) / wanted
    print(
        f"{sent} messages in {time.monotonic() - began:.0f} s: {sum(one.twice for one in found)} applied twice, "
        f"{sum(one.missing for one in found)} missing, {by_itself:.2%} delivered without a person; "
        f"a naive retry would have applied {naive} twice"
    )
    with fresh() as url, tempfile.TemporaryDirectory() as folder:
        alone, beside = asyncio.run(pace(url, Path(folder)))
    print(f"the hotline's pace: {alone:.0f} messages/s alone, {beside:.0f} while the court hangs")
    wrong = failed(found)
    for one in wrong:
        print(f"WRONG  {one}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
