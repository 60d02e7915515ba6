"""Laws of sending: one effect a step, refusals and doubts told as what they are, receipts that are the partner's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from connectors.base import Connector
from connectors.conformance.exam import Exam, Taken
from connectors.conformance.law import LawBrokenError, NotApplicableError, require
from connectors.conformance.push_bench import PushBench
from hub.commands import (
    AboutRecord,
    Cancel,
    Command,
    Confirm,
    Decline,
    Escalate,
    Extend,
    Progress,
    Receipt,
    Refer,
    Return,
    Sign,
    Supplement,
)  # fmt: skip
from hub.errors import AuthError, RejectedError, TransientError
from hub.model import Answer
from hub.vocabulary import DeclineReason, Outcome

T = TypeVar("T")

#: keys as the hub makes them, and as somebody else might
KEYS = ("referral/0198c2f0-7b1e-7d6a-9a55-0c3f5b1d2e4f/return/1", "步骤 7", "k" * 200)


async def same_key_once(exam: Exam) -> None:
    """Sent again, also after a restart, also once it was delivered."""
    hand = _hand(exam)
    for key in KEYS:
        command = await hand.command()
        before = await hand.effects()
        first = await _pushed(exam, exam.connector(), key, command)
        await _pushed(exam, exam.connector(), key, command)
        await hand.read()
        again = await _pushed(exam, exam.connector(), key, command)
        grown = len(await hand.effects()) - len(before)
        _require_one(exam, grown, "sending one key three times")
        require(
            first.partner_ref == again.partner_ref and first.our_key == again.our_key,
            "two sends of one key got two receipts",
            "Everything sent must follow from key and command, and a repeat is answered with the first receipt.",
        )


async def lost_answer_once(exam: Exam) -> None:
    """The partner does it, its answer is lost, and the hub tries again."""
    hand = _hand(exam)
    for mode in _modes(hand):
        command, key = await hand.command(), f"lost-{mode}"
        before = await hand.effects()
        await hand.misbehave(mode)
        await _attempt(lambda: exam.connector().push(exam.wire, key, command))  # noqa: B023
        await hand.misbehave(mode, 0)
        connector = exam.connector()
        found = await exam.ask(lambda: connector.find(exam.wire, key, command))  # noqa: B023
        if found is None or not found.is_delivered:
            await _pushed(exam, connector, key, command)
        await hand.read()
        _require_one(exam, len(await hand.effects()) - len(before), f"a retry after {mode}")


async def the_key_travels(exam: Exam) -> None:
    """Two steps are two effects, and one key with another content is a refusal."""
    hand = _hand(exam)
    command = await hand.command()
    before = await hand.effects()
    connector = exam.connector()
    for key in ("step-1", "step-2"):
        await _pushed(exam, connector, key, command)
    await hand.read()
    if connector.has_keys and isinstance(command, Refer):
        require(
            len(await hand.effects()) - len(before) == 2,
            "two steps of equal content became one",
            "The key, and not the content alone, tells one step from another: send it along.",
        )
    other = hand.altered(command)
    if other is None or not connector.has_keys:
        raise NotApplicableError("this wire cannot tell another content under the same key")
    try:
        await _pushed(exam, connector, "step-1", other)
    except RejectedError:
        return
    raise LawBrokenError(
        "another content under a key that was used before counts as taken",
        "A partner's refusal of a used key is a RejectedError, for a person; equal content alone is the first receipt.",
    )


async def refusal_is_no_success(exam: Exam) -> None:
    """A refusal raises, says who must act, and repeats nobody's words."""
    hand = _hand(exam)
    command = await hand.refused()
    before = await hand.effects()
    connector = exam.connector()
    try:
        await _pushed(exam, connector, KEYS[0], command)
        await hand.read()
        receipt = await exam.ask(lambda: connector.find(exam.wire, KEYS[0], command))
        require(
            receipt is not None and not receipt.is_delivered,
            "a refused push counts as delivered", "Read the partner's code before its receipt; a refusal raises.",
        )  # fmt: skip
        raise LawBrokenError("a refusal was not told", "Raise RejectedError with the partner's own code.")
    except RejectedError as exc:
        require(exc.code, "a refusal has no code", "Give the partner's own code, shortened to a constant.")
        _require_silent(exc, hand)
    require(await hand.effects() == before, "a refused push had an effect", "Send one message per push.")


