"""Filings of the centre at the court (``/sqtj/tj``, WIRES.md 1.18)."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson

from connectors.sandbox import court_rows as rows
from connectors.sandbox.county import County
from connectors.sandbox.court_auth import Application
from connectors.sandbox.court_desk import CourtDesk
from connectors.sandbox.court_push import read_object, read_strings
from connectors.sandbox.court_refusal import ALREADY_THERE, CourtRefusal, success
from connectors.sandbox.court_rows import Row
from connectors.sandbox.desk_rule import ACCEPTED, FILING, WANTS_MATERIAL
from connectors.sandbox.matters import CENTRE, CENTRE_NAME

_CONTENT = (
    "ajlb", "caseCause", "caseAmount", "claim", "facts", "fwlsh", "originalCaseCode", "originalCaseNo", "wzyss",
    "submitter",
)  # fmt: skip
_REQUIRED = ("requestId", "ajlb", "caseCause", "claim", "facts", "submitter", "ts", "sign")
_AMOUNT = re.compile(r"\d+\.\d{2}")
_PARTY = ("dsrlx", "xm", "zjlx", "zjhm", "lxdh", "xzqhdm", "zz")
SOURCE = "综治中心推送"


def read_filing(body: bytes, application: Application) -> dict[str, Any]:
    """The filing in ``body``, '' where absent; raises CourtRefusal 400 or 403."""
    filing: dict[str, Any] = dict(read_strings(body, ("requestId", *_CONTENT, "ts", "sign", "signType")))
    for name in _REQUIRED:
        if not filing[name]:
            raise CourtRefusal(400, name)
    signed = (filing["ts"], filing["requestId"], filing["ajlb"], filing["caseCause"])
    if not application.signs(filing["sign"], filing["signType"], *signed):
        raise CourtRefusal(403)
    if filing["ajlb"] not in ("0301", "0401"):
        raise CourtRefusal(400, "ajlb")
    if filing["submitter"] != CENTRE:
        raise CourtRefusal(400, "submitter")
    if filing["caseAmount"] and not _AMOUNT.fullmatch(filing["caseAmount"]):
        raise CourtRefusal(400, "caseAmount")
    filing["dsr"] = _parties(read_object(body).get("dsr"))
    return filing


def _parties(value: object) -> list[Row]:
    if not isinstance(value, list) or not all(isinstance(party, dict) for party in value):
        raise CourtRefusal(400, "dsr")
    parties = [{name: party.get(name) or None for name in _PARTY} for party in value]
    well_formed = all(isinstance(field, str | None) for party in parties for field in party.values())
    named = {party["dsrlx"] for party in parties if party["xm"]}
    if not well_formed or not named >= {"原告", "被告"} or not all(party["xm"] for party in parties):
        raise CourtRefusal(400, "dsr")
    return parties


def receive_filing(desk: CourtDesk, county: County, filing: dict[str, Any]) -> bytes:
    """List the filing at once, once for ever; raises CourtRefusal 404, 409 or 422."""
    store = desk.store
    key = orjson.dumps(["tj", filing["requestId"]]).decode()
    content = orjson.dumps([*(filing[name] for name in _CONTENT), filing["dsr"]]).decode()
    before = store.receipt(key)
    if before is not None:
        if before[0] != content:
            raise CourtRefusal(409)
        return success(orjson.loads(before[1]), ALREADY_THERE)
    row_id, earlier = _predecessor(desk, filing)
    with store.transaction():
        desk.touch()
        now = desk.now
        sldh = f"SL{now:%Y%m%d%H%M%S}{store.next_serial('sldh'):06d}"
        fwlsh = filing["fwlsh"] or f"{county.code}{now:%Y%m%d}{store.next_serial(f'fwlsh {now:%Y%m%d}'):05d}5"
        identity = f"{county.seed}|{county.scale}|tj|{filing['requestId']}".encode()
        ajbs = earlier["ajbs"] if earlier else hashlib.md5(identity, usedforsecurity=False).hexdigest()
        row = _row(desk, filing, ajbs, fwlsh)
        row["logs"] = earlier["logs"] if earlier else []
        rows.log(row, FILING, "待审核", now, CENTRE_NAME, CENTRE, wzyss=filing["wzyss"] or None, sldh=sldh)
        if row_id is None:
            row_id = store.add(row)
        else:
            store.replace(row_id, row)
        store.submit(sldh, fwlsh, row_id)
        desk.decide_later(row_id, row, sldh, filing["requestId"])
        answer = {"sldh": sldh, "ajbs": ajbs, "fwlsh": fwlsh}
        store.keep_receipt(key, content, orjson.dumps(answer).decode())
    return success(answer)


def _predecessor(desk: CourtDesk, filing: dict[str, Any]) -> tuple[int | None, Row | None]:
    """The row that this filing replaces, where the desk wanted material; raises CourtRefusal 404 or 422."""
    store = desk.store
    if filing["fwlsh"] and not store.has_service_no(filing["fwlsh"]):
        raise CourtRefusal(404, "fwlsh")
    if filing["originalCaseCode"] and not store.of_ajbs(filing["originalCaseCode"]):
        raise CourtRefusal(404, "originalCaseCode")
    if filing["originalCaseNo"] and not store.has_number(filing["originalCaseNo"]):
        raise CourtRefusal(404, "originalCaseNo")
    last = store.last_submission(filing["fwlsh"]) if filing["fwlsh"] else None
    if last is None:
        return None, None
    row_id, decision = last
    if decision in (None, ACCEPTED):
        raise CourtRefusal(422, "已提交")
    row = store.get(row_id)
    return (row_id, row) if decision == WANTS_MATERIAL and row is not None else (None, None)


def _row(desk: CourtDesk, filing: dict[str, Any], ajbs: str, fwlsh: str) -> Row:
    now, ajlb, amount = desk.now, filing["ajlb"], filing["caseAmount"] or None
    return rows.blank_row(ajbs, fwlsh) | {
        "ajlb": ajlb, "caseType": ajlb, "laaymc": desk.cause_name(filing["caseCause"]), "ajzt": "待审查",
        "caseStatus": 110, "caseCause": filing["caseCause"], "lxrq": rows.wire_date(now.date(), "lxrq", ajbs),
        "saly": SOURCE, "sjdwje": amount, "caseAmount": amount, "claim": filing["claim"], "facts": filing["facts"],
        "firstCommitTime": rows.stamp(now), "originalCaseCode": filing["originalCaseCode"] or None,
        "originalCaseNo": filing["originalCaseNo"] or None, "dsr": filing["dsr"],
    }  # fmt: skip
