"""``dispute-hub push``: send now what waits in the outbox, through a job row like every other push."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from app.cli.options import Config, Instance, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from sync_jobs.push import PushReport
    from sync_jobs.queue import Claim


def push(instance: Instance = None, config: Config = None, as_json: Json = False) -> None:
    """Send what is due to one partner, or to all, now. What waits for its next try goes on waiting.

    A worker that runs meanwhile never pushes to the same partner at the same time: the later one waits.
    """
    from app.cli.output import emit_json, say

    results = with_hub(config, lambda hub: push_all(hub, instance))
    if as_json:
        emit_json(results)
    elif not results:
        say("nobody is told anything: no instance is configured, or all are paused")
    for name, one in results.items() if not as_json else ():
        say(
            f"{name}: {one['tried']} tried, {one['delivered']} delivered, {one['refused']} refused, "
            f"{one['dead']} dead, {one['uncertain']} uncertain"
        )
        if error := one["error"]:
            say(f"{name}: ended early, {error['kind']}: {error['message']}. {error['hint']}".rstrip())
    if any(one["error"] for one in results.values()):
        raise typer.Exit(1)


async def push_all(hub: Hub, instance: str | None) -> dict[str, dict[str, Any]]:
    """Push to the named instance, or to all that can be told something, each under its lane.

    Raises UserInputError for a named one that is paused.
    """
    from app.cli.pausing import answering, awake

    names = await answering(hub, await awake(hub, instance), instance)
    return {name: await _push_one(hub, name) for name in names if hub.connector(name).commands}


async def _push_one(hub: Hub, name: str) -> dict[str, Any]:
    from app import jobs
    from app.cli.output import note
    from hub.jobs import PUSH, push_lane_of

    reports: list[PushReport] = []

    async def work(held: Claim) -> None:
        reports.append(await jobs.push(hub, held, name))

    claim = await jobs.take_lane(
        hub, f"{PUSH}:{name}", push_lane_of(name), waiting=lambda: note(f"somebody else pushes to {name}; waiting")
    )
    await jobs.run_now(hub, claim, work)
    (done,) = reports
    error = done.error
    return {
        "tried": done.tried, "delivered": done.delivered, "refused": done.refused, "dead": done.dead,
        "uncertain": done.uncertain,
        "error": None if error is None else {"kind": done.error_kind, "message": error.message, "hint": error.hint},
    }  # fmt: skip
