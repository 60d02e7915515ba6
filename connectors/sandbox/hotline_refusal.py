"""The hotline's answers: always HTTP 200, the code stands in the body (WIRES.md 4.4, 4.7)."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

SIGNATURE, PARAMETER = 10001, 10002
UNKNOWN_ORDER, NOT_NOW, TOO_LATE, OTHER_CONTENT, NOT_YOURS = 20001, 20002, 20003, 20004, 20005
_MESSAGES = {
    SIGNATURE: "签名验证失败",
    PARAMETER: "参数错误",
    UNKNOWN_ORDER: "工单不存在",
    NOT_NOW: "当前状态不允许此操作",
    TOO_LATE: "已超回退时限",
    OTHER_CONTENT: "requestId重复且内容不一致",
    NOT_YOURS: "非本单位工单",
}


class HotlineRefusal(Exception):
    """The hotline refuses a request with one of its codes; ``detail`` names the field."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail

    def body(self) -> bytes:
        """The answer."""
        message = _MESSAGES[self.code] + (f"：{self.detail}" if self.detail else "")
        answer = {"success": False, "code": self.code, "message": message, "pageInfo": None, "resultData": None}
        return orjson.dumps(answer)


def success(result: object, page: Mapping[str, object] | None = None) -> bytes:
    """The answer to what was done or asked."""
    answer = {"success": True, "code": 10000, "message": "操作成功!", "pageInfo": page, "resultData": result}
    return orjson.dumps(answer)
