"""The zip of a batch, opened with suspicion: its files by name, or BatchRefusedError, whatever the bytes are.

Nothing is written to disk. Declared sizes are added up before anything is unpacked, and no file yields more than it
declared, so that a bomb costs its own size at most.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from connectors.police.ack import BAD_ZIP, BatchRefusedError

#: manifest and one file per dataset; a batch has never more than a handful
MAX_FILES = 64

_ENCRYPTED = 0x1
_ENTRY = b"PK\x01\x02"
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, LookupError,
    OverflowError,
)  # fmt: skip


def unpack(content: bytes, max_bytes: int) -> dict[str, bytes]:
    """Every file of the zip. Raises BatchRefusedError(BAD_ZIP)."""
    # counted before the directory is read: a million entries are a bomb too
    if content.count(_ENTRY) > MAX_FILES * 4:
        raise BatchRefusedError(BAD_ZIP, "too many files")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check(members, max_bytes)
            return {member.filename: archive.read(member) for member in members}
    except _BROKEN as exc:
        raise BatchRefusedError(BAD_ZIP, f"not a whole zip ({type(exc).__name__})") from exc


def _check(members: list[zipfile.ZipInfo], max_bytes: int) -> None:
    names = [member.filename for member in members]
    if len(names) > MAX_FILES:
        raise BatchRefusedError(BAD_ZIP, "too many files")
    if len(set(names)) < len(names):
        raise BatchRefusedError(BAD_ZIP, "a name comes twice")
    for member in members:
        # the name as it stands in the zip: zipfile cuts it at a NUL and turns separators round
        name = member.orig_filename
        if not name.isascii() or not name.isprintable() or "/" in name or "\\" in name or name in ("", ".", ".."):
            raise BatchRefusedError(BAD_ZIP, "a name is not plain")
        if member.flag_bits & _ENCRYPTED:
            raise BatchRefusedError(BAD_ZIP, "a file is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BatchRefusedError(BAD_ZIP, "a file is neither stored nor deflated")
    if sum(member.file_size for member in members) > max_bytes:
        raise BatchRefusedError(BAD_ZIP, "unpacked it is larger than allowed")
