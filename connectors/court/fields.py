"""The fields that the court's interface names; what comes beside them is new to us."""

from __future__ import annotations

from collections.abc import Mapping

_ROW = frozenset({
    "ajbs", "ah", "ajlb", "laaymc", "ajzt", "fydm", "lxrq", "saly", "sfss", "sfsw", "sfsg", "sfst", "mqzz", "sjdwje",
    "ycts", "gxsj", "fwlsh", "caseStatus", "courtCode", "caseType", "caseCause", "caseAmount", "claim", "facts",
    "firstCommitTime", "mediateAgreementSignDate", "originalCaseCode", "originalCaseNo", "dsr", "dsr[]",
    "dsr[].dsrlx", "dsr[].xm", "dsr[].zjlx", "dsr[].zjhm", "dsr[].lxdh", "dsr[].xzqhdm", "dsr[].zz", "logs",
    "logs[]", "logs[].acceptType", "logs[].caseState", "logs[].at", "logs[].by", "logs[].org", "logs[].mode",
    "logs[].tjjg", "logs[].tjxybh", "logs[].bcgyy", "logs[].wzyss", "logs[].sldh",
})  # fmt: skip

KNOWN_FIELDS: Mapping[str, frozenset[str]] = {"": _ROW}
