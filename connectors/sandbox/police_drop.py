"""The police's hand on the shared folder: files appear whole, or late, or after their successor, as they are told to.

A file that is to appear later waits beside its place under a hidden name, so that nothing is lost between two runs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class _Late:
    """A file that waits under its hidden name."""

    name: str
    #: of the real clock
    due: float


class Drop:
    """Writes batches into one folder."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._late: list[_Late] = []
        self._held: list[str] = []
        self._held_before: list[str] = []

    def publish(self, name: str, content: bytes) -> None:
        """The zip, then its marker; whatever was held back follows."""
        write_whole(self._folder / name, content)
        write_whole(self._folder / f"{name}.ok", marker(content))
        self._let_go(self._held)

    def publish_half(self, name: str, content: bytes, seconds: float, stays: bool) -> None:
        """The marker, and half of the zip; the rest after so much real time, or never."""
        if not stays:
            self._wait(name, content, seconds)
        write_whole(self._folder / f"{name}.ok", marker(content))
        write_whole(self._folder / name, content[: len(content) // 2])

    def publish_unmarked(self, name: str, content: bytes, seconds: float, stays: bool) -> None:
        """The zip; its marker after so much real time, or never."""
        write_whole(self._folder / name, content)
        if not stays:
            self._wait(f"{name}.ok", marker(content), seconds)

    def hold(self, name: str, content: bytes) -> None:
        """The batch appears after the next one."""
        self._hide(name, content)
        self._hide(f"{name}.ok", marker(content))
        self._held.append(name)

    def content(self, name: str) -> bytes | None:
        """A batch as it stands in the folder."""
        path = self._folder / name
        return path.read_bytes() if path.exists() else None

    def complete(self, is_due: Callable[[float], bool] | None = None) -> None:
        """What came late comes now; by default what real time says."""
        passed = is_due or (lambda due: due <= self._clock())
        for late in [late for late in self._late if passed(late.due)]:
            self._late.remove(late)
            self._show(late.name)

    def clock_moves(self) -> None:
        """Everything late is completed."""
        self.complete(lambda due: True)

    def clock_moved(self) -> None:
        """What was held back before this move and found no successor appears alone."""
        self._let_go([name for name in self._held_before if name in self._held])
        self._held_before = list(self._held)

    def recover(self) -> None:
        """After a restart: every hidden file takes its place, zips before markers."""
        hidden = (path.name[1:] for path in self._folder.glob(".*") if path.suffix in (".zip", ".ok"))
        for name in sorted(hidden, key=lambda name: name.endswith(".ok")):
            self._show(name)

    def _wait(self, name: str, content: bytes, seconds: float) -> None:
        self._hide(name, content)
        self._late.append(_Late(name, self._clock() + seconds))

    def _let_go(self, names: list[str]) -> None:
        for name in list(names):
            self._held.remove(name)
            self._show(name)
            self._show(f"{name}.ok")

    def _hide(self, name: str, content: bytes) -> None:
        write_whole(self._folder / f".{name}", content)

    def _show(self, name: str) -> None:
        (self._folder / f".{name}").replace(self._folder / name)


def marker(content: bytes) -> bytes:
    """What the marker of a zip says (WIRES.md 2.2)."""
    return f"{hashlib.sha256(content).hexdigest()}\n".encode()


def write_whole(path: Path, content: bytes) -> None:
    """Write under a hidden name and rename, so that no reader sees half of it."""
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_bytes(content)
    draft.replace(path)
