"""``dispute-hub schema``: the GraphQL schema as text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import documents

app = typer.Typer(help="The GraphQL schema.", no_args_is_help=True)
app.add_typer(documents.app, name="documents")


@app.callback()
def schema() -> None:
    pass


@app.command()
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead of stdout.")
    ] = None,
) -> None:
    """Print the schema in GraphQL's own language (SDL)."""
    from app.cli.output import note, say
    from schema.build import sdl

    text = sdl().rstrip("\n") + "\n"
    if output is None:
        say(text.rstrip("\n"))
    else:
        output.write_text(text, encoding="utf-8")
        note(f"written to {output}")
