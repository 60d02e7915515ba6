"""``dispute-hub sandbox petition``: the simulated petition office."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.sandbox_options import AsJson, Data, Keep, Misbehave, Port, Scale, Seed, StopWithStdin

if TYPE_CHECKING:
    from app.cli.sandbox_running import Running
    from connectors.sandbox.petition import RunningPetition


def petition(
    port: Port = 0,
    seed: Seed = "7",
    scale: Scale = "1",
    data: Data = None,
    keep: Keep = None,
    misbehave: Misbehave = None,
    as_json: AsJson = False,
    stop_with_stdin: StopWithStdin = False,
) -> None:
    """Run the simulated petition office until Ctrl-C; prints its addresses and the settings to reach it.

    Being read changes its store: a later start with the same --data wants --keep or --fresh.
    """
    from collections.abc import Callable

    from app.cli.sandbox_options import faults_of, size_of
    from app.cli.sandbox_running import run_partner
    from connectors.sandbox.petition import PetitionOptions, start_petition
    from connectors.sandbox.petition_faults import OFFICE_MODES

    size, faults = size_of(scale), faults_of(misbehave, "petition office", OFFICE_MODES)

    async def start(progress: Callable[[int, int], None]) -> Running:
        options = PetitionOptions(
            seed=seed, scale=size, port=port, folder=data, keep=keep, misbehave=faults, progress=progress
        )
        return _running(await start_petition(options))

    run_partner("petition", start, keep=keep, as_json=as_json, stop_with_stdin=stop_with_stdin)


def _running(started: RunningPetition) -> Running:
    from app.cli.sandbox_running import Running

    addresses = {"baseUrl": started.base_url, "controlUrl": started.control_url, "secret": started.secret}
    settings = {
        "connector": "petition", "base_url": started.base_url, "secret": started.secret,
        "agency_code": "620725160000", "agency_name": "山丹县信访局", "live_from": "2024-08-01T00:00:00",
    }  # fmt: skip
    places = {"petition": started.base_url, "control": started.control_url}
    return Running("petition", places, addresses, settings, started.close)
