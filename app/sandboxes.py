"""A simulated partner as a process of its own: started, waited for, spoken to, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from hub.errors import HubError, TransientError

#: building a large county takes its time
_START_S = 1800.0
_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a simulated partner answers."""

    base_url: str
    control_url: str
    app_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """A running simulated partner."""

    addresses: Addresses
    process: asyncio.subprocess.Process

    async def control(self, command: Mapping[str, Any]) -> Any:
        """Send one command to the control address. Raises TransientError."""
        timeout = aiohttp.ClientTimeout(total=120)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
                session.post(self.addresses.control_url, json=dict(command)) as response,
            ):
                return orjson.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise TransientError("the simulated partner does not answer", kind="CONNECTION_REFUSED") from exc


@asynccontextmanager
async def sandbox_process(
    partner: str, *, folder: Path, seed: str, scale: str, port: int = 0
) -> AsyncIterator[SandboxProcess]:
    """Run ``dispute-hub sandbox <partner>`` as a child for the time of the block.

    The child ends when its standard input closes: it cannot outlive us, however we end.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", "sandbox", partner, "--json", "--stop-with-stdin", "--keep",
        "--port", str(port), "--seed", seed, "--scale", scale, "--data", str(folder),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        # Ctrl-C is for us; we then close its input
        start_new_session=True, env=_environment(),
    )  # fmt: skip
    try:
        yield SandboxProcess(await _wait_until_ready(process, partner), process)
    finally:
        await _stop(process)


def _environment() -> dict[str, str]:
    # the child must import the packages that we run, wherever we were started
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path}


async def _wait_until_ready(process: asyncio.subprocess.Process, partner: str) -> Addresses:
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_S)
        found = orjson.loads(line)
        return Addresses(found["baseUrl"], found["controlUrl"], found["appId"], found["secret"])
    except (TimeoutError, orjson.JSONDecodeError, KeyError) as exc:
        raise HubError(
            f"the simulated partner {partner} did not start",
            hint="Its own words stand above. For a demonstration a new folder (--data) helps.",
        ) from exc


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
