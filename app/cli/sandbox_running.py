"""A simulated partner in this process: built with a bar, told of, kept until it is to stop, closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


@dataclass(frozen=True, slots=True)
class Running:
    """A partner that was started, and what there is to know of it."""

    name: str
    #: for people: what it is, and where
    places: Mapping[str, str]
    #: for programs
    addresses: Mapping[str, str]
    #: of an instance that reaches it
    settings: Mapping[str, Any]
    close: Callable[[], Awaitable[None]]
    #: returns or raises only when the partner ends by itself
    watch: Callable[[], Awaitable[None]] | None = None


#: builds and starts one partner, telling how many of how many records are built
Start = Callable[[Callable[[int, int], None]], Awaitable[Running]]


def run_partner(name: str, start: Start, *, keep: bool | None, as_json: bool, stop_with_stdin: bool) -> None:
    """Run one simulated partner until Ctrl-C, or until stdin closes."""
    import asyncio

    asyncio.run(_run(name, start, keep, as_json, stop_with_stdin))


async def _run(name: str, start: Start, keep: bool | None, as_json: bool, stop_with_stdin: bool) -> None:
    import asyncio

    from app.worker import stop_on_signals

    async with stop_on_signals() as stop:
        listening = asyncio.create_task(stop_at_end_of_input(stop)) if stop_with_stdin else None
        stopping = asyncio.ensure_future(stop.wait())
        try:
            # whoever started us shows one bar for all; ours would run through it
            running = await _started(name, start, stopping, keep, has_bar=not stop_with_stdin)
            if running is None:
                return
            try:
                _tell(running, as_json)
                await _until(stopping, running)
            finally:
                await running.close()
        finally:
            stopping.cancel()
            if listening is not None:
                listening.cancel()


async def _started(
    name: str, start: Start, stopping: asyncio.Future[Any], keep: bool | None, has_bar: bool
) -> Running | None:
    """The partner, or None when we are to stop before it stands."""
    import asyncio
    import contextlib

    from app.cli.output import progress

    with progress(f"building the simulated {name}") if has_bar else contextlib.nullcontext() as advance:
        built = 0

        def tell(done: int, total: int) -> None:
            nonlocal built
            if advance is not None:
                advance(done - built, total=total)
            built = done

        starting = asyncio.ensure_future(start(tell))
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return None
    return _named(starting, keep)


def _named(starting: asyncio.Future[Running], keep: bool | None) -> Running:
    """The partner. A store that may not be taken up silently: the options that decide are named."""
    from hub.errors import ConfigurationError

    try:
        return starting.result()
    except ConfigurationError as exc:
        if "has been changed" not in exc.message or keep is False:
            raise
        hint = (
            "It is of an older format and cannot be kept; --fresh builds it anew."
            if keep
            else "--keep goes on with it as it is, --fresh builds it anew."
        )
        raise ConfigurationError(exc.message, hint=hint) from exc


async def _until(stopping: asyncio.Future[Any], running: Running) -> None:
    """Until we are to stop; raises what ends the partner earlier."""
    import asyncio

    if running.watch is None:
        await stopping
        return
    watching = asyncio.ensure_future(running.watch())
    try:
        await asyncio.wait({stopping, watching}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def stop_at_end_of_input(stop: asyncio.Event) -> None:
    """Set ``stop`` when whoever started us is gone, however it ended."""
    import asyncio
    import sys

    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass
    stop.set()


def _tell(running: Running, as_json: bool) -> None:
    import json

    from app.cli.output import note, say
    from app.settings_text import to_toml

    if as_json:
        say(json.dumps({**running.addresses, "settings": running.settings}, ensure_ascii=False))
        return
    width = max(len(what) for what in running.places)
    for what, where in running.places.items():
        say(f"{what:<{width}}  {where}")
    say("\n# settings of a hub that reaches it; what is secret here is simulated")
    say(to_toml({}, {running.name: running.settings}))
    note("Ctrl-C ends it.")
