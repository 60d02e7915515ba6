"""The folder of a demonstration: one at a time runs in it, of one seed and scale, made by this version."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.layout import strange_parts
from hub.errors import UserInputError
from hub.store import migrate
from hub.store.engine import open_store

_MARK = "demo.json"


@contextlib.contextmanager
def claimed_folder(folder: Path, seed: str, scale: str) -> Iterator[None]:
    """The folder, marked as this demonstration's and held for the time of the block.

    Raises UserInputError when it is another's, or another demonstration is running in it.
    """
    mark = folder / _MARK
    if not mark.exists():
        if folder.exists() and any(folder.iterdir()):
            raise UserInputError(f"{folder} holds other things", hint="Give a new folder with --data.")
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(json.dumps({"seed": seed, "scale": scale}), encoding="utf-8")
    with mark.open(encoding="utf-8") as file:
        try:
            # let go by the system when we end, however we end
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserInputError(
                f"a demonstration is running in {folder}", hint="Give another folder with --data."
            ) from None
        found = json.load(file)
        if found != {"seed": seed, "scale": scale}:
            raise UserInputError(
                f"{folder} was made with --seed {found.get('seed')} --scale {found.get('scale')}",
                hint="Give the same again, or another folder with --data.",
            )
        yield


async def refuse_another_version(folder: Path) -> None:
    """Raises UserInputError where the folder's hub was made by another version of this program."""
    file = folder / "hub" / "hub.db"
    if not file.exists():
        return
    url = f"sqlite+aiosqlite:///{file}"
    store = open_store(url)
    try:
        found = await migrate.current(url)
        if found is None:
            # a first run was stopped before it came to that
            return
        async with store.read() as connection:
            is_ours = found == migrate.head() and not await strange_parts(connection)
    except SQLAlchemyError:
        is_ours = False
    finally:
        await store.close()
    if not is_ours:
        raise UserInputError(
            f"{folder} was made by another version", hint="Give another folder with --data, or remove this one."
        )
