"""Who is named: the parties of a feedback (DSRXX, WIRES 2.12), the caller of a call, and both seen together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from connectors.police import codes
from connectors.police.rows import text
from hub.model import PartyFacts, UnknownCode, plain_name
from hub.vocabulary import PartyRole, PartyType

RESIDENT_CARD = "111"

_RESIDENT_ID = re.compile(r"[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]")
_CREDIT_CODE = re.compile(r"[0-9A-HJ-NP-RT-UW-Y]{2}[0-9]{6}[0-9A-HJ-NP-RT-UW-Y]{10}")
_ORGANISATION_NAME = re.compile(
    r"(?:公司|合作社|企业|集团|银行|分行|支行|信用社|厂|商行|商店|超市|经营部|门市部|中心|医院|学校|幼儿园|协会|"
    r"委员会|村委会|居委会|人民政府|局|委|办事处|管理所|派出所|大队)$"
)


def read_parties(dsrxx: str) -> tuple[tuple[PartyFacts, ...], tuple[UnknownCode, ...]]:
    """The named parties in the row's order, and what no table explains."""
    parties: list[PartyFacts] = []
    unknown: list[UnknownCode] = []
    for written in filter(str.strip, dsrxx.split(";")):
        fields = [text(value) for value in written.split("|")]
        if len(fields) != 4:
            # which field is which is anybody's guess, and a name must not pass for a code
            unknown.append(UnknownCode("DSRXX", "UNREADABLE"))
            continue
        role, name, id_no, phone = fields
        if role not in codes.ROLES:
            unknown.append(UnknownCode("DSRXX", role[:64]))
        if name or id_no or phone:
            parties.append(party(codes.ROLES.get(role, PartyRole.UNKNOWN), name, id_no, phone))
    return tuple(parties), tuple(unknown)


def party(role: PartyRole, name: str, id_no: str, phone: str) -> PartyFacts:
    """One party; the kind of certificate and of party are told by the number, else by the name."""
    number = id_no.upper()
    is_resident = _RESIDENT_ID.fullmatch(number) is not None
    is_organisation = not is_resident and bool(_CREDIT_CODE.fullmatch(number) or _ORGANISATION_NAME.search(name))
    return PartyFacts(
        role=role,
        name=name,
        type=PartyType.ORGANISATION if is_organisation else PartyType.PERSON,
        id_type=RESIDENT_CARD if is_resident else "",
        id_no=id_no,
        phone=phone,
    )


def seen_together(newest: Sequence[PartyFacts], older: Iterable[PartyFacts]) -> tuple[PartyFacts, ...]:
    """The newest form's parties, with numbers and phones that only older forms give for the same name and role."""
    earlier = list(older)
    return tuple(_completed(one, earlier) for one in newest)


def with_caller(parties: Sequence[PartyFacts], caller: Sequence[PartyFacts]) -> tuple[PartyFacts, ...]:
    """The parties, and who called where no feedback says so: what was found out on the spot outweighs the call."""
    if any(one.role is PartyRole.CALLER for one in parties):
        return seen_together(parties, caller)
    known = {plain_name(one.name) for one in parties}
    return (*(one for one in caller if not one.name or plain_name(one.name) not in known), *parties)


def _completed(one: PartyFacts, earlier: Sequence[PartyFacts]) -> PartyFacts:
    for other in earlier:
        if one.id_no and one.phone:
            break
        is_same = one.name and other.role is one.role and plain_name(other.name) == plain_name(one.name)
        if is_same and (not other.id_no or not one.id_no or other.id_no == one.id_no):
            full = party(one.role, one.name, one.id_no or other.id_no, one.phone or other.phone)
            one = replace(one, id_type=full.id_type, type=full.type, id_no=full.id_no, phone=full.phone)
    return one
