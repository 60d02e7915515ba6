"""The doctor looks at the master keys: their file, their copies, and what a change of them left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from app.doctor.files import rights_of
from app.doctor.finding import FAIL, OK, WARN, Finding
from hub import key_file
from hub.backup import DATA, KEYS
from hub.errors import HubError
from hub.rotations import all_rotations, held_until
from hub.sealing import fingerprint_of
from hub.settings import Settings
from hub.store.engine import Store
from hub.store.tables import backups
from hub.store.tables.identity import store_identity
from hub.store_identity import KEY


def key_file_findings(file: Path, sealed_with: str | None) -> Iterator[Finding]:
    """``sealed_with``: the fingerprint that the database remembers, None where it knows of no key."""
    what = "master key"
    if not file.exists():
        if sealed_with is None:
            yield Finding(WARN, what, f"{file} is not there yet", "`dispute-hub migrate` makes it.")
        else:
            yield Finding(
                FAIL, what, f"{file} is missing, and the database is sealed with it",
                "Put back your copy; no other key opens what is kept.",
            )  # fmt: skip
        return
    rights = rights_of(file)
    if rights & 0o077:
        yield Finding(FAIL, what, f"{file} is open to others ({rights:o})", f"chmod 600 {file}")
    try:
        held = [fingerprint_of(key) for key in key_file.load(file)]
    except HubError as exc:
        yield Finding(FAIL, what, str(exc), exc.hint)
        return
    if sealed_with is not None and sealed_with not in held:
        yield Finding(
            FAIL, what, f"{file} is not the key this database was sealed with", "Put back the copy that belongs to it."
        )
    elif not rights & 0o077:
        yield Finding(OK, what, f"{file}; without a copy elsewhere everything sealed is lost with it")


def _held(file: Path) -> set[str]:
    """The fingerprints of the keys in the file; empty where it cannot be read, which is told elsewhere."""
    try:
        return {fingerprint_of(key) for key in key_file.load(file)}
    except HubError:
        return set()


async def rotated(store: Store, settings: Settings) -> AsyncIterator[Finding]:
    """Whether a change of keys is unfinished, or left something behind."""
    what, held = "rotation", _held(settings.key_file)
    async with store.read() as connection:
        found = await all_rotations(connection)
        until = await held_until(connection, datetime.now(UTC))
        key = await connection.scalar(select(store_identity.c.value).where(store_identity.c.name == KEY))
    for one in found:
        name = one.kind.lower()
        if one.finished_at is None:
            yield Finding(
                WARN, what, f"of the {name}, begun {one.started_at:%Y-%m-%d %H:%M} UTC, "
                + ("is running" if until else "is unfinished"),
                "It ends by itself." if until else f"`dispute-hub rotate {name}` goes on with it.",
            )  # fmt: skip
            if one.kind == "KEY" and held and one.old not in held:
                yield Finding(
                    FAIL, what, f"{settings.key_file} lacks {one.old}, which some values still want",
                    "Add the line of its copy to the file.",
                )  # fmt: skip
    if key not in held:
        return
    retired = {one.old for one in found if one.kind == "KEY" and one.finished_at is not None} - {key}
    if left := sorted(retired & held):
        yield Finding(
            WARN, what, f"{settings.key_file} still holds {', '.join(left)}, which opens nothing any more",
            "Copy the file from the machine where the rotation ran, or take out that line.",
        )  # fmt: skip
    if waiting := sorted(held - retired - {key} - {one.old for one in found}):
        yield Finding(
            WARN, what, f"{', '.join(waiting)} lies in {settings.key_file} and is not in force yet",
            "`dispute-hub rotate key` puts it in force.",
        )  # fmt: skip


async def saved(store: Store, settings: Settings) -> AsyncIterator[Finding]:
    """Whether there is a copy of each master key still wanted, and a backup of late, as far as this database knows."""
    c = backups.c
    async with store.read() as connection:
        key = await connection.scalar(select(store_identity.c.value).where(store_identity.c.name == KEY))
        at = select(c.key_fingerprint, func.max(c.at).label("at")).where(c.kind == KEYS).group_by(c.key_fingerprint)
        copied = {row.key_fingerprint: row.at for row in await connection.execute(at)}
        saved = await connection.scalar(select(func.max(c.at)).where(c.kind == DATA))
        retired = {one.old for one in await all_rotations(connection) if one.finished_at is not None}
    held = _held(settings.key_file)
    wanted = set() if key is None else {key} | (held - retired if key in held else set())
    if missing := sorted(wanted - copied.keys()):
        yield Finding(
            WARN, "key copy", f"no copy of the master key {', '.join(missing)} is known",
            "`dispute-hub backup keys FOLDER` on another disk: without the key no backup is worth anything.",
        )  # fmt: skip
    elif wanted:
        oldest = min(copied[one] for one in wanted)
        yield Finding(OK, "key copy", f"of {oldest:%Y-%m-%d}; whether it is still there only you can see")
    days = settings.backup_within_days
    if not days:
        return
    if saved is None or datetime.now(UTC) - saved > timedelta(days=days):
        told = f"the last one is of {saved:%Y-%m-%d}" if saved else "none was made"
        yield Finding(WARN, "backup", told, "`dispute-hub backup make FOLDER`, daily; see docs/operator.md.")
    else:
        yield Finding(OK, "backup", f"of {saved:%Y-%m-%d %H:%M} UTC")