async def receipts_are_the_partners(exam: Exam) -> None:
    """A receipt names what the partner holds, and its decision comes back under the key the receipt tells."""
    hand = _hand(exam)
    command, connector = await hand.command(), exam.connector()
    before = set(await hand.effects())
    receipt = await _pushed(exam, connector, KEYS[0], command)
    if not receipt.is_delivered:
        require(not receipt.raw, "what waits to be read has an answer already", "`raw` is the partner's answer.")
        await hand.read()
        found = await exam.ask(lambda: connector.find(exam.wire, KEYS[0], command))
        require(found is not None and found.is_delivered, "a receipt that is there is not found", "See `find`.")
        receipt = found or receipt
    refs = set(await hand.effects()) - before
    require(
        receipt.partner_ref in refs,
        "the receipt's number is none of the partner's", "`partner_ref` is the partner's own number of what it took.",
    )  # fmt: skip
    require(receipt.raw, "the partner's answer is not kept", "Give the answer's bytes as `raw`.")
    require(
        bool(receipt.our_key) is not receipt.is_final,
        "a receipt is final and waits for an answer, or neither",
        "`our_key` is what the later Answer will carry, and empty where the receipt is the answer.",
    )
    if receipt.is_final:
        return
    await hand.decide()
    taken = Taken()
    await exam.run(taken)
    answers = [fact for item in taken.items for fact in connector.map(item) if isinstance(fact, Answer)]
    require(
        any(answer.our_key == receipt.our_key for answer in answers),
        "the partner's decision does not come back under the receipt's key",
        "`Answer.our_key` and `Receipt.our_key` must be spelled alike.",
    )


async def doubt_is_told(exam: Exam) -> None:
    """Whatever may have been done is in doubt, and what was done in spite of an error above all."""
    hand = _hand(exam)
    for mode in _modes(hand):
        command, connector = await hand.command(), exam.connector()
        before = await hand.effects()
        await hand.misbehave(mode)
        failed = await _attempt(lambda: connector.push(exam.wire, f"doubt-{mode}", command))  # noqa: B023
        await hand.misbehave(mode, 0)
        if failed is None:
            continue
        await hand.read()
        done = len(await hand.effects()) > len(before)
        require(
            isinstance(failed, TransientError),
            f"with {mode} a push ended as {type(failed).__name__}",
            "An answer that is none is a TransientError: neither a refusal nor a success.",
        )
        require(
            not done or (isinstance(failed, TransientError) and failed.in_doubt),
            f"with {mode} the partner did it, and the error leaves no doubt about it",
            "Raise TransientError(in_doubt=True) for everything that breaks after the request was sent.",
        )
        _require_silent(failed, hand)


async def nothing_unsupported_is_sent(exam: Exam) -> None:
    """A command the wire cannot carry."""
    hand = _hand(exam)
    before = await hand.effects()
    connector = exam.connector()
    for command in _one_of_each():
        if command.kind in connector.commands:
            continue
        try:
            await connector.push(exam.wire, KEYS[0], command)
        except RejectedError as exc:
            require(exc.code == "UNSUPPORTED", f"{command.kind} is refused as {exc.code}", "Refuse it as UNSUPPORTED.")
            continue
        raise LawBrokenError(f"{command.kind} was taken", "Name in `commands` what the wire carries, refuse the rest.")
    require(await hand.effects() == before, "an unsupported command was sent", "Refuse it before anything is sent.")


def _hand(exam: Exam) -> PushBench:
    if exam.push is None:
        raise NotApplicableError("there is no hand on what the partner is told")
    if not exam.connector().commands:
        raise NotApplicableError("the connector tells its partner nothing")
    return exam.push


def _modes(hand: PushBench) -> list[str]:
    if not hand.modes:
        raise NotApplicableError("this partner cannot lose an answer on command")
    return sorted(hand.modes)


async def _pushed(exam: Exam, connector: Connector, key: str, command: Command) -> Receipt:
    return await exam.ask(lambda: connector.push(exam.wire, key, command))


async def _attempt(step: Callable[[], Awaitable[T]]) -> Exception | None:
    """What it raised; None where it went well."""
    try:
        await step()
    except (AuthError, RejectedError, TransientError) as exc:
        return exc
    return None


def _require_one(exam: Exam, grown: int, what: str) -> None:
    if not exam.connector().has_keys and grown > 1:
        raise NotApplicableError("the wire carries no key")
    require(
        grown == 1,
        f"{what} had {grown} effects",
        "Put the step's key, and nothing of the moment, into the partner's own transaction key.",
    )


def _require_silent(error: Exception, hand: PushBench) -> None:
    said = f"{error} {getattr(error, 'hint', '')} {getattr(error, 'reason', '')}"
    require(hand.canary not in said, "an error repeats what people wrote", "Say the code and what it means, no more.")


def _one_of_each() -> list[Command]:
    at = datetime(2024, 8, 1, 2, tzinfo=UTC)
    about = AboutRecord(native_id="x", native_no="", hand_over="x", at=at, by="x")
    said = {name: getattr(about, name) for name in ("native_id", "native_no", "hand_over", "at", "by")}
    return [
        Sign(**said), Decline(**said, reason=DeclineReason.OTHER, words="x"),
        Extend(**said, due_on=at.date(), words="x"), Progress(**said, words="x"),
        Return(**said, outcome=Outcome.AGREED, agreement_no="x", words="x"), Confirm(**said, agreement_no="x"),
        Supplement(**said, agreement_no="x", words="x"), Escalate(**said, words="x"), Cancel(**said, words="x"),
        Refer(at=at, by="x", dispute_code="x", title="x"),
    ]  # fmt: skip
