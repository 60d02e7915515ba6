"""``dispute-hub sandbox``: simulated partners to try a hub or a connector against. No real partner is ever asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import asyncio
    from decimal import Decimal

    from connectors.sandbox.court import RunningCourt

app = typer.Typer(help="Simulated partners on this machine.", no_args_is_help=True)


@app.callback()
def sandbox() -> None:
    pass


@app.command()
def court(
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="0 takes a free one.")] = 0,
    seed: Annotated[str, typer.Option(metavar="SEED", help="The same seed gives the same county.")] = "7",
    scale: Annotated[
        str, typer.Option(metavar="N", help="Multiplies every count; 1 is a county of 2 438 filings.")
    ] = "1",
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the court's store here; else it goes at the end.")
    ] = None,
    keep: Annotated[
        bool | None, typer.Option("--keep/--fresh", help="A store that was changed: go on with it, or build anew.")
    ] = None,
    misbehave: Annotated[
        list[str] | None,
        typer.Option(metavar="MODE[=TIMES]", help="Switch a fault on, e.g. html=3; -1 times is until switched off."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one line of JSON.")] = False,
    stop_with_stdin: Annotated[bool, typer.Option("--stop-with-stdin", help="End when stdin closes.")] = False,
) -> None:
    """Run the simulated court until Ctrl-C; prints its addresses and the settings to reach it."""
    import asyncio
    from decimal import Decimal, InvalidOperation

    from hub.errors import UserInputError

    try:
        size = Decimal(scale)
    except InvalidOperation:
        size = Decimal(0)
    if not size.is_finite() or size <= 0:
        raise UserInputError("--scale is a positive number", hint="1 is the county as it is, 0.05 a small one.")
    asyncio.run(_serve(port, seed, size, data, keep, _faults(misbehave or []), as_json, stop_with_stdin))


async def _serve(
    port: int, seed: str, scale: Decimal, data: Path | None, keep: bool | None, faults: dict[str, int], as_json: bool,
    stop_with_stdin: bool,
) -> None:  # fmt: skip
    import asyncio

    from app.cli.output import progress
    from app.worker import stop_on_signals
    from connectors.sandbox.court import CourtOptions, start_court

    async with stop_on_signals() as stop:
        watching = asyncio.create_task(_stop_at_end_of_input(stop)) if stop_with_stdin else None
        with progress("building the simulated court") as advance:
            built = 0

            def tell(done: int, total: int) -> None:
                nonlocal built
                advance(done - built, total=total)
                built = done

            options = CourtOptions(
                seed=seed, scale=scale, port=port, folder=data, keep=keep, misbehave=faults, progress=tell
            )
            starting = asyncio.ensure_future(start_court(options))
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                return
        running = _started(starting, keep)
        try:
            _tell(running, as_json)
            await stopping
        finally:
            await running.close()
            if watching is not None:
                watching.cancel()


def _started(starting: asyncio.Future[RunningCourt], keep: bool | None) -> RunningCourt:
    """The court that was started. A store that may not be taken up silently: the options that decide are named."""
    from hub.errors import ConfigurationError

    try:
        return starting.result()
    except ConfigurationError as exc:
        if "has been changed" not in exc.message or keep is False:
            raise
        hint = (
            "It is of an older format and cannot be kept; --fresh builds it anew."
            if keep
            else "--keep goes on with it as it is, --fresh builds it anew."
        )
        raise ConfigurationError(exc.message, hint=hint) from exc


async def _stop_at_end_of_input(stop: asyncio.Event) -> None:
    """Set ``stop`` when whoever started us is gone, however it ended."""
    import asyncio
    import sys

    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass
    stop.set()


def _tell(court: RunningCourt, as_json: bool) -> None:
    import json
    import sys

    from app.cli.output import note, say

    if as_json:
        addresses = {
            "baseUrl": court.base_url, "controlUrl": court.control_url, "appId": court.app_id, "secret": court.secret,
        }  # fmt: skip
        say(json.dumps(addresses))
    else:
        say(f"court    {court.base_url}\ncontrol  {court.control_url}\n")
        say("# settings of a hub that asks it; the secret is a simulated one")
        say(f'[instances.court]\nconnector = "court"\nbase_url = "{court.base_url}"')
        say(f'app_id = "{court.app_id}"\nsecret = "{court.secret}"')
        note("\nCtrl-C ends it.")
    sys.stdout.flush()


def _faults(given: list[str]) -> dict[str, int]:
    """``html=3`` → html three times; a mode alone once."""
    from connectors.sandbox.faults import MODES
    from hub.errors import UserInputError

    faults = {}
    for one in given:
        mode, _, times = one.partition("=")
        if mode not in MODES:
            raise UserInputError(f"the court has no fault {mode!r}", hint=f"There are: {', '.join(MODES)}.")
        if times and not times.lstrip("-").isdigit():
            raise UserInputError(f"{one}: TIMES is a whole number", hint="-1 is until switched off.")
        faults[mode] = int(times or 1)
    return faults
