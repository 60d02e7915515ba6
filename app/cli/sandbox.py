"""``dispute-hub sandbox``: simulated partners to try a hub or a connector against. No real partner is ever asked."""

from __future__ import annotations

import typer

from app.cli import sandbox_county, sandbox_court, sandbox_hotline, sandbox_petition, sandbox_police

app = typer.Typer(help="Simulated partners on this machine.", no_args_is_help=True)


@app.callback()
def sandbox() -> None:
    pass


app.command()(sandbox_court.court)
app.command()(sandbox_police.police)
app.command()(sandbox_petition.petition)
app.command()(sandbox_hotline.hotline)
app.command()(sandbox_county.county)
