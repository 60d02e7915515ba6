"""Which of our cases the police take: decided by the seed and the case alone, unless a test decides (WIRES.md 2.16)."""

from __future__ import annotations

from collections import deque

from connectors.sandbox.chance import luck

TAKEN, SENT_BACK = "1", "2"
_REASON = "不属于公安机关管辖，建议继续调解"


class TransferRule:
    """Answers YS rows; ``override`` decides the next ones."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._next: deque[str] = deque()
        self._always: str | None = None

    def override(self, answer: str | None, times: int = 1) -> None:
        """Answer the next ``times`` cases so; -1 = until told otherwise, None = by rule again."""
        self._next.clear()
        self._always = answer if times < 0 else None
        if answer is not None:
            self._next.extend([answer] * max(0, times))

    def answer(self, ysbh: str) -> tuple[str, str]:
        """Taken or sent back, and the reason."""
        taken = self._next.popleft() if self._next else self._always
        if taken is None:
            taken = TAKEN if luck("transfer", self._seed, ysbh) < 0.8 else SENT_BACK
        return taken, "" if taken == TAKEN else _REASON
