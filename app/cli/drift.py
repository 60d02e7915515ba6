"""``dispute-hub drift``: partners' fields that are not what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Instance, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.drift import Drift

app = typer.Typer(help="Partners' fields that are new, gone or of another type: list, accept.", no_args_is_help=True)


@app.command("list")
def list_drift(instance: Instance = None, config: Config = None, as_json: Json = False) -> None:
    """List fields that are new, gone or of another type than before: names and counts, no value."""
    from app.cli.output import clock, count, emit_json, say, table
    from hub import drift

    async def read(hub: Hub) -> list[Drift]:
        wanted = None if instance is None else hub.instances(instance)
        async with hub.store.read() as connection:
            return [one for told in (await drift.found(connection, wanted)).values() for one in told]

    found = with_hub(config, read)
    if as_json:
        emit_json([_json(one) for one in found])
    elif not found:
        say("no drift")
    else:
        table(
            ("id", "instance", "items", "field", "drift", "type", "times", "first seen", "last seen"),
            [(one.id, one.instance, one.item_kind or "-", one.path, _kind(one), _type(one), count(one.times),
              clock(one.first_seen_at), clock(one.last_seen_at))
             for one in found],
        )  # fmt: skip


@app.command()
def accept(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `drift list` shows it.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who decides; else the user of this machine.")] = "",
    config: Config = None,
) -> None:
    """Take drift as known: it leaves the list, and comes back only when the field changes again."""
    import getpass

    from app.cli.output import say
    from hub import drift

    async def write(hub: Hub) -> None:
        done = await drift.accept(hub.desk, id, by=by or f"cli:{getpass.getuser()}")
        say(f"{done.instance} {done.item_kind} {done.path} accepted as {done.kind.value}".replace("  ", " "))

    with_hub(config, write)


def _kind(one: Drift) -> str:
    return f"{one.kind.value}, {one.missed} without" if one.missed else one.kind.value


def _type(one: Drift) -> str:
    return f"{one.was_type} → {one.json_type}" if one.was_type else one.json_type


def _json(one: Drift) -> dict[str, Any]:
    return {
        "id": one.id, "instance": one.instance, "itemKind": one.item_kind, "path": one.path, "kind": one.kind.value,
        "jsonType": one.json_type, "wasType": one.was_type or None, "declared": one.is_declared,
        "firstSeenAt": one.first_seen_at, "lastSeenAt": one.last_seen_at, "times": one.times, "missed": one.missed,
    }  # fmt: skip
