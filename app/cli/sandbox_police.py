"""``dispute-hub sandbox police``: the simulated police, which share a folder and have no address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.sandbox_options import AsJson, Data, Keep, Misbehave, Scale, Seed, StopWithStdin

if TYPE_CHECKING:
    from app.cli.sandbox_running import Running
    from connectors.sandbox.police import RunningPolice


def police(
    seed: Seed = "7",
    scale: Scale = "1",
    data: Data = None,
    keep: Keep = None,
    misbehave: Misbehave = None,
    as_json: AsJson = False,
    stop_with_stdin: StopWithStdin = False,
) -> None:
    """Run the simulated police until Ctrl-C; prints the shared folder, the control folder and the settings to reach it.

    There is no port: batches come and go in the folder's in/ and out/.
    """
    from collections.abc import Callable

    from app.cli.sandbox_options import faults_of, size_of
    from app.cli.sandbox_running import run_partner
    from connectors.sandbox.police import PoliceOptions, start_police
    from connectors.sandbox.police_faults import POLICE_MODES

    size, faults = size_of(scale), faults_of(misbehave, "police", POLICE_MODES)

    async def start(progress: Callable[[int, int], None]) -> Running:
        options = PoliceOptions(seed=seed, scale=size, folder=data, keep=keep, misbehave=faults, progress=progress)
        return _running(await start_police(options))

    run_partner("police", start, keep=keep, as_json=as_json, stop_with_stdin=stop_with_stdin)


def _running(started: RunningPolice) -> Running:
    from app.cli.sandbox_running import Running

    folder, control = str(started.root.resolve()), str(started.control_folder.resolve())
    # no agency_code: its forms name the station, and the county bureau's own code is the court's in this county
    settings = {"connector": "police", "folder": folder, "live_from": "2024-08-01T00:00:00"}
    return Running(
        "police", {"police": folder, "control": control}, {"folder": folder, "controlFolder": control}, settings,
        started.close, started.watch,
    )  # fmt: skip
