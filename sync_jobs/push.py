"""Push: carry what waits in the outbox to one partner, lane by lane, each message under its step's key.

Every try is noted before the next message of its lane leaves. A try that may have been carried out is looked for before
anything is sent again; where the wire can neither be asked nor knows our key, doubt stays doubt and a person decides.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Connector
from hub import outbox
from hub.commands import Receipt
from hub.desk import Desk
from hub.errors import AuthError, BadPayloadError, HubError, RejectedError, TransientError
from hub.jobs import PUSH, put_in_line
from hub.outbox import Attempt, Due
from hub.sequencer import sequence_all
from hub.vocabulary import MessageState
from sync_jobs.runs import kind_of

M = MessageState

#: lanes of one instance that are served side by side
LANES = 4
#: tries of one message before it is a dead letter: with the pauses below about a day and a half
MAX_ATTEMPTS = 40
FIRST_PAUSE_S, LONGEST_PAUSE_S, JITTER = 5.0, 3600.0, 0.3
#: how often a partner is asked for a receipt that comes later, and for how long
RECEIPT_EVERY_S = 20.0
RECEIPT_PATIENCE = timedelta(days=3)
#: so many failures in a row end the run: the partner is not asked message by message while it is away
FAILURES_IN_A_ROW = 5
#: of a run's tries, how many may be repeats beyond this many: a flood of retries is no recovery
RETRY_SHARE, RETRIES_FREE = 0.5, 20


@dataclass(slots=True)
class PushReport:
    """What a push run did. ``error`` is what ended it early, None when nothing more was due."""

    instance: str
    tried: int = 0
    delivered: int = 0
    refused: int = 0
    dead: int = 0
    uncertain: int = 0
    retries: int = 0
    in_a_row: int = 0
    error: HubError | None = None

    @property
    def error_kind(self) -> str | None:
        """The short constant of what ended the run."""
        return kind_of(self.error) if self.error is not None else None

    @property
    def is_spent(self) -> bool:
        """Whether repeats have used up their share of the run."""
        return self.retries > RETRIES_FREE + RETRY_SHARE * (self.tried - self.retries)


async def push_instance(desk: Desk, connector: Connector, wire: Any, *, request_s: float = 120.0) -> PushReport:
    """Everything that is due for one instance. A partner's error stands in the report.

    Raises LeaseLostError when the desk's fence does, and whatever is wrong with our own store.
    """
    report = PushReport(connector.config.name)
    running: dict[asyncio.Task[None], str] = {}
    try:
        while True:
            if report.error is None and not report.is_spent:
                for message in await _due(desk, connector, LANES - len(running), running.values()):
                    task = asyncio.create_task(_serve(desk, connector, wire, message, report, request_s))
                    running[task] = message.lane
            if not running:
                break
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                running.pop(task)
                task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    await _come_again(desk, connector.config.name)
    await sequence_all(desk)
    return report


async def _due(desk: Desk, connector: Connector, limit: int, busy: Any) -> list[Due]:
    if limit <= 0:
        return []
    async with desk.store.read() as connection:
        return await outbox.due(connection, desk, connector.config.name, limit=limit, not_in=set(busy))


async def _serve(
    desk: Desk, connector: Connector, wire: Any, message: Due, report: PushReport, request_s: float
) -> None:
    """One message, tried once, and how that ended noted."""
    report.tried += 1
    report.retries += 1 if message.attempts else 0
    attempt = await _try(desk, connector, wire, message, report, request_s)
    if attempt is not None:
        await outbox.note(desk, connector.config.name, message, attempt)


async def _try(
    desk: Desk, connector: Connector, wire: Any, message: Due, report: PushReport, request_s: float
) -> Attempt | None:
    command = message.command
    if command is None:
        return Attempt("PUSH", "ERASED", M.DEAD, "ERASED", "What it said was erased.")
    act = "PUSH"
    try:
        async with asyncio.timeout(request_s):
            receipt: Receipt | None = None
            if message.was_sent and connector.can_find:
                act = "FIND"
                receipt = await connector.find(wire, message.key, command)
            if receipt is None:
                act = "PUSH"
                if _is_blind(connector):
                    if message.has_started:
                        return _uncertain(report)
                    await outbox.begin(desk, message)
                receipt = await connector.push(wire, message.key, command)
    except RejectedError as refused:
        report.in_a_row, report.refused = 0, report.refused + 1
        return Attempt(act, "REFUSED", M.REFUSED, "REJECTED", refused.hint, code=refused.code, words=refused.reason)
    except AuthError as error:
        report.error = error
        return _later(desk, message, Attempt(act, "AUTH", M.QUEUED, "AUTH", error.message, counts=False), 300.0)
    except BadPayloadError as error:
        return _failed(desk, connector, message, act, TransientError(error.message, kind="BAD_PAYLOAD"), report)
    except TimeoutError:
        late = TransientError("no answer in time", kind="TIMEOUT", in_doubt=True)
        return _failed(desk, connector, message, act, late, report)
    except TransientError as error:
        return _failed(desk, connector, message, act, error, report)
    report.in_a_row = 0
    return _received(desk, message, act, receipt, report)


def _is_blind(connector: Connector) -> bool:
    """Whether what was sent once may neither be sent again nor be looked for."""
    return not connector.has_keys and not connector.can_find


def _received(desk: Desk, message: Due, act: str, receipt: Receipt, report: PushReport) -> Attempt:
    if receipt.is_delivered:
        report.delivered += 1
        state = M.ACKED if receipt.is_final else M.DELIVERED
        return Attempt(act, state.value, state, receipt=receipt)
    now = desk.clock()
    if now - message.queued_at > RECEIPT_PATIENCE:
        report.dead += 1
        return Attempt(act, "NO_RECEIPT", M.DEAD, "NO_RECEIPT", "The partner never said that it took it.",
                       receipt=receipt)  # fmt: skip
    # it lies where the partner will find it; asking for the receipt is no further try
    return Attempt(act, "LAID", M.QUEUED, next_try_at=now + timedelta(seconds=RECEIPT_EVERY_S), receipt=receipt,
                   counts=False)  # fmt: skip


def _failed(
    desk: Desk, connector: Connector, message: Due, act: str, error: TransientError,
    report: PushReport,
) -> Attempt:  # fmt: skip
    report.in_a_row += 1
    if report.in_a_row >= FAILURES_IN_A_ROW:
        report.error = error
    in_doubt = act == "PUSH" and error.in_doubt
    if in_doubt and _is_blind(connector):
        return _uncertain(report)
    kind = kind_of(error)
    if message.attempts + 1 >= MAX_ATTEMPTS:
        report.dead += 1
        return Attempt(act, "TRANSIENT", M.DEAD, kind, error.hint or "Tried too often.")
    outcome = "IN_DOUBT" if in_doubt else "TRANSIENT"
    tried = Attempt(act, outcome, M.QUEUED, kind, error.hint)
    return _later(desk, message, tried, error.retry_after or pause_s(message.attempts))


def _uncertain(report: PushReport) -> Attempt:
    report.uncertain += 1
    hint = "It may have been carried out and cannot be looked for: ask the partner, then decide."
    return Attempt("PUSH", "IN_DOUBT", M.UNCERTAIN, "IN_DOUBT", hint)


def pause_s(attempts: int) -> float:
    """Seconds until the next try after so many: doubling, spread by chance, at most an hour."""
    chance = random.random()  # noqa: S311 — it spreads tries and guards nothing
    return float(min(FIRST_PAUSE_S * 2.0 ** min(attempts, 12), LONGEST_PAUSE_S) * (1 - JITTER + 2 * JITTER * chance))


def _later(desk: Desk, message: Due, attempt: Attempt, pause: float) -> Attempt:
    return replace(attempt, next_try_at=desk.clock() + timedelta(seconds=pause))


async def _come_again(desk: Desk, instance: str) -> None:
    """Have the queue come back when the next message may be tried."""
    async with desk.store.write() as tx:
        next_at: datetime | None = await outbox.next_due_at(tx, instance)
        if next_at is not None:
            await put_in_line(tx, desk, PUSH, instance, at=max(next_at, desk.clock()))
