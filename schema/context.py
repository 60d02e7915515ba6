"""What a resolver is given: desk, code tables, the loaders of this request, how rows are shown, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import strawberry

from hub.access import Access
from hub.access_log import AccessLog, Subjects
from hub.desk import Desk
from hub.feed import Feed
from hub.principal import Principal
from hub.reading.disputes import DisputeRow
from hub.reading.events import EventRow
from hub.reading.records import RecordRow
from hub.reading.referrals import ReferralRow
from hub.sight import Sight
from hub.store.engine import Store
from hub.vocabulary import CountyTables
from schema.budget import Budget
from schema.loaders import Loaders
from schema.trusted import NO_DOCUMENTS, Documents

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

    desk: Desk
    tables: CountyTables
    loaders: Loaders
    make: Makers
    #: who asks; a mutation is theirs by name
    principal: Principal
    #: what their role may see and do
    access: Access
    #: which rows they see: every statement that reads for them carries it
    sight: Sight
    #: the public log as it grows; None where nothing can be subscribed to
    feed: Feed | None = None
    #: behind which sequence a subscription goes on, whatever its document says: of whoever was cut off
    resume_after: int | None = None
    #: what principals may still ask for in this minute; None where nobody counts
    budget: Budget | None = None
    #: what may be asked for by its id, or at all
    documents: Documents = NO_DOCUMENTS
    #: where it is written down who looked; None where nobody looks through a door
    access_log: AccessLog | None = None
    #: what this request's answer holds, as far as it has come
    subjects: Subjects = field(default_factory=Subjects)
    #: below which path of this server everything lies, e.g. ``/hub``; '' for the root
    base_path: str = ""

    @property
    def decider(self) -> str:
        """Whose act a mutation is, as the history names them."""
        return self.principal.signature

    @property
    def store(self) -> Store:
        """The open database."""
        return self.desk.store


Info: TypeAlias = strawberry.Info[Context, Any]
