"""``dispute-hub codes``: what partners' native codes stand for. An operator's word stands against the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.vocabulary import NativeCode

app = typer.Typer(help="Partners' native codes: list, set, import.", no_args_is_help=True)

System = Annotated[str, typer.Argument(metavar="SYSTEM", help="The partner's system, e.g. court.")]


@app.command("list")
def list_codes(
    config: Config = None,
    system: Annotated[str | None, typer.Option(metavar="SYSTEM", help="Only this one, e.g. court.")] = None,
    table_name: Annotated[str | None, typer.Option("--table", metavar="TABLE", help="Only this one.")] = None,
    unknown: Annotated[bool, typer.Option("--unknown", help="Only codes that no table explains.")] = False,
    as_json: Json = False,
) -> None:
    """List native codes with their meaning, or those that still have none."""
    from app.cli.output import clock, emit_json, say, table

    async def read(hub: Hub) -> list[dict[str, Any]]:
        from app.lookups import native_code_rows, unknown_code_rows

        async with hub.store.read() as connection:
            rows = unknown_code_rows if unknown else native_code_rows
            return await rows(connection, system, table_name)

    rows = with_hub(config, read)
    if as_json:
        emit_json(rows)
    elif not rows:
        say("none")
    elif unknown:
        table(
            ("instance", "table", "code", "waiting", "for example", "first seen", "last seen"),
            [(r["instance"], r["table"], r["code"], r["waiting"], r["exampleNativeId"], clock(r["firstSeenAt"]),
              clock(r["lastSeenAt"]))
             for r in rows],
        )  # fmt: skip
    else:
        table(
            ("system", "table", "code", "label", "classes", "source"),
            [(r["system"], r["table"], r["code"], r["label"], " ".join(r["classes"]), r["source"]) for r in rows],
        )


@app.command("set")
def set_code(
    system: System,
    table_name: Annotated[str, typer.Argument(metavar="TABLE", help="The table of that system.")],
    code: Annotated[str, typer.Argument(metavar="CODE", help="The native code.")],
    label: Annotated[str, typer.Option(metavar="TEXT", help="What the partner calls it.")] = "",
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="CLASS", help="A class of zz-dispute-17; repeatable; none: no dispute."),
    ] = None,
    config: Config = None,
) -> None:
    """Say what one native code stands for. Records that waited for it are mapped again by a worker, at once."""
    from app.cli.output import say
    from hub.vocabulary import NativeCode

    meant = NativeCode(system, table_name, code, label, tuple(classes or ()))
    waiting = with_hub(config, lambda hub: _explain(hub, [meant]))
    say(f"{system} {table_name} {code} set{waiting}")


@app.command("import")
def import_codes(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: system,table,native_code,zh,zz_dispute_17")],
    config: Config = None,
) -> None:
    """Take codes from a CSV file, all or none."""
    from app.cli.output import say
    from hub.vocabulary import NativeCode

    codes = [NativeCode(*row) for row in _read_csv(file)]
    waiting = with_hub(config, lambda hub: _explain(hub, codes))
    say(f"{len(codes)} codes set{waiting}")


def _read_csv(file: Path) -> list[tuple[str, str, str, str, tuple[str, ...]]]:
    import csv

    from hub.errors import UserInputError

    wanted = ["system", "table", "native_code", "zh", "zz_dispute_17"]
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if sorted(reader.fieldnames or ()) != sorted(wanted):
                raise UserInputError(f"{file} has other columns", hint=f"Its first line is {','.join(wanted)}.")
            return [
                (r["system"], r["table"], r["native_code"], r["zh"] or "", tuple((r["zz_dispute_17"] or "").split()))
                for r in reader
            ]
    except OSError as exc:
        why = (exc.strerror or "").lower()
        raise UserInputError(f"{file} cannot be read: {why}", hint="Check the path and its rights.") from exc
    except UnicodeDecodeError as exc:
        raise UserInputError(f"{file} is not UTF-8", hint="Save it as UTF-8, with or without BOM.") from exc


async def _explain(hub: Hub, codes: list[NativeCode]) -> str:
    """Keep the codes; returns what becomes of the records that waited for one of them."""
    from hub import worklist

    done = await worklist.explain(hub.desk, hub.tables, codes)
    if not done.records:
        return ""
    waited = "1 record that waited is" if done.records == 1 else f"{done.records} records that waited are"
    return f"; {waited} mapped again by the next worker or pull of {', '.join(done.instances)}"
