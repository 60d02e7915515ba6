"""The command line, in this process and as processes of their own: run, listened to, ended as users end them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import structlog

from app.cli.errors import guarded
from app.cli.root import run as run_app
from hub.settings import Settings, unknown_variables

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out, self.err
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """Run the command line in this process, in an empty folder, without this machine's settings."""
    for name in unknown_variables({f"HUB_{key.upper()}": "" for key in Settings.model_fields}):
        monkeypatch.delenv(name, raising=False)
    # set once by us, so that whatever a command sets is taken back
    monkeypatch.setenv("HUB_CONFIG", "")
    monkeypatch.delenv("HUB_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["dispute-hub", *args])
        capsys.readouterr()
        code = guarded(run_app)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    handlers = logging.getLogger().handlers[:]
    yield invoke
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def clean_environment() -> dict[str, str]:
    """This machine's variables without a hub's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}


def command_line(*command: str) -> list[str]:
    """``dispute-hub`` with these words, as a program to run."""
    return [sys.executable, "-m", "app.cli", *command]


def ended(*command: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    return subprocess.run(
        command_line(*command), capture_output=True, text=True, cwd=ROOT, env=clean_environment(), timeout=timeout,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@contextmanager
def staying(*command: str) -> Iterator[subprocess.Popen[str]]:
    """The command for the time of the block; with ``--stop-with-stdin`` it then ends by itself, well."""
    process = subprocess.Popen(
        command_line(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=ROOT, env=clean_environment(),
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process
    finally:
        process.stdin.close()
        if "--stop-with-stdin" not in command:
            process.terminate()
        code = process.wait(30)
        process.stdout.close()
    assert code == 0


def post(url: str, value: Any, cookie: str = "") -> Any:
    """JSON by POST; the JSON that is answered. With a cookie it is sent as a page of the server's own sends it."""
    body = json.dumps(value).encode()
    ours = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"} if cookie else {}
    with urlopen(Request(url, data=body, headers={"Content-Type": "application/json", **ours})) as answer:
        return json.loads(answer.read())
