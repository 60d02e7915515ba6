"""What was planted and who may ever receive it, in plain rules written from docs/access.md.

The code that these rules judge is not called here: neither ``Access`` nor ``Sight``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from hub.principal import Principal, PrincipalKind

from .access_plan import AGENCIES, CLERK, COURT, HOTLINE, PETITION, TOWN, TOWN_HALL, Case, Matter, Plan
from .graphql_rows import COUNTY

#: ``zq<what><tag>q``: what kind of value, of which record (r) or dispute (d)
CANARY = re.compile(r"zq([a-z]+)([rd]\d+)q")
#: whole numbers of people
NUMBER = re.compile(r"6207251990(0000\d{4})|139(0000\d{4})(?!\d)")
_KEY = re.compile(rf"(dsp|rec|evt|pty|ref|att|lnk)_{COUNTY}_(\d{{6}})")
_CODE = re.compile(rf"JF{COUNTY}-2024-(\d{{6}})")
_POINT = re.compile(r"100\.(\d{3})77(?!\d)")
_BASE64 = re.compile(r"[\w-]{16,}", re.ASCII)
#: kinds of traces that say only that something is there
KEYS = frozenset(["key", "refkey", "lnkkey", "filekey"])


@dataclass(frozen=True)
class Trace:
    """Something that tells of a record or a dispute: what kind of value, and its tag."""

    shown: str
    what: str
    tag: str


def traces(text: str) -> Iterator[Trace]:
    """Everything planted in the text, also inside cursors."""
    for part in (text, *_unfolded(text)):
        for found in CANARY.finditer(part):
            yield Trace(found[0], found[1], found[2])
        for found in NUMBER.finditer(part):
            yield Trace(found[0], "number", f"r{int(found[1] or found[2])}")
        for found in _CODE.finditer(part):
            yield Trace(found[0], "key", f"d{int(found[1])}")
        for found in _POINT.finditer(part):
            yield Trace(found[0], "point", f"d{int(found[1])}")
        for found in _KEY.finditer(part):
            yield _of_key(found[0], found[1], int(found[2]))


def _of_key(shown: str, prefix: str, number: int) -> Trace:
    what = {"ref": "refkey", "att": "filekey", "lnk": "lnkkey"}.get(prefix, "key")
    if prefix == "dsp":
        return Trace(shown, what, f"d{number}")
    # acts of the hub's own are counted from a thousand
    return Trace(shown, what, f"d{number - 1000}" if number > 1000 else f"r{number}")


def _unfolded(text: str) -> Iterator[str]:
    """What is written in base64, as cursors are."""
    for found in _BASE64.finditer(text):
        word = found[0]
        try:
            yield base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue


_WORDS = frozenset(
    [
        "title",
        "content",
        "summary",
        "address",
        "words",
        "facts",
        "reason",
        "name",
        "partyaddress",
        "idmask",
        "phonemask",
        "assignee",
    ]
)
#: kinds of values that a role never receives, whosever they are
NEVER: dict[str, frozenset[str]] = {
    "centre_operator": frozenset(),
    "leader": frozenset(["content", "summary", "name", "partyaddress", "idmask", "phonemask", "file", "body", "lnk"]),
    "township_operator": frozenset(["lnk"]),
    "agency_liaison": frozenset(["lnk", "unit"]),
    "partner_system": frozenset(["words", "assignee", "summary", "point", "lnk", "unit"]),
    "auditor": _WORDS | {"file", "body", "point"},
    "administrator": _WORDS
    | frozenset(["file", "body", "nativeid", "nativeno", "agreement", "partnerref", "point", "lnk", "unit"]),
}


@dataclass(frozen=True)
class Eyes:
    """A principal, and by plain rules what they may see."""

    principal: Principal
    plan: Plan

    @property
    def role(self) -> str:
        return self.principal.role

    def sees_dispute(self, number: int) -> bool:
        case, closed = self.plan.cases[number], self.plan.closedness(number)
        match self.role:
            case "centre_operator" | "leader" | "auditor":
                return closed != "RESTRICTED"
            case "township_operator":
                in_hand = case.holder == self.principal.agency
                return case.region.startswith(self.principal.regions) and (
                    closed in ("PUBLIC", "INTERNAL") or (closed == "CONFIDENTIAL" and in_hand)
                )
            case "agency_liaison" | "partner_system":
                has_part = any(self._is_own(m) for m in self.plan.matters if m.dispute == number)
                # every dispute of the county was handed on to the hotline
                has_part = has_part or self._is_hotline
                if self.role == "agency_liaison" and not self.principal.instances:
                    has_part = has_part or case.holder == self.principal.agency
                return closed != "RESTRICTED" and has_part
        return False

    def sees_record(self, one: Matter) -> bool:
        if self.role == "administrator":
            return False
        if one.classification == "RESTRICTED":
            return self.role == "agency_liaison" and self._is_own(one) and one.accused not in (
                self.principal.name, "县信访局" if self.principal.agency == PETITION else None,
            )  # fmt: skip
        if self.role == "partner_system":
            return self._is_own(one)
        if self._is_own(one) and self.role == "agency_liaison":
            return True
        if one.dispute is not None:
            return self.sees_dispute(one.dispute)
        match self.role:
            case "township_operator":
                return one.region.startswith(self.principal.regions) and one.classification in ("PUBLIC", "INTERNAL")
            case "agency_liaison":
                return False
        return True

    @property
    def _is_hotline(self) -> bool:
        given = self.principal
        return "hotline" in given.instances if given.instances else given.agency == HOTLINE

    def _is_own(self, one: Matter) -> bool:
        given = self.principal
        return one.instance in given.instances if given.instances else AGENCIES[one.instance] == given.agency

    def may_receive(self, what: str, tag: str) -> bool:
        """Whether a canary of that kind of that record or dispute may be in an answer."""
        # whole numbers are shown one at a time to who says why; what partners answer us, to nobody
        if what.removesuffix("key") in NEVER[self.role] or what in ("number", "answer"):
            return False
        number = int(tag[1:])
        if tag[0] == "d":
            is_word_of_others = self.role == "partner_system" and what in ("title", "address")
            is_theirs = self.role != "partner_system" or what not in ("facts", "reason", "refkey") or self._is_hotline
            return number in self.plan.cases and self.sees_dispute(number) and not is_word_of_others and is_theirs
        if number > len(self.plan.matters):
            return False
        one = self.plan.matters[number - 1]
        if what == "lnkkey":
            return any(first == one and self.sees_both(first, other) for first, other in self.plan.suggested())
        return self.sees_record(one)

    def sees_both(self, one: Matter, other: Matter) -> bool:
        return self.sees_record(one) and self.sees_record(other)

    def leaks(self, text: str, *, with_keys: bool = True) -> set[str]:
        """What of the text is not for these eyes."""
        found = {trace for trace in traces(text) if with_keys or trace.what not in KEYS}
        return {trace.shown for trace in found if not self.may_receive(trace.what, trace.tag)}

    @property
    def records(self) -> list[Matter]:
        """Those they see."""
        return [one for one in self.plan.matters if self.sees_record(one)]

    @property
    def hidden(self) -> list[Matter]:
        return [one for one in self.plan.matters if not self.sees_record(one)]

    @property
    def cases(self) -> list[Case]:
        """The disputes they see."""
        return [case for number, case in self.plan.cases.items() if self.sees_dispute(number)]

    @property
    def hidden_cases(self) -> list[Case]:
        return [case for number, case in self.plan.cases.items() if not self.sees_dispute(number)]


def everybody(made: Plan) -> list[Eyes]:
    """A principal for each way in which a role sees."""
    places = count(1)

    def who(role: str, **given: Any) -> Eyes:
        name = given.pop("name", CLERK)
        return Eyes(Principal(f"acc_{next(places)}", PrincipalKind.STAFF, name, role, **given), made)

    return [
        who("centre_operator"), who("leader"), who("auditor"), who("administrator"),
        who("township_operator", regions=(TOWN,)), who("township_operator", regions=(TOWN,), agency=TOWN_HALL),
        who("agency_liaison", agency=COURT), who("agency_liaison", agency=PETITION, name="李明"),
        who("agency_liaison", agency=HOTLINE, instances=("hotline",)), who("agency_liaison", instances=("petition",)),
        who("partner_system", instances=("court",)), who("partner_system", instances=("petition",)),
    ]  # fmt: skip
