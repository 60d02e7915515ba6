"""All commands under one name. Only names, options and help are loaded here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from app.cli import (
    access,
    accounts,
    backup,
    calendar,
    codes,
    connectors,
    demo,
    doctor,
    drift,
    figures,
    files,
    keys,
    links,
    outbox,
    push,
    quarantine,
    reconcile,
    replay,
    rotate,
    sandbox,
    schema,
    serving,
    sync,
    trace,
)
from app.cli.options import Config

app = typer.Typer(
    name="dispute-hub",
    help="One dispute, one history, over every agency of a county.\n\n"
    "Start with `dispute-hub demo`: it sets itself up and needs nothing else.",
    # \b keeps the lines: a file's name cut at its hyphen is another name
    epilog="\b\nSettings: --config FILE, else HUB_CONFIG, else ./dispute-hub.toml.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong use. HUB_DEBUG=1 shows tracebacks.",
    no_args_is_help=True,
    add_completion=False,
    # plain help: rich costs a third of the half second that help may take
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"dispute-hub {version('dispute-hub')}")
        except PackageNotFoundError:
            typer.echo("dispute-hub (not installed)")
        raise typer.Exit


@app.callback()
def root(
    config: Config = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    if config is not None:
        # before or after the command's name, --config means the same
        os.environ["HUB_CONFIG"] = str(Path(config))


app.command()(demo.demo)
app.command()(serving.serve)
app.command()(serving.worker)
app.command()(serving.migrate)
app.command()(sync.sync)
app.command()(push.push)
app.command()(reconcile.reconcile)
app.command()(replay.replay)
app.command()(trace.trace)
app.command()(figures.figures)
app.command()(doctor.doctor)
app.command()(backup.restore)
app.add_typer(backup.app, name="backup")
app.add_typer(access.app, name="access")
app.add_typer(accounts.app, name="accounts")
app.add_typer(keys.app, name="keys")
app.add_typer(rotate.app, name="rotate")
app.add_typer(connectors.app, name="connectors")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(outbox.app, name="outbox")
app.add_typer(outbox.dead, name="deadletters")
app.add_typer(files.app, name="files")
app.add_typer(links.app, name="links")
app.add_typer(codes.app, name="codes")
app.add_typer(drift.app, name="drift")
app.add_typer(calendar.app, name="calendar")
app.add_typer(schema.app, name="schema")
app.add_typer(sandbox.app, name="sandbox")


def run() -> None:
    """The whole command line, whatever the process was started as."""
    app(prog_name="dispute-hub")
