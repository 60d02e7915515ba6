"""Strict police of the tests' own for what is laid into ``out/``: written from WIRES 2.1–2.3 and 2.10–2.16 alone.

Everything that is not byte for byte as written there is refused, and a file that changes under its name is noted.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from .hub_kit import CENTRE

RETURN = ("JJDBH", "FKDBH", "HTLX", "JG", "XYSBH", "LXQK", "SQS", "BLR", "BLSJ")
YS = ("YSBH", "JFBH", "YSLX", "JQLXDM", "XZQHDM", "DZ", "NR", "DSRXX", "BLR", "BLSJ")
_NAME = re.compile(rf"(RETURN|YS)_{CENTRE}_[0-9]{{14}}_[0-9]{{5}}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_PARTIES = re.compile(r"|((报警人|对方|证人|其他)(\|[^|;]*){3})(;(报警人|对方|证人|其他)(\|[^|;]*){3})*")


def manifest(dataset: str, columns: tuple[str, ...]) -> str:
    """As WIRES 2.3 shows it, for one file of one row; what columns are called there is anybody's choice."""
    struct = "".join(f'<ITEM key="{column}" chn=""/>' for column in columns)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<MESSAGE>\n<DATASET name="ZA_DATA_INDEX">\n<DATA>\n'
        '<ITEM key="lfgf" val="\\t" rmk="列分隔符"/>\n<ITEM key="hfgf" val="\\n" rmk="行分隔符"/>\n'
        '<ITEM key="xxzybsf" val="620725-117070302-1-1" rmk="信息资源标识符"/>\n'
        '<ITEM key="sjqsh" val="1" rmk="数据起始行"/>\n<ITEM key="wjbmgs" val="UTF-8" rmk="文件编码格式"/>\n'
        f'<ITEM key="sjj" val="{dataset}" rmk="数据集"/>\n'
        '<DATASET name="ZA_DATA_FILE"><DATA><ITEM key="wjlj" val="" rmk="路径"/>'
        f'<ITEM key="wjm" val="{dataset}.bcp" rmk="文件名"/><ITEM key="jlhs" val="1" rmk="记录行数"/>'
        "</DATA></DATASET>\n"
        f'<DATASET name="ZA_DATA_STRUCT"><DATA>{struct}</DATA></DATASET>\n</DATA>\n</DATASET>\n</MESSAGE>\n'
    )


@dataclass
class StrictPolice:
    """Looks into the folder when told to and acks what is new."""

    root: Path
    #: JJDBH → the feedbacks that handed it over
    calls: dict[str, set[str]] = field(default_factory=dict)
    #: row key → row: the effects
    held: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    #: every hash a name ever had
    hashes: dict[str, set[str]] = field(default_factory=dict)
    #: said of the next row in place of what is right
    reasons: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in ("in/ack", "out/ack"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)

    def look(self) -> list[str]:
        """The names acked now."""
        acked = []
        for marker in sorted((self.root / "out").glob("*.zip.ok")):
            name = marker.name.removesuffix(".zip.ok")
            content = marker.with_name(f"{name}.zip").read_bytes()
            sha = hashlib.sha256(content).hexdigest()
            self.hashes.setdefault(name, set()).add(sha)
            assert marker.read_bytes() == f"{sha}\n".encode(), "a marker states its zip's hash"
            ack = self.root / f"out/ack/{name}.json"
            if not ack.exists():
                reason = self.reasons.pop(0) if self.reasons else self._take(name, content)
                self.answer(name, sha, reason)
                acked.append(name)
        assert all(len(found) == 1 for found in self.hashes.values()), "a file was written over"
        return acked

    def answer(self, name: str, sha: str, reason: str) -> None:
        line = 0 if reason.startswith(("BAD_ZIP", "文件名重复")) else 1
        rejected = [{"dataset": name.partition("_")[0] if line else "", "line": line, "reason": reason}]
        fields = {
            "batch": name, "sha256": sha, "rows": 1, "accepted": 0 if reason else 1,
            "rejected": rejected if reason else [],
        }  # fmt: skip
        (self.root / f"out/ack/{name}.json").write_text(json.dumps(fields, ensure_ascii=False), encoding="utf-8")

    def _take(self, name: str, content: bytes) -> str:
        assert _NAME.fullmatch(name), name
        dataset = name.partition("_")[0]
        columns = RETURN if dataset == "RETURN" else YS
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert sorted(archive.namelist()) == [f"{dataset}.bcp", "ZA_DATA_INDEX.xml"]
            declared = archive.read("ZA_DATA_INDEX.xml").decode("utf-8")
            line = archive.read(f"{dataset}.bcp").decode("utf-8")
        assert re.sub(r'chn="[^"]*"', 'chn=""', declared) == manifest(dataset, columns)
        assert line.count("\n") == 1 and line.endswith("\n") and "\r" not in line
        values = line[:-1].split("\t")
        assert len(values) == len(columns)
        row = dict(zip(columns, values, strict=True))
        return self._return(row) if dataset == "RETURN" else self._transfer(row)

    def _return(self, row: dict[str, str]) -> str:
        if row["JJDBH"] not in self.calls:
            return "UNKNOWN_JJDBH"
        if row["FKDBH"] not in self.calls[row["JJDBH"]]:
            return "NOT_REFERRED"
        is_result = row["HTLX"] == "3"
        allowed = {
            "HTLX": {"1", "2", "3", "4"}, "JG": {"07", "08"} if is_result else {""},
            "LXQK": {"0", "1", "2"} if row["JG"] == "07" else {""}, "SQS": {"0", "1"} if is_result else {"0", "1", ""},
        }  # fmt: skip
        for column, values in allowed.items():
            if row[column] not in values:
                return f"BAD_VALUE:{column}"
        if not row["BLR"] or not _MOMENT.fullmatch(row["BLSJ"]):
            return "BAD_VALUE:BLR"
        self.held.setdefault(tuple(row[name] for name in ("JJDBH", "FKDBH", "HTLX", "XYSBH")), row)
        return ""

    def _transfer(self, row: dict[str, str]) -> str:
        shapes = {
            "YSBH": rf"YS{CENTRE}[0-9]{{13}}", "JFBH": r"\S+", "YSLX": "[12]", "JQLXDM": "0[1-6][0-9]{2}|99[0-9]{2}",
            "XZQHDM": "[0-9]{6}([0-9]{3}([0-9]{3})?)?", "NR": ".+", "BLR": ".+", "BLSJ": _MOMENT.pattern,
        }  # fmt: skip
        for column, shape in shapes.items():
            if not re.fullmatch(shape, row[column]):
                return f"BAD_VALUE:{column}"
        if not _PARTIES.fullmatch(row["DSRXX"]):
            return "BAD_VALUE:DSRXX"
        return "" if self.held.setdefault((row["YSBH"],), row) == row else "BAD_VALUE:YSBH"
