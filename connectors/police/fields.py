"""The columns that the police's documents name, by dataset, and which of them a line has."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from connectors.police.rows import is_unknown
from connectors.shapes import field_name
from hub.model import Shape

_JJD = frozenset({
    "JJDBH", "GXDWDM", "BJFSDM", "BJRXM", "BJDH", "BJSJ", "JJSJ", "SFDD", "BJNR", "JQLBDM", "JQLXDM", "JQXLDM",
    "JQZLDM", "JQCLZTDM", "XZQHDM", "LZGDBH", "LHLX", "BJRXZB", "BJRYZB", "ZBX", "GXBS", "GXSJ",
})  # fmt: skip

_CJD = frozenset({
    "CJDBH", "JJDBH", "CJDWDM", "CJSJ", "DDXCSJ", "CJQK", "GXBS", "GXSJ",
})  # fmt: skip

_FKD = frozenset({
    "FKDBH", "JJDBH", "CJDBH", "FKDWDM", "FKSJ", "JQLBDM", "JQLXDM", "JQXLDM", "JQZLDM", "CLJGDM", "YJDW", "DSRXX",
    "HZBH", "GXBS", "GXSJ",
})  # fmt: skip

_YSHZ = frozenset({
    "YSBH", "JG", "YY", "JJDBH", "GXBS", "GXSJ",
})  # fmt: skip

KNOWN_FIELDS: Mapping[str, frozenset[str]] = {"JJD": _JJD, "CJD": _CJD, "FKD": _FKD, "YSHZ": _YSHZ}


def shape_of(body: bytes) -> Shape | None:
    """The columns of a kept line: text, or null where nothing stands; None for a line that could not be used."""
    kept = orjson.loads(body)
    columns = kept.get("columns")
    if not isinstance(columns, dict):
        return None
    fields = {field_name(name): "null" if is_unknown(value.strip()) else "string" for name, value in columns.items()}
    return Shape(str(kept.get("dataset")), fields)
