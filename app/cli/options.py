"""Options that many commands share, and the way from a command to an open hub."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.settings import Settings

T = TypeVar("T")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings file (TOML). Else HUB_CONFIG, else the working directory's."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value for programs.")]
Instance = Annotated[str | None, typer.Argument(metavar="INSTANCE", help="A configured instance; none means all.")]

EvenPaused = Annotated[bool, typer.Option("--even-paused", help="Ask a partner that is paused all the same.")]


def a_day(text: str) -> date:
    """2024-08-01 → that day. Raises BadParameter."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise typer.BadParameter(f"{text} is no day; write it like 2024-08-01.")


def read_settings(config: Path | None) -> Settings:
    """The checked settings. Raises ConfigurationError."""
    from hub.settings import find_file, load_settings

    return load_settings(find_file(config))


def with_hub(config: Path | None, use: Callable[[Hub], Awaitable[T]]) -> T:
    """Open the hub that the settings describe, hand it to ``use``, close it; returns what ``use`` returned."""
    import asyncio

    from app.logging import configure_logging
    from app.wiring import open_hub

    configure_logging("WARNING")
    settings = read_settings(config)

    async def run() -> T:
        async with open_hub(settings) as hub:
            return await use(hub)

    return asyncio.run(run())
