"""An archive becomes a database again: all of it in one transaction, after all of it was proved, or nothing changes.

What may have happened after the archive was made is not forgotten: a message that waited then may have reached its
partner since, so each counts as begun. Its key makes a repeat harmless; where a wire carries none, the worker looks for
it first; where it cannot be looked for either, a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.archive import DamagedError
from hub.backup import RESTORED, Advance, Manifest, contents, table_of, verify, whereabouts
from hub.desk import utc_now
from hub.errors import ConfigurationError, ConflictError, UserInputError
from hub.inbox import key_owner
from hub.outbox import STARTED
from hub.sealing import CONTENT, KeyRing
from hub.store import guard, migrate, rows
from hub.store.engine import Store
from hub.store.ids import new_id
from hub.store.tables import APPEND_ONLY, backups, data_keys, outbound_messages, parties, sessions
from hub.store_identity import KEY, follow, identity
from hub.vocabulary import MessageState

#: filled by `migrate`: a database that holds nothing else is empty
_OF_MIGRATE = {
    "alembic_version", "store_identity", "regions", "agencies", "native_codes", "calendar_days", "calendar_years",
}  # fmt: skip
_SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    manifest: Manifest
    #: messages that waited when the archive was made: whether they arrived since is looked into before they are sent
    in_doubt: int


async def restore(
    store: Store, file: Path, sealing: KeyRing, keys: KeyRing, county: str, *, is_replacing: bool, advance: Advance
) -> Restored:
    """Fill the store from the archive. ``sealing`` opens the file, ``keys`` is the master key of what is inside.

    Raises DamagedError, UserInputError, ConfigurationError, and ConflictError where the store is not empty.
    """
    manifest = verify(file, sealing)
    _require_ours(manifest, keys, county)
    place, size = whereabouts(file)
    async with store.write() as tx:
        await _require_empty(tx, is_replacing)
        await tx.run_sync(rows.drop_everything)
        await tx.run_sync(migrate.upgrade, manifest.revision)
        async with rows.references_later(tx):
            await _fill(tx, file, sealing, manifest, advance)
        await tx.run_sync(migrate.upgrade)
        await _require_whole(tx, manifest, keys)
        in_doubt = await tx.execute(
            update(outbound_messages)
            .where(outbound_messages.c.state == MessageState.QUEUED.value)
            .values(last_error_kind=STARTED, version=outbound_messages.c.version + 1)
        )
        # whoever was signed in then may have been shut out since
        await tx.execute(sessions.delete())
        await tx.execute(
            backups.insert().values(
                id=new_id("bak", county), county=county, kind=RESTORED, at=utc_now(),
                key_fingerprint=keys.fingerprint, place=place, size_bytes=size,
            )
        )  # fmt: skip
    return Restored(manifest, int(in_doubt.rowcount))


def _require_ours(manifest: Manifest, keys: KeyRing, county: str) -> None:
    if manifest.county != county:
        raise ConfigurationError(
            f"the archive is of county {manifest.county}, the settings say {county}", hint="Check [hub] county."
        )
    if not keys.use(manifest.key_fingerprint):
        raise ConfigurationError(
            f"what is in the archive is sealed with the master key {manifest.key_fingerprint}, "
            f"here lies {keys.fingerprint}",
            hint="Put the copy of that key where master_key_file names it.",
        )
    if manifest.older_key and not keys.holds(manifest.older_key):
        raise ConfigurationError(
            f"the archive was made while the master key {manifest.older_key} was replaced, and wants that one too",
            hint="Add the line of its copy to the file that master_key_file names.",
        )
    if not migrate.knows(manifest.revision):
        raise UserInputError(
            f"the archive stands at step {manifest.revision}, this release knows up to {migrate.head()}",
            hint=f"Restore it with dispute-hub {manifest.hub_version or 'of its time'} or newer.",
        )


async def _require_empty(tx: AsyncConnection, is_replacing: bool) -> None:
    there = await tx.run_sync(rows.tables_there)
    if there and "store_identity" not in there:
        raise ConflictError(
            "the database holds tables that are not a hub's", hint="Restore into a database of its own."
        )
    if is_replacing:
        return
    filled = [name for name in there if name not in _OF_MIGRATE and await rows.count(tx, name)]
    if filled:
        raise ConflictError(
            f"the database is not empty: {', '.join(filled[:3])}{' …' if len(filled) > 3 else ''}",
            hint="Restore into a new one. --replace gives up all that is in this one.",
        )


async def _fill(tx: AsyncConnection, file: Path, sealing: KeyRing, manifest: Manifest, advance: Advance) -> None:
    # what a step of the migration put there comes with the archive
    for name in manifest.tables:
        if await rows.count(tx, name):
            await tx.run_sync(rows.empty, name)
    for member, content in contents(file, sealing):
        if name := table_of(member):
            if name not in manifest.tables:
                raise DamagedError("its files are not those of its manifest")
            advance(await rows.load(tx, name, manifest.tables[name][0], content.splitlines()), manifest.rows)


async def _require_whole(tx: AsyncConnection, manifest: Manifest, keys: KeyRing) -> None:
    """Every row is there, history is guarded, and what is sealed opens. Raises DamagedError, UnreadableError."""
    for name, (_, number) in manifest.tables.items():
        # a later release's steps may fill or drop tables of their own
        if manifest.revision == migrate.head() and await rows.count(tx, name) != number:
            raise DamagedError(f"{name} has not the rows of its manifest")
    if gone := await tx.run_sync(guard.missing, [table.name for table in APPEND_ONLY]):
        raise ConflictError(f"the database did not take the triggers {', '.join(gone)}", hint="Please report it.")
    known = await identity(tx)
    if known.get(KEY, keys.fingerprint) != keys.fingerprint:
        raise DamagedError("its database names another master key than its manifest")
    if CONTENT in known:
        follow(keys, known)
    query = select(data_keys).where(data_keys.c.wrapped.is_not(None)).limit(_SAMPLE)
    for one in await tx.execute(query):
        keys.open_data_key(one.wrapped, key_owner(one.instance, one.native_id))
    for one in await tx.execute(select(parties).where(parties.c.id_sealed.is_not(None)).limit(_SAMPLE)):
        keys.open_field(one.id_sealed, table="parties", row=one.id, column="id_sealed")
