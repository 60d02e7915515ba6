"""The doctor looks at the disk: room on it, and who else may read what lies there."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from app.doctor.finding import OK, WARN, Finding
from hub.settings import Settings

_LEAST_DISK = 2 << 30


def rights_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def data_folder(folder: Path) -> Iterator[Finding]:
    """Names and addresses lie unsealed in the database: the folder is for the hub's user."""
    if not folder.exists():
        return
    rights = rights_of(folder)
    if rights & 0o077:
        yield Finding(WARN, "data folder", f"{folder} is open to others ({rights:o})", f"chmod 700 {folder}")
    else:
        yield Finding(OK, "data folder", f"{folder}, for its owner alone")


def secret_files(settings: Settings, name: str) -> Iterator[Finding]:
    one = settings.instances[name]
    for file in (one.secret_file, *one.webhook_secret_files):
        # one that is missing is told as the instance's failure
        if file is not None and file.exists() and (rights := rights_of(file)) & 0o077:
            yield Finding(WARN, f"secret {name}", f"{file} is open to others ({rights:o})", f"chmod 600 {file}")


def disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    told = f"{free / (1 << 30):.1f} GB free in {folder}"
    yield Finding(OK, "disk", told) if free > _LEAST_DISK else Finding(WARN, "disk", told, "Make room.")
