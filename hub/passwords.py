"""Passwords: stored as argon2id (RFC 9106, the low-memory choice), checked in a few at once, never seen again."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from hub.errors import UserInputError

SHORTEST, LONGEST = 12, 200
#: 64 MiB each: a crowd at the door must not take the machine's memory
_AT_ONCE = 2

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
#: what a name that nobody has is checked against, so that it takes as long
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$rWRMAWpGdI2yyn7vBdosvg$JxK6/tZ0fWBY/rR16nNBMJ40bBd6RAxirEmwrPyrE9Q"


def check_new(password: str, login: str) -> None:
    """Raises UserInputError where it is too short, too long, or the name. Length is what counts (NIST 800-63B)."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise UserInputError(f"a password has {SHORTEST} to {LONGEST} characters", hint="A short sentence does well.")
    if login.casefold() in password.casefold() and len(password) < 2 * len(login) + SHORTEST:
        raise UserInputError("a password does not hold the name", hint="A short sentence does well.")
    if len(set(password)) < 5:
        raise UserInputError("a password has at least five different characters")


class Passwords:
    """Hashes and checks, a few at once and beside the event loop."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """The text to store."""
        async with self._turns:
            return await asyncio.to_thread(_hasher.hash, password)

    async def fits(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; None asks as long for a name that nobody has."""
        if len(password) > LONGEST:
            password = ""
        async with self._turns:
            fits = await asyncio.to_thread(_verify, stored or _NOBODY, password)
        return fits and stored is not None


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
