"""The fields that the petition office's interface names; what comes beside them is new to us."""

from __future__ import annotations

from collections.abc import Mapping

_ROW = frozenset({
    "xfjbh", "gxsj", "hash", "xfj", "xfj.xfjbh", "xfj.xfxs", "xfj.xfrq", "xfj.djsj", "xfj.djjgdm", "xfj.djjgmc",
    "xfj.wtsddm", "xfj.wtsd", "xfj.nrfldm", "xfj.xfmddm", "xfj.xfyydm", "xfj.xfnr", "xfj.bfyr", "xfj.bfyrzjhm",
    "xfj.xfrs", "xfj.sjrs", "xfj.xfjzt", "xfj.blfs", "xfj.qxjg", "xfj.blsj", "xfj.xbjzrq", "xfj.lzjzsj", "xfj.bjbz",
    "xfj.bjsj", "xfj.hjbz", "xfj.fcbz", "xfj.fhbz", "xfj.dbbz", "xfj.cfxfbz", "xfj.REPEATED_ID", "xfj.sfssbz",
    "xfj.jabz", "xfj.yybz", "xfj.zdjjbz", "xfj.sksflbz", "xfj.nmbz", "xfj.cxm", "xfj.hfbz", "xfj.myd", "xfj.sjjhzt",
    "xfr", "xfr[]", "xfr[].xm", "xfr[].zjhm", "xfr[].xb", "xfr[].lxdh", "xfr[].zz", "blfss", "blfss[]",
    "blfss[].blfs", "blfss[].qxjg", "blfss[].blyj", "blfss[].blsj", "blfss[].czjg",
})  # fmt: skip

KNOWN_FIELDS: Mapping[str, frozenset[str]] = {"": _ROW}
