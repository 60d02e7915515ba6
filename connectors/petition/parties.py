"""The parties of a petition: who wrote (``xfr``, WIRES 0.10) and whom it is about (``bfyr``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.json_rows import text
from connectors.petition import codes
from hub.model import PartyFacts, UnknownCode
from hub.vocabulary import PartyRole, PartyType, Sex

#: GA/T 517: the wire has no kind of certificate, but a resident's number tells itself
RESIDENT_CARD = "111"

_RESIDENT_ID = re.compile(r"[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]")
_CREDIT_CODE = re.compile(r"[0-9A-HJ-NP-RT-UW-Y]{2}[0-9]{6}[0-9A-HJ-NP-RT-UW-Y]{10}")
_ORGANISATION_NAME = re.compile(
    r"(?:公司|合作社|企业|集团|银行|分行|支行|信用社|厂|商行|商店|超市|经营部|门市部|中心|医院|学校|幼儿园|协会|"
    r"委员会|村委会|居委会|人民政府|局|委|办事处|管理所|派出所|大队)$"
)


def read_parties(xfr: Any, xfj: Mapping[str, Any]) -> tuple[tuple[PartyFacts, ...], tuple[UnknownCode, ...]]:
    """The named parties, writers first, and the codes no table explains.

    An anonymous letter has no writer, whatever slipped into its row.
    """
    unknown: list[UnknownCode] = []
    writers: list[PartyFacts] = []
    if text(xfj.get("nmbz")) != codes.YES:
        rows = [row for row in xfr if isinstance(row, dict)] if isinstance(xfr, list) else []
        if not isinstance(xfr, list) and xfr not in (None, ""):
            unknown.append(UnknownCode("xfr", "UNREADABLE"))
        writers = [_writer(row) for row in rows]
        unknown.extend(_unknown_sexes(rows))
    name, id_no = text(xfj.get("bfyr")), text(xfj.get("bfyrzjhm"))
    about = _party(PartyRole.RESPONDENT, name, id_no)
    named = tuple(party for party in (*writers, about) if party.name or party.id_no or party.phone)
    return named, tuple(unknown)


def _writer(row: Mapping[str, Any]) -> PartyFacts:
    return _party(
        PartyRole.PETITIONER,
        text(row.get("xm")),
        text(row.get("zjhm")),
        phone=text(row.get("lxdh")),
        address=text(row.get("zz")),
        sex=codes.SEXES.get(text(row.get("xb")), Sex.UNKNOWN),
    )


def _party(
    role: PartyRole, name: str, id_no: str, *, phone: str = "", address: str = "", sex: Sex = Sex.UNKNOWN
) -> PartyFacts:
    is_resident = bool(_RESIDENT_ID.fullmatch(id_no.upper()))
    is_organisation = not is_resident and bool(_CREDIT_CODE.fullmatch(id_no.upper()) or _ORGANISATION_NAME.search(name))
    return PartyFacts(
        role=role,
        name=name,
        type=PartyType.ORGANISATION if is_organisation else PartyType.PERSON,
        id_type=RESIDENT_CARD if is_resident else "",
        id_no=id_no,
        phone=phone,
        address=address,
        sex=sex,
    )


def _unknown_sexes(rows: list[dict[str, Any]]) -> Iterator[UnknownCode]:
    for row in rows:
        sex = text(row.get("xb"))
        if sex not in codes.SEXES:
            yield UnknownCode("xb", sex[:64])
