"""``dispute-hub figures``: indicators with their exact counts."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.options import Config, Json, a_day, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.figures import FigureValue


def figures(
    start: Annotated[date, typer.Option("--from", parser=a_day, metavar="YYYY-MM-DD", help="First day, in Shanghai.")],
    end: Annotated[date, typer.Option("--to", parser=a_day, metavar="YYYY-MM-DD", help="The day after the last.")],
    region: Annotated[
        str | None, typer.Option(metavar="CODE", help="A region; its whole subtree counts. None: all.")
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="Only this figure, e.g. K1; repeatable.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show the figures of a period: numerator, denominator, percent."""
    from app.cli.output import emit_json, table
    from app.summary import figure_json, one_decimal

    async def read(hub: Hub) -> list[FigureValue]:
        from hub import figures as hub_figures
        from hub.errors import UserInputError
        from hub.sight import EVERYTHING

        if region and region not in hub.tables.regions:
            raise UserInputError(f"no region {region}", hint="A code of regions.csv: 6, 9 or 12 digits.")
        async with hub.store.read() as connection:
            return await hub_figures.compute(connection, EVERYTHING, ids or None, start, end, region)

    values = with_hub(config, read)
    if as_json:
        emit_json({value.id: figure_json(value) for value in values})
        return
    table(
        ("id", "figure", "numerator", "denominator", "percent", "counted"),
        [(v.id, v.label, v.numerator, v.denominator, one_decimal(v) or "-", v.counted_unit) for v in values],
        title=f"{start} to {end} (exclusive), {region or 'all regions'}",
    )
