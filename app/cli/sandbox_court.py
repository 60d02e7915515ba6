"""``dispute-hub sandbox court``: the simulated court's platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.sandbox_options import AsJson, Data, Keep, Misbehave, Port, Scale, Seed, StopWithStdin

if TYPE_CHECKING:
    from app.cli.sandbox_running import Running
    from connectors.sandbox.court import RunningCourt


def court(
    port: Port = 0,
    seed: Seed = "7",
    scale: Scale = "1",
    data: Data = None,
    keep: Keep = None,
    misbehave: Misbehave = None,
    as_json: AsJson = False,
    stop_with_stdin: StopWithStdin = False,
) -> None:
    """Run the simulated court until Ctrl-C; prints its addresses and the settings to reach it."""
    from collections.abc import Callable

    from app.cli.sandbox_options import faults_of, size_of
    from app.cli.sandbox_running import run_partner
    from connectors.sandbox.court import CourtOptions, start_court
    from connectors.sandbox.faults import MODES

    size, faults = size_of(scale), faults_of(misbehave, "court", MODES)

    async def start(progress: Callable[[int, int], None]) -> Running:
        options = CourtOptions(
            seed=seed, scale=size, port=port, folder=data, keep=keep, misbehave=faults, progress=progress
        )
        return _running(await start_court(options))

    run_partner("court", start, keep=keep, as_json=as_json, stop_with_stdin=stop_with_stdin)


def _running(started: RunningCourt) -> Running:
    from app.cli.sandbox_running import Running

    addresses = {
        "baseUrl": started.base_url, "controlUrl": started.control_url, "appId": started.app_id,
        "secret": started.secret,
    }  # fmt: skip
    settings = {
        "connector": "court", "base_url": started.base_url, "app_id": started.app_id, "secret": started.secret,
        "agency_code": "620725000000", "agency_name": "山丹县人民法院", "live_from": "2024-08-01T00:00:00",
    }  # fmt: skip
    places = {"court": started.base_url, "control": started.control_url}
    return Running("court", places, addresses, settings, started.close)
