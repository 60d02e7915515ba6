"""The key file: master keys of 64 hexadecimal digits, one a line, for its owner alone; replaced whole or not at all.

Their order means nothing once a database says which one it is sealed with; before that, the first is it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hub.errors import ConfigurationError
from hub.sealing import KEY_BYTES

_OWNER = stat.S_IRUSR | stat.S_IWUSR
#: how often, and after what pause, a process asks for the file that another one is changing
_TRIES, _PAUSE_S = 100, 0.05


def load(path: Path) -> tuple[bytes, ...]:
    """The keys in the file. Raises ConfigurationError where it is missing or is none."""
    try:
        lines = path.read_text(encoding="ascii").split()
    except FileNotFoundError as exc:
        raise ConfigurationError(f"the master key {path} is missing", hint="Put back your copy.") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"the master key {path} cannot be read", hint="Check the file's owner.") from exc
    keys: list[bytes] = []
    for line in lines:
        try:
            key = bytes.fromhex(line)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            keys.clear()
            break
        keys.append(key)
    if not keys:
        raise ConfigurationError(
            f"{path} is no master key", hint="It holds 64 hexadecimal digits a line; restore your copy."
        )
    # the same key twice is one: copies are put together by hand
    return tuple(dict.fromkeys(keys))


def load_or_create(path: Path) -> tuple[bytes, ...]:
    """The keys in the file, one made on first use. Raises ConfigurationError.

    Whoever loses it loses every sealed value.
    """
    if path.exists():
        return load(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    key = os.urandom(KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER)
    except FileExistsError:
        # another process made it between our look and our write
        return load(path)
    with os.fdopen(descriptor, "wb") as file:
        file.write(as_lines([key]))
        file.flush()
        os.fsync(file.fileno())
    _settle(path.parent)
    return (key,)


def change(path: Path, made: Callable[[Sequence[bytes]], Sequence[bytes]]) -> None:
    """Write the file anew with what ``made`` makes of its keys, where that is another.

    One process at a time on a machine, from its look to its write: one that stood still in between would put back what
    others took out, and take out what they put in. Raises ConfigurationError.
    """
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY)
    except OSError as exc:
        raise _not_written(path, exc) from exc
    try:
        _have_alone(folder, path)
        keys = load(path)
        wanted = tuple(made(keys))
        if wanted != keys:
            replace(path, wanted)
    finally:
        os.close(folder)


def _have_alone(folder: int, path: Path) -> None:
    for _ in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE_S)
    raise ConfigurationError(f"another process is changing the key file {path}", hint="Wait for it, or end it.")


def replace(path: Path, keys: Sequence[bytes]) -> None:
    """Write the file anew with these keys. Raises ConfigurationError where its place refuses."""
    # a link to a file elsewhere stays one
    path = path.resolve()
    for left in path.parent.glob(f".{path.name}.*.part"):
        # of a run that was killed: it holds keys
        left.unlink(missing_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _OWNER)
        with os.fdopen(descriptor, "wb") as file:
            before = path.stat()
            if before.st_uid != os.geteuid():
                # the hub's user must be able to read it, though another runs the command
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.write(as_lines(keys))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _settle(path.parent)
    except OSError as exc:
        raise _not_written(path, exc) from exc
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _not_written(path: Path, exc: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"the key file {path} cannot be written anew: {exc.strerror}",
        hint="Run this as the user its folder belongs to; or change its lines by hand, see docs/operator.md.",
    )


def as_lines(keys: Sequence[bytes]) -> bytes:
    """What a key file holds."""
    return b"".join(key.hex().encode() + b"\n" for key in keys)


def _settle(folder: Path) -> None:
    """A new name is on the disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
