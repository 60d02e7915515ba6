"""The demonstration lives on: all partners' clocks move together, their records arrive, the mediator works, results go
back, GraphQL answers meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError

from app.county import Partners, advance, clocks
from app.first_filing import watch_first_filing
from app.mediator import Mediator
from app.wiring import Hub
from hub.errors import TransientError

#: where the hub takes the events of the hotline
_HOOK = "/hooks/hotline"


@dataclass(frozen=True, slots=True)
class Voices:
    """Whom the living demonstration tells what."""

    #: the address at which GraphQL answers
    on_ready: Callable[[str], None]
    #: the code of the first dispute that is filed from now on
    on_filing: Callable[[str], None]
    #: the same code, when its history has grown for the first time
    on_growth: Callable[[str], None]
    #: a partner that answers no more; the others go on
    on_silence: Callable[[str], None]


async def live_on(
    hub: Hub, partners: Partners, stop: asyncio.Event, *, mediator: Mediator, speed: float, voices: Voices
) -> None:
    """Serve, work and schedule while the county's clocks run ``speed`` simulated minutes a second, until ``stop``."""
    from app.demo_sign_in import demo_routes, open_demo_accounts
    from app.jobs import run_worker
    from app.serve import serve_graphql

    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def ready(at: str) -> None:
        address.set_result(at)
        voices.on_ready(at)

    routes = demo_routes(hub.desk, await open_demo_accounts(hub.desk))
    tasks = [
        asyncio.create_task(serve_graphql(hub, stop, on_ready=ready, more_routes=routes)),
        asyncio.create_task(run_worker(hub, stop)),
        asyncio.create_task(_live(partners, address, stop, speed, voices.on_silence)),
        asyncio.create_task(_mediate(partners, mediator, stop)),
    ]
    # it ends when it has told what there is to tell; the others live on
    watching = asyncio.create_task(watch_first_filing(hub, stop, voices.on_filing, voices.on_growth))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        stop.set()
        address.cancel()
        await asyncio.gather(*tasks, watching, return_exceptions=True)


async def _live(
    partners: Partners, address: asyncio.Future[str], stop: asyncio.Event, speed: float,
    on_silence: Callable[[str], None],
) -> None:  # fmt: skip
    """Move all clocks every second, once the hub can be told of what happens."""
    await _point_webhooks(partners, await address, on_silence)
    living = dict(partners)
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), 1.0)
        except TimeoutError:
            if speed > 0:
                for silent in await advance(living.values(), round(speed * 60)):
                    # asked no more: a dead partner holds up nobody's clock
                    del living[silent]
                    on_silence(silent)


async def _mediate(partners: Partners, mediator: Mediator, stop: asyncio.Event) -> None:
    """The mediator looks every second at what has fallen due; results leave by the worker."""
    while not stop.is_set():
        told = await clocks(partners)
        if told:
            # the others are not held up while somebody else writes
            with contextlib.suppress(OperationalError):
                await mediator.work(told)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)


async def _point_webhooks(partners: Partners, address: str, on_silence: Callable[[str], None]) -> None:
    """The hotline posts its events to the hub from now on; where a port was free is known only now."""
    try:
        await partners["hotline"].control({"do": "webhooks", "url": f"{address}{_HOOK}"})
    except TransientError:
        on_silence("hotline")
