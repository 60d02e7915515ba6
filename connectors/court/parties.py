"""The parties of a court row (``dsr``, WIRES 0.10)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.court import codes
from connectors.json_rows import text
from hub.model import PartyFacts, UnknownCode
from hub.vocabulary import PartyRole, PartyType

#: GA/T 517: identity card, temporary card, household book, passport, and the permits of 港澳台
PERSONAL_ID_TYPES = frozenset({"111", "112", "113", "114", "414", "511", "513", "516", "553", "554"})

_RESIDENT_ID = re.compile(r"[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]")
_CREDIT_CODE = re.compile(r"[0-9A-HJ-NP-RT-UW-Y]{2}[0-9]{6}[0-9A-HJ-NP-RT-UW-Y]{10}")
_ORGANISATION_NAME = re.compile(
    r"(?:公司|合作社|企业|集团|银行|分行|支行|信用社|厂|商行|商店|超市|经营部|门市部|中心|医院|学校|幼儿园|协会|"
    r"委员会|村委会|居委会|人民政府|局|委|办事处|管理所|派出所|大队)$"
)
_REGION = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?")


def read_parties(dsr: Any) -> tuple[tuple[PartyFacts, ...], tuple[UnknownCode, ...]]:
    """The named parties in the row's order, and the codes no table explains."""
    if not isinstance(dsr, list):
        return (), (UnknownCode("dsr", "UNREADABLE"),) if dsr not in (None, "") else ()
    rows = [row for row in dsr if isinstance(row, dict)]
    unknown = tuple(_unknown_roles(rows))
    parties = (_party(row) for row in rows)
    return tuple(party for party in parties if party.name or party.id_no or party.phone), unknown


def respondent_region(dsr: Any) -> str:
    """The region of the first 被告: 6, 9 or 12 digits, else ''."""
    for row in dsr if isinstance(dsr, list) else ():
        if isinstance(row, dict) and codes.ROLES.get(text(row.get("dsrlx"))) is PartyRole.RESPONDENT:
            return _region(row)
    return ""


def _party(row: Mapping[str, Any]) -> PartyFacts:
    name, id_type, id_no = text(row.get("xm")), text(row.get("zjlx")), text(row.get("zjhm"))
    return PartyFacts(
        role=codes.ROLES.get(text(row.get("dsrlx")), PartyRole.UNKNOWN),
        name=name,
        type=_type(name, id_type, id_no.upper()),
        id_type=id_type,
        id_no=id_no,
        phone=text(row.get("lxdh")),
        region_code=_region(row),
        address=text(row.get("zz")),
    )


def _type(name: str, id_type: str, id_no: str) -> PartyType:
    """A personal certificate makes a person; else a credit code, else an organisation's kind of name tells."""
    if id_type in PERSONAL_ID_TYPES or _RESIDENT_ID.fullmatch(id_no):
        return PartyType.PERSON
    if _CREDIT_CODE.fullmatch(id_no) or _ORGANISATION_NAME.search(name):
        return PartyType.ORGANISATION
    return PartyType.PERSON


def _unknown_roles(rows: list[dict[str, Any]]) -> Iterator[UnknownCode]:
    for row in rows:
        role = text(row.get("dsrlx"))
        if role not in codes.ROLES:
            yield UnknownCode("dsrlx", role[:64])


def _region(row: Mapping[str, Any]) -> str:
    region = text(row.get("xzqhdm"))
    return region if _REGION.fullmatch(region) else ""
