"""The ways a matter can go at each agency, and how often: the quotas dealt out to single matters."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from connectors.sandbox.quotas import Quotas, shares

COURT, POLICE, PETITION, HOTLINE = "court", "police", "petition", "hotline"


class CourtRoute(IntEnum):
    """How a court matter goes. The first three groups are filings, the last is none."""

    # diverted, and the latest result is an agreement
    AGREED = 0
    AGREED_CONFIRMED = 1
    AGREED_AFTER_CORRECTION = 2
    AGREED_AT_SECOND_HAND_OVER = 3
    AGREED_ENTRUSTED = 4
    AGREED_ADMINISTRATIVE = 5
    # diverted, without agreement in the end
    SELF_SETTLED = 6
    FAILED = 7
    FAILED_DOCKETED_SAME_ID = 8
    FAILED_DOCKETED_NEW_ID = 9
    FAILED_AFTER_CORRECTION = 10
    FAILED_ENTRUSTED = 11
    DECLINED = 12
    FAILED_ADMINISTRATIVE = 13
    # never handed over to the centre
    DOCKETED = 14
    DOCKETED_ADMINISTRATIVE = 15
    REFUSED = 16
    REFUSED_ADMINISTRATIVE = 17
    DIVERTED_ELSEWHERE = 18
    # no filings
    PRESERVATION = 19
    ENFORCEMENT_REVIEW = 20

    @property
    def is_administrative(self) -> bool:
        """Somebody sues an authority; such a matter has no other agency's record."""
        return self in _ADMINISTRATIVE

    @property
    def is_filing(self) -> bool:
        """Counts as received (WIRES.md 1.5)."""
        return self < CourtRoute.PRESERVATION

    @property
    def is_entrusted(self) -> bool:
        """Handed over after docketing (委托)."""
        return self in (CourtRoute.AGREED_ENTRUSTED, CourtRoute.FAILED_ENTRUSTED)

    @property
    def is_diverted(self) -> bool:
        """Handed over to the centre at least once."""
        return self < CourtRoute.DOCKETED


_ADMINISTRATIVE = frozenset(
    {
        CourtRoute.AGREED_ADMINISTRATIVE,
        CourtRoute.FAILED_ADMINISTRATIVE,
        CourtRoute.DOCKETED_ADMINISTRATIVE,
        CourtRoute.REFUSED_ADMINISTRATIVE,
        CourtRoute.ENFORCEMENT_REVIEW,
    }
)


class PoliceRoute(IntEnum):
    """How a call goes (CLJGDM of WIRES.md 2.5)."""

    REFERRED_SETTLED = 0
    REFERRED_FAILED = 1
    SETTLED_ON_THE_SPOT = 2
    ADVICE = 3
    REFERRED_ELSEWHERE = 4
    CASE_OPENED = 5
    NO_DISPUTE = 6


class PetitionRoute(IntEnum):
    """How a letter goes (WIRES.md 3.4)."""

    REFERRED_SETTLED = 0
    REFERRED_FAILED = 1
    REFERRED_ELSEWHERE = 2
    ANSWERED = 3
    ACCUSATION = 4
    SUGGESTION = 5


class HotlineRoute(IntEnum):
    """How an order goes (WIRES.md 4.5)."""

    CENTRE_SETTLED = 0
    CENTRE_FAILED = 1
    ELSEWHERE = 2
    CONSULTATION = 3
    SUGGESTION = 4


#: routes of one agency that are no quarrel between citizens, or no filing: only single-agency matters take them
IDLE: Mapping[str, frozenset[int]] = {
    COURT: _ADMINISTRATIVE | {CourtRoute.PRESERVATION},
    POLICE: frozenset({PoliceRoute.NO_DISPUTE}),
    PETITION: frozenset({PetitionRoute.ACCUSATION, PetitionRoute.SUGGESTION}),
    HOTLINE: frozenset({HotlineRoute.CONSULTATION, HotlineRoute.SUGGESTION}),
}

