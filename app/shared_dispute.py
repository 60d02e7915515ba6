"""A dispute that many agencies saw: the query that shows it whole, and in short what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.wiring import Hub
from hub.principal import LOCAL
from hub.store.tables import case_records, disputes

#: one dispute by its code, with every agency's record of it and one history over all of them
_QUERY = """\
{
  dispute(code: "%s") {
    code title state outcome holder { name }
    records { system nativeNo nativeId nativeState receivedAt link { method confidence evidence } }
    history(first: 100) {
      totalCount
      edges { node { occurredAt kind text source actor { name } record { system } } }
    }
  }
}"""


@dataclass(frozen=True, slots=True)
class SharedDispute:
    """A dispute, and how many agencies' systems know it."""

    code: str
    agencies: int

    @property
    def query(self) -> str:
        """Ready to paste."""
        return _QUERY % self.code


async def most_shared_dispute(connection: AsyncConnection) -> SharedDispute | None:
    """The first of the disputes that most agencies know; None while there is none."""
    agencies = func.count(func.distinct(case_records.c.system))
    query = (
        select(disputes.c.code, agencies)
        .join(case_records, case_records.c.dispute_id == disputes.c.id)
        .where(disputes.c.is_live, case_records.c.deleted_at_source.is_(None))
        .group_by(disputes.c.code)
        .order_by(agencies.desc(), disputes.c.code)
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    return None if row is None else SharedDispute(row[0], row[1])


async def ask(hub: Hub, dispute: SharedDispute) -> Mapping[str, Any]:
    """What GraphQL answers to the dispute's query, run in this process."""
    from schema.build import build, executable, new_context
    from schema.execution import Request, Runner

    runner = Runner(executable(build()))
    answer = await runner.run(Request(dispute.query, {}), new_context(hub.desk, hub.tables, LOCAL))
    found: Mapping[str, Any] = answer.payload["data"]["dispute"]
    return found
