"""Processes that stay: the GraphQL server and the worker; and the step before both, the migration."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import Config, Json, read_settings

Host = Annotated[str | None, typer.Option(metavar="ADDRESS", help="To listen on; this machine only. Else [hub] host.")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65535, metavar="PORT", help="0 takes a free one. Else [hub] port.")
]


def serve(config: Config = None, host: Host = None, port: Port = None) -> None:
    """Serve GraphQL and its query page until Ctrl-C."""
    import asyncio

    from app.cli.output import say
    from app.logging import configure_logging
    from app.serve import serve_graphql
    from app.wiring import open_hub
    from app.worker import stop_on_signals

    configure_logging()
    settings = read_settings(config)

    async def run() -> None:
        async with open_hub(settings) as hub, stop_on_signals() as stop:
            await serve_graphql(hub, stop, host=host, port=port, on_ready=lambda at: say(f"GraphQL: {at}/graphql"))

    asyncio.run(run())


def worker(
    config: Config = None,
    lanes: Annotated[
        int | None, typer.Option(min=1, max=64, metavar="N", help="Jobs side by side. Else [hub] worker_lanes.")
    ] = None,
    no_scheduler: Annotated[bool, typer.Option("--no-scheduler", help="Only work; another process schedules.")] = False,
) -> None:
    """Run the sync jobs when they are due, until Ctrl-C.

    Any number of workers may run on one database; each job runs once.
    """
    import asyncio

    from app.jobs import run_worker
    from app.logging import configure_logging
    from app.wiring import open_hub
    from app.worker import stop_on_signals

    configure_logging()
    settings = read_settings(config)

    async def run() -> None:
        async with open_hub(settings) as hub, stop_on_signals() as stop:
            await run_worker(hub, stop, lanes=lanes, is_scheduling=not no_scheduler)

    asyncio.run(run())


def migrate(config: Config = None, as_json: Json = False) -> None:
    """Bring the database to the schema this release needs, and load the county's tables.

    Safe to repeat. There is no way back: restore a backup instead.
    """
    import asyncio

    from app.cli.output import emit_json, say
    from app.wiring import open_hub, prepare_folders
    from hub.store import migrate as migrations

    settings = read_settings(config)

    async def run() -> tuple[str | None, str]:
        prepare_folders(settings)
        before = await migrations.current(settings.store_url)
        async with open_hub(settings, is_new=True) as hub:
            await hub.load_reference()
        return before, migrations.head()

    before, after = asyncio.run(run())
    if as_json:
        emit_json({"before": before, "after": after})
    else:
        say(f"was {before or 'empty'}, is now {after}" if before != after else f"already at {after}")
