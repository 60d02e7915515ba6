"""What the court's desk answers to a push: decided by the seed and the push alone, unless a test decides."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from connectors.sandbox.chance import luck

ACCEPTED, WANTS_MATERIAL, REFUSED = 981, 980, 982
ANSWERS = (ACCEPTED, WANTS_MATERIAL, REFUSED)
#: the filing of 1.18 among the acceptTypes
FILING = 90
#: of a hundred, how many are sent back for material and how many refused
_USUAL: dict[int, tuple[int, int]] = {60: (0, 3), 61: (0, 2), 4: (0, 5), 98: (8, 7), FILING: (8, 7)}
_REASONS = {
    60: "调解协议内容不明确，请核实",
    61: "更正理由不充分",
    4: "不符合退回条件",
    98: "申请材料不符合司法确认条件",
    FILING: "不属于本院受理范围",
}
_MATERIAL = "请补充身份证明及证据材料"


@dataclass(frozen=True, slots=True)
class DeskAnswer:
    """981, 980 or 982, with the words that stand in ``bcgyy``."""

    code: int
    reason: str | None = None


class DeskRule:
    """Answers pushes; ``override`` decides the next ones of a kind."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._overrides: dict[int, deque[int]] = {}
        self._always: dict[int, int] = {}

    def override(self, accept_type: int, code: int | None, times: int = 1) -> None:
        """Answer the next ``times`` pushes of this acceptType so; -1 = until told otherwise, None = by rule again."""
        self._overrides.pop(accept_type, None)
        self._always.pop(accept_type, None)
        if code is None or times == 0:
            return
        if times < 0:
            self._always[accept_type] = code
        else:
            self._overrides[accept_type] = deque([code] * times)

    def answer(self, accept_type: int, *key: str, is_formal: bool = False) -> DeskAnswer:
        """The answer to one push; ``key`` is what makes it this push. A formal one is a yes unless overridden."""
        code = self._decided(accept_type) or (ACCEPTED if is_formal else None)
        if code is None:
            material, refused = _USUAL[accept_type]
            drawn = luck("desk", self._seed, str(accept_type), *key) * 100
            code = WANTS_MATERIAL if drawn < material else REFUSED if drawn < material + refused else ACCEPTED
        if code == ACCEPTED:
            return DeskAnswer(code)
        return DeskAnswer(code, _MATERIAL if code == WANTS_MATERIAL else _REASONS[accept_type])

    def _decided(self, accept_type: int) -> int | None:
        waiting = self._overrides.get(accept_type)
        if waiting:
            return waiting.popleft()
        return self._always.get(accept_type)
