"""The web server inside a process that also does other things: it starts, says where, and stops when told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import BaseRoute

from app.authentication import Authentication
from app.doorway import standing_of
from app.graphql_live import Live
from app.hooks import Hooks
from app.logging import told
from app.sequencing import keep_sequencing
from app.staff_tokens import staff_tokens
from app.web import create_app, server
from app.wiring import Hub
from hub.access_log import AccessLog
from hub.accounts import anybody_may_ask
from hub.errors import ConfigurationError
from schema.errors import report
from schema.trusted import documents_of

#: how long a code that an operator set stays unseen here
_RELOAD_S = 60.0
_log = structlog.get_logger("serve")


async def serve_graphql(
    hub: Hub,
    stop: asyncio.Event,
    *,
    host: str | None = None,
    port: int | None = None,
    on_ready: Callable[[str], None] | None = None,
    more_routes: Sequence[BaseRoute] = (),
) -> None:
    """Serve until ``stop``; ``on_ready`` is told the address.

    Raises ConfigurationError when it cannot listen there, or when others could reach it and nobody could sign in.
    """
    standing = standing_of(hub.settings, host, port)
    async with hub.store.read() as connection:
        has_somebody = await anybody_may_ask(connection)
    tokens = staff_tokens(hub.settings, hub.desk)
    standing.check(anybody_may_ask=has_somebody or tokens is not None)
    hooks, authentication = Hooks(hub), Authentication(hub.desk, tokens)
    access_log = AccessLog(hub.desk, lambda problem: report(problem, "access log"))
    app = create_app(
        hub.desk, lambda: hub.tables, hooks, authentication.principal, authentication.still, standing=standing,
        documents=documents_of(hub.settings), export_rows=hub.settings.export_rows, more_routes=more_routes,
        access_log=access_log,
    )  # fmt: skip
    if tokens is not None:
        app.state.registry.register(tokens.metric)
    live: Live = app.state.live
    running = server(app, standing)
    # signals are the caller's: uvicorn would take them and raise them again at its end
    setattr(running, "capture_signals", contextlib.nullcontext)  # noqa: B010 — its type is a detail of uvicorn's
    serving = asyncio.create_task(_serve(running.serve()))
    sequencing: asyncio.Task[None] | None = None
    try:
        while not running.started and not serving.done():  # noqa: ASYNC110 — uvicorn has no event for it
            await asyncio.sleep(0.02)
        if serving.done():
            raise ConfigurationError(
                f"port {standing.port} of {standing.host} cannot be opened", hint="Choose another with --port."
            )
        address = f"{standing.scheme}://{standing.host}:{running.servers[0].sockets[0].getsockname()[1]}"
        _log.info("serving", address=address)
        if on_ready is not None:
            on_ready(address)
        sequencing = asyncio.create_task(keep_sequencing(hub.desk, live.feed.wake))
        await _until_stopped(hub, stop, {serving, sequencing})
        if sequencing.done():
            # a server that gives no places any more must not seem well
            sequencing.result()
    finally:
        if sequencing is not None:
            sequencing.cancel()
            await asyncio.wait({sequencing})
        live.close()
        running.should_exit = True
        await serving
        await hooks.close()
        await access_log.close()
        if access_log.waiting:
            _log.error("reads are missing from the access log", missing=access_log.waiting)


async def _until_stopped(hub: Hub, stop: asyncio.Event, running: set[asyncio.Task[None]]) -> None:
    """Return when told to stop or when something that runs has ended; meanwhile take up what operators change."""
    stopping = asyncio.create_task(stop.wait())
    try:
        while not any(task.done() for task in (stopping, *running)):
            await asyncio.wait({stopping, *running}, timeout=_RELOAD_S, return_when=asyncio.FIRST_COMPLETED)
            try:
                await hub.reload_codes()
            except (SQLAlchemyError, OSError) as exc:
                _log.warning("codes not reloaded", **told(exc))
    finally:
        stopping.cancel()


async def _serve(serving: object) -> None:
    # where it cannot bind, uvicorn ends the process by itself
    with contextlib.suppress(SystemExit):
        await serving  # type: ignore[misc]
