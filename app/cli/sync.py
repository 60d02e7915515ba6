"""``dispute-hub sync``: pull now, through a job row like every other pull."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Instance, Json, a_day, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from sync_jobs.queue import Claim
    from sync_jobs.runs import RunReport


def sync(
    instance: Instance = None,
    start: Annotated[
        date | None,
        typer.Option("--from", parser=a_day, metavar="YYYY-MM-DD", help="Read all that changed there since then."),
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Backfill: read everything once more (with --from: since that day) beside the live pull, and find "
            "what is gone. Killed, it goes on where it was.",
        ),
    ] = False,
    accept_removals: Annotated[
        bool, typer.Option("--accept-removals", help="Mark what the last backfill of INSTANCE held back.")
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Pull records from one partner, or from all, now.

    A worker that runs meanwhile never touches the same partner at the same time: the later one waits.
    """
    from app.cli import backfill
    from app.cli.output import emit_json, say

    since = _since(start)
    if accept_removals:
        backfill.accept(config, instance, as_json, is_alone=start is None and not full)
        return
    if full:
        backfill.run(config, instance, since, as_json)
        return
    results = with_hub(config, lambda hub: pull_all(hub, instance, since))
    if as_json:
        emit_json({result["instance"]: {k: v for k, v in result.items() if k != "instance"} for result in results})
    elif not results:
        say("nobody is asked: no instance is configured, or all are paused")
    else:
        for result in results:
            say(_sentence(result))
    if any(result["error"] for result in results):
        raise typer.Exit(1)


def _since(start: date | None) -> datetime | None:
    from hub.model import shanghai_midnight

    return shanghai_midnight(start) if start else None


async def pull_all(hub: Hub, instance: str | None, since: datetime | None = None) -> list[dict[str, Any]]:
    """Pull the named instance, or all, each under its lane; one that fails does not keep the others from their turn.

    Raises UserInputError for a named one that is paused.
    """
    from app.cli.pausing import answering, awake

    names = await answering(hub, await awake(hub, instance), instance)
    return [await pull_one(hub, name, since) for name in names]


async def pull_one(hub: Hub, name: str, since: datetime | None = None) -> dict[str, Any]:
    """One pull now, as a job of its own. A partner's error stands in the result."""
    from app import jobs
    from app.cli.output import note, progress
    from hub.errors import HubError

    hub.connector(name)
    claim = await jobs.take_lane(
        hub, f"{jobs.PULL}:{name}", jobs.lane_of(name),
        waiting=lambda: note(f"{name} is being worked on by somebody else; waiting"),
    )  # fmt: skip
    reports: list[RunReport] = []
    with progress(f"pulling {name}") as advance:
        shown = 0

        def tell(report: RunReport) -> None:
            nonlocal shown
            advance(report.pulled - shown)
            shown = report.pulled

        async def work(held: Claim) -> None:
            report = await jobs.pull(hub, held, name, tell, since)
            reports.append(report)
            if report.error is not None:
                raise report.error

        try:
            await jobs.run_now(hub, claim, work)
        except HubError:
            # a partner's error stands in the report; without one it is ours to tell
            if not reports:
                raise
    return run_json(reports[0])


def run_json(report: RunReport) -> dict[str, Any]:
    """A run as ``--json`` shows it."""
    error = report.error
    return {
        "instance": report.instance,
        "run": report.id,
        "pages": report.pages,
        "pulled": report.pulled,
        "new": report.new,
        "applied": report.applied,
        "quarantined": report.quarantined,
        "incidents": dict(report.incidents),
        "error": None if error is None else {"kind": report.error_kind, "message": error.message, "hint": error.hint},
    }


def _sentence(result: dict[str, Any]) -> str:
    from app.cli.output import count

    told = (
        f"{result['instance']}: {count(result['pulled'])} pulled in {count(result['pages'])} pages, "
        f"{count(result['new'])} new, {count(result['quarantined'])} quarantined"
    )
    if result["incidents"]:
        told += "; incidents: " + ", ".join(f"{kind} {times}×" for kind, times in result["incidents"].items())
    if result["error"]:
        error = result["error"]
        told += f"\n{result['instance']}: ended early, {error['kind']}: {error['message']}. {error['hint']}".rstrip()
    return told
