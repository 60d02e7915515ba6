"""Webhooks that came in: each is proved genuine, then kept in one transaction with its nonce. Nothing is mapped here.

What was kept before changes nothing: a partner that was not answered in time sends the same again under a new nonce.
Those that come while one is being kept are kept together with the next: a burst costs a few transactions, not hundreds.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.base import Connector, Received, WebhookConnector
from hub import nonces
from hub.desk import Desk
from hub.errors import AuthError, NotFoundError
from hub.inbox import keep_page

#: under which origin a webhook's items are kept
ORIGIN = "WEBHOOK"
#: webhooks in one transaction, so that it stays short
_TOGETHER = 50


@dataclass(slots=True, eq=False)
class _Waiting:
    received: Received
    #: set once it is kept, or with the reason why not
    kept: asyncio.Future[None]


@dataclass(slots=True)
class _Lane:
    """Webhooks of one instance, in the order in which they came."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Waiting] = field(default_factory=list)


class WebhookKeeper:
    """Takes webhooks in for one process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lanes: defaultdict[str, _Lane] = defaultdict(_Lane)

    async def take(self, connector: Connector, headers: Mapping[str, str], body: bytes) -> Received:
        """Keep a webhook whole; it is on the disk when this returns. The caller bounds the body.

        Raises AuthError where it is not genuine or its nonce is known (the message begins with a code), NotFoundError
        where the connector takes none, and what the database raises.
        """
        if not isinstance(connector, WebhookConnector):
            raise NotFoundError(f"{connector.product} takes no webhooks")
        received = connector.receive(headers, body, self._desk.clock())
        instance = connector.config.name
        lane, mine = self._lanes[instance], _Waiting(received, asyncio.get_running_loop().create_future())
        # whoever waited may be gone when it fails
        mine.kept.add_done_callback(lambda kept: kept.cancelled() or kept.exception())
        lane.waiting.append(mine)
        async with lane.turn:
            # whoever had the turn before may have kept ours with theirs
            while not mine.kept.done():
                together, lane.waiting = lane.waiting[:_TOGETHER], lane.waiting[_TOGETHER:]
                await self._keep(instance, together)
        await mine.kept
        return received

    async def _keep(self, instance: str, together: Sequence[_Waiting]) -> None:
        """Settle these: all in one transaction, or, where the database refuses it, each in its own."""
        try:
            await self._keep_at_once(instance, together)
        except Exception as exc:
            for one in together if len(together) > 1 else ():
                await self._keep(instance, [one])
            if len(together) == 1:
                together[0].kept.set_exception(exc)
        finally:
            # cut off in the middle: nobody may wait for ever
            for one in together:
                if not one.kept.done():
                    one.kept.set_exception(ConnectionAbortedError("keeping it was cut off"))

    async def _keep_at_once(self, instance: str, together: Sequence[_Waiting]) -> None:
        async with self._desk.store.write() as tx:
            fresh = await nonces.take(tx, self._desk, instance, [one.received.nonce for one in together])
            taken = []
            for one in together:
                if one.received.nonce in fresh:
                    # of two copies in one transaction the second is the copy
                    fresh.discard(one.received.nonce)
                    taken.append(one)
            items = [item for one in taken for item in one.received.items]
            if items:
                await keep_page(tx, self._desk, instance=instance, run_id="", origin=ORIGIN, items=items)
        for one in together:
            if one in taken:
                one.kept.set_result(None)
            else:
                one.kept.set_exception(_replayed())


def _replayed() -> AuthError:
    return AuthError("REPLAYED: this very webhook was taken before", hint="A further attempt needs a new nonce.")
