"""What a client calls one act of its own, so that sending it again does nothing twice."""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import UserInputError

LONGEST = 100


@dataclass(frozen=True, slots=True)
class OnceKey:
    """What a client calls its act, and a keyed hash of what it asked for."""

    key: str
    input_hash: str

    def __post_init__(self) -> None:
        if not 0 < len(self.key) <= LONGEST:
            raise UserInputError(f"a key has 1 to {LONGEST} characters", field="clientMutationId")
