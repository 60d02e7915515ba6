"""A made-up county for the tests of access: every kind of matter that the rules tell apart, not yet a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .graphql_rows import COUNTY

TOWN, OTHER_TOWN = "620725101", "620725203"
COURT, HOTLINE, PETITION, TOWN_HALL = "620725010000", "620725030000", "620725020000", "620725101990"
CENTRE = "620725190000"
AGENCIES = {"court": COURT, "hotline": HOTLINE, "petition": PETITION}
CHANNELS = {"court": "LITIGATION", "hotline": "HOTLINE", "petition": "PETITION"}
#: whoever looks at the county is called so, unless told otherwise
CLERK = "王芳"

_CLOSED = ("PUBLIC", "INTERNAL", "CONFIDENTIAL", "RESTRICTED")
_STATES = ("ASSIGNED", "RESOLVED", "CLOSED")


@dataclass(frozen=True)
class Matter:
    """A record of the county."""

    tag: str
    instance: str
    region: str
    classification: str = "INTERNAL"
    #: number of its dispute; None: it is loose
    dispute: int | None = None
    #: whom an accusation is against
    accused: str = ""
    #: tag of the record under whose number it is counted
    counted_as: str = ""
    #: whether the agency handed it to the centre, and whether it ended in an agreement
    is_handed: bool = True
    is_agreed: bool = False

    @property
    def number(self) -> int:
        return int(self.tag[1:])

    @property
    def id(self) -> str:
        return f"rec_{COUNTY}_{self.number:06}"

    @property
    def party_id(self) -> str:
        return f"pty_{COUNTY}_{self.number:06}"

    @property
    def id_number(self) -> str:
        """The whole identity number of its party: no other text of the county looks like it."""
        return f"6207251990{self.number:08}"

    @property
    def phone(self) -> str:
        return f"139{self.number:08}"

    @property
    def name(self) -> str:
        return self.accused or f"甲zqname{self.tag}q"

    @property
    def to_code(self) -> str:
        """Whom its hand-over was sent to."""
        return TOWN_HALL if self.number % 2 else CENTRE

    @property
    def referral_state(self) -> str:
        return "ACCEPTED" if self.number % 3 == 0 else "SENT"


@dataclass(frozen=True)
class Case:
    """A dispute of the county."""

    number: int
    region: str
    holder: str = CENTRE
    channel: str = "LITIGATION"

    @property
    def id(self) -> str:
        return f"dsp_{COUNTY}_{self.number:06}"

    @property
    def code(self) -> str:
        return f"JF{COUNTY}-2024-{self.number:06}"

    @property
    def state(self) -> str:
        return _STATES[self.number % 3]

    @property
    def state_since(self) -> int:
        """Minutes; in another order than the numbers."""
        return 500 + self.number * 7 % 97

    @property
    def category(self) -> str:
        return "0201" if self.number % 4 else "0302"

    @property
    def assignee(self) -> str:
        return f"zqassigneed{self.number}q" if self.number % 5 else CLERK

    @property
    def assignee_code(self) -> str:
        return "" if self.number % 4 else TOWN_HALL

    @property
    def lng(self) -> str:
        return f"100.{self.number:03}77"

    @property
    def message_state(self) -> str:
        """How the message about it to the hotline stands."""
        return ("DEAD", "UNCERTAIN", "ACKED")[self.number % 3]

    @property
    def next(self) -> int | None:
        """The dispute that an act in this one names beside its own."""
        return self.number + 1 if self.number % 12 in (6, 7, 8) else None


@dataclass
class Plan:
    """Every kind of matter there is, for the rules to tell apart."""

    cases: dict[int, Case] = field(default_factory=dict)
    matters: list[Matter] = field(default_factory=list)

    def closedness(self, number: int) -> str:
        return max((m.classification for m in self.matters if m.dispute == number), key=_CLOSED.index)

    def first_of(self, number: int) -> Matter:
        """The first record of a dispute."""
        return next(m for m in self.matters if m.dispute == number)

    def suggested(self) -> list[tuple[Matter, Matter]]:
        """Records that somebody may think to be one matter; the suggestion has the first one's number."""
        return list(zip(self.matters[::2], self.matters[1::2], strict=False))


def plan() -> Plan:
    made, count = Plan(), 0

    def matter(*given: Any, **more: Any) -> str:
        nonlocal count
        count += 1
        made.matters.append(Matter(f"r{count}", *given, **more))
        return f"r{count}"

    number = 0
    for region in (TOWN, OTHER_TOWN):
        for instance in AGENCIES:
            for classification in _CLOSED:
                number += 1
                holder = TOWN_HALL if number % 2 else CENTRE
                made.cases[number] = Case(number, f"{region}001", holder, CHANNELS[instance])
                matter(instance, f"{region}001", classification, number)
                if number % 3 == 0:
                    # a second agency tells of the same matter, openly
                    matter("hotline" if instance == "court" else "court", f"{region}002", "INTERNAL", number)
            matter(instance, f"{region}003")
            matter(instance, f"{region}004", "CONFIDENTIAL")
    for accused in ("张三", "县信访局", "李明"):
        matter("petition", COUNTY, "RESTRICTED", None, accused)
    # one filing, several records: what a hidden one says of it must not be counted
    open_one = matter("court", f"{TOWN}005", is_handed=False)
    matter("court", f"{TOWN}005", "RESTRICTED", counted_as=open_one)
    handed = matter("court", f"{TOWN}005")
    matter("court", f"{TOWN}005", "RESTRICTED", counted_as=handed, is_agreed=True)
    return made
