"""What agencies hold about one quarrel: neutral matters, hand-overs and the hidden script of their endings.

A partner's server turns its matters into its own rows. Nothing here knows a wire format.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from connectors.sandbox.people import Person
from connectors.sandbox.routes import CourtRoute
from hub.vocabulary import Outcome, PartyRole, ReferralMode

#: the county's centre on all wires (WIRES.md 0.5)
CENTRE, CENTRE_NAME = "620725190000", "山丹县综治中心"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a hand-over ends. After 2024-08-01 this is the simulated mediator's script; before, it is history."""

    outcome: Outcome
    #: None where the hand-over was declined
    accepted_at: datetime | None
    concluded_at: datetime
    #: position in art. 25 of the online mediation rules, ``3`` to ``8``; '' with an agreement
    reason: str = ""
    agreement_no: str = ""
    #: facts nobody contests; '' with an agreement
    undisputed: str = ""
    corrected: Ending | None = None
    #: when judicial confirmation is applied for; None where it is not
    confirm_at: datetime | None = None

    @property
    def is_declined(self) -> bool:
        """Sent back before it was accepted."""
        return self.accepted_at is None


@dataclass(frozen=True, slots=True)
class HandOver:
    """One hand-over to another unit; a referral to the centre exactly when ``unit`` is the centre."""

    at: datetime
    unit: str
    mode: ReferralMode
    ending: Ending | None

    @property
    def is_to_centre(self) -> bool:
        """Counts as a referral (WIRES.md 0.5)."""
        return self.unit == CENTRE


@dataclass(frozen=True, slots=True)
class Reference:
    """An earlier record of the same quarrel that this one names."""

    instance: str
    #: native id, or the court's number
    number: str
    #: in a field of its own; otherwise quoted in the text
    is_structured: bool


@dataclass(frozen=True, slots=True)
class PartyAsTold:
    """A party as this agency wrote it down."""

    role: PartyRole
    person: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """One agency's own record of a quarrel."""

    instance: str
    native_id: str
    received_at: datetime
    #: a route of :mod:`connectors.sandbox.routes` for this agency
    route: int
    #: the agency's own code of the category; '' where it is no dispute
    native_code: str
    region_code: str
    parties: tuple[PartyAsTold, ...]
    text: str
    hand_overs: tuple[HandOver, ...] = ()
    references: tuple[Reference, ...] = ()

    @property
    def native_ids(self) -> tuple[str, ...]:
        """Every id under which the agency keeps this matter."""
        return (self.native_id,)


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtMatter(Matter):
    """A court matter with the court's own dates; None where the matter does not get there."""

    service_no: str
    claim: str
    amount: Decimal | None
    committed_at: datetime
    decided_at: datetime
    numbered_at: datetime | None = None
    #: the court accepts the application for confirmation; its number comes a day later
    confirmed_at: datetime | None = None
    #: docketed after mediation failed, on a further row
    docketed_at: datetime | None = None
    archived_at: datetime | None = None
    #: serials within their year and type word, in the order of the matter's rows; empty: the court numbers later
    numbers: tuple[int, ...] = ()

    @property
    def native_ids(self) -> tuple[str, ...]:
        """The filing's id, and the new one under which it was docketed after mediation failed."""
        if self.route == CourtRoute.FAILED_DOCKETED_NEW_ID:
            return (self.native_id, docketed_id(self.native_id))
        return (self.native_id,)


def docketed_id(native_id: str) -> str:
    """The court's new id for a matter that is docketed under a further id (WIRES.md 1.5, way b)."""
    return hashlib.md5(f"{native_id}|docketed".encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Quarrel:
    """One real dispute and every record of it: the truth that linking is scored against."""

    id: str
    opened_at: datetime
    #: class of zz-dispute-17; '' where it is no dispute or has no class
    category: str
    region_code: str
    matters: tuple[Matter, ...]

    def records(self) -> tuple[tuple[str, str], ...]:
        """(instance, native id) of every record."""
        return tuple((matter.instance, native_id) for matter in self.matters for native_id in matter.native_ids)
