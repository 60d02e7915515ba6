"""Acts through the door: who decides, when it was done, and the same answer to the same request sent twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from enum import Enum
from typing import Any, TypeVar

import orjson
import strawberry

from hub.acts import Act
from hub.once import AlreadyDoneError
from hub.once_key import OnceKey
from schema.context import Info
from schema.mutations.base import MutationInput, MutationPayload, answered
from schema.scalars import Instant


@strawberry.input
class ActInput(MutationInput):
    """What every act may say besides what it is about."""

    reason: str = strawberry.field(
        default="", description="Why; kept beside the act, numbers of persons masked. At most 2 000 characters."
    )
    at: Instant | None = strawberry.field(default=None, description="When it was done; now where not given.")


P = TypeVar("P", bound=MutationPayload)


async def acted(
    info: Info, payload: type[P], input: ActInput, act: Callable[[Act], Awaitable[dict[str, Any]]],
    show: Callable[[Info, dict[str, Any]], Awaitable[P]],
) -> P:  # fmt: skip
    """The payload of an act, done once for its ``clientMutationId``; a repeat shows what it came to, as that stands."""

    async def run() -> P:
        try:
            result = await act(Act(info.context.decider, input.reason, once_key(info, payload, input)))
        except AlreadyDoneError as before:
            result = before.result
        info.context.loaders.forget()
        return await show(info, result)

    return await answered(info, payload, input, run)


def once_key(info: Info, payload: type[MutationPayload], input: MutationInput) -> OnceKey | None:
    """Under what the act is done once; None where the client gave no ``clientMutationId``."""
    if not input.client_mutation_id:
        return None
    stated = orjson.dumps([payload.__name__, _plain(input)], option=orjson.OPT_SORT_KEYS)
    return OnceKey(input.client_mutation_id, info.context.desk.keys.content_hash(stated))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name != "client_mutation_id"
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
