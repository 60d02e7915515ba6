"""``dispute-hub demo``: everything at once, on this machine, with a simulated county."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.county import Partners
    from app.demo import DemoOptions
    from app.demo_life import Voices
    from app.demo_summary import Summary
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
    """Set up a hub beside a simulated court, police, petition office and hotline, pull seven months of records from
    all four, show what they come to.

    With --once the first two weeks of August are lived as well: a simulated mediator ends what was handed over, results
    go back and are acknowledged. Without it GraphQL is served at the printed address while the county and the mediator
    live on. Exit code 1 when a partner could not be read whole; the others are shown all the same.
    """
    import asyncio

    from app.cli.sandbox_options import size_of
    from app.demo import DemoOptions
    from app.logging import configure_logging

    size_of(scale)
    # the summary speaks; only what goes wrong is logged
    configure_logging("WARNING")
    options = DemoOptions(data, seed, scale, port, closes_loop=once)
    if not asyncio.run(_run(options, once, speed, as_json)):
        raise typer.Exit(1)


async def _run(options: DemoOptions, once: bool, speed: float, as_json: bool) -> bool:
    """False when a partner could not be read whole."""
    import asyncio
    from contextlib import ExitStack

    from app.cli import reconcile, sync
    from app.cli.output import bars, note, progress
    from app.county import PARTNERS
    from app.demo import DemoSteps, run_demo
    from app.demo_life import live_on
    from app.mediator import Mediator
    from app.worker import stop_on_signals

    async def work(stop: asyncio.Event) -> bool:
        with ExitStack() as display:
            display.enter_context(bars())
            advance = display.enter_context(progress("setting up the simulated county"))
            advance(0, total=len(PARTNERS))
            is_whole = True

            async def show(hub: Hub, partners: Partners, summary: Summary) -> None:
                nonlocal is_whole
                is_whole = not summary.errors
                display.close()
                await _show(hub, summary, as_json)
                if not once:
                    mediator = Mediator(hub.desk, options.seed, options.scale)
                    voices = _voices(options, speed, as_json)
                    await live_on(hub, partners, stop, mediator=mediator, speed=speed, voices=voices)

            lived = display.enter_context(progress("living the first days of August"))
            steps = DemoSteps(
                sync.pull_one, reconcile.compare, show, lambda _: advance(1), lambda days: lived(1, total=days)
            )
            await run_demo(options, steps)
            return is_whole

    async with stop_on_signals() as stop:
        if not as_json:
            note(f"A simulated county is set up in {options.folder}, and a hub beside it.")
        running, stopping = asyncio.ensure_future(work(stop)), asyncio.ensure_future(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if once and not running.done():
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            raise KeyboardInterrupt
        try:
            return await running
        finally:
            stopping.cancel()


async def _show(hub: Hub, summary: Summary, as_json: bool) -> None:
    from app.cli.demo_words import show_dispute, show_errors, show_summary
    from app.cli.output import emit_json
    from app.shared_dispute import ask

    show_errors(summary)
    if as_json:
        emit_json(summary.as_json())
        return
    show_summary(summary)
    if summary.shared is not None:
        show_dispute(summary.shared, await ask(hub, summary.shared))


def _voices(options: DemoOptions, speed: float, as_json: bool) -> Voices:
    from app.cli.demo_words import filed, invite
    from app.cli.output import note, say
    from app.county import settings_file
    from app.demo_life import Voices

    # with --json stdout holds the summary alone
    tell = note if as_json else say
    return Voices(
        on_ready=note if as_json else lambda address: invite(address, speed, settings_file(options.folder)),
        on_filing=lambda code: tell(filed(code)),
        on_growth=lambda code: tell(f"The history of {code} has grown: run its query again."),
        on_silence=lambda partner: note(f"the simulated {partner} does not answer; the others go on"),
    )
