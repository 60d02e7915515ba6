"""Mutation: everything that can be changed through the door, put together from a file per noun.

Fields run one after the other, each in transactions of its own. No mutation calls a partner: what needs a connector
is put in line for a worker, together with the change.
"""

from __future__ import annotations

import strawberry

from schema.mutations.codes import CodeMutations
from schema.mutations.disputes import DisputeMutations
from schema.mutations.drift import DriftMutations
from schema.mutations.links import LinkMutations
from schema.mutations.outbox import OutboxMutations
from schema.mutations.people import PeopleMutations
from schema.mutations.quarantine import QuarantineMutations
from schema.mutations.referrals import ReferralMutations


@strawberry.type(description="Everything that can be changed. Only by POST.")
class Mutation(
    CodeMutations,
    DisputeMutations,
    DriftMutations,
    LinkMutations,
    OutboxMutations,
    PeopleMutations,
    QuarantineMutations,
    ReferralMutations,
):
    pass
