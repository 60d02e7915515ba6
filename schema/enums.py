"""The hub's enumerations as GraphQL enums: same names, same values, each described by its Chinese label."""

from __future__ import annotations

import enum
from typing import Any

import strawberry

from hub.vocabulary import ENUMERATIONS


class Locale(enum.Enum):
    """Language of a label."""

    ZH = "ZH"
    EN = "EN"


class OrderDirection(enum.Enum):
    """Which end of a list comes first."""

    ASC = "ASC"
    DESC = "DESC"


class DisputeOrderField(enum.Enum):
    """What a list of disputes is ordered by."""

    REGISTERED_AT = "REGISTERED_AT"
    STATE_SINCE = "STATE_SINCE"
    CODE = "CODE"


class DisputeFacet(enum.Enum):
    """What a list of disputes is counted by."""

    STATE = "STATE"
    CATEGORY = "CATEGORY"
    CHANNEL = "CHANNEL"
    REGION = "REGION"
    HOLDER = "HOLDER"


def _publish(cls: Any) -> None:
    strawberry.enum(cls, description=cls.__doc__)
    for value in cls.__strawberry_definition__.values:
        value.description = getattr(cls[value.name], "zh", None)


for _term in (*ENUMERATIONS.values(), Locale, OrderDirection, DisputeOrderField, DisputeFacet):
    _publish(_term)
