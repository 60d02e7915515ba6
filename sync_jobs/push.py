"""Push: carry what waits in the outbox to one partner, lane by lane, each message under its step's key.

Every try is noted before the next message of its lane leaves. A try that may have been carried out is looked for before
anything is sent again; where the wire can neither be asked nor knows our key, doubt stays doubt and a person decides.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog

from connectors.base import Connector
from connectors.pushing import NOTHING_DONE
from hub import outbox
from hub.commands import Command, Receipt
from hub.desk import Desk
from hub.errors import BadPayloadError, HubError, PartnerError, RejectedError, TransientError
from hub.jobs import PUSH, put_in_line
from hub.outbox import LAID, Due
from hub.outbox_standing import Attempt, note
from hub.sequencer import sequence_all
from hub.vocabulary import MessageState
from sync_jobs import breaker
from sync_jobs.runs import LONGEST_PAUSE_S, hint_of, kind_of

M = MessageState

#: lanes of one instance that are served side by side
LANES = 4
#: tries of one message before it is a dead letter: with the pauses below about a day and a half
MAX_ATTEMPTS = 40
FIRST_PAUSE_S, LONGEST_MESSAGE_PAUSE_S, JITTER = 5.0, 3600.0, 0.3
#: … and how long it waits for a partner that is not there at all, which is no try
AWAY_PATIENCE = timedelta(days=14)
#: how soon a partner is asked for a receipt that comes later, at most how seldom, and for how long
RECEIPT_EVERY_S, RECEIPT_SELDOM_S = 20.0, 900.0
RECEIPT_PATIENCE = timedelta(days=3)
#: so many failures in a row end the run: the partner is not asked message by message while it is away
FAILURES_IN_A_ROW = 5
#: of a run's tries, how many may be repeats beyond this many: a flood of retries is no recovery
RETRY_SHARE, RETRIES_FREE = 0.5, 20
#: before the next run after one that ended early
RUN_PAUSE_S = 15.0
_log = structlog.get_logger("push")

#: how a step at the partner ended: None where it knows nothing of what was looked for
Ended = Receipt | PartnerError | None


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

    def count(self, attempt: Attempt) -> None:
        """Add how one try ended."""
        self.delivered += attempt.state in (M.DELIVERED, M.ACKED)
        self.refused += attempt.state is M.REFUSED
        self.dead += attempt.state is M.DEAD
        self.uncertain += attempt.state is M.UNCERTAIN

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
            if report.error is None:
                for message in await _due(desk, report, LANES - len(running), running.values()):
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
    await _come_again(desk, report)
    await sequence_all(desk)
    return report


async def _due(desk: Desk, report: PushReport, limit: int, busy: Any) -> list[Due]:
    if limit <= 0:
        return []
    async with desk.store.read() as connection:
        return await outbox.due(
            connection, desk, report.instance, limit=limit, not_in=set(busy), fresh_only=report.is_spent
        )


async def _serve(
    desk: Desk, connector: Connector, wire: Any, message: Due, report: PushReport, request_s: float
) -> None:
    """One message, tried once, and how that ended noted."""
    report.tried += 1
    report.retries += 1 if message.attempts else 0
    attempt = await _try(desk, connector, wire, message, report, request_s)
    if attempt is not None:
        report.count(attempt)
        await note(desk, message, attempt)


async def _try(
    desk: Desk, connector: Connector, wire: Any, message: Due, report: PushReport, request_s: float
) -> Attempt | None:
    """How it ended; None where somebody changed the message before it was sent."""
    command, act, ended = message.command, "PUSH", None
    if command is None:
        hint = "What it said was erased." if message.problem == "ERASED" else "It cannot be opened: see its history."
        return Attempt(act, message.problem, M.DEAD, message.problem, hint)

    async def step(do: Callable[[Any, str, Command], Awaitable[Receipt | None]]) -> Ended:
        return await _in_time(request_s, lambda: do(wire, message.key, command))

    if message.was_sent and connector.can_find:
        act, ended = "FIND", await step(connector.find)
    if ended is None:
        act = "PUSH"
        if not connector.has_keys:
            if message.has_started and not connector.can_find:
                return _uncertain()
            # were we killed now, nobody could tell whether it was sent
            if not await outbox.begin(desk, message):
                return None
        ended = await step(connector.push)
    if isinstance(ended, PartnerError):
        return _failed(desk, connector, message, act, ended, report)
    assert ended is not None
    report.in_a_row = 0
    return _received(desk, message, act, ended)


async def _in_time(seconds: float, step: Callable[[], Awaitable[Receipt | None]]) -> Ended:
    """One step at the partner. Whatever goes wrong in it is an answer, so that it holds up its own lane only."""
    try:
        async with asyncio.timeout(seconds):
            return await step()
    except BadPayloadError as error:
        return TransientError(error.message, kind="BAD_PAYLOAD", in_doubt=True)
    except PartnerError as error:
        return error
    except TimeoutError:
        return TransientError("no answer in time", kind="TIMEOUT", in_doubt=True, hint=f"{seconds:g} s")
    except Exception as exc:
        # a mistake of the connector; its words may quote the partner's
        _log.error("the connector failed", error=type(exc).__name__)
        return TransientError("the connector failed", kind="CONNECTOR_FAILED", in_doubt=True, hint=type(exc).__name__)


def _is_blind(connector: Connector) -> bool:
    """Whether what was sent once may neither be sent again nor be looked for."""
    return not connector.has_keys and not connector.can_find


def _received(desk: Desk, message: Due, act: str, receipt: Receipt) -> Attempt:
    if receipt.is_delivered:
        state = M.ACKED if receipt.is_final else M.DELIVERED
        return Attempt(act, state.value, state, receipt=receipt)
    now = desk.clock()
    waited = now - (message.laid_at or now)
    if waited > RECEIPT_PATIENCE:
        return Attempt(act, "NO_RECEIPT", M.DEAD, "NO_RECEIPT", "The partner never said that it took it.",
                       receipt=receipt)  # fmt: skip
    # it lies where the partner will find it; asking for the receipt is no further try
    pause = min(max(RECEIPT_EVERY_S, waited.total_seconds() / 4), RECEIPT_SELDOM_S)
    return Attempt(act, LAID, M.QUEUED, next_try_at=now + timedelta(seconds=pause), receipt=receipt, counts=False)


def _failed(
    desk: Desk, connector: Connector, message: Due, act: str, error: PartnerError, report: PushReport
) -> Attempt:
    if isinstance(error, RejectedError):
        report.in_a_row = 0
        return Attempt(act, "REFUSED", M.REFUSED, "REJECTED", error.hint, code=error.code, words=error.reason)
    if not isinstance(error, TransientError):
        # nothing but a person heals credentials, and asking on with them locks accounts
        report.error = error
        return _later(desk, Attempt(act, "AUTH", M.QUEUED, "AUTH", hint_of(error) or "", counts=False), 300.0)
    report.in_a_row += 1
    is_away = error.kind in NOTHING_DONE
    # a closed door and a wish for a pause are meant for all that waits
    if is_away or error.retry_after is not None or report.in_a_row >= FAILURES_IN_A_ROW:
        report.error = error
    in_doubt = act == "PUSH" and error.in_doubt
    if in_doubt and _is_blind(connector):
        return _uncertain()
    if desk.clock() - message.since > AWAY_PATIENCE if is_away else message.attempts + 1 >= MAX_ATTEMPTS:
        return Attempt(act, "TRANSIENT", M.DEAD, error.kind, error.hint or "Tried too often.")
    tried = Attempt(act, "IN_DOUBT" if in_doubt else "TRANSIENT", M.QUEUED, error.kind, error.hint, counts=not is_away)
    return _later(desk, tried, error.retry_after or pause_s(message.attempts))


def _uncertain() -> Attempt:
    hint = "It may have been carried out and cannot be looked for: ask the partner, then decide."
    return Attempt("PUSH", "IN_DOUBT", M.UNCERTAIN, "IN_DOUBT", hint)


def pause_s(attempts: int) -> float:
    """Seconds until the next try after so many: doubling, spread by chance, at most an hour."""
    return _spread(min(FIRST_PAUSE_S * 2.0 ** min(attempts, 12), LONGEST_MESSAGE_PAUSE_S))


def _spread(seconds: float) -> float:
    chance = random.random()  # noqa: S311 — it spreads tries and guards nothing
    return seconds * (1 - JITTER + 2 * JITTER * chance)


def _later(desk: Desk, attempt: Attempt, pause: float) -> Attempt:
    return replace(attempt, next_try_at=desk.clock() + timedelta(seconds=pause))


async def _come_again(desk: Desk, report: PushReport) -> None:
    """Have the queue come back when the next message may be tried, and tell the instance's breaker how the run ended.

    Pushes and pulls share it: a partner that is away for one is away for both.
    """
    error, now = report.error, desk.clock()
    wanted = error.retry_after if isinstance(error, TransientError) else None
    pause = wanted or (_spread(RUN_PAUSE_S) if error is not None or report.is_spent else 0.0)
    async with desk.store.write() as tx:
        if error is not None or report.delivered or report.refused:
            await breaker.begin_run(tx, desk.county, report.instance)
            await breaker.end_run(
                tx, report.instance, error, report.error_kind, hint_of(error), now, longest_wait_s=LONGEST_PAUSE_S
            )
        next_at = await outbox.next_due_at(tx, report.instance)
        if next_at is not None:
            await put_in_line(tx, desk, PUSH, report.instance, at=max(next_at, now + timedelta(seconds=pause)))
