"""``dispute-hub schema documents``: the documents that clients ask for by id."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.options import Config, Json, read_settings

if TYPE_CHECKING:
    from schema.checking import Checked

app = typer.Typer(help="Documents that clients ask for by id: check, list.", no_args_is_help=True)

Folder = Annotated[
    Path | None, typer.Argument(metavar="FOLDER", help="Where they are; else trusted_documents of the settings.")
]
Role = Annotated[str, typer.Option(metavar="ROLE", help="The schema as this role sees it; else the whole.")]


@app.command("list")
def list_documents(folder: Folder = None, role: Role = "local", config: Config = None, as_json: Json = False) -> None:
    """List them: id, operations, and what each may cost."""
    from app.cli.output import emit_json, table

    found = _checked(folder, role, config)
    if as_json:
        emit_json([{"id": one.id, "operations": list(one.operations), "cost": one.cost} for one in found])
    else:
        table(("id", "operations", "cost"), [(one.id, " ".join(one.operations), str(one.cost)) for one in found])


@app.command()
def check(folder: Folder = None, role: Role = "local", config: Config = None, as_json: Json = False) -> None:
    """Say which of them could not run, and why; exit code 1 where there is one."""
    from app.cli.output import emit_json, say

    found = _checked(folder, role, config)
    wrong = [one for one in found if one.problems]
    if as_json:
        emit_json({"documents": len(found), "wrong": {one.id: list(one.problems) for one in wrong}})
    else:
        for one in wrong:
            say(f"{one.id} {' '.join(one.operations)}")
            for problem in one.problems:
                say(f"  {problem}")
        say(f"{len(found) - len(wrong)} of {len(found)} documents can run")
    if wrong:
        raise typer.Exit(1)


def _checked(folder: Path | None, role: str, config: Path | None) -> list[Checked]:
    from hub.errors import ConfigurationError
    from schema.checking import check_document
    from schema.seen_by import schema_for
    from schema.trusted import read_documents

    where = folder or read_settings(config).trusted_documents
    if where is None:
        raise ConfigurationError("no folder is named", hint="Name it here, or set trusted_documents.")
    schema = schema_for(role)
    seen: dict[str, Checked] = {}
    for id, text in sorted(read_documents(where, only=False).by_id.items()):
        # one file may have two ids, with its last line break and without
        seen.setdefault(text.strip(), check_document(schema, id, text))
    return list(seen.values())
