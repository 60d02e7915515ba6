"""A matter: one dispute in the hands of one transaction, from what is known to what was decided.

Opened under the county's turn, so that nobody else decides at the same time. What is told becomes events in the
dispute's own stream; at the end referrals, links and the dispute's state are brought in line. Nothing is kept of an act
that is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import disputes as dispute_rows
from hub import once
from hub.acts import Act
from hub.desk import Desk
from hub.errors import ConflictError, NotFoundError, UserInputError, VersionConflictError
from hub.history import Appender, EventDraft, StreamHead
from hub.model import SHANGHAI
from hub.referral_standing import Own, own_from, to_json
from hub.referrals import refresh
from hub.store.lookup import AnyRow
from hub.store.tables import case_records, disputes, referrals
from hub.store.turn import take_turn
from hub.vocabulary import DisputeState, HandlingEventKind


class Matter:
    """Made by ``opened``."""

    def __init__(
        self, tx: AsyncConnection, desk: Desk, act: Act, at: datetime, row: AnyRow, records: list[AnyRow],
        handed: list[AnyRow],
    ) -> None:  # fmt: skip
        self.tx, self.desk, self.act, self.at = tx, desk, act, at
        #: the dispute as it stood when it was opened
        self.row = row
        self.records = records
        self.referrals = handed
        self._head = StreamHead(row.stream_seq, row.stream_hash)
        self._values: dict[str, Any] = {}
        self._appender = Appender(desk, desk.clock())
        #: ids that a repeat of this act is answered with
        self.result: dict[str, Any] = {"dispute": str(row.id)}

    @property
    def state(self) -> str:
        """The dispute's state before the act."""
        return str(self.row.state)

    @property
    def id(self) -> str:
        """The dispute's id."""
        return str(self.row.id)

    def tell(
        self, kind: HandlingEventKind, *, to_state: DisputeState | None = None, data: Mapping[str, Any] | None = None,
        about: str = "", actor_code: str = "",
    ) -> str:  # fmt: skip
        """Put an act into the dispute's own stream, with the actor's name and words beside it; returns its event."""
        words, by = self.act.words, self.act.by
        digest = self.desk.keys.content_hash(f"{by}\n{words}".encode())
        return self._appender.add(
            self._head,
            EventDraft(
                dispute_id=self.id, kind=kind, occurred_at=self.at, actor_name=by, words=words, words_digest=digest,
                actor_code=actor_code, from_state=self.state if to_state else "",
                to_state=to_state.value if to_state else "", data={k: v for k, v in (data or {}).items() if v},
                source_event_id=f"{kind.value}:{about}:{self._head.seq + 1}",
            ),
        )  # fmt: skip

    def stand(self, state: DisputeState, *, outcome: str | None = None, **values: Any) -> None:
        """From now on the hub's own word is this state."""
        self._values.update(own_state=state.value, own_since=self.at, own_outcome=outcome, **values)

    def note(self, **values: Any) -> None:
        """Further columns of the dispute."""
        self._values.update(values)

    def referral(self, referral_id: str, expected_version: int | None = None) -> AnyRow:
        """One of its referrals. Raises NotFoundError, VersionConflictError."""
        row = next((one for one in self.referrals if one.id == referral_id), None)
        if row is None:
            raise NotFoundError(f"no referral is called {referral_id}", hint="Take an id of the list.", field="id")
        check_version(row.version, expected_version)
        return row

    async def own(self, referral: AnyRow, own: Own, *, facts: str | None = None, words: str | None = None) -> None:
        """What we did with a referral of it, from now on."""
        values: dict[str, Any] = {"own": to_json(own)}
        if facts is not None:
            values.update(own_undisputed_facts=facts, undisputed_facts=facts)
        if words is not None:
            values["own_words"] = words
        await self.tx.execute(update(referrals).where(referrals.c.id == referral.id).values(**values))

    async def finish(self) -> None:
        """Write what was collected and settle the dispute."""
        values = {**self._values, "stream_seq": self._head.seq, "stream_hash": self._head.hash}
        change = update(disputes).where(disputes.c.id == self.id)
        await self.tx.execute(change.values(**values, version=disputes.c.version + 1))
        members = [row.id for row in self.records]
        query = select(referrals.c.id).where(referrals.c.record_id.in_(members), referrals.c.is_live)
        await refresh(self.tx, list((await self.tx.execute(query)).scalars()))
        await dispute_rows.settle(self.tx, self.desk, [members], self._appender, self.act)
        await self._appender.flush(self.tx)
        await once.keep(self.tx, self.desk, self.act.by, self.act.once, self.result)


@asynccontextmanager
async def opened(
    desk: Desk, dispute_id: str, act: Act, *, at: datetime | None = None, expected_version: int | None = None
) -> AsyncIterator[Matter]:
    """The dispute in a transaction of its own, finished at the block's end.

    Raises NotFoundError, VersionConflictError, ConflictError where it is merged, UserInputError for a time to come.
    """
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, act.by, act.once)
        matter = await open_in(tx, desk, dispute_id, act, at=at, expected_version=expected_version)
        yield matter
        await matter.finish()


async def open_in(
    tx: AsyncConnection, desk: Desk, dispute_id: str, act: Act, *, at: datetime | None = None,
    expected_version: int | None = None,
) -> Matter:  # fmt: skip
    """The same in the caller's transaction, which has taken the county's turn and calls ``finish``."""
    row = (await tx.execute(select(disputes).where(disputes.c.id == dispute_id))).first()
    if row is None:
        raise NotFoundError(f"no dispute is called {dispute_id}", hint="Take an id of the list.", field="id")
    check_version(row.version, expected_version)
    if row.merged_into is not None:
        raise ConflictError(f"{row.code} is merged into another dispute", hint="Act on the one it went into.")
    records = (await tx.execute(select(case_records).where(case_records.c.dispute_id == dispute_id))).all()
    query = select(referrals).where(referrals.c.record_id.in_([one.id for one in records]), referrals.c.is_live)
    handed = (await tx.execute(query.order_by(referrals.c.sent_at, referrals.c.id))).all()
    return Matter(tx, desk, act, when(desk, at), row, list(records), list(handed))


async def dispute_of_referral(tx: AsyncConnection, referral_id: str) -> str:
    """The dispute a referral belongs to now. Raises NotFoundError."""
    query = (
        select(case_records.c.dispute_id)
        .join(referrals, referrals.c.record_id == case_records.c.id)
        .where(referrals.c.id == referral_id, referrals.c.is_live)
    )
    found = (await tx.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFoundError(f"no referral is called {referral_id}", hint="Take an id of the list.", field="id")
    return str(found)


def own_of(referral: AnyRow) -> Own:
    """What we did with it so far."""
    return own_from(referral.own)


def check_version(found: int, expected: int | None) -> None:
    """Raises VersionConflictError."""
    if expected is not None and expected != found:
        raise VersionConflictError(expected, found)


def when(desk: Desk, at: datetime | None) -> datetime:
    """When an act was done: as said, else now. Raises UserInputError for a time to come."""
    now = desk.clock()
    if at is None:
        return now
    if at.tzinfo is None:
        at = at.replace(tzinfo=SHANGHAI)
    if at > now:
        raise UserInputError("that time is still to come", field="at")
    return at
