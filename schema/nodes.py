"""Global ids: the prefix tells the type, the loaders find the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from schema.context import Info
from schema.types.attachment import attachment
from schema.types.dispute import dispute
from schema.types.event import handling_event
from schema.types.node import Node
from schema.types.party import party
from schema.types.record import case_record
from schema.types.referral import referral


async def find_nodes(info: Info, ids: Sequence[str]) -> list[Node | None]:
    """What these ids name, in their order; None where nothing is known, or nothing stands any more."""
    return list(await asyncio.gather(*(_find(info, str(id)) for id in ids)))


async def _find(info: Info, id: str) -> Node | None:
    named = _BY_PREFIX.get(id.partition("_")[0])
    if named is None:
        return None
    type_name, find = named
    # a type that the role has not is not told from an id that nobody has
    return await find(info, id) if info.context.access.may_see(f"{type_name}.id") else None


async def _dispute(info: Info, id: str) -> Node | None:
    row = await info.context.loaders.disputes.load(id)
    return None if row is None else dispute(row)


async def _record(info: Info, id: str) -> Node | None:
    row = await info.context.loaders.records.load(id)
    return None if row is None else case_record(row)


async def _event(info: Info, id: str) -> Node | None:
    row = await info.context.loaders.events.load(id)
    return None if row is None else handling_event(row)


async def _referral(info: Info, id: str) -> Node | None:
    row = await info.context.loaders.referrals.load(id)
    return None if row is None else referral(row)


async def _party(info: Info, id: str) -> Node | None:
    row = await info.context.loaders.parties.load(id)
    return None if row is None else party(row)


async def _attachment(info: Info, id: str) -> Node | None:
    row = await info.context.loaders.attachments.load(id)
    return None if row is None else attachment(row, info.context.base_path)


_BY_PREFIX: dict[str, tuple[str, Callable[[Info, str], Awaitable[Node | None]]]] = {
    "dsp": ("Dispute", _dispute),
    "rec": ("CaseRecord", _record),
    "evt": ("HandlingEvent", _event),
    "ref": ("Referral", _referral),
    "pty": ("Party", _party),
    "att": ("Attachment", _attachment),
}