_MEDIATED: Mapping[int, int] = {
    CourtRoute.AGREED: 900,
    CourtRoute.AGREED_CONFIRMED: 280,
    CourtRoute.AGREED_AFTER_CORRECTION: 14,
    CourtRoute.AGREED_AT_SECOND_HAND_OVER: 25,
    CourtRoute.AGREED_ENTRUSTED: 128,
    CourtRoute.AGREED_ADMINISTRATIVE: 60,
}
_NOT_MEDIATED: Mapping[int, int] = {
    CourtRoute.SELF_SETTLED: 90,
    CourtRoute.FAILED: 110,
    CourtRoute.FAILED_DOCKETED_SAME_ID: 110,
    CourtRoute.FAILED_DOCKETED_NEW_ID: 90,
    CourtRoute.FAILED_AFTER_CORRECTION: 12,
    CourtRoute.FAILED_ENTRUSTED: 30,
    CourtRoute.DECLINED: 40,
    CourtRoute.FAILED_ADMINISTRATIVE: 18,
}
_NOT_DIVERTED: Mapping[int, int] = {
    CourtRoute.DOCKETED: 330,
    CourtRoute.DOCKETED_ADMINISTRATIVE: 50,
    CourtRoute.REFUSED: 75,
    CourtRoute.REFUSED_ADMINISTRATIVE: 15,
    CourtRoute.DIVERTED_ELSEWHERE: 61,
}
_NO_FILINGS: Mapping[int, int] = {CourtRoute.PRESERVATION: 64, CourtRoute.ENFORCEMENT_REVIEW: 42}
_OTHER_CALLS: Mapping[int, int] = {
    PoliceRoute.SETTLED_ON_THE_SPOT: 1600,
    PoliceRoute.ADVICE: 260,
    PoliceRoute.REFERRED_ELSEWHERE: 130,
    PoliceRoute.CASE_OPENED: 180,
    PoliceRoute.NO_DISPUTE: 5252,
}
_OTHER_LETTERS: Mapping[int, int] = {
    PetitionRoute.REFERRED_ELSEWHERE: 220,
    PetitionRoute.ANSWERED: 130,
    PetitionRoute.ACCUSATION: 52,
    PetitionRoute.SUGGESTION: 60,
}
_ORDERS: Mapping[int, int] = {
    HotlineRoute.CENTRE_SETTLED: 430,
    HotlineRoute.CENTRE_FAILED: 62,
    HotlineRoute.ELSEWHERE: 2608,
    HotlineRoute.CONSULTATION: 3180,
    HotlineRoute.SUGGESTION: 1120,
}

#: how often each route is taken where nothing is dealt out: from August 2024 on
USUAL: Mapping[str, Mapping[int, int]] = {
    COURT: {**_MEDIATED, **_NOT_MEDIATED, **_NOT_DIVERTED, **_NO_FILINGS},
    POLICE: {PoliceRoute.REFERRED_SETTLED: 530, PoliceRoute.REFERRED_FAILED: 48, **_OTHER_CALLS},
    PETITION: {PetitionRoute.REFERRED_SETTLED: 16, PetitionRoute.REFERRED_FAILED: 2, **_OTHER_LETTERS},
    HOTLINE: _ORDERS,
}


def dealt(quota: Quotas) -> dict[str, dict[int, int]]:
    """How many matters of each agency take each route in the golden period; the quotas hold exactly."""
    return {
        COURT: {
            **_deal(quota.mediated, _MEDIATED),
            **_deal(quota.diverted - quota.mediated, _NOT_MEDIATED),
            **_deal(quota.filings - quota.diverted, _NOT_DIVERTED),
            **_deal(quota.court_others, _NO_FILINGS),
        },
        POLICE: {
            PoliceRoute.REFERRED_SETTLED: quota.police_settled,
            PoliceRoute.REFERRED_FAILED: quota.police_referred - quota.police_settled,
            **_deal(quota.police_calls - quota.police_referred, _OTHER_CALLS),
        },
        PETITION: {
            PetitionRoute.REFERRED_SETTLED: quota.petitions_settled,
            PetitionRoute.REFERRED_FAILED: quota.petitions_referred - quota.petitions_settled,
            **_deal(quota.petitions - quota.petitions_referred, _OTHER_LETTERS),
        },
        HOTLINE: _deal(quota.orders, _ORDERS),
    }


def _deal(total: int, weights: Mapping[int, int]) -> dict[int, int]:
    return dict(zip(weights, shares(total, tuple(weights.values())), strict=True))
