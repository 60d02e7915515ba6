"""``dispute-hub backup`` and ``restore``: save everything while the hub works, keys apart, and bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, read_settings, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.backup import Made, Manifest
    from hub.restoring import Restored
    from hub.sealing import KeyRing

app = typer.Typer(help="Backups: make and verify them, copy the master key.", no_args_is_help=True)

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", metavar="FILE", exists=True, dir_okay=False,
        help="Seal and open the archive with this key (64 hex digits). Else with the master key.",
    ),
]  # fmt: skip
Archive = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="An archive.")]


@app.command()
def make(
    place: Annotated[Path, typer.Argument(metavar="DEST", help="A folder, or the file's name.")],
    key_file: KeyFile = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Save everything the database holds at this moment into one sealed file, while the hub works.

    The master key is not in it: see `dispute-hub backup keys`.
    """
    from app.cli.output import count, emit_json, progress, say
    from hub import backup
    from hub.errors import UserInputError

    async def run(hub: Hub) -> Made:
        now = hub.desk.clock()
        name = f"dispute-hub-{hub.settings.county}-{now:%Y%m%dT%H%M%SZ}{backup.SUFFIX}"
        file = place / name if place.is_dir() else place
        if not file.parent.is_dir():
            raise UserInputError(f"there is no folder {file.parent}", hint="Make it, for the hub's user alone.")
        keys_lie = {hub.settings.key_file.parent, *await backup.saved_places(hub.desk, backup.KEYS)}
        if file.parent.resolve() in {folder.resolve() for folder in keys_lie}:
            raise UserInputError(
                f"{file.parent} holds the master key or its copy", hint="Keys are kept apart: name another folder."
            )
        with progress("backup") as advance:
            return await backup.make(
                hub.desk, file, _ring(key_file) if key_file else hub.desk.keys,
                lambda done, total: advance(done, total=total),
            )  # fmt: skip

    made = with_hub(config, run)
    if as_json:
        emit_json({"file": str(made.file), "bytes": made.size_bytes, **_shown(made.manifest)})
        return
    say(f"{count(made.manifest.rows)} rows in {made.file}, {count(made.size_bytes)} bytes")


@app.command()
def keys(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="On another disk than the data.")
    ],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Copy the master key into a folder apart from the data, and note that there is a copy.

    Where the key file holds several, because the key is being changed, each gets a file of its own.
    """
    from app.cli.output import emit_json, say
    from hub import backup

    async def run(hub: Hub) -> list[dict[str, Any]]:
        settings = hub.settings
        apart_from = {
            settings.data_dir, settings.key_file.parent, *await backup.saved_places(hub.desk, backup.DATA)
        }  # fmt: skip
        copies = backup.copy_keys(settings.key_file, folder, hub.desk, apart_from)
        for fingerprint, copy in copies.items():
            await backup.remember(hub.desk, backup.KEYS, copy, fingerprint)
        ours = hub.desk.keys.fingerprint
        found = [{"file": str(copy), "keyFingerprint": fingerprint} for fingerprint, copy in copies.items()]
        return sorted(found, key=lambda one: one["keyFingerprint"] != ours)

    found = with_hub(config, run)
    if as_json:
        emit_json({**found[0], "others": found[1:]})
        return
    for place, one in enumerate(found):
        say(f"{'another' if place else 'the'} master key {one['keyFingerprint']} lies in {one['file']}")


@app.command()
def verify(file: Archive, key_file: KeyFile = None, config: Config = None, as_json: Json = False) -> None:
    """Read a whole archive and compare it with its manifest; changes nothing, needs no database."""
    from app.cli.output import clock, count, emit_json, say
    from hub import backup

    manifest = backup.verify(file, _ring(key_file or read_settings(config).key_file))
    if as_json:
        emit_json(_shown(manifest))
        return
    say(
        f"whole: {count(manifest.rows)} rows of {clock(manifest.made_at)}, county {manifest.county}, "
        f"step {manifest.revision}, master key {manifest.key_fingerprint}"
        + (f" and {manifest.older_key}" if manifest.older_key else "")
    )


def restore(
    file: Archive,
    key_file: KeyFile = None,
    is_replacing: Annotated[
        bool, typer.Option("--replace", help="Give up all that the database holds now. Stop every process first.")
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Fill the database of the settings from an archive of either kind of database: all of it, or nothing changes.

    The master key must lie where the settings name it. Messages that waited are looked for before they are sent.
    """
    import asyncio

    from app.cli.output import clock, count, emit_json, note, progress, say
    from app.logging import configure_logging
    from app.wiring import prepare_folders
    from hub.restoring import restore as bring_back
    from hub.store.engine import open_store

    configure_logging("WARNING")
    settings = read_settings(config)
    master = _ring(settings.key_file)

    async def run() -> Restored:
        prepare_folders(settings)
        store = open_store(settings.store_url)
        try:
            with progress("restore") as advance:
                return await bring_back(
                    store, file, _ring(key_file) if key_file else master, master, settings.county,
                    is_replacing=is_replacing, advance=lambda done, total: advance(done, total=total),
                )  # fmt: skip
        finally:
            await store.close()

    restored = asyncio.run(run())
    if as_json:
        emit_json({**_shown(restored.manifest), "inDoubt": restored.in_doubt})
        return
    say(f"{count(restored.manifest.rows)} rows as of {clock(restored.manifest.made_at)}")
    if restored.in_doubt:
        note(f"{count(restored.in_doubt)} messages waited then and may have arrived since: `dispute-hub outbox list`.")
    note("Next: `dispute-hub migrate`, `dispute-hub doctor`, then start; see docs/operator.md, Backup.")


def _ring(file: Path) -> KeyRing:
    """The keys in a file that is there: here none is ever made. Raises ConfigurationError."""
    from hub import key_file
    from hub.errors import ConfigurationError
    from hub.sealing import KeyRing

    if not file.exists():
        raise ConfigurationError(
            f"the key {file} is not there", hint="Put your copy of it there, readable by the hub's user alone."
        )
    return KeyRing(*key_file.load(file))


def _shown(manifest: Manifest) -> dict[str, Any]:
    return {
        "madeAt": manifest.made_at, "county": manifest.county, "revision": manifest.revision,
        "hubVersion": manifest.hub_version, "database": manifest.database,
        "keyFingerprint": manifest.key_fingerprint, "olderKeyFingerprint": manifest.older_key or None,
        "rows": manifest.rows,
        "tables": {name: number for name, (_, number) in manifest.tables.items()},
    }  # fmt: skip
