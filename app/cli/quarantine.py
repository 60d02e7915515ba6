"""``dispute-hub quarantine``: items that could not be understood, each set apart alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub

app = typer.Typer(help="Items that could not be understood: list, show, retry, discard.", no_args_is_help=True)

#: what a person may do about an open item
_NEXT = """
next: ask the partner to correct the record: its next version settles this item by itself
      or, once a code or the connector was mended, `dispute-hub quarantine retry {item}`
      or, if nobody will need it, `dispute-hub quarantine discard {item} --reason TEXT`"""

ItemId = Annotated[str, typer.Argument(metavar="ID", help="As `quarantine list` shows it.")]


@app.command("list")
def list_items(
    config: Config = None,
    instance: Annotated[str | None, typer.Option(metavar="INSTANCE", help="Only this one.")] = None,
    state: Annotated[str, typer.Option(metavar="STATE", help="OPEN, RESOLVED, DISCARDED or ALL.")] = "OPEN",
    code: Annotated[str | None, typer.Option(metavar="CODE", help="Only this reason, e.g. BAD_LXRQ.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many, newest first.")] = 100,
    as_json: Json = False,
) -> None:
    """List quarantined items: keys and reasons, no content."""
    from app.cli.output import clock, emit_json, say, table
    from hub.errors import UserInputError
    from hub.reading.worklists import QuarantineFilter, quarantine_listing

    if state not in ("OPEN", "RESOLVED", "DISCARDED", "ALL"):
        raise UserInputError(f"there is no state {state}", hint="OPEN, RESOLVED, DISCARDED or ALL.")

    async def read(hub: Hub) -> list[dict[str, Any]]:
        instances = hub.instances(instance) if instance is not None else None
        wanted = QuarantineFilter(instances, None if state == "ALL" else [state], [code] if code else None)
        async with hub.store.read() as tx:
            return [_shown(row) for row in await quarantine_listing(wanted).all(tx, limit)]

    rows = with_hub(config, read)
    if as_json:
        emit_json(rows)
    elif not rows:
        say("nothing in quarantine")
    else:
        # where only one state is asked for, every row would say the same
        several = state == "ALL"
        table(
            ("id", "instance", "native id", *(["state"] if several else []), "reason", "field", "tries", "since"),
            [(r["id"], r["instance"], r["native_id"], *([r["state"]] if several else []), r["code"], r["field"],
              r["attempts"], clock(r["quarantined_at"]))
             for r in rows],
        )  # fmt: skip


@app.command()
def show(item: ItemId, config: Config = None, as_json: Json = False) -> None:
    """Show one quarantined item: what it is and which rule it broke. Its content stays sealed."""
    from datetime import datetime

    from app.cli.output import clock, emit_json, fields, say

    def plain(value: Any) -> Any:
        return clock(value) if isinstance(value, datetime) else "-" if value in (None, "") else value

    async def read(hub: Hub) -> dict[str, Any]:
        from app.jobs import one_quarantined

        async with hub.store.read() as tx:
            return _shown(await one_quarantined(tx, item))

    row = with_hub(config, read)
    if as_json:
        emit_json(row)
        return
    fields({name: plain(value) for name, value in row.items()})
    if row["state"] == "OPEN":
        say(_NEXT.format(item=item))


@app.command()
def retry(
    item: Annotated[str | None, typer.Argument(metavar="ID", help="One item; none means all open ones.")] = None,
    config: Config = None,
    instance: Annotated[str | None, typer.Option(metavar="INSTANCE", help="Only items of this one.")] = None,
    as_json: Json = False,
) -> None:
    """Try to understand items again, after the mapping or a code was mended."""
    from app.cli.output import emit_json, say
    from app.jobs import retry_quarantined

    result = with_hub(config, lambda hub: retry_quarantined(hub, item, instance))
    if as_json:
        emit_json(result)
    else:
        say(f"{result['retried']} tried again, {result['stillQuarantined']} still in quarantine")


@app.command()
def discard(
    item: ItemId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why nobody will need it; kept with the item.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who decides; else the user of this machine.")] = "",
    config: Config = None,
) -> None:
    """Set an item aside for good: out of the open list, never tried again, still readable.

    `reconcile` goes on counting its key as quarantined for as long as the partner lists it.
    """
    import getpass

    from app.cli.output import say
    from hub import quarantine

    async def write(hub: Hub) -> None:
        await quarantine.discard(hub.desk, item, by=by or f"cli:{getpass.getuser()}", reason=reason)

    with_hub(config, write)
    say(f"{item} discarded")


def _shown(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
