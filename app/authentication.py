"""Who sends a request: proved before anything else is done with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection

from hub.principal import LOCAL, Principal

#: None: nobody proved anything
Authenticate = Callable[[HTTPConnection], Awaitable[Principal | None]]


async def whoever_is_here(_: HTTPConnection) -> Principal | None:
    """Whoever reaches a server bound to this machine is its operator."""
    return LOCAL
