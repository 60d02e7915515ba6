"""The public order: each committed entry once, without gaps, chained; a holder who slept writes nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from hub.desk import Desk
from hub.errors import LeaseLostError
from hub.sequencer import LEASE, chain_hash, sequence_all
from hub.store.leases import acquire, lock
from hub.store.tables import handling_events, link_decisions, public_log, unsequenced

from .databases import Database
from .hub_kit import Clock, deliver, diverted, open_desk, row


async def _log(desk: Desk) -> list[tuple[int, str, str]]:
    async with desk.store.read() as connection:
        rows = await connection.execute(select(public_log).order_by(public_log.c.sequence))
        return [(one.sequence, one.entry_id, one.chain_hash) for one in rows]


async def test_every_entry_gets_one_sequence_without_gaps(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row(f"a{n}", logs=[diverted()], fwlsh="same" if n < 3 else f"F{n}") for n in range(20)])
        given = await sequence_all(desk, batch=7)
        log = await _log(desk)
        assert [entry[0] for entry in log] == list(range(1, given + 1))
        async with desk.store.read() as connection:
            entries = set((await connection.execute(select(handling_events.c.id))).scalars())
            decisions = set((await connection.execute(select(link_decisions.c.id))).scalars())
            waiting = (await connection.execute(select(func.count()).select_from(unsequenced))).scalar_one()
            hashes = dict(
                [tuple(one) for one in await connection.execute(select(handling_events.c.id, handling_events.c.hash))]
                + [tuple(one) for one in await connection.execute(select(link_decisions.c.id, link_decisions.c.hash))]
            )
        assert decisions and {entry[1] for entry in log} == entries | decisions and waiting == 0
        chain = ""
        for sequence, entry_id, found in log:
            chain = chain_hash(chain, sequence, entry_id, hashes[entry_id])
            assert found == chain
        assert await sequence_all(desk) == 0


async def test_sequencers_side_by_side_give_each_entry_once(database: Database) -> None:
    clock = Clock()
    async with open_desk(database.url, clock) as desk:
        for number in range(6):
            await deliver(desk, [row(f"b{number}-{n}", dsr=[]) for n in range(10)])
            await asyncio.gather(*(sequence_all(desk, holder=f"w{n}", batch=3) for n in range(4)))
            clock.advance(seconds=60)
        await sequence_all(desk, holder="last")
        log = await _log(desk)
        assert [entry[0] for entry in log] == list(range(1, len(log) + 1))
        assert len({entry[1] for entry in log}) == len(log) == 60


async def test_a_holder_who_slept_is_fenced_out(database: Database) -> None:
    clock = Clock()
    async with open_desk(database.url, clock) as desk:
        slow = await acquire(desk, LEASE, "slow", timedelta(seconds=30))
        assert slow is not None and await acquire(desk, LEASE, "quick", timedelta(seconds=30)) is None
        clock.advance(seconds=31)
        assert await acquire(desk, LEASE, "quick", timedelta(seconds=30)) is not None
        with pytest.raises(LeaseLostError):
            async with desk.store.write() as tx:
                await lock(tx, desk, slow, timedelta(seconds=30))


async def test_who_finishes_a_small_piece_does_not_wait_for_what_comes_later(database: Database) -> None:
    """Others go on committing for as long as they like; each caller ends with what was there when it came."""
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("s0")])
        coming = True

        async def others() -> None:
            number = 0
            while coming:
                number += 1
                await deliver(desk, [row(f"o{number}", fwlsh=f"Fo{number}")])

        busy = asyncio.create_task(others())
        try:
            async with asyncio.timeout(60):
                assert await sequence_all(desk, batch=1) > 0
        finally:
            coming = False
            await busy
        await sequence_all(desk)
        async with desk.store.read() as connection:
            assert (await connection.execute(select(func.count()).select_from(unsequenced))).scalar_one() == 0
