"""A backup: everything the store held at one moment in one sealed file, made while the hub works; never its keys.

A tar inside the seal: the rows of each table in files of lines, and last a manifest with counts and hashes.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import key_file
from hub.archive import DamagedError, SealedReader, SealedWriter
from hub.desk import Desk
from hub.errors import ConflictError, UserInputError
from hub.sealing import KeyRing, fingerprint_of
from hub.store.ids import new_id
from hub.store.rows import count, kinds_of, lines_of
from hub.store.tables import backups, metadata, rotations
from hub.store_identity import KEY, identity

SUFFIX = ".hubbackup"
DATA, KEYS, RESTORED = "DATA", "KEYS", "RESTORED"
_MANIFEST = "manifest.json"
#: a file of lines ends after the row that fills it
_MEMBER_BYTES = 1 << 20

#: called with how many rows more are done, and of how many
Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself."""

    hub_version: str
    revision: str
    county: str
    #: of the master key that opens what is sealed inside
    key_fingerprint: str
    made_at: datetime
    #: ``sqlite`` or ``postgresql``: where it came from; it goes into either
    database: str
    #: each table's columns with their kinds, and its number of rows
    tables: dict[str, tuple[list[tuple[str, str]], int]]
    #: SHA-256 of each file inside
    members: dict[str, str]
    #: of a key that was being replaced at that moment: some values may still want it
    older_key: str = ""

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(number for _, number in self.tables.values())


@dataclass(frozen=True, slots=True)
class Made:
    """A finished archive."""

    file: Path
    size_bytes: int
    manifest: Manifest


def _version() -> str:
    try:
        return version("dispute-hub")
    except PackageNotFoundError:
        return ""


async def make(desk: Desk, file: Path, sealing: KeyRing, advance: Advance) -> Made:
    """Write the archive and remember it. ``file`` is there whole or not at all, though we be killed meanwhile.

    ``sealing``: the ring of the key that the file is sealed with. Raises ConflictError where ``file`` is there.
    """
    with _arriving(file) as out:
        writer = SealedWriter(out, sealing, {"county": desk.county, "madeAt": desk.clock().isoformat()})
        manifest = await _write(desk, writer, advance)
        writer.close()
    return Made(file, await remember(desk, DATA, file, manifest.key_fingerprint), manifest)


@contextlib.contextmanager
def _arriving(file: Path) -> Iterator[BinaryIO]:
    """A file for its owner alone that takes its name once it is whole and on the disk."""
    if file.exists():
        raise ConflictError(f"{file} is there already", hint="Name another: a backup overwrites nothing.")
    # one of a run that was killed is nobody's, but its owner may still write: each run has its own
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, stat.S_IRUSR | stat.S_IWUSR)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        # unlike a rename, a link never takes the place of a file that came meanwhile
        try:
            os.link(part, file)
        except FileExistsError:
            raise ConflictError(f"{file} is there already", hint="Name another.") from None
        except OSError:
            # a file system without links
            part.rename(file)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def _write(desk: Desk, writer: SealedWriter, advance: Advance) -> Manifest:
    tables: dict[str, tuple[list[tuple[str, str]], int]] = {}
    members: dict[str, str] = {}
    with (
        gzip.GzipFile(fileobj=cast(BinaryIO, writer), mode="wb", compresslevel=5) as packed,
        tarfile.open(mode="w|", fileobj=packed) as tar,
    ):

        def put(name: str, content: bytes) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, BytesIO(content))
            members[name] = hashlib.sha256(content).hexdigest()

        async with desk.store.snapshot() as connection:
            sealed_with, older_key = await _keys_of(connection)
            revision = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
            total = sum([await count(connection, table.name) for table in metadata.sorted_tables])
            for table in metadata.sorted_tables:
                waiting, rows, number, told = bytearray(), 0, 0, 0
                async for line in lines_of(connection, table):
                    waiting += line
                    rows += 1
                    if len(waiting) >= _MEMBER_BYTES:
                        put(f"tables/{table.name}/{number:06}", bytes(waiting))
                        advance(rows - told, total)
                        number, told = number + 1, rows
                        waiting.clear()
                if waiting:
                    put(f"tables/{table.name}/{number:06}", bytes(waiting))
                advance(rows - told, total)
                tables[str(table.name)] = (kinds_of(table), rows)
        manifest = Manifest(
            _version(), revision, desk.county, sealed_with or desk.keys.fingerprint, desk.clock(), desk.store.kind,
            tables, members, older_key,
        )  # fmt: skip
        put(_MANIFEST, orjson.dumps(manifest))
    return manifest


