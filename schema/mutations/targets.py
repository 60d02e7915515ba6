"""What an input names must be seen by who acts: what is hidden from them is not found, and nothing is done."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from hub.errors import NotFoundError
from hub.reading import links, outbox
from schema.context import Info

#: our keys tell by their prefix what they are of; people's words never look so from end to end
_ID = re.compile(r"([a-z]{3})_\d{6}_\w+")


async def require_seen(info: Info, input: object) -> None:
    """Raises NotFoundError where one of the ids in the input is unknown, or hidden from who asks."""
    if info.context.sight.everything:
        return
    named = list(_ids(input, ""))
    seen = await asyncio.gather(*(_is_seen(info, id) for _, id in named))
    for (field, id), is_seen in zip(named, seen, strict=True):
        if not is_seen:
            raise NotFoundError(f"nothing is known under {id}", field=to_camel_case(field))


def _ids(value: Any, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if _ID.fullmatch(value):
            yield field, value
    elif isinstance(value, list):
        for one in value:
            yield from _ids(one, field)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for one in dataclasses.fields(value):
            yield from _ids(getattr(value, one.name), one.name)


async def _is_seen(info: Info, id: str) -> bool:
    loaders, sight = info.context.loaders, info.context.sight
    match id[:3]:
        case "dsp":
            return await loaders.disputes.load(id) is not None
        case "rec":
            return await loaders.records.load(id) is not None
        case "ref":
            return await loaders.referrals.load(id) is not None
        case "evt":
            return await loaders.events.load(id) is not None
        case "pty":
            return await loaders.parties.load(id) is not None
        case "att":
            return await loaders.attachments.load(id) is not None
        case "lnk":
            async with info.context.store.read() as connection:
                return await links.by_id(connection, sight, id) is not None
        case "out":
            async with info.context.store.read() as connection:
                return id in await outbox.by_ids(connection, sight, [id])
        case _:
            # lines of worklists hold nobody's matter: whoever has the mutation has the list
            return True
