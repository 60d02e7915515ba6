"""What commands print: results on stdout, everything else on stderr; JSON for programs, tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

from hub.model import SHANGHAI

if TYPE_CHECKING:
    from rich.progress import Progress

#: what a long task calls: how much more is done, and of how much, where that is known; ``note``: where it stands
Advance = Callable[..., None]
#: the display that several bars share
_shared: ContextVar[Progress | None] = ContextVar("shared bars", default=None)


def emit_json(value: Any) -> None:
    """One JSON value on stdout, and nothing else."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=_plain)
    sys.stdout.write("\n")


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).isoformat()
    return str(value)


def say(text: str = "") -> None:
    """A line of the result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A line beside the result: progress, waiting, advice."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def count(number: int) -> str:
    """2438 → ``2 438``."""
    return f"{number:,}".replace(",", " ")


def clock(instant: datetime | None) -> str:
    """An instant as the county's clocks show it; ``-`` for none."""
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if instant else "-"


def lasting(seconds: int | None) -> str:
    """12 → ``12 s``, 4000 → ``1 h 6 min``; ``-`` for none."""
    if seconds is None:
        return "-"
    for size, unit, below, smaller in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // below
            return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds} s"


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
    """A table on stdout: with lines on a terminal, plain columns in a pipe."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    numeric = [all(isinstance(row[place], int) for row in rows) for place in range(len(headers))]
    made = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, title=title or None, title_justify="left",
                 pad_edge=False)  # fmt: skip
    for header, right in zip(headers, numeric, strict=True):
        made.add_column(header, justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(count(cell) if isinstance(cell, int) else _escape(str(cell)) for cell in row))
    if sys.stdout.isatty():
        Console(file=sys.stdout, highlight=False).print(made)
        return
    # in a pipe nobody wraps: a line is a row
    plain = StringIO()
    Console(file=plain, width=1000, highlight=False).print(made)
    for line in plain.getvalue().splitlines():
        say(line.rstrip())


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def fields(values: Mapping[str, Any]) -> None:
    """Names and values, one pair a line."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        say(f"{name:<{width}}  {value}")


@contextmanager
def progress(label: str) -> Iterator[Advance]:
    """A bar on stderr when it is a terminal, else nothing. Call the result with how much more is done."""
    if not sys.stderr.isatty():
        yield lambda *_args, **_kwargs: None
        return
    with bars() as shown:
        task = shown.add_task(label, total=None)

        def advance(done: int = 1, total: int | None = None, note: str = "") -> None:
            if total is not None:
                shown.update(task, total=total)
            if note:
                shown.update(task, description=f"{label}: {note}")
            shown.advance(task, done)

        try:
            yield advance
        finally:
            shown.remove_task(task)


@contextmanager
def bars() -> Iterator[Progress]:
    """One display for every ``progress`` inside the block: tasks side by side would draw over each other."""
    held = _shared.get()
    if held is not None:
        yield held
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        token = _shared.set(shown)
        try:
            yield shown
        finally:
            _shared.reset(token)
