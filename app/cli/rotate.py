"""``dispute-hub rotate``: replace the master key or the key of the blind index, while the hub serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.rotations import Rotation

app = typer.Typer(
    help="Replace the master key or the key of the index, while the hub serves. API keys: `dispute-hub keys rotate`.",
    no_args_is_help=True,
)


@app.command("key")
def rotate_key(
    is_preparing: Annotated[
        bool, typer.Option("--prepare", help="Only lay a new key into the key file, beside the one in force.")
    ] = False,
    is_alone: Annotated[
        bool, typer.Option("--one-machine", help="On PostgreSQL: no other machine opens this database.")
    ] = False,
    without_copy: Annotated[
        bool, typer.Option("--without-copy", help="Go on though no copy of the present key is known.")
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Replace the master key: a new one seals from now on, what the old one sealed is sealed anew.

    Server and workers go on. Interrupted, run it again. Backups made before need the old key.
    """
    from app.cli.output import count, emit_json, note, progress, say
    from hub import rotating_key
    from hub.errors import UserInputError

    async def run(hub: Hub) -> tuple[str, Rotation | None, list[str], bool]:
        desk, file = hub.desk, hub.settings.key_file
        # what an unfinished one had to prove it has proved: it may always be gone on with
        goes_on = await rotating_key.is_unfinished(desk)
        present = desk.keys.fingerprint
        if not (goes_on or without_copy or await rotating_key.copies_of(desk, present)):
            raise UserInputError(
                f"no copy of the master key {present} is known; backups made until now need it",
                hint="First `dispute-hub backup keys FOLDER`, or --without-copy.",
            )
        if is_preparing:
            return await rotating_key.prepare(desk, file), None, [], False
        may_be_elsewhere = hub.store.kind == "postgresql" and not is_alone
        if may_be_elsewhere and not (goes_on or await rotating_key.is_prepared(desk, file)):
            raise UserInputError(
                "other machines may open this database, and none of them has the new key",
                hint="First --prepare and copy the key file to each; or say --one-machine.",
            )
        with progress("rotate key") as advance:
            done = await rotating_key.rotate(desk, file, lambda ready, total: advance(ready, total=total))
        is_saved = bool(await rotating_key.copies_of(desk, done.new))
        return done.new, done, await rotating_key.copies_of(desk, done.old), is_saved

    new, done, copies, is_saved = with_hub(config, run)
    if done is None:
        if as_json:
            emit_json({"prepared": new})
            return
        say(f"the new master key {new} lies in the key file, and is not in force yet")
        note(
            "Next: `dispute-hub backup keys FOLDER`; copy the key file to every other machine that opens this database;"
            " then `dispute-hub rotate key`."
        )
        return
    if as_json:
        emit_json({**_json(done), "copiesOfOld": copies, "isNewSaved": is_saved})
        return
    say(f"the master key {done.new} is in force; {count(done.changed)} values were sealed anew")
    say(f"the key {done.old} opens nothing any more but backups made until now: {_kept(copies)}")
    if not is_saved:
        note("Next: `dispute-hub backup keys FOLDER`: of the new key no copy is known.")
    note("If other machines open this database, copy the key file to them once more.")


@app.command("index")
def rotate_index(config: Config = None, as_json: Json = False) -> None:
    """Replace the key of the blind index, by which equal numbers are found: all numbers are indexed anew.

    Server and workers go on, and find and link all the while. Interrupted, run it again. No file changes.
    """
    from app.cli.output import count, emit_json, progress, say
    from hub import rotating_index

    async def run(hub: Hub) -> Rotation:
        with progress("rotate index") as advance:
            return await rotating_index.rotate(hub.desk, lambda ready, total: advance(ready, total=total))

    done = with_hub(config, run)
    if as_json:
        emit_json(_json(done))
        return
    say(f"{count(done.changed)} numbers were indexed anew; the old index is gone")


@app.command()
def status(config: Config = None, as_json: Json = False) -> None:
    """Show which key is in force and every rotation, an unfinished one first."""
    from app.cli.output import clock, emit_json, say, table
    from hub.rotations import all_rotations, held_until

    async def read(hub: Hub) -> tuple[str, list[Rotation], bool]:
        async with hub.store.read() as connection:
            running = await held_until(connection, hub.desk.clock()) is not None
            return hub.desk.keys.fingerprint, await all_rotations(connection), running

    in_force, found, running = with_hub(config, read)
    found.sort(key=lambda one: one.finished_at is not None)
    if as_json:
        emit_json({"keyInForce": in_force, "rotations": [_json(one) for one in found], "isRunning": running})
        return
    say(f"the master key {in_force} is in force")
    if found:
        table(
            ("of", "old", "new", "begun", "finished", "values"),
            [
                (one.kind.lower(), one.old, one.new, clock(one.started_at), _finished(one, running), one.changed)
                for one in found
            ],
        )


def _finished(one: Rotation, running: bool) -> str:
    from app.cli.output import clock

    if one.finished_at is not None:
        return clock(one.finished_at)
    return "is running" if running else f"no: run `dispute-hub rotate {one.kind.lower()}` again"


def _kept(copies: list[str]) -> str:
    return f"keep its copy {copies[0]} as long as them" if copies else "no copy of it is known"


def _json(one: Rotation) -> dict[str, Any]:
    return {
        "kind": one.kind, "old": one.old, "new": one.new, "startedAt": one.started_at,
        "finishedAt": one.finished_at, "changed": one.changed,
    }  # fmt: skip
