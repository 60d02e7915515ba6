"""What a resolver is given: the store, the county's tables, the loaders of this request, and how rows are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import strawberry

from hub.reading.disputes import DisputeRow
from hub.reading.events import EventRow
from hub.reading.records import RecordRow
from hub.reading.referrals import ReferralRow
from hub.store.engine import Store
from hub.vocabulary import CountyTables
from schema.loaders import Loaders

if TYPE_CHECKING:
    from schema.types.dispute import Dispute
    from schema.types.event import HandlingEvent
    from schema.types.record import CaseRecord
    from schema.types.referral import Referral


@dataclass(frozen=True, slots=True)
class Makers:
    """How a row becomes its public type; passed in, because these four types refer to each other in circles."""

    dispute: Callable[[DisputeRow], Dispute]
    record: Callable[[RecordRow], CaseRecord]
    event: Callable[[EventRow], HandlingEvent]
    referral: Callable[[ReferralRow], Referral]


@dataclass(frozen=True, slots=True)
class Context:
    """One request's world; never shared between requests."""

    store: Store
    tables: CountyTables
    loaders: Loaders
    make: Makers


Info: TypeAlias = strawberry.Info[Context, Any]
