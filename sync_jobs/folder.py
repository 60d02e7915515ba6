"""The folder wire: one directory shared with one partner. A file is seen whole or not at all, and written the same way.

A directory that is away (an unmounted share, a dead mount) is a TransientError of kind FOLDER_AWAY, never an empty
folder. Nothing outside the directory is read or written, whatever a path or a symbolic link says.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar

from connectors.base import FileEntry
from hub.errors import ConfigurationError, TransientError, UserInputError

FOLDER_AWAY = "FOLDER_AWAY"
#: a file vanished, changed while it was read, is longer than allowed, or may not be read
FILE_GONE, FILE_CHANGED, FILE_TOO_LONG, FILE_UNREADABLE = (
    "FILE_GONE", "FILE_CHANGED", "FILE_TOO_LONG", "FILE_UNREADABLE",
)  # fmt: skip
WRITE_FAILED, TIMEOUT, LINK_REFUSED = "WRITE_FAILED", "TIMEOUT", "LINK_REFUSED"

#: what a share says when the machine behind it is gone
_AWAY = frozenset({errno.ENOTCONN, errno.ESTALE, errno.EIO, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENODEV})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """Where one partner's folder is."""

    root: Path
    #: for one whole step: a dead mount answers nothing for ever
    timeout_s: float = 60
    max_file_bytes: int = 256 << 20


class DirectoryWire:
    """Keeps ``connectors.base.FolderWire``. File work runs in threads of this wire's own: it holds up nobody else."""

    def __init__(self, options: FolderOptions, threads: ThreadPoolExecutor) -> None:
        self._root = options.root
        self._timeout_s = options.timeout_s
        self._max_file_bytes = options.max_file_bytes
        self._threads = threads
        #: how often each kind of incident was noted; a raised TransientError is counted by whoever catches it
        self.incidents: Counter[str] = Counter()
        #: the latest hint of each kind
        self.hints: dict[str, str] = {}

    def note(self, kind: str, hint: str = "") -> None:
        """Count an incident that the connector healed by itself."""
        self.incidents[kind] += 1
        self.hints[kind] = hint

    async def list(self, folder: str) -> Sequence[FileEntry]:
        """The plain files of a sub-folder by name; hidden and unfinished ones are not there yet."""
        parts = _parts(folder)
        return await self._run(lambda: self._list(parts))

    async def read(self, path: str) -> bytes:
        """A file's bytes, the same before and after. Raises TransientError, see the kinds above."""
        parts = _parts(path)
        return await self._run(lambda: self._read(parts))

    async def write(self, path: str, content: bytes) -> None:
        """Write a file whole, on the disk when this returns; folders on the way are made. Raises TransientError."""
        parts = _parts(path)
        await self._run(lambda: self._write(parts, content))

    async def _run(self, step: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await loop.run_in_executor(self._threads, step)
        except TimeoutError:
            raise TransientError(
                "the partner's folder does not answer", kind=TIMEOUT, hint=f"{self._timeout_s:g} s"
            ) from None

    def _list(self, parts: Sequence[str]) -> Sequence[FileEntry]:
        folder = self._inside(parts, is_folder=True)
        found: list[FileEntry] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _is_finished(entry.name) and entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):  # the partner may take a file of its own away
                            found.append(_file_entry(entry.name, entry.stat(follow_symlinks=False)))
        except FileNotFoundError:
            return ()
        except OSError as exc:
            raise self._away(exc) from None
        return sorted(found, key=lambda entry: entry.name)

    def _read(self, parts: Sequence[str]) -> bytes:
        path = self._inside(parts)
        try:
            # never through a link the partner laid, and never waiting at a pipe
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    raise TransientError("this is no file", kind=FILE_UNREADABLE, hint=path.name)
                if before.st_size > self._max_file_bytes:
                    hint = f"{path.name}: max_file_bytes is {self._max_file_bytes}"
                    raise TransientError("the file is longer than allowed", kind=FILE_TOO_LONG, hint=hint)
                content = file.read(before.st_size + 1)
                after = os.fstat(descriptor)
        except FileNotFoundError:
            raise TransientError("the file is gone", kind=FILE_GONE, hint=path.name) from None
        except OSError as exc:
            if exc.errno in _AWAY:
                raise self._away(exc) from None
            raise TransientError(
                "the file cannot be read", kind=FILE_UNREADABLE, hint=f"{path.name}: {_name(exc)}"
            ) from None
        if len(content) != before.st_size or (after.st_size, after.st_mtime_ns) != (
            before.st_size, before.st_mtime_ns,
        ):  # fmt: skip
            raise TransientError("the file changed while it was read", kind=FILE_CHANGED, hint=path.name)
        return content

    def _write(self, parts: Sequence[str], content: bytes) -> None:
        path = self._inside(parts)
        if not _is_finished(path.name):
            raise UserInputError("this name means an unfinished file", hint="Choose one that readers do not pass over.")
        unfinished = path.with_name(f".{uuid.uuid4().hex}.tmp")
        try:
            self._make_folders(parts[:-1])
            try:
                with open(unfinished, "xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(unfinished, path)
            except BaseException:
                with suppress(OSError):
                    unfinished.unlink()
                raise
            _sync_folder(path.parent)
        except OSError as exc:
            if exc.errno in _AWAY:
                raise self._away(exc) from None
            raise TransientError(
                "the file cannot be written", kind=WRITE_FAILED, hint=f"{path.name}: {_name(exc)}"
            ) from None

    def _make_folders(self, parts: Sequence[str]) -> None:
        folder = self._root
        for part in parts:
            folder /= part
            # one by one, below a root that is there: an unmounted share is not built anew underneath
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                _sync_folder(folder.parent)

    def _inside(self, parts: Sequence[str], *, is_folder: bool = False) -> Path:
        """The path, after making sure that the root is there and that no link on the way leads out of it."""
        try:
            root = self._root.resolve(strict=True)
            if not root.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "")
            path = root.joinpath(*parts)
            is_inside = (path if is_folder else path.parent).resolve().is_relative_to(root)
        except (OSError, RuntimeError) as exc:
            raise self._away(exc) from None
        if not is_inside:
            raise TransientError("a link leads out of the partner's folder", kind=LINK_REFUSED, hint="/".join(parts))
        return path

    def _away(self, exc: Exception) -> TransientError:
        return TransientError(
            "the partner's folder is not there", kind=FOLDER_AWAY, hint=f"{_name(exc)}: check the mount and its rights."
        )


