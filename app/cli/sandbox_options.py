"""Options that the simulated partners share, and what their words mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

Port = Annotated[int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="0 takes a free one.")]
Seed = Annotated[str, typer.Option("--seed", metavar="SEED", help="The same seed gives the same county.")]
Scale = Annotated[
    str,
    typer.Option("--scale", metavar="N", help="Multiplies every count; 1 is a county of 2 438 court filings."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="Keep the partner's store here; else it goes at the end."),
]
Keep = Annotated[
    bool | None, typer.Option("--keep/--fresh", help="A store that was changed: go on with it, or build anew.")
]
Misbehave = Annotated[
    list[str] | None,
    typer.Option(
        "--misbehave", metavar="MODE[=TIMES]",
        help="Switch a fault on, e.g. unknown=3; -1 times is until switched off.",
    ),
]  # fmt: skip
AsJson = Annotated[bool, typer.Option("--json", help="Print addresses and settings as one line of JSON.")]
StopWithStdin = Annotated[bool, typer.Option("--stop-with-stdin", help="End when stdin closes.")]


def size_of(scale: str) -> Decimal:
    """The scale as a number. Raises UserInputError."""
    from decimal import Decimal, InvalidOperation

    from hub.errors import UserInputError

    try:
        size = Decimal(scale)
    except InvalidOperation:
        size = Decimal(0)
    if not size.is_finite() or size <= 0:
        raise UserInputError("--scale is a positive number", hint="1 is the county as it is, 0.05 a small one.")
    return size


def faults_of(given: Sequence[str] | None, partner: str, modes: Mapping[str, str]) -> dict[str, int]:
    """``html=3`` → html three times; a mode alone once. Raises UserInputError with the modes there are."""
    from hub.errors import UserInputError

    faults = {}
    for one in given or ():
        mode, _, times = one.partition("=")
        if mode not in modes:
            raise UserInputError(f"the {partner} has no fault {mode!r}", hint=f"There are: {', '.join(modes)}.")
        if times and not times.removeprefix("-").isdecimal():
            raise UserInputError(f"{one}: TIMES is a whole number", hint="-1 is until switched off.")
        faults[mode] = int(times or 1)
    return faults
