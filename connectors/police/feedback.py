"""A feedback form (反馈单): what happened, whether it handed the call to the centre, or told how that ended."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.police import codes
from connectors.police.forms import Form
from connectors.police.names import ZIP
from hub.model import Answer, Entry, HandOver, Result
from hub.vocabulary import Channel, HandlingEventKind, ReferralMode, ReferralState

#: places in the life of a call: registered 0, dispatched 1, arrived 2, closed 9
_TOLD, _CONFIRMED = 3, 4


def meaning_of(form: Form) -> codes.Meaning | None:
    """What its result tells; None where its code is unknown."""
    result = form.get("CLJGDM")
    if not result:
        return codes.NO_RESULT
    if result == codes.ADVISED and not form.get("YJDW"):
        return codes.ADVICE_ONLY
    return codes.RESULTS.get(result)


def entries_of(form: Form) -> Iterator[Entry]:
    """The feedback as an event, and where it answers a batch of ours, the confirmation that it came.

    None for an unknown result: that waits in the worklist until a table explains it.
    """
    meaning = meaning_of(form)
    if meaning is None:
        return
    at, actor = form.time("FKSJ"), form.unit("FKDWDM")
    codes_and_numbers = {name: form.code(name) for name in ("CLJGDM", "YJDW", "FKDBH", "CJDBH", "HZBH")}
    data = {name: value for name, value in codes_and_numbers.items() if value}
    yield Entry(
        source_event_id=form.number,
        kind=meaning.kind,
        occurred_at=at,
        position=_TOLD,
        native_code=form.code("CLJGDM"),
        to_state=str(meaning.state),
        actor_code=actor,
        words="\n".join(words for column in ("CJQK", "JQCLJG") if (words := form.words(column))),
        data=data,
    )
    if _confirms(form):
        yield Entry(
            f"{form.number}/HZBH", HandlingEventKind.RETURN_ACKED, at, position=_CONFIRMED,
            native_code=form.code("CLJGDM"), actor_code=actor, data=data,
        )  # fmt: skip


def hand_overs_of(form: Form, centre_code: str) -> tuple[HandOver, ...]:
    """The hand-over to the centre, as it began. What other units were handed is an event only."""
    if form.get("CLJGDM") not in codes.HAND_OVERS or form.get("YJDW") != centre_code:
        return ()
    return (
        HandOver(
            source_event_id=form.number,
            channel=Channel.POLICE,
            mode=ReferralMode.TRANSFER,
            from_code=form.unit("FKDWDM"),
            to_code=centre_code,
            sent_at=form.time("FKSJ"),
            state=ReferralState.SENT,
        ),
    )


def result_of(form: Form, centre_code: str) -> Result | None:
    """How mediation at the centre ended, by this form; None where it tells nothing of that."""
    ending = codes.ENDINGS.get(form.get("CLJGDM"))
    if ending is None or form.get("YJDW") != centre_code:
        return None
    return Result(ending.outcome, form.time("FKSJ"))


def answers_of(form: Form) -> Iterator[Answer]:
    """The police's answer to the batch of ours that the form names: either result says that ours was taken."""
    if form.dataset == "FKD" and not form.is_withdrawn and _confirms(form):
        # our file's name, with its ending or without
        named = form.get("HZBH")
        ours = named[: -len(ZIP)] if named.lower().endswith(ZIP) else named
        yield Answer(ours, True, code=form.get("CLJGDM"), partner_ref=form.number)


def _confirms(form: Form) -> bool:
    return bool(form.get("HZBH")) and form.get("CLJGDM") in codes.ENDINGS
