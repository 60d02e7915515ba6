"""The fields that the hotline's interface names, of orders and of webhooks' events; others are new to us."""

from __future__ import annotations

from collections.abc import Mapping

ORDER, EVENT = "order", "event"

_ORDER = frozenset({
    "id", "workordercode", "orderNum", "a5Num", "orderType", "source", "urgency", "contractorCode", "contractorName",
    "streetCode", "caller", "callerPhone", "callerIdNo", "contactNumber", "respondent", "respondentPhone", "title",
    "content", "address", "areaCode", "problemId", "problemName", "repeated", "repeatedCode", "state",
    "districtStatus", "streetStatus", "dispatchtime", "signBy", "backBy", "processlimited", "signTime", "endTime",
    "straight", "confidential", "needVisit", "successSolve", "successVisit", "visitFailReason", "satisfaction",
    "replyFit", "replyContent", "attachments", "sourceJjdbh", "transferJjdbh", "createdAt", "updatedAt",
})  # fmt: skip

_EVENT = frozenset({
    "workordercode", "event", "seq", "occurredAt", "data", "data.contractorCode", "data.content", "data.level",
    "data.successVisit", "data.successSolve", "data.visitFailReason", "data.satisfaction",
})  # fmt: skip

KNOWN_FIELDS: Mapping[str, frozenset[str]] = {ORDER: _ORDER, EVENT: _EVENT}
