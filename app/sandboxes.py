"""A simulated partner as a process of its own: started, waited for, spoken to, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
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
#: a day that goes by at once may bring much
_CONTROL_S = 120.0
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """A running simulated partner."""

    partner: str
    #: of an instance that reaches it; secrets are simulated ones
    settings: Mapping[str, Any] = field(repr=False)
    #: where commands are posted; '' where they are files
    control_url: str
    #: where command files are taken; None where they are posted
    control_folder: Path | None
    process: asyncio.subprocess.Process

    async def control(self, command: Mapping[str, Any]) -> Any:
        """Send one command, over whichever way the partner takes them. Raises TransientError."""
        if self.control_folder is not None:
            return await _by_file(self.control_folder, command, self.process)
        return await _by_post(self.control_url, command)


@asynccontextmanager
async def sandbox_process(
    partner: str, *, folder: Path, seed: str, scale: str, further: Sequence[str] = ("--keep",)
) -> AsyncIterator[SandboxProcess]:
    """Run ``dispute-hub sandbox <partner>`` as a child for the time of the block.

    The child ends when its standard input closes: it cannot outlive us, however we end.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", "sandbox", partner, "--json", "--stop-with-stdin",
        "--seed", seed, "--scale", scale, "--data", str(folder), *further,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        # Ctrl-C is for us; we then close its input
        start_new_session=True, env=_environment(),
    )  # fmt: skip
    try:
        yield await _wait_until_ready(process, partner)
    finally:
        await _stop(process)


def _environment() -> dict[str, str]:
    # the child must import the packages that we run, wherever we were started
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path}


async def _wait_until_ready(process: asyncio.subprocess.Process, partner: str) -> SandboxProcess:
    assert process.stdout is not None
    try:
        told = orjson.loads(await asyncio.wait_for(process.stdout.readline(), _START_S))
        folder = told.get("controlFolder")
        return SandboxProcess(
            partner, told["settings"], told.get("controlUrl", ""), Path(folder) if folder else None, process
        )
    except (TimeoutError, orjson.JSONDecodeError, KeyError) as exc:
        raise HubError(
            f"the simulated partner {partner} did not start",
            hint="Its own words stand above. For a demonstration a new folder (--data) helps.",
        ) from exc


async def _by_post(url: str, command: Mapping[str, Any]) -> Any:
    timeout = aiohttp.ClientTimeout(total=_CONTROL_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.post(url, json=dict(command)) as response,
        ):
            return orjson.loads(await response.read())
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise _silent() from exc


async def _by_file(folder: Path, command: Mapping[str, Any], process: asyncio.subprocess.Process) -> Any:
    """A command file, answered by a file of the same name; both go once the answer is read."""
    name = f"{secrets.token_hex(16)}.json"
    asked, answer = folder / name, folder / "answers" / name
    try:
        # under a name that is not looked at until it is whole
        draft = folder / f".{name}"
        draft.write_bytes(orjson.dumps(dict(command)))
        draft.rename(asked)
        async with asyncio.timeout(_CONTROL_S):
            while not answer.exists():
                if process.returncode is not None:
                    raise _silent()
                await asyncio.sleep(_LOOK_EVERY_S)
        told = orjson.loads(answer.read_bytes())
        # the command first: without its answer it would be done again
        asked.unlink()
        answer.unlink()
    except (OSError, TimeoutError) as exc:
        raise _silent() from exc
    return told


def _silent() -> TransientError:
    return TransientError("the simulated partner does not answer", kind="CONNECTION_REFUSED")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
