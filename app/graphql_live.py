"""Live: what both transports of subscriptions share. Who may listen, for how long, and how many at once.

A right that was revoked and a token that ran out end a subscription within five seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import prometheus_client
from sqlalchemy.exc import SQLAlchemyError

from app.authentication import Authenticate, Still
from hub.desk import Desk
from hub.feed import Feed
from hub.principal import Principal
from hub.reading import changes
from hub.store.engine import Store
from schema.context import Context
from schema.execution import Runner


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one listener may take; what is beyond is refused with a documented code."""

    #: bytes of one message of a client's; the wire itself ends beyond four times as many
    message_bytes: int = 64 * 1024
    #: messages of one client a second, and how many it may have saved up
    messages_per_s: float = 20
    messages_at_once: int = 200
    subscriptions_per_connection: int = 50
    connections_per_principal: int = 50
    connections: int = 5000
    #: from the handshake to ``connection_init``
    init_s: float = 10
    #: the server's heartbeat, and how long a client may say nothing at all
    ping_every_s: float = 25
    silent_s: float = 75
    #: how long one message may wait for a client that does not read
    blocked_s: float = 60
    #: how often rights are looked at, and how long the answer may take: together less than five seconds
    look_every_s: float = 2.5
    look_s: float = 1


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a listener is let go: a close code of graphql-transport-ws, and words about the protocol alone."""

    code: int
    reason: str


EXPIRED = Ending(4401, "the sign-in has run out")
REVOKED = Ending(4403, "your rights have changed; connect anew")
TOO_MANY = Ending(1013, "too many connections; try again later")
UNSURE = Ending(1013, "rights cannot be looked at now; try again later")
GOING = Ending(1012, "the server restarts")


class TooManyError(Exception):
    """The principal, or everybody together, listens on too many connections."""


@dataclass(slots=True)
class Live:
    """Both transports' common ground: made once per server."""

    desk: Desk
    feed: Feed
    #: answers for a role, over the schema as that role sees it
    runner_of: Callable[[str], Runner]
    #: a principal's context; the second argument is where an interrupted subscription goes on
    new_context: Callable[[Principal, int | None], Context]
    authenticate: Authenticate
    still: Still
    limits: Limits = field(default_factory=Limits)
    #: set once the server goes down
    going: asyncio.Event = field(default_factory=asyncio.Event)
    open: int = 0
    _listening: Counter[str] = field(default_factory=Counter)
    _answers: dict[Principal, tuple[float, asyncio.Task[bool]]] = field(default_factory=dict)

    @contextlib.contextmanager
    def connected(self, principal: Principal | None) -> Iterator[None]:
        """Count a connection while the block runs; without a principal it counts for everybody together.

        Raises TooManyError.
        """
        if principal is None:
            if self.open >= self.limits.connections:
                raise TooManyError
            self.open += 1
        else:
            if self._listening[principal.id] >= self.limits.connections_per_principal:
                raise TooManyError
            self._listening[principal.id] += 1
        try:
            yield
        finally:
            if principal is None:
                self.open -= 1
            else:
                self._listening[principal.id] -= 1
                if not self._listening[principal.id]:
                    del self._listening[principal.id]

    async def end_of_rights(self, principal: Principal) -> Ending:
        """Return when the principal may not listen any more; a wait without end otherwise."""
        while True:
            await asyncio.sleep(min(self.limits.look_every_s, self._seconds_left(principal)))
            # before rights are looked at: whoever ran out has none, and should hear why
            if not self._seconds_left(principal):
                return EXPIRED
            try:
                async with asyncio.timeout(self.limits.look_s):
                    if not await self._still(principal):
                        return REVOKED
            except (SQLAlchemyError, OSError):
                # what cannot be looked at is not a right
                return UNSURE

    def _seconds_left(self, principal: Principal) -> float:
        """Until what proved them ends; 0 once it has."""
        if principal.expires_at is None:
            return math.inf
        return max(0.0, (principal.expires_at - self.desk.clock()).total_seconds())

    async def _still(self, principal: Principal) -> bool:
        """The answer for one principal, asked once for all their connections of this moment."""
        now = time.monotonic()
        asked, task = self._answers.get(principal, (0.0, None))
        if task is None or now - asked > self.limits.look_every_s / 6:
            if len(self._answers) > self.limits.connections:
                self._answers.clear()
            task = asyncio.create_task(_answer(self.still(principal)))
            self._answers[principal] = now, task
        return await asyncio.shield(task)

    def close(self) -> None:
        """Let every listener go; they come back to whoever serves next and go on from their place."""
        self.going.set()


async def _answer(asked: Awaitable[bool]) -> bool:
    return await asked


class LiveMetrics:
    """What is counted: open connections by transport, how connections ended, and what still waits to be told."""

    def __init__(self, registry: prometheus_client.CollectorRegistry) -> None:
        self._open = prometheus_client.Gauge(
            "hub_live_connections", "Open connections of subscribers", ["transport"], registry=registry
        )
        self._ended = prometheus_client.Counter(
            "hub_live_ended", "Connections of subscribers by how they ended", ["transport", "code"], registry=registry
        )

        self._waiting = prometheus_client.Gauge(
            "hub_unsequenced", "Committed entries that wait for their place in the public order", registry=registry
        )

    async def refresh(self, store: Store) -> None:
        """Read anew what waits. Raises what the database raises."""
        async with store.read() as connection:
            self._waiting.set(await changes.waiting(connection))

    @contextlib.contextmanager
    def connection(self, transport: str) -> Iterator[None]:
        """Count a connection as open while the block runs."""
        self._open.labels(transport).inc()
        try:
            yield
        finally:
            self._open.labels(transport).dec()

    def ended(self, transport: str, code: int | str) -> None:
        """Count how one ended: a close code, or ``client`` where the client went."""
        self._ended.labels(transport, str(code)).inc()
