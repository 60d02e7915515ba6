"""`files`: what records name, what the hub has of it, and another try for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub

app = typer.Typer(help="Files that records name: list, show, retry.", no_args_is_help=True)

FileId = Annotated[str, typer.Argument(metavar="ID", help="As `files list` shows it.")]
_SHOWN = (
    "id", "instance", "record_id", "kind", "name", "state", "reason", "attempts", "next_try_at", "first_seen_at",
    "fetched_at", "media_type", "bytes", "deleted_at_source",
)  # fmt: skip


@app.command("list")
def list_files(
    config: Config = None,
    instance: Annotated[str | None, typer.Option(metavar="INSTANCE", help="Only this one's.")] = None,
    state: Annotated[
        str, typer.Option(metavar="STATE", help="PENDING, STORED, REFUSED, FAILED, MISSING (all but STORED) or ALL.")
    ] = "MISSING",
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many, the latest named first.")] = 100,
    as_json: Json = False,
) -> None:
    """List files with their state and reason: no address, no content."""
    from app.cli.output import clock, emit_json, say, table
    from hub.errors import UserInputError
    from hub.reading import attachments
    from hub.sight import EVERYTHING
    from hub.vocabulary import AttachmentState

    every = [one.value for one in AttachmentState]
    missing = [one for one in every if one != AttachmentState.STORED.value]
    wanted = {"ALL": every, "MISSING": missing}.get(state, [state])
    if not set(wanted) <= set(every):
        raise UserInputError(f"there is no state {state}", hint=f"{', '.join(every)}, MISSING or ALL.")

    async def read(hub: Hub) -> list[dict[str, Any]]:
        async with hub.store.read() as tx:
            return [
                _shown(row)
                for row in await attachments.listed(tx, EVERYTHING, instance=instance, states=wanted, limit=limit)
            ]

    rows = with_hub(config, read)
    if as_json:
        emit_json(rows)
    elif not rows:
        say("every file is stored" if state == "MISSING" else "no such file")
    else:
        table(
            ("id", "instance", "name", "state", "reason", "tries", "next try"),
            [(r["id"], r["instance"], r["name"], r["state"], r["reason"] or "-", r["attempts"],
              clock(r["next_try_at"] if r["state"] == AttachmentState.PENDING.value else None))
             for r in rows],
        )  # fmt: skip


@app.command()
def show(file: FileId, config: Config = None, as_json: Json = False) -> None:
    """Show one file: which record names it, what it is, how often it was tried. Its content stays sealed."""
    from datetime import datetime

    from app.cli.output import clock, emit_json, fields
    from hub.errors import NotFoundError
    from hub.reading import attachments
    from hub.sight import EVERYTHING

    def plain(value: Any) -> Any:
        return clock(value) if isinstance(value, datetime) else "-" if value in (None, "") else value

    async def read(hub: Hub) -> dict[str, Any]:
        async with hub.store.read() as tx:
            found = (await attachments.by_ids(tx, EVERYTHING, [file])).get(file)
        if found is None:
            raise NotFoundError(f"there is no file {file}", hint="See `dispute-hub files list --state ALL`.")
        return _shown(found)

    row = with_hub(config, read)
    if as_json:
        emit_json(row)
    else:
        fields({name: plain(value) for name, value in row.items()})


@app.command()
def retry(
    file: Annotated[str | None, typer.Argument(metavar="ID", help="One file; none means all that are missing.")] = None,
    config: Config = None,
    instance: Annotated[str | None, typer.Option(metavar="INSTANCE", help="Only files of this one.")] = None,
    as_json: Json = False,
) -> None:
    """Fetch missing files now, the refused ones too: after a host was allowed, a limit raised, a server mended.

    What the time budget of a run does not reach waits for the next pull.
    """
    from app.cli.output import emit_json, say
    from app.jobs import retry_files

    result = with_hub(config, lambda hub: retry_files(hub, file, instance))
    if as_json:
        emit_json(result)
    else:
        say(f"{result['retried']} tried again, {result['stored']} stored, {result['missed']} still missing")


def _shown(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _SHOWN}
