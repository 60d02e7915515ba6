"""Results, corrections, declines and confirmations pushed to the court (``/sqtj/fk``, WIRES.md 1.8 to 1.10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from connectors.sandbox import court_rows as rows
from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.court_auth import Application
from connectors.sandbox.court_desk import CourtDesk
from connectors.sandbox.court_refusal import ALREADY_THERE, CourtRefusal, success
from connectors.sandbox.court_rows import Row
from connectors.sandbox.court_standing import standing_of
from connectors.sandbox.matters import CENTRE, CENTRE_NAME

_FIELDS = ("ajbs", "ah", "acceptType", "tjjg", "tjxybh", "bcgyy", "wzyss", "ts", "sign", "signType")
RESULT, CORRECTION, DECLINE, CONFIRMATION = "60", "61", "4", "98"


@dataclass(frozen=True, slots=True)
class Push:
    """One checked body of ``/sqtj/fk``; what is absent is ''."""

    ajbs: str
    ah: str
    kind: str
    tjjg: str
    tjxybh: str
    bcgyy: str
    wzyss: str

    @property
    def content(self) -> str:
        """What must be equal in a repeat; key, ts and sign are not content (WIRES.md 0.12)."""
        return orjson.dumps([self.tjjg, self.bcgyy, self.wzyss]).decode()

    def key(self, about: str) -> str:
        """The transaction key; a 61's holds its tjjg too (WIRES.md 1.10)."""
        further = [self.tjjg] if self.kind == CORRECTION else []
        return orjson.dumps(["fk", self.ajbs, about, self.kind, self.tjxybh, *further]).decode()


def read_push(body: bytes, application: Application) -> Push:
    """The push in ``body``; raises CourtRefusal 400 or 403."""
    fields = read_strings(body, _FIELDS)
    for name in ("ajbs", "acceptType", "ts", "sign"):
        if not fields[name]:
            raise CourtRefusal(400, name)
    signed = (fields["ts"], *(fields[name] for name in ("ajbs", "ah", "acceptType", "tjjg", "tjxybh")))
    if not application.signs(fields["sign"], fields["signType"], *signed):
        raise CourtRefusal(403)
    push = Push(*(fields[name] for name in ("ajbs", "ah", "acceptType", "tjjg", "tjxybh", "bcgyy", "wzyss")))
    _check(push)
    return push


def read_strings(body: bytes, names: tuple[str, ...]) -> dict[str, str]:
    """The named fields of a JSON object, '' where absent; raises CourtRefusal 400 unless all are strings."""
    fields = read_object(body)
    for name in names:
        if not isinstance(fields.get(name, ""), str):
            raise CourtRefusal(400, name)
    return {name: fields.get(name, "") for name in names}


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``; raises CourtRefusal 400."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise CourtRefusal(400, "JSON") from exc
    if not isinstance(fields, dict):
        raise CourtRefusal(400, "JSON")
    return fields


def _check(push: Push) -> None:
    if push.kind not in (RESULT, CORRECTION, DECLINE, CONFIRMATION):
        raise CourtRefusal(400, "acceptType")
    is_result = push.kind in (RESULT, CORRECTION)
    if push.tjjg not in (("1", "2", "3") if is_result else ("", "1", "2", "3")):
        raise CourtRefusal(400, "tjjg")
    if not push.tjxybh and (push.kind in (CORRECTION, CONFIRMATION) or push.tjjg == "1"):
        raise CourtRefusal(400, "tjxybh")
    if push.tjjg == "2" and not push.wzyss:
        raise CourtRefusal(400, "wzyss")
    if is_result and push.tjjg == "2" and push.bcgyy not in ("", "3", "4", "5", "6", "7", "8"):
        raise CourtRefusal(400, "bcgyy")


def receive_push(desk: CourtDesk, push: Push) -> bytes:
    """Do what was pushed, once for ever; raises CourtRefusal 404, 409 or 422."""
    store = desk.store
    literal = push.key(rows.half_width(push.ah))
    before = store.receipt(literal)
    if before is None:
        row_id, row = _find(desk, push)
        # the same push may come again under the number that the row got in the meantime
        by_row = push.key(f"row {row_id}")
        before = store.receipt(by_row)
    if before is not None:
        content, answer = before
        if content != push.content:
            raise CourtRefusal(409)
        return success({"sldh": answer}, ALREADY_THERE)
    is_history = _allowed(push, row)
    with store.transaction():
        desk.touch()
        now = desk.now
        sldh = f"SL{now:%Y%m%d%H%M%S}{store.next_serial('sldh'):06d}"
        for key in (literal, by_row):
            store.keep_receipt(key, push.content, sldh)
        state = row["ajzt"] if is_history else _apply(desk, push, row, sldh)
        store.replace(row_id, row)
        desk.answer_later(row_id, row, int(push.kind), state, sldh, push.tjxybh, is_history)
        if push.kind in (RESULT, CORRECTION) and not is_history:
            desk.concluded(row_id, row)
    return success({"sldh": sldh})


def _find(desk: CourtDesk, push: Push) -> tuple[int, Row]:
    held = desk.store.of_ajbs(push.ajbs)
    wanted = rows.half_width(push.ah)
    for row_id, row in held:
        if rows.half_width(row["ah"]) == wanted:
            return row_id, row
    if not wanted and len(held) == 1:
        return held[0]
    raise CourtRefusal(404)


def _allowed(push: Push, row: Row) -> bool:
    """True where the record was concluded before August and only the answer will show; raises CourtRefusal 422."""
    standing = standing_of(row)
    if not standing.is_handed_over:
        raise CourtRefusal(422, "未委派")
    if push.kind == CORRECTION:
        if standing.result is None:
            raise CourtRefusal(422, "无化解结果")
        return False
    if standing.ended_at and standing.ended_at < rows.stamp(LIVE_FROM):
        return True
    if push.kind == CONFIRMATION:
        if standing.result != "1" or standing.is_confirming:
            raise CourtRefusal(422, "不可申请司法确认")
    elif not standing.is_open or (push.kind == RESULT and standing.result is not None):
        raise CourtRefusal(422, "已有结果")
    return False


def _apply(desk: CourtDesk, push: Push, row: Row, sldh: str) -> str:
    """Show the push in the row's log at once; returns the entry's caseState."""
    now = desk.now
    state = {DECLINE: str(row["ajzt"]), CONFIRMATION: "申请司法确认"}.get(push.kind, "已结案")
    if push.kind in (RESULT, CORRECTION):
        signed = rows.wire_date(now.date(), "signed", row["ajbs"]) if push.tjjg == "1" else None
        row["mediateAgreementSignDate"] = signed
        if row["ajzt"] not in ("归档", "结案"):
            row["ajzt"] = state
        if row["ah"] is None:
            # an ended mediation is numbered (WIRES.md 1.4)
            row["ah"] = desk.new_number(row, now)
    elif push.kind == CONFIRMATION:
        row["ajzt"] = state
    rows.log(
        row, int(push.kind), state, now, CENTRE_NAME, CENTRE,
        tjjg=push.tjjg or None, tjxybh=push.tjxybh or None, bcgyy=push.bcgyy or None, wzyss=push.wzyss or None,
        sldh=sldh,
    )  # fmt: skip
    return state
