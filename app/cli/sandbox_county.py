"""``dispute-hub sandbox county``: all four simulated partners at once, and one settings file to reach them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.sandbox_hotline import WebhookUrl
from app.cli.sandbox_options import AsJson, Keep, Scale, Seed, StopWithStdin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.county import Partners


def county(
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65533,
            metavar="PORT",
            help="The court's; the petition office and the hotline take the next two. 0 takes free ones.",
        ),
    ] = 0,
    seed: Seed = "7",
    scale: Scale = "1",
    data: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Of the partners' stores, the shared folder and the settings.")
    ] = Path("data/county"),
    keep: Keep = None,
    misbehave: Annotated[
        list[str] | None,
        typer.Option(metavar="PARTNER:MODE[=TIMES]", help="Switch a fault on, e.g. court:html=3."),
    ] = None,
    webhook_url: WebhookUrl = None,
    as_json: AsJson = False,
    stop_with_stdin: StopWithStdin = False,
) -> None:
    """Run the simulated court, police, petition office and hotline of one county until Ctrl-C.

    Writes the settings of a hub that reaches all four into FOLDER.
    """
    import asyncio

    from app.cli.sandbox_options import size_of

    size_of(scale)
    data.mkdir(parents=True, exist_ok=True)
    further = _options_by_partner(port, keep, misbehave or [], webhook_url)
    asyncio.run(_run(data, seed, scale, further, as_json, stop_with_stdin))


def _options_by_partner(
    port: int, keep: bool | None, misbehave: Sequence[str], webhook_url: str | None
) -> dict[str, list[str]]:
    from app.county import PARTNERS
    from hub.errors import UserInputError

    shared = [] if keep is None else ["--keep" if keep else "--fresh"]
    found = {partner: list(shared) for partner in PARTNERS}
    if port:
        for place, partner in enumerate(("court", "petition", "hotline")):
            found[partner] += ["--port", str(port + place)]
    for one in misbehave:
        partner, colon, mode = one.partition(":")
        if not colon or partner not in found:
            raise UserInputError(f"{one}: nobody is named", hint=f"Say who: {', '.join(PARTNERS)}, e.g. court:html=3.")
        found[partner] += ["--misbehave", mode]
    if webhook_url is not None:
        found["hotline"] += ["--webhook-url", webhook_url]
    return found


async def _run(
    folder: Path, seed: str, scale: str, further: Mapping[str, Sequence[str]], as_json: bool, stop_with_stdin: bool
) -> None:
    import asyncio
    from contextlib import ExitStack, suppress

    from app.cli.output import progress
    from app.cli.sandbox_running import stop_at_end_of_input
    from app.county import PARTNERS, county_processes
    from app.worker import stop_on_signals

    async with stop_on_signals() as stop:
        listening = asyncio.create_task(stop_at_end_of_input(stop)) if stop_with_stdin else None

        async def live() -> None:
            with ExitStack() as bar:
                advance = bar.enter_context(progress("setting up the simulated county"))
                advance(0, total=len(PARTNERS))
                async with county_processes(folder, seed, scale, further.__getitem__, lambda _: advance(1)) as partners:
                    bar.close()
                    _tell(folder, partners, as_json)
                    await _until_one_ends(partners)

        living, stopping = asyncio.ensure_future(live()), asyncio.ensure_future(stop.wait())
        await asyncio.wait({living, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not living.done():
            living.cancel()
        stopping.cancel()
        if listening is not None:
            listening.cancel()
        with suppress(asyncio.CancelledError):
            await living


async def _until_one_ends(partners: Partners) -> None:
    """Raises HubError naming the partner that ended by itself."""
    import asyncio

    from hub.errors import HubError

    waiting = {asyncio.create_task(one.process.wait()): name for name, one in partners.items()}
    try:
        ended, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        raise HubError(f"the simulated {waiting[ended.pop()]} ended by itself", hint="Its own words stand above.")
    finally:
        for task in waiting:
            task.cancel()


def _tell(folder: Path, partners: Partners, as_json: bool) -> None:
    import json

    from app.cli.output import note, say
    from app.county import HUB, settings_file, write_settings

    write_settings(folder, HUB, {name: one.settings for name, one in partners.items()})
    file = settings_file(folder)
    controls = {name: one.control_url or str(one.control_folder) for name, one in partners.items()}
    if as_json:
        settings = {name: one.settings for name, one in partners.items()}
        say(json.dumps({"settingsFile": str(file), "controls": controls, "settings": settings}, ensure_ascii=False))
        return
    for name, one in partners.items():
        say(f"{name:<8}  {one.settings.get('base_url') or one.settings['folder']}\n{'control':>10}  {controls[name]}")
    say(f"\nA hub that reaches all four: dispute-hub --config {file} migrate, then sync, figures, serve.")
    note("Ctrl-C ends them.")
