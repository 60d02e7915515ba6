"""``dispute-hub calendar``: which days are worked, up to when that is known, and how an operator says otherwise."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, a_day, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.calendar import WorkingCalendar

app = typer.Typer(help="The working calendar: show, check, import.", no_args_is_help=True)


@app.command()
def show(
    year: Annotated[int, typer.Argument(metavar="YEAR", min=1949, max=2199)], config: Config = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Show the days of a year that differ from Monday to Friday."""
    from sqlalchemy import select

    from app.cli.output import emit_json, note, say, table
    from hub.store.tables import calendar_days

    async def read(hub: Hub) -> tuple[list[dict[str, Any]], bool]:
        c = calendar_days.c
        async with hub.store.read() as tx:
            rows = await tx.execute(select(calendar_days).where(c.day.startswith(f"{year}-")).order_by(c.day))
            found = [
                {"day": row.day, "isWorking": row.is_working, "label": row.label, "source": row.source} for row in rows
            ]
            return found, (await _calendar(hub)).is_known(date(year, 1, 1))

    rows, is_known = with_hub(config, read)
    if as_json:
        emit_json({"year": year, "isKnown": is_known, "days": rows})
        return
    if rows:
        shown = [(r["day"], "worked" if r["isWorking"] else "free", r["label"], r["source"]) for r in rows]
        table(("day", "", "label", "source"), shown)
    if not is_known:
        say(f"{year} is not known: Monday to Friday are counted, and what falls into it is provisional")
        note("`dispute-hub calendar import FILE` once its notice is out.")


@app.command()
def check(
    start: Annotated[str | None, typer.Option("--from", metavar="DAY", help="Count from this day; else today.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3660, metavar="N", help="So many working days.")] = 5,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Say up to when the calendar is known, and where a count of working days ends."""
    from app.cli.output import emit_json, say

    began = a_day(start) if start else date.today()
    calendar = with_hub(config, _calendar)
    due = calendar.working_days_after(began, days)
    covered = calendar.covered_to
    if as_json:
        emit_json(
            {
                "coveredTo": covered.isoformat() if covered else None, "from": began.isoformat(), "workingDays": days,
                "due": due.day.isoformat(), "isProvisional": due.is_provisional,
            }
        )  # fmt: skip
    else:
        say(f"known up to {covered or 'nothing'}")
        provisional = ", provisional: beyond what is known" if due.is_provisional else ""
        say(f"{days} working days after {began}: {due.day}{provisional}")


@app.command("import")
def import_days(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)], config: Config = None
) -> None:
    """Take over whole years from a CSV file with the columns day, is_working (0 or 1) and label.

    It names the days that differ from Monday to Friday. Every year it names is replaced as a whole.
    """
    from app.cli.output import say
    from hub import calendar
    from hub.errors import UserInputError

    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserInputError(f"{file} is not UTF-8") from None
    known = calendar.read_days(text)
    years = sorted({one.day.year for one in known})

    async def write(hub: Hub) -> None:
        await calendar.take_over(hub.desk, known, years)

    with_hub(config, write)
    say(f"{len(known)} days of {', '.join(map(str, years))} taken over")


async def _calendar(hub: Hub) -> WorkingCalendar:
    from hub.calendar import calendar_of

    async with hub.store.read() as tx:
        return await calendar_of(tx)
