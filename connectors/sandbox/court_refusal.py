"""The court's business answers: always HTTP 200, the code stands in the body (WIRES.md 1.10)."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

_MESSAGES = {
    400: "参数错误",
    401: "token无效或已过期",
    403: "签名错误",
    404: "案件不存在",
    409: "重复提交且内容不一致",
    422: "当前状态不允许",
}


class CourtRefusal(Exception):
    """The court refuses a request with one of its codes; ``detail`` names the field or the rule."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail

    def body(self) -> bytes:
        """The answer."""
        message = _MESSAGES[self.code] + (f"：{self.detail}" if self.detail else "")
        return orjson.dumps({"code": self.code, "msg": message, "content": None})


def success(content: Mapping[str, object], message: str = "success") -> bytes:
    """The answer to what was done, or had been done before (已存在)."""
    return orjson.dumps({"code": 200, "msg": message, "content": content})


ALREADY_THERE = "已存在"
