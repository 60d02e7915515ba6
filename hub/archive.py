"""A sealed archive: one file that opens whole, in order and with its own key, or not at all.

A line that says what it is, a line of JSON that names the key and is bound into every part, then parts of at most one
MiB under AES-256-GCM. A part's nonce is its place and whether it is the last, so that a part that is altered, moved,
repeated, missing or added is noticed (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015). The
key belongs to this file alone: it is derived from the operator's key and a salt drawn anew.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import orjson
from cryptography.exceptions import InvalidTag

from hub.errors import HubError, UserInputError
from hub.sealing import KeyRing

_MAGIC = b"dispute-hub backup 1\n"
_PART = 1 << 20
_TAG = 16
_LONGEST_HEADER = 4096
_LENGTH = struct.Struct(">I")


class DamagedError(HubError):
    """An archive whose bytes are not those that were written, or not all of them."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the archive is damaged: {what}", hint="Nothing was changed. Take another copy of it.")


def _nonce(place: int, is_last: bool) -> bytes:
    return place.to_bytes(11, "big") + bytes([is_last])


class SealedWriter:
    """Takes bytes and writes them sealed; complete only once ``close`` has returned."""

    def __init__(self, file: BinaryIO, keys: KeyRing, about: Mapping[str, Any]) -> None:
        """``about`` can be read without the key, and is bound to the rest."""
        salt = os.urandom(32)
        header = orjson.dumps({**about, "sealedWith": keys.fingerprint, "salt": salt.hex()}) + b"\n"
        self._file, self._bound, self._place = file, _MAGIC + header, 0
        self._cipher = keys.archive_cipher(salt)
        self._waiting = bytearray()
        file.write(self._bound)

    def write(self, content: bytes) -> int:
        """Take these bytes."""
        self._waiting += content
        # the last part is only known at the end: a full one waits until more has come
        while len(self._waiting) > _PART:
            self._put(bytes(self._waiting[:_PART]), is_last=False)
            del self._waiting[:_PART]
        return len(content)

    def close(self) -> None:
        """Write the last part; the file itself stays open."""
        self._put(bytes(self._waiting), is_last=True)

    def _put(self, content: bytes, *, is_last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._place, is_last), content, self._bound)
        self._place += 1
        self._file.write(_LENGTH.pack(len(sealed)) + sealed)


class SealedReader:
    """Gives the bytes back, each part only after it was proved. Raises DamagedError, UserInputError."""

    def __init__(self, file: BinaryIO, keys: KeyRing) -> None:
        magic, header = file.read(len(_MAGIC)), b""
        if magic != _MAGIC:
            raise UserInputError("this is no backup of dispute-hub", hint="`dispute-hub backup make` makes one.")
        header = file.readline(_LONGEST_HEADER)
        try:
            #: what can be read without the key
            self.about: dict[str, Any] = orjson.loads(header)
            salt, sealed_with = bytes.fromhex(self.about["salt"]), str(self.about["sealedWith"])
        except (ValueError, KeyError, TypeError) as exc:
            raise DamagedError("its head cannot be read") from exc
        if not keys.holds(sealed_with):
            raise UserInputError(
                f"the archive was sealed with the key {sealed_with}, this is the key {keys.fingerprint}",
                hint="Give the right one with --key-file.",
            )
        self._file, self._bound, self._place = file, magic + header, 0
        self._cipher = keys.archive_cipher(salt, sealed_with)
        self._opened, self._next, self._is_done = bytearray(), file.read(_LENGTH.size), False

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer only at the end."""
        while len(self._opened) < size and not self._is_done:
            self._opened += self._part()
        found = bytes(self._opened[:size])
        del self._opened[:size]
        return found

    def finish(self) -> None:
        """Prove what is left to its end."""
        while not self._is_done:
            self._part()

    def _part(self) -> bytes:
        if len(self._next) < _LENGTH.size:
            raise DamagedError("its end is missing")
        (length,) = _LENGTH.unpack(self._next)
        if not _TAG <= length <= _PART + _TAG:
            raise DamagedError(f"part {self._place + 1} has an impossible length")
        sealed = self._file.read(length)
        self._next = self._file.read(_LENGTH.size)
        self._is_done = not self._next
        try:
            opened = self._cipher.decrypt(_nonce(self._place, self._is_done), sealed, self._bound)
        except InvalidTag as exc:
            raise DamagedError(f"part {self._place + 1} was altered, moved or cut off") from exc
        self._place += 1
        return opened
