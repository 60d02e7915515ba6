"""``dispute-hub schema``: the GraphQL schema as text, and what a newer one changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import documents
from app.cli.options import Json

if TYPE_CHECKING:
    from graphql import GraphQLSchema

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


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="SDL that clients were written for; - is stdin.")],
    new: Annotated[str | None, typer.Argument(metavar="NEW", help="SDL to compare; else this release's own.")] = None,
    as_json: Json = False,
) -> None:
    """Say what changes for clients; exit code 1 where something of theirs breaks."""
    from app.cli.output import count, emit_json, say
    from hub.errors import ConfigurationError
    from schema.build import sdl
    from schema.difference import Level, differences, read_schema

    if old == new == "-":
        raise ConfigurationError("stdin holds one schema, not two", hint="Name a file for one of them.")
    after = read_schema(sdl(), "this release's schema") if new is None else _read(new)
    changes = differences(_read(old), after)
    of = {level: [one for one in changes if one.level is level] for level in Level}
    if as_json:
        emit_json({level.value.lower(): [{"kind": c.kind, "text": c.text} for c in of[level]] for level in Level})
    else:
        for level in (level for level in Level if of[level]):
            say(f"{level.value} ({count(len(of[level]))})")
            for one in of[level]:
                say(f"  {one.text}")
        if not changes:
            say("nothing changes for clients")
    if of[Level.BREAKING]:
        raise typer.Exit(1)


def _read(name: str) -> GraphQLSchema:
    import sys

    from hub.errors import ConfigurationError
    from schema.difference import read_schema

    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"{name} is no text in UTF-8", hint="Give SDL.") from problem
    except OSError as problem:
        raise ConfigurationError(f"cannot read {name}: {problem.strerror}", hint="Check the path.") from problem
    return read_schema(text, "stdin" if name == "-" else name)
