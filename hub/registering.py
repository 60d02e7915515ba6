"""Registering: what somebody brings to the window becomes a record, and with it a dispute, in one transaction."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import once, versions, walk_in
from hub.acts import Act
from hub.applying import apply_versions
from hub.desk import Desk
from hub.errors import MissingFieldError, UserInputError
from hub.inbox import keep_page
from hub.matter import when
from hub.model import SHANGHAI
from hub.store.ids import new_id
from hub.store.tables import case_records, code_counters
from hub.store.turn import take_turn
from hub.vocabulary import Channel, PartyRole
from hub.walk_in import Registration, WalkInMapper

_REGION = re.compile(r"\d{6}(?:\d{3}(?:\d{3})?)?")
_CHANNELS = (Channel.WALK_IN, Channel.PORTAL, Channel.PATROL, Channel.GRID)
_LONGEST = {"title": 200, "content": 20_000, "address": 500}
_MOST_PARTIES = 100


async def register_dispute(desk: Desk, told: Registration, act: Act, *, at: datetime | None = None) -> str:
    """Take it down under a number of the window; returns the id of its dispute. The hub links it like any record.

    ``told.number`` and its times are given here. Raises MissingFieldError and UserInputError, and then nothing is kept.
    """
    _check(told)
    now = desk.clock()
    received_at = when(desk, at)
    mapper = WalkInMapper(desk.centre_code)
    source = walk_in.source(desk.centre_code, now)
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, act.by, act.once)
        number = await _next_number(tx, desk, received_at)
        registration = replace(told, number=number, received_at=received_at, changed_at=now, by=act.by)
        run_id = new_id("run", desk.county)
        await keep_page(
            tx, desk, instance=walk_in.INSTANCE, run_id=run_id, origin="WINDOW", items=[registration.to_item()]
        )
        waiting = await versions.pending(tx, desk, walk_in.INSTANCE, mapper, limit=10)
        await apply_versions(tx, desk, source, mapper, waiting)
        query = select(case_records.c.dispute_id).where(
            case_records.c.instance == walk_in.INSTANCE, case_records.c.native_id == number
        )
        dispute_id = str((await tx.execute(query)).scalar_one())
        await once.keep(tx, desk, act.by, act.once, {"dispute": dispute_id})
        return dispute_id


async def _next_number(tx: AsyncConnection, desk: Desk, received_at: datetime) -> str:
    """``DJ`` county, day, five digits."""
    day = received_at.astimezone(SHANGHAI).strftime("%Y%m%d")
    name = f"window/{desk.county}/{day}"
    query = select(code_counters.c.value).where(code_counters.c.name == name).with_for_update()
    last = (await tx.execute(query)).scalar_one_or_none()
    if last is None:
        await tx.execute(code_counters.insert().values(name=name, value=1))
    else:
        await tx.execute(update(code_counters).where(code_counters.c.name == name).values(value=last + 1))
    return f"DJ{desk.county}{day}{(last or 0) + 1:05d}"


def _check(told: Registration) -> None:
    if not told.title.strip():
        raise MissingFieldError("title is needed", field="title")
    for name, longest in _LONGEST.items():
        if len(getattr(told, name)) > longest:
            raise UserInputError(f"{name} has at most {longest} characters", field=name)
    if told.region_code and not _REGION.fullmatch(told.region_code):
        raise UserInputError("a region code has 6, 9 or 12 digits", field="regionCode")
    if told.channel not in _CHANNELS:
        raise UserInputError(f"{told.channel} does not come to the window", field="channel")
    if not told.parties:
        raise MissingFieldError("at least one party is needed", field="parties")
    if len(told.parties) > _MOST_PARTIES:
        raise UserInputError(f"at most {_MOST_PARTIES} parties", field="parties")
    if not any(party.role is PartyRole.APPLICANT for party in told.parties):
        raise UserInputError("one party is the APPLICANT: who brings it", field="parties")
    if any(not party.name.strip() for party in told.parties):
        raise MissingFieldError("a party has a name", field="parties")
    if told.amount_cny is not None and not 0 <= told.amount_cny < 10**13:
        raise UserInputError("an amount in yuan is positive and has at most 13 digits", field="amountCny")