async def _keys_of(connection: AsyncConnection) -> tuple[str, str]:
    """The master key that the store is sealed with at this moment, and the one that is being replaced; '' for none."""
    c = rotations.c
    older = select(c.old).where(c.kind == "KEY", c.finished_at.is_(None))
    return (await identity(connection)).get(KEY, ""), await connection.scalar(older) or ""


async def remember(desk: Desk, kind: str, file: Path, fingerprint: str = "") -> int:
    """Note what was saved; returns its size in bytes. ``fingerprint``: of the master key it is or wants."""
    place, size = whereabouts(file)
    async with desk.store.write() as tx:
        await tx.execute(
            backups.insert().values(
                id=new_id("bak", desk.county), county=desk.county, kind=kind, at=desk.clock(),
                key_fingerprint=fingerprint or desk.keys.fingerprint, place=place, size_bytes=size,
            )
        )  # fmt: skip
    return size


def whereabouts(file: Path) -> tuple[str, int]:
    """The file's whole path and its size in bytes."""
    return str(file.absolute()), file.stat().st_size


async def saved_places(desk: Desk, kind: str) -> set[Path]:
    """The folders that have taken what was saved of this kind."""
    query = select(backups.c.place).where(backups.c.kind == kind)
    async with desk.store.read() as connection:
        return {Path(place).parent for place in (await connection.execute(query)).scalars()}


def contents(file: Path, sealing: KeyRing) -> Iterator[tuple[str, bytes]]:
    """The files inside, one after another, each part proved. Raises DamagedError, UserInputError, OSError."""
    with file.open("rb") as source:
        reader = SealedReader(source, sealing)
        try:
            with tarfile.open(mode="r|gz", fileobj=cast(BinaryIO, reader)) as tar:
                for info in tar:
                    taken = tar.extractfile(info)
                    yield info.name, taken.read() if taken is not None else b""
        except (tarfile.TarError, EOFError, ValueError) as exc:
            raise DamagedError("what is inside is no archive") from exc
        reader.finish()


def verify(file: Path, sealing: KeyRing) -> Manifest:
    """Read the whole archive and compare it with its manifest. Raises DamagedError, UserInputError, OSError."""
    members: dict[str, str] = {}
    rows: dict[str, int] = {}
    manifest: Manifest | None = None
    for name, content in contents(file, sealing):
        if name == _MANIFEST:
            manifest = _read_manifest(content)
            continue
        members[name] = hashlib.sha256(content).hexdigest()
        rows[table_of(name)] = rows.get(table_of(name), 0) + content.count(b"\n")
    if manifest is None:
        raise DamagedError("it has no manifest")
    if members != {name: found for name, found in manifest.members.items() if name != _MANIFEST}:
        raise DamagedError("its files are not those of its manifest")
    if rows != {name: number for name, (_, number) in manifest.tables.items() if number}:
        raise DamagedError("its tables have not the rows of its manifest")
    return manifest


def table_of(member: str) -> str:
    """``tables/disputes/000000`` → ``disputes``; '' for the manifest."""
    return member.split("/")[1] if member.startswith("tables/") else ""


def _read_manifest(content: bytes) -> Manifest:
    try:
        read: dict[str, Any] = orjson.loads(content)
        read["made_at"] = datetime.fromisoformat(read["made_at"])
        read["tables"] = {
            name: ([(column, kind) for column, kind in columns], int(number))
            for name, (columns, number) in read["tables"].items()
        }
        return Manifest(**read)
    except (ValueError, TypeError, KeyError) as exc:
        raise DamagedError("its manifest cannot be read") from exc


def copy_keys(file: Path, folder: Path, desk: Desk, forbidden: set[Path]) -> dict[str, Path]:
    """Copy each master key of the file into ``folder``; the same copy again is no mistake.

    Returns the copies by the keys' fingerprints. ``forbidden``: folders that hold what the keys open, and the one they
    lie in. Raises UserInputError, ConfigurationError, OSError.
    """
    there = folder.resolve()
    if there in {one.resolve() for one in forbidden} or any(there.glob(f"*{SUFFIX}")):
        raise UserInputError(
            f"{folder} holds the key itself or data that it opens", hint="Keys are kept apart: another disk, a safe."
        )
    return {fingerprint_of(key): _copy_key(key, folder, desk.county) for key in key_file.load(file)}


def _copy_key(key: bytes, folder: Path, county: str) -> Path:
    content = key_file.as_lines([key])
    copy = folder / f"dispute-hub-{county}-{fingerprint_of(key)}.key"
    try:
        descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    except FileExistsError:
        if copy.read_bytes().split() == content.split():
            return copy
        raise UserInputError(f"{copy} is there and another", hint="Look at it, then name another folder.") from None
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    return copy
