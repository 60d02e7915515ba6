"""``dispute-hub codes``: what partners' native codes stand for. An operator's word stands against the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.vocabulary import CountyTables, NativeCode

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
        from app.lookups import native_code_rows, worklist_rows

        async with hub.store.read() as connection:
            if unknown:
                return await worklist_rows(connection, system)
            return await native_code_rows(connection, system, table_name)

    rows = with_hub(config, read)
    if as_json:
        emit_json(rows)
    elif not rows:
        say("none")
    elif unknown:
        table(
            ("instance", "table", "code", "first seen", "last seen"),
            [(r["instance"], r["table"], r["code"], clock(r["firstSeenAt"]), clock(r["lastSeenAt"])) for r in rows],
        )
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
    """Say what one native code stands for. Records that waited for it are mapped again with the next pull."""
    from app.cli.output import say
    from hub.vocabulary import NativeCode

    meant = NativeCode(system, table_name, code, label, tuple(classes or ()))
    waiting = with_hub(config, lambda hub: _store(hub, [meant]))
    say(f"{system} {table_name} {code} set{_then(waiting)}")


@app.command("import")
def import_codes(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: system,table,native_code,zh,zz_dispute_17")],
    config: Config = None,
) -> None:
    """Take codes from a CSV file, all or none."""
    from app.cli.output import say
    from hub.vocabulary import NativeCode

    codes = [NativeCode(*row) for row in _read_csv(file)]
    waiting = with_hub(config, lambda hub: _store(hub, codes))
    say(f"{len(codes)} codes set{_then(waiting)}")


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
    except UnicodeDecodeError as exc:
        raise UserInputError(f"{file} is not UTF-8", hint="Save it as UTF-8, with or without BOM.") from exc


def _then(instances: list[str]) -> str:
    return f"; what waited is mapped again with the next pull of {', '.join(instances)}" if instances else ""


async def _store(hub: Hub, codes: list[NativeCode]) -> list[str]:
    """Keep the codes; returns the instances whose records waited for one of them."""
    from hub import reference, worklist

    for code in codes:
        _check(hub.tables, code)
    waiting: set[str] = set()
    async with hub.store.write() as tx:
        for code in codes:
            await reference.set_code(tx, hub.desk, code)
            waiting.update(await worklist.map_again(tx, code.system, code.table, code.code))
    return sorted(waiting)


def _check(tables: CountyTables, code: NativeCode) -> None:
    from hub.errors import UserInputError

    known = {(one.system, one.table) for one in tables.native_codes}
    if (code.system, code.table) not in known:
        there = sorted(f"{system} {table}" for system, table in known)
        raise UserInputError(f"there is no table {code.table} of {code.system}", hint=f"There are: {', '.join(there)}.")
    if not code.code:
        raise UserInputError("a code is empty")
    for one in code.classes:
        if one not in tables.categories and one != "UNKNOWN":
            raise UserInputError(f"{one} is no class of zz-dispute-17", hint="Four digits, e.g. 0101.")
