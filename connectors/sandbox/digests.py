"""MD5 and SM3 as the partners sign with them: lowercase hex over UTF-8."""

from __future__ import annotations

import hashlib
from functools import reduce
from typing import Final

_INITIAL: Final[tuple[int, ...]] = (
    0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E,
)  # fmt: skip
_MASK: Final = 0xFFFFFFFF


def signature(text: str, sign_type: str) -> str:
    """The hex digest of ``text`` under ``MD5`` or ``SM3``; raises ValueError for another type."""
    data = text.encode("utf-8")
    if sign_type in ("", "MD5"):
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    if sign_type == "SM3":
        return sm3(data)
    raise ValueError(sign_type)


def sm3(data: bytes) -> str:
    """GB/T 32905; from OpenSSL where its build has it."""
    try:
        return hashlib.new("sm3", data, usedforsecurity=False).hexdigest()
    except ValueError:
        return sm3_in_python(data)


def sm3_in_python(data: bytes) -> str:
    """GB/T 32905 without OpenSSL."""
    padded = data + b"\x80" + b"\x00" * ((55 - len(data)) % 64) + (8 * len(data)).to_bytes(8, "big")
    blocks = (padded[at : at + 64] for at in range(0, len(padded), 64))
    return b"".join(word.to_bytes(4, "big") for word in reduce(_compress, blocks, _INITIAL)).hex()


def _rotate(word: int, by: int) -> int:
    by %= 32
    return ((word << by) | (word >> (32 - by))) & _MASK


def _compress(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    words = [int.from_bytes(block[at : at + 4], "big") for at in range(0, 64, 4)]
    for at in range(16, 68):
        mixed = words[at - 16] ^ words[at - 9] ^ _rotate(words[at - 3], 15)
        spread = mixed ^ _rotate(mixed, 15) ^ _rotate(mixed, 23)
        words.append(spread ^ _rotate(words[at - 13], 7) ^ words[at - 6])
    a, b, c, d, e, f, g, h = state
    for at in range(64):
        constant = 0x79CC4519 if at < 16 else 0x7A879D8A
        first = _rotate((_rotate(a, 12) + e + _rotate(constant, at)) & _MASK, 7)
        second = first ^ _rotate(a, 12)
        if at < 16:
            chosen, majority = e ^ f ^ g, a ^ b ^ c
        else:
            chosen, majority = (e & f) | (~e & g), (a & b) | (a & c) | (b & c)
        upper = (majority + d + second + (words[at] ^ words[at + 4])) & _MASK
        lower = (chosen + h + first + words[at]) & _MASK
        a, b, c, d = upper, a, _rotate(b, 9), c
        e, f, g, h = lower ^ _rotate(lower, 9) ^ _rotate(lower, 17), e, _rotate(f, 19), g
    return tuple(old ^ new for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True))
