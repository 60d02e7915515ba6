"""The folder of a demonstration: one at a time runs in it, of one seed and scale, made by this version."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from app.layout import strange_parts
from app.wiring import Hub
from hub.errors import UserInputError
from hub.store import migrate
from hub.store.engine import open_store
from hub.store.tables import jobs

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


async def take_back_lanes(hub: Hub) -> None:
    """Lanes that a killed process of this machine still holds come free at once; its lease would keep us waiting.

    Only here: elsewhere an equal host name may be another machine's, and its processes are not ours to see.
    """
    query = select(jobs.c.id, jobs.c.claimed_by).where(jobs.c.state == "CLAIMED")
    async with hub.store.write() as tx:
        gone = [row.id for row in await tx.execute(query) if _is_gone(row.claimed_by or "")]
        await tx.execute(update(jobs).where(jobs.c.id.in_(gone)).values(lease_expires_at=hub.desk.clock()))


def _is_gone(worker: str) -> bool:
    """Whether ``host/pid/…``, perhaps with a word before it, names a process of this machine that is no more."""
    host, _, rest = worker.rpartition(" ")[2].partition("/")
    pid = rest.partition("/")[0]
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