@asynccontextmanager
async def open_folder_wire(options: FolderOptions) -> AsyncIterator[DirectoryWire]:
    """Open the way to one partner's folder; nothing is touched before the first step. Raises ConfigurationError."""
    if not options.root.is_absolute():
        raise ConfigurationError(
            "the instance's folder is not an absolute path", hint="Set folder in its [instances.…] table."
        )
    threads = ThreadPoolExecutor(2, thread_name_prefix="folder")
    try:
        yield DirectoryWire(options, threads)
    finally:
        # a step that hangs on a dead mount is left behind
        threads.shutdown(wait=False, cancel_futures=True)


def _parts(path: str) -> tuple[str, ...]:
    """The steps of a relative path. Raises UserInputError for one that climbs, begins at the root or hides a NUL."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\x00" in path:
        raise UserInputError("the path is not below the partner's folder", hint="Use a relative path without `..`.")
    return pure.parts


def _is_finished(name: str) -> bool:
    return not name.startswith(".") and not name.endswith(".tmp")


def _file_entry(name: str, found: os.stat_result) -> FileEntry:
    return FileEntry(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder last. Shares that cannot do it keep names in their own way."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _name(exc: Exception) -> str:
    number = exc.errno if isinstance(exc, OSError) else None
    return errno.errorcode.get(number, type(exc).__name__) if number else type(exc).__name__
