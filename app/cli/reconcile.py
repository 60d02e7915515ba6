"""``dispute-hub reconcile``: the partner's own list against ours, key by key."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, EvenPaused, Instance, Json, a_day, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from connectors.base import Window
    from sync_jobs.differences import ReconcileReport
    from sync_jobs.queue import Claim
    from sync_jobs.runs import RunReport

#: differences that are listed; an integrator's first day may have thousands
_SHOWN = 20


def reconcile(
    instance: Instance = None,
    start: Annotated[
        date | None,
        typer.Option("--from", parser=a_day, metavar="YYYY-MM-DD", help="Only what changed there since this day."),
    ] = None,
    end: Annotated[
        date | None, typer.Option("--to", parser=a_day, metavar="YYYY-MM-DD", help="… and before this day.")
    ] = None,
    even_paused: EvenPaused = False,
    accept_removals: Annotated[
        bool,
        typer.Option("--accept-removals", help="Mark what the last comparison of INSTANCE held back, if still gone."),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Compare a partner's own list with what we hold, name every difference, repair what can be repaired.

    Exit code 1 when a listed key stays missing or stale, removals are held back, or the comparison ended early; 0
    when every listed key is held or stands in quarantine.
    """
    from app.cli.output import emit_json, say
    from hub.errors import UserInputError

    if accept_removals and instance is None:
        raise UserInputError("--accept-removals goes with one INSTANCE: whose removals a person has looked at")
    results = with_hub(
        config, lambda hub: compare_all(hub, instance, _window(start, end), even_paused, accept_removals)
    )
    if as_json:
        emit_json({result["instance"]: {k: v for k, v in result.items() if k != "instance"} for result in results})
    elif not results:
        say("nobody is compared: no instance is configured, or all are paused")
    else:
        for result in results:
            _tell(result)
    if any(not result["equal"] for result in results):
        raise typer.Exit(1)


def _window(start: date | None, end: date | None) -> Window:
    from datetime import timedelta

    from connectors.base import Window
    from hub.errors import UserInputError
    from hub.model import shanghai_midnight

    if start and end and end <= start:
        raise UserInputError("the period is empty", hint="--to is exclusive and must be later than --from.")
    # a window holds both its ends
    last = shanghai_midnight(end) - timedelta(seconds=1) if end else None
    return Window(shanghai_midnight(start) if start else None, last)


async def compare_all(
    hub: Hub, instance: str | None = None, window: Window | None = None, even_paused: bool = False,
    accept_removals: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """Compare the named instance, or all, each under its lane. Raises UserInputError for a named one that is paused."""
    from app.cli.pausing import answering, awake

    names = await answering(hub, await awake(hub, instance, even_paused), instance)
    return [reconcile_json(await compare(hub, name, window, accept_removals)) for name in names]


async def compare(hub: Hub, name: str, window: Window | None = None, accept_removals: bool = False) -> ReconcileReport:
    """One comparison now, as a job of its own. A partner's error stands in the report's run."""
    from app import jobs
    from app.cli.output import note, progress
    from hub.errors import HubError

    hub.connector(name)
    accepted = await _held_back(hub, name) if accept_removals else frozenset()
    claim = await jobs.take_lane(
        hub, f"{jobs.RECONCILE}:{name}", jobs.lane_of(name),
        waiting=lambda: note(f"{name} is being worked on by somebody else; waiting"),
    )  # fmt: skip
    reports: list[ReconcileReport] = []
    with progress(f"comparing {name}") as advance:
        shown = 0

        def tell(run: RunReport) -> None:
            nonlocal shown
            advance(run.pulled - shown)
            shown = run.pulled

        async def work(held: Claim) -> None:
            report = await jobs.reconcile(hub, held, name, tell, window, accepted=accepted)
            reports.append(report)
            if report.run is not None and report.run.error is not None:
                raise report.run.error

        try:
            await jobs.run_now(hub, claim, work)
        except HubError:
            if not reports:
                raise
    return reports[0]


async def _held_back(hub: Hub, name: str) -> frozenset[tuple[str, str]]:
    """The keys that the last comparison held back. Raises UserInputError where it held back none."""
    from hub.errors import UserInputError
    from hub.reading.connectors import held_back_keys

    async with hub.store.read() as connection:
        keys = await held_back_keys(connection, name)
    if not keys:
        raise UserInputError(
            f"the last comparison of {name} held nothing back", hint=f"`dispute-hub reconcile {name}` compares now."
        )
    return frozenset(keys)


def reconcile_json(report: ReconcileReport) -> dict[str, Any]:
    """A comparison as ``--json`` shows it."""
    error = report.run.error if report.run is not None else None
    return {
        "instance": report.instance,
        "expected": report.expected,
        "held": report.held,
        "quarantined": report.quarantined,
        "repaired": report.repaired,
        "removed": report.removed,
        "heldBack": report.held_back,
        "equal": report.is_equal
        and error is None
        and not any(d.resolution in ("OPEN", "HELD_BACK") for d in report.differences),
        "differences": [
            {"nativeId": d.native_id, "nativeNo": d.native_no, "difference": d.difference, "resolution": d.resolution}
            for d in report.differences
        ],
        "incidents": dict(report.run.incidents) if report.run is not None else {},
        "error": None if error is None or report.run is None
        else {"kind": report.run.error_kind, "message": error.message, "hint": error.hint},
    }  # fmt: skip


def _tell(result: dict[str, Any]) -> None:
    from app.cli.output import count, say, table

    told = f"{result['instance']}: {count(result['held'])} of {count(result['expected'])} held"
    for word in ("quarantined", "repaired", "removed"):
        if result[word]:
            told += f", {count(result[word])} {word}"
    if result["incidents"]:
        told += "; incidents: " + ", ".join(f"{kind} {times}×" for kind, times in result["incidents"].items())
    say(told)
    if result["heldBack"]:
        name = result["instance"]
        say(
            f"{name}: {count(result['heldBack'])} removals are held back, that many at once need a person: "
            f"`dispute-hub reconcile {name} --accept-removals` marks those that are gone then, too"
        )
    if result["error"]:
        error = result["error"]
        say(f"{result['instance']}: ended early, {error['kind']}: {error['message']}. {error['hint']}".rstrip())
    # what nobody could repair comes first, what waits in quarantine next
    order = {"OPEN": 0, "HELD_BACK": 0, "QUARANTINED": 1}
    differences = sorted(result["differences"], key=lambda difference: order.get(difference["resolution"], 2))
    if differences:
        rows = [(d["nativeId"], d["nativeNo"] or "-", d["difference"], d["resolution"]) for d in differences[:_SHOWN]]
        table(("native id", "number", "difference", "resolution"), rows)
    if len(differences) > _SHOWN:
        say(f"… and {count(len(differences) - _SHOWN)} more; --json shows all")
