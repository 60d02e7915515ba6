"""The push laws, in the order in which they are examined."""

from __future__ import annotations

from connectors.conformance import sending
from connectors.conformance.law import Law

PUSH_LAWS: tuple[Law, ...] = (
    Law("push-once", "The same key twice has one effect and one receipt.", sending.same_key_once),
    Law(
        "push-lost",
        "A push whose answer was lost is sent again and has one effect.",
        sending.lost_answer_once,
    ),
    Law(
        "push-key",
        "Two keys are two steps, and one key with another content is a refusal.",
        sending.the_key_travels,
    ),
    Law(
        "push-refusal",
        "A partner's refusal raises RejectedError and is never read as acceptance.",
        sending.refusal_is_no_success,
    ),
    Law(
        "push-receipt",
        "A receipt's number is the partner's, and its decision comes back under it.",
        sending.receipts_are_the_partners,
    ),
    Law(
        "push-doubt",
        "Whatever breaks after the request was sent is a TransientError in doubt.",
        sending.doubt_is_told,
    ),
    Law(
        "push-unsupported",
        "What the wire cannot carry is refused before anything is sent.",
        sending.nothing_unsupported_is_sent,
    ),
)
