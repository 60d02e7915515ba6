"""What the hotline's own people decide: by the seed and the order alone, unless a test decides."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from connectors.sandbox.chance import luck
from connectors.sandbox.hotline_course import NOT_REACHED, SATISFACTIONS, visited
from hub.errors import UserInputError

VISIT, RETURN = "visit", "return"
CENTRE_AGAIN, ELSEWHERE, CLOSED = "centre", "elsewhere", "closed"
UNREACHED = "unreached"
#: what a test may decide
DECISIONS: Mapping[str, tuple[str, ...]] = {
    VISIT: ("0", "1", "2", UNREACHED),
    RETURN: (CENTRE_AGAIN, ELSEWHERE, CLOSED),
}


class HotlineRule:
    """Decides follow-ups and where a returned order goes; ``override`` decides the next ones."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._overrides: dict[str, deque[str]] = {}
        self._always: dict[str, str] = {}

    def override(self, about: str, decision: str | None, times: int = 1) -> None:
        """Decide the next ``times`` so; -1 = until told otherwise, None = by rule again. Raises UserInputError."""
        if about not in DECISIONS or (decision is not None and decision not in DECISIONS[about]):
            known = "; ".join(f"{name}: {', '.join(choices)}" for name, choices in DECISIONS.items())
            raise UserInputError(f"no such decision; known are {known}")
        self._overrides.pop(about, None)
        self._always.pop(about, None)
        if decision is None or times == 0:
            return
        if times < 0:
            self._always[about] = decision
        else:
            self._overrides[about] = deque([decision] * times)

    def visit(self, code: str, concluded: str, ordinal: int) -> dict[str, str | None]:
        """What the caller says after the ``ordinal``-th conclusion (arguments of the step ``visit``)."""
        said = self._decided(VISIT) or self._usual_answer(code, concluded, ordinal)
        fail_reason = NOT_REACHED[int(luck("unreached", code) * len(NOT_REACHED))]
        satisfaction = SATISFACTIONS[int(luck("satisfaction", code) * len(SATISFACTIONS))]
        return visited(None if said == UNREACHED else said, fail_reason, satisfaction)

    def _usual_answer(self, code: str, concluded: str, ordinal: int) -> str:
        drawn = luck("visit", self._seed, code, str(ordinal))
        if drawn < 0.1:
            return UNREACHED
        # only once: nobody sends an order round for ever
        if ordinal == 1 and drawn < (0.14 if concluded == "1" else 0.3):
            return "0"
        return "1" if concluded == "1" and drawn < 0.97 else "2"

    def after_return(self, code: str, reason_code: str, ordinal: int) -> str:
        """Where an order goes that the centre sent back for the ``ordinal``-th time."""
        decided = self._decided(RETURN)
        if decided is not None:
            return decided
        if reason_code == "03":
            return CLOSED
        # 信息不全: completed and dispatched again; else mostly to somebody else, sometimes back once more
        is_again = reason_code == "02" or luck("return", self._seed, code) < 0.2
        return CENTRE_AGAIN if is_again and ordinal == 1 else ELSEWHERE

    def _decided(self, about: str) -> str | None:
        waiting = self._overrides.get(about)
        if waiting:
            return waiting.popleft()
        return self._always.get(about)
