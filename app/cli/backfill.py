"""``dispute-hub sync --full``: a partner's past read once more, as a numbered generation that survives being killed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from app.cli.options import with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from sync_jobs.generations import Generation
    from sync_jobs.queue import Claim
    from sync_jobs.runs import RunReport


def run(config: Path | None, instance: str | None, since: datetime | None, as_json: bool) -> None:
    """Backfill the named instance, or all that are awake. Exit code 1 when one ended early or is held back."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        from app.cli.pausing import answering, awake

        names = await answering(hub, await awake(hub, instance), instance)
        return [await backfill_one(hub, name, since) for name in names]

    _tell(with_hub(config, work), as_json)


def accept(config: Path | None, instance: str | None, as_json: bool, *, is_alone: bool) -> None:
    """Mark what the instance's last generation held back. Raises UserInputError where there is nothing."""
    from hub.errors import UserInputError

    if instance is None or not is_alone:
        raise UserInputError("--accept-removals goes with one INSTANCE and nothing else")

    async def work(hub: Hub) -> list[dict[str, Any]]:
        from app.cli.pausing import answering, awake

        names = await answering(hub, await awake(hub, instance), instance)
        return [await accept_one(hub, name) for name in names]

    _tell(with_hub(config, work), as_json)


async def backfill_one(hub: Hub, name: str, since: datetime | None) -> dict[str, Any]:
    """One generation to its end, slice by slice; between two slices a live pull that is due goes first."""
    from app import jobs
    from app.cli.output import clock, count, note, progress
    from sync_jobs.generations import RUNNING, latest, open_generation

    hub.connector(name)
    shown = 0
    generation: Generation | None = None
    with progress(f"backfilling {name}") as advance:

        def tell(report: RunReport) -> None:
            nonlocal shown
            read = (generation.pages if generation else 0) + report.pages
            advance(report.pulled - shown, note=f"page {count(read)}, up to {clock(report.newest_at)}")
            shown = report.pulled

        async def work(held: Claim) -> tuple[RunReport, Generation]:
            nonlocal generation, shown
            shown = 0
            if generation is None:
                generation, goes_on = await open_generation(hub.fenced_desk(held), name, since)
                if goes_on:
                    note(f"{name}: generation {generation.generation} goes on behind page {count(generation.pages)}")
            return await jobs.backfill(hub, held, name, generation, tell)

        while True:
            report, generation = await _in_lane(hub, name, work, is_first=generation is None)
            if report.error is not None or generation.state != RUNNING:
                return _as_json(name, report, generation)
            await jobs.run_due_pull(hub, name)
            # a worker may have gone on with it meanwhile
            generation = await latest(hub.store, name) or generation
            if generation.state != RUNNING:
                return _as_json(name, report, generation)


async def accept_one(hub: Hub, name: str) -> dict[str, Any]:
    """Ask for each record that was held back once more, and mark those that are not there."""
    from hub.errors import UserInputError
    from sync_jobs.backfill import accept_removals
    from sync_jobs.generations import HELD_BACK, latest

    found = await latest(hub.store, name)
    if found is None or found.state != HELD_BACK:
        told = f"generation {found.generation} is {found.state}" if found else "there was none"
        raise UserInputError(f"no backfill of {name} holds anything back: {told}")
    generation = found

    async def work(held: Claim) -> tuple[RunReport, Generation]:
        async with hub.wire(name) as wire:
            return await accept_removals(hub.fenced_desk(held), hub.connector(name), wire, generation)

    return _as_json(name, *await _in_lane(hub, name, work, is_first=True))


async def _in_lane(hub: Hub, name: str, work: Any, *, is_first: bool) -> tuple[RunReport, Generation]:
    """Do a piece of work as a job of the instance's lane. A partner's error stands in its report."""
    from app import jobs
    from app.cli.output import note
    from hub.errors import HubError

    claim = await jobs.take_lane(
        hub, f"{jobs.BACKFILL}:{name}", jobs.lane_of(name),
        waiting=(lambda: note(f"{name} is being worked on by somebody else; waiting")) if is_first else None,
    )  # fmt: skip
    done: list[tuple[RunReport, Generation]] = []

    async def once(held: Claim) -> None:
        done.append(await work(held))
        report, _ = done[0]
        if report.error is not None:
            raise report.error

    try:
        await jobs.run_now(hub, claim, once)
    except HubError:
        # a partner's error stands in the report; without one it is ours to tell
        if not done:
            raise
    return done[0]


def _as_json(name: str, report: RunReport, generation: Generation) -> dict[str, Any]:
    error = report.error
    return {
        "instance": name,
        "generation": generation.generation,
        "since": generation.since,
        "state": generation.state,
        "pages": generation.pages,
        "pulled": generation.pulled,
        "new": generation.new,
        "newestAt": generation.newest_at,
        "absent": generation.absent,
        "removed": generation.removed,
        "heldBack": generation.held_back,
        "error": None if error is None else {"kind": report.error_kind, "message": error.message, "hint": error.hint},
    }


def _tell(results: list[dict[str, Any]], as_json: bool) -> None:
    from app.cli.output import emit_json, say
    from sync_jobs.generations import HELD_BACK

    if as_json:
        emit_json({result["instance"]: {k: v for k, v in result.items() if k != "instance"} for result in results})
    elif not results:
        say("nobody is asked: no instance is configured, or all are paused")
    else:
        for result in results:
            say(_sentence(result))
    if any(result["error"] or result["state"] == HELD_BACK for result in results):
        raise typer.Exit(1)


def _sentence(one: dict[str, Any]) -> str:
    from app.cli.output import clock, count

    name = one["instance"]
    told = (
        f"{name}: generation {one['generation']} {one['state']}, {count(one['pulled'])} read in "
        f"{count(one['pages'])} pages, {count(one['new'])} new, up to {clock(one['newestAt'])}"
    )
    if one["absent"]:
        told += f"; {count(one['absent'])} absent, {count(one['removed'])} marked as gone"
    if one["heldBack"]:
        told += (
            f"\n{name}: {count(one['heldBack'])} removals are held back, that many at once need a person: "
            f"`dispute-hub sync {name} --accept-removals` marks them"
        )
    if one["error"]:
        error = one["error"]
        told += f"\n{name}: ended early, {error['kind']}: {error['message']}. {error['hint']}".rstrip()
        told += f"\n{name}: the same command goes on from there"
    return told
