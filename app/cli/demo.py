"""``dispute-hub demo``: everything at once, on this machine, with a simulated court."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.demo import DemoOptions, Summary
    from app.sandboxes import SandboxProcess
    from app.wiring import Hub


def demo(
    once: Annotated[bool, typer.Option("--once", help="Pull, compare, print the summary, end.")] = False,
    scale: Annotated[
        str, typer.Option(metavar="N", help="Multiplies every count; 1 is a county of 2 438 court filings.")
    ] = "1",
    seed: Annotated[str, typer.Option(metavar="SEED", help="The same seed gives the same county.")] = "7",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="Where GraphQL is served; 0 takes a free one.")
    ] = 8000,
    data: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Of the demonstration; running again goes on with it.")
    ] = Path("data/demo"),
    speed: Annotated[
        float, typer.Option(min=0, metavar="N", help="Simulated minutes a second, once it lives on; 0 stops.")
    ] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Set up a hub beside a simulated court, pull seven months of records, show what they come to.

    Without --once it then serves GraphQL at the printed address, and the court lives on into August.
    """
    import asyncio

    from app.demo import DemoOptions
    from app.logging import configure_logging

    # the summary speaks; only what goes wrong is logged
    configure_logging("WARNING")
    options = DemoOptions(data, seed, scale, port)
    asyncio.run(_run(options, once, speed, as_json))


async def _run(options: DemoOptions, once: bool, speed: float, as_json: bool) -> None:
    import asyncio

    from app.cli import reconcile, sync
    from app.cli.output import emit_json, note, say
    from app.demo import live_on, run_demo
    from app.worker import stop_on_signals

    async def show(hub: Hub, court: SandboxProcess, summary: Summary) -> None:
        if as_json:
            emit_json(summary.as_json())
        else:
            _print(summary)
        if not once:
            # with --json stdout holds the summary alone
            tell = note if as_json else say
            await live_on(
                hub, court, stop, speed=speed,
                on_ready=note if as_json else lambda address: _invite(address, speed, options),
                on_filing=lambda code: tell(_filed(code)),
                on_growth=lambda code: tell(f"The history of {code} has grown: run its query again."),
            )  # fmt: skip

    async with stop_on_signals() as stop:
        if not as_json:
            note(f"A simulated court is set up in {options.folder}, and a hub beside it.")
        running = asyncio.ensure_future(run_demo(options, sync.pull_one, reconcile.compare, show))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if once and not running.done():
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            raise KeyboardInterrupt
        try:
            await running
        finally:
            stopping.cancel()


def _print(summary: Summary) -> None:
    from app.cli.output import count, say, table
    from app.demo import PERIOD
    from app.summary import one_decimal

    table(
        ("partner", "pulled", "new", "held", "quarantined", "expected", "incidents"),
        [
            (name, one["pulled"], one["new"], one["held"], one["quarantined"], one["expected"],
             ", ".join(f"{kind} {times}×" for kind, times in summary.incidents[name].items()) or "none")
            for name, one in summary.instances.items()
        ],
    )  # fmt: skip
    for name, one in summary.instances.items():
        known = count(one["held"] + one["quarantined"])
        say(f"{name}: {known} of {count(one['expected'])} on the partner's own list\n")
    by_agencies = ", ".join(f"{count(n)} known to {k}" for k, n in summary.disputes_by_agencies.items())
    say(f"{count(summary.disputes)} disputes; by agencies: {by_agencies}\n")
    table(
        ("figure", "", "numerator", "denominator", "percent"),
        [(v.id, v.label, v.numerator, v.denominator, one_decimal(v) or "-") for v in summary.figures],
        title=f"{PERIOD[0]} to {PERIOD[1]} (exclusive)",
    )


def _invite(address: str, speed: float, options: DemoOptions) -> None:
    from app.cli.output import note, say
    from app.demo import settings_file
    from schema.examples import EXAMPLES

    say(f"\nGraphQL and its query page: {address}/graphql")
    say(f"The newest dispute with its whole history, whichever that is by then:\n\n{EXAMPLES[0].query}")
    if speed:
        say(
            f"The court lives on in August 2024, {speed:g} simulated minutes a second. Its first new filing is awaited."
        )
    say(f"Or look from another terminal: dispute-hub --config {settings_file(options.folder)} connectors list")
    note("Ctrl-C ends it; running it again goes on.")


def _filed(code: str) -> str:
    from app.first_filing import GROWING

    return (
        f"\n{code} was just filed. Run this now and again in a minute, and watch its history grow:\n\n"
        f"{GROWING % code}\n"
    )
