"""What one form says in the hub's words: a partial view of its call (DOMAIN §5.1, WIRES §2), a pure function.

A call, its dispatches and its feedbacks are items of one record; ``compose`` joins the newest version of each. A form
that was withdrawn says nothing but that. Unknown codes are named for the worklist; no refusal quotes the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.base import InstanceConfig
from connectors.police import codes
from connectors.police.category import Category, read_category
from connectors.police.feedback import answers_of, entries_of, hand_overs_of, meaning_of, result_of
from connectors.police.forms import Form, read_form
from connectors.police.parties import party, read_parties
from connectors.police.place_of_call import location_of
from hub.errors import BadPayloadError
from hub.model import Answer, CaseFacts, Entry, Fact, Item, PartyFacts, RecordName, Reference, UnknownCode
from hub.vocabulary import (
    UNKNOWN,
    CaseRecordState,
    Channel,
    Classification,
    HandlingEventKind,
    LinkKind,
    PartyRole,
)

#: WIRES 0.25: domestic violence, minors and sexual offences by the words of the matter
CONFIDENTIAL_WORDS = re.compile("家庭暴力|家暴|人身安全保护令|未成年|性侵|强奸|猥亵")

_REGION = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?")


def facts_of(item: Item, config: InstanceConfig) -> Sequence[Fact]:
    """One partial CaseFacts, and answers to batches of ours. Raises BadPayloadError, nothing else."""
    form = read_form(item.body)
    if form.dataset == "YSHZ":
        return list(_transfer_answers(form))
    return [_READERS[form.dataset](form, config), *answers_of(form)]


def _call(form: Form, config: InstanceConfig) -> CaseFacts:
    state_code = form.get("JQCLZTDM")
    category = read_category(form, config.tables)
    state = codes.CALL_STATES.get(state_code, CaseRecordState.UNKNOWN) if state_code else CaseRecordState.RECEIVED
    received_at = form.time("BJSJ", "JJSJ")
    region = form.get("XZQHDM")
    return _partial(
        form,
        native_kind=category.kind,
        native_state=form.code("JQCLZTDM"),
        state=CaseRecordState.WITHDRAWN if form.is_withdrawn else state,
        title=category.title,
        category=category.code,
        category_native=category.native,
        classes=category.classes,
        received_at=received_at,
        opens_dispute=category.is_dispute and not form.is_withdrawn,
        content=form.words("BJNR"),
        region_code=region if _REGION.fullmatch(region) else "",
        address=form.words("SFDD"),
        location=location_of(form),
        classification=_classification(form.words("BJNR")),
        agency_code=form.unit("GXDWDM"),
        withdrawn_at=form.updated_at if form.is_withdrawn else None,
        parties=_caller(form),
        entries=tuple(_call_entries(form)),
        names=tuple(_names(form)),
        references=tuple(_references(form)),
        unknown_codes=() if form.is_withdrawn else tuple(_unknown_codes(form, category, "BJSJ")),
    )


def _dispatch(form: Form, config: InstanceConfig) -> CaseFacts:
    if form.is_withdrawn:
        return _withdrawn(form)
    arrived = bool(form.get("DDXCSJ")) and not form.is_unreadable("DDXCSJ")
    return _partial(
        form,
        state=CaseRecordState.IN_PROGRESS if arrived else CaseRecordState.ACCEPTED,
        received_at=form.time("CJSJ", "DDXCSJ"),
        classification=_classification(form.words("CJQK")),
        agency_code=form.unit("CJDWDM"),
        entries=tuple(_dispatch_entries(form, arrived)),
        unknown_codes=tuple(_unknown_codes(form, Category(), "CJSJ", "DDXCSJ")),
    )


def _feedback(form: Form, config: InstanceConfig) -> CaseFacts:
    if form.is_withdrawn:
        return _withdrawn(form)
    category = read_category(form, config.tables)
    parties, unknown_parties = read_parties(form.words("DSRXX"))
    entries = tuple(entries_of(form))
    meaning = meaning_of(form)
    told_at = form.time("FKSJ")
    return _partial(
        form,
        native_kind=category.kind,
        native_state=form.code("CLJGDM"),
        state=meaning.state if meaning else CaseRecordState.UNKNOWN,
        title=category.title,
        category=category.code,
        category_native=category.native,
        classes=category.classes,
        received_at=told_at,
        opens_dispute=category.is_dispute,
        classification=_classification("\n".join(entry.words for entry in entries)),
        agency_code=form.unit("FKDWDM"),
        docketed_at=told_at if form.get("CLJGDM") in codes.CASES_OPENED else None,
        result=result_of(form, config.centre_code),
        parties=parties,
        entries=entries,
        hand_overs=hand_overs_of(form, config.centre_code),
        unknown_codes=(*_unknown_codes(form, category, "FKSJ"), *unknown_parties),
    )


_READERS: Mapping[str, Callable[[Form, InstanceConfig], CaseFacts]] = {
    "JJD": _call,
    "CJD": _dispatch,
    "FKD": _feedback,
}


def _partial(form: Form, **said: Any) -> CaseFacts:
    """What every form says, and what this one says besides."""
    plain: dict[str, Any] = {
        "native_kind": "", "native_state": "", "state": CaseRecordState.UNKNOWN, "title": "", "category": UNKNOWN,
        "opens_dispute": False,
    }  # fmt: skip
    return CaseFacts(
        **{**plain, **said},
        native_id=form.jjdbh,
        native_no="",
        lineage="",
        updated_at=form.updated_at,
        channel=Channel.POLICE,
        unit_key=form.jjdbh,
        part=form.key,
        tie_break=form.place,
    )


def _withdrawn(form: Form) -> CaseFacts:
    """A dispatch or feedback that was taken back: its entries vanish with it."""
    return _partial(form, received_at=form.updated_at, withdrawn_at=form.updated_at)


def _call_entries(form: Form) -> Iterator[Entry]:
    actor = form.unit("GXDWDM")
    if form.is_withdrawn:
        yield Entry(
            f"{form.number}/{codes.WITHDRAWN}", HandlingEventKind.WITHDRAWN, form.updated_at, position=9,
            to_state=str(CaseRecordState.WITHDRAWN), actor_code=actor,
        )  # fmt: skip
        if not (form.get("BJSJ") or form.get("JJSJ")):
            return
    received_at = form.time("BJSJ", "JJSJ")
    yield Entry(
        form.number, HandlingEventKind.REGISTERED, received_at, to_state=str(CaseRecordState.RECEIVED),
        actor_code=actor,
    )  # fmt: skip
    if form.get("JQCLZTDM") == codes.FOLLOWED_UP_AND_CLOSED and not form.is_withdrawn:
        # the wire tells no time of it: composing moves it behind what the police had done by then
        for kind in (HandlingEventKind.FOLLOWED_UP, HandlingEventKind.CLOSED):
            yield Entry(
                f"{form.number}/{codes.FOLLOWED_UP_AND_CLOSED}/{kind}", kind, received_at, position=9,
                native_code=codes.FOLLOWED_UP_AND_CLOSED, to_state=str(CaseRecordState.CLOSED), actor_code=actor,
                data={"JQCLZTDM": codes.FOLLOWED_UP_AND_CLOSED},
            )  # fmt: skip


def _dispatch_entries(form: Form, arrived: bool) -> Iterator[Entry]:
    actor, data, words = form.unit("CJDWDM"), {"CJDBH": form.code("CJDBH")}, form.words("CJQK")
    yield Entry(
        form.number, HandlingEventKind.TRIAGED, form.time("CJSJ", "DDXCSJ"), position=1,
        to_state=str(CaseRecordState.ACCEPTED), actor_code=actor, data=data, words="" if arrived else words,
    )  # fmt: skip
    if arrived:
        yield Entry(
            f"{form.number}/DDXCSJ", HandlingEventKind.ACCEPTED, form.time("DDXCSJ"), position=2,
            to_state=str(CaseRecordState.IN_PROGRESS), actor_code=actor, data=data, words=words,
        )  # fmt: skip


def _caller(form: Form) -> tuple[PartyFacts, ...]:
    name, phone = form.get("BJRXM"), form.get("BJDH")
    return (party(PartyRole.CALLER, name, "", phone),) if name or phone else ()


def _names(form: Form) -> Iterator[RecordName]:
    yield RecordName("police.jjdbh", form.jjdbh)
    if ours := form.code("YSBH"):
        yield RecordName("police.ysbh", ours)


def _references(form: Form) -> Iterator[Reference]:
    """The order that went from here to 12345 (it names this call as its source), and calls of one transfer of ours."""
    if order := form.code("LZGDBH"):
        yield Reference(LinkKind.RELATED, "hotline.workordercode", order)
    if ours := form.code("YSBH"):
        yield Reference(LinkKind.RELATED, "police.ysbh", ours)


def _unknown_codes(form: Form, category: Category, *times: str) -> Iterator[UnknownCode]:
    yield from category.unknown
    update, state, result = form.get("GXBS"), form.get("JQCLZTDM"), form.get("CLJGDM")
    if update and update not in codes.UPDATES:
        yield UnknownCode("GXBS", update[:64])
    if form.dataset == "JJD" and state and state not in codes.CALL_STATES:
        yield UnknownCode("JQCLZTDM", state[:64])
    if form.dataset == "FKD" and result and result not in codes.RESULTS:
        yield UnknownCode("CLJGDM", result[:64])
    for column in times:
        if form.is_unreadable(column):
            yield UnknownCode(column, "UNREADABLE")


def _classification(words: str) -> Classification:
    return Classification.CONFIDENTIAL if CONFIDENTIAL_WORDS.search(words) else Classification.INTERNAL


def _transfer_answers(form: Form) -> Iterator[Answer]:
    """What the police decided about a dispute we handed to them (WIRES 2.16)."""
    if form.is_withdrawn:
        return
    decision = form.get("JG")
    if decision not in codes.TRANSFER_ANSWERS:
        raise BadPayloadError("UNKNOWN_CODE", field="JG")
    yield Answer(
        our_key=form.number,
        accepted=decision == codes.TAKEN,
        code=decision,
        reason=form.words("YY"),
        partner_ref=form.get("JJDBH"),
    )
