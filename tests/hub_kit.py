"""A hub for one test: its store, its keys, a clock to move, and court rows delivered straight into the inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from connectors.base import InstanceConfig
from connectors.court import CourtConnector
from connectors.court.rows import make_item
from hub.applying import Applied, apply_pending
from hub.desk import Desk
from hub.inbox import Kept, keep_page
from hub.model import SHANGHAI, Source
from hub.sealing import KeyRing
from hub.store.engine import open_store
from hub.store.tables import (
    case_records,
    disputes,
    event_words,
    handling_events,
    inbox_items,
    parties,
    record_entries,
    record_links,
    referrals,
)
from hub.vocabulary import county_tables

COUNTY = "620725"
CENTRE = "620725190000"
LIVE_FROM = datetime(2024, 8, 1, tzinfo=SHANGHAI)
COURT = Source("court", "court", LIVE_FROM, "620725000000")
PERSON = "620725199003074518"
PHONE = "13893612345"


class Clock:
    """A clock that moves a little at every look and as far as it is told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


def court_config(**changes: Any) -> InstanceConfig:
    """The court of the simulated county."""
    values: dict[str, Any] = {
        "name": "court", "product": "court", "county": COUNTY, "centre_code": CENTRE, "live_from": LIVE_FROM,
        "tables": county_tables(COUNTY), "app_id": "hub", "secret": "s", "options": {"agency_code": "620725000000"},
    }  # fmt: skip
    return InstanceConfig(**{**values, **changes})


@asynccontextmanager
async def open_desk(url: str, clock: Clock | None = None) -> AsyncIterator[Desk]:
    """A desk on a migrated database."""
    store = open_store(url)
    try:
        yield Desk(store, KeyRing(b"k" * 32), COUNTY, clock or Clock())
    finally:
        await store.close()


def row(ajbs: str = "a1", **changes: Any) -> dict[str, Any]:
    """A court row: a civil filing of March 2024, diverted to nobody yet."""
    values: dict[str, Any] = {
        "ajbs": ajbs, "ah": None, "ajlb": "0301", "laaymc": "民间借贷纠纷", "ajzt": "待审查", "fydm": "620725",
        "lxrq": "2024-03-05", "saly": "当事人起诉", "sfss": "0", "sfsw": "0", "sfsg": "0", "sfst": "0", "mqzz": None,
        "sjdwje": "12000.00", "ycts": 0, "gxsj": "2024-03-05 09:00:00", "fwlsh": f"F{ajbs}", "caseStatus": 110,
        "courtCode": "620725", "caseType": "0301", "caseCause": "9132", "caseAmount": "12000.00", "claim": "还款",
        "facts": f"被告电话{PHONE}", "firstCommitTime": "2024-03-04 20:00:00", "mediateAgreementSignDate": None,
        "originalCaseCode": None, "originalCaseNo": None,
        "dsr": [
            {"dsrlx": "原告", "xm": "王芳", "zjlx": "111", "zjhm": PERSON, "lxdh": PHONE, "xzqhdm": "620725101201",
             "zz": "清泉镇北滩村"},
            {"dsrlx": "被告", "xm": "李强", "zjlx": "111", "zjhm": "", "lxdh": "", "xzqhdm": "620725101202",
             "zz": "清泉镇东街村"},
        ],
        "logs": [],
    }  # fmt: skip
    return {**values, **changes}


def log(accept_type: int, at: str, **changes: Any) -> dict[str, Any]:
    """One line of a row's log."""
    line = {
        "acceptType": accept_type, "caseState": "调解中", "at": at, "by": "赵法官", "org": None, "mode": None,
        "tjjg": None, "tjxybh": None, "bcgyy": None, "wzyss": None, "sldh": None,
    }  # fmt: skip
    return {**line, **changes}


def diverted(at: str = "2024-03-06 10:00:00") -> dict[str, Any]:
    """The line that hands a filing over to the centre."""
    return log(80, at, org=CENTRE, mode="委派", caseState="待指派调解")


async def deliver(
    desk: Desk, rows: Sequence[dict[str, Any]], *, settles_ties: bool = False, apply: bool = True
) -> tuple[Kept, Applied | None]:
    """Keep these rows as one page and apply what waits."""
    async with desk.store.write() as tx:
        kept = await keep_page(
            tx, desk, instance="court", run_id="run", origin="PULL", items=[make_item(one) for one in rows],
            settles_ties=settles_ties,
        )  # fmt: skip
    return kept, await apply_pending(desk, COURT, CourtConnector(court_config())) if apply else None


async def snapshot(desk: Desk) -> dict[str, Any]:
    """What must not depend on the order of arrival: facts, records, parties, referrals, versions, components."""
    skip_record = {
        "id", "first_seen_at", "last_seen_at", "dispute_id", "newest_item_id", "version", "stream_seq", "stream_hash",
        "order_key", "family_hash", "link_method", "link_evidence", "deleted_at_source",
    }  # fmt: skip
    async with desk.store.read() as connection:
        record_rows = (await connection.execute(select(case_records))).all()
        name = {one.id: (one.native_id, one.native_no, one.lineage) for one in record_rows}
        facts = (
            await connection.execute(
                select(handling_events, event_words.c.words, event_words.c.actor_name)
                .outerjoin(event_words, event_words.c.event_id == handling_events.c.id)
                .join(record_entries, record_entries.c.event_id == handling_events.c.id)
                .where(record_entries.c.is_live, handling_events.c.source != "hub")
            )
        ).all()
        party_rows = (await connection.execute(select(parties))).all()
        referral_rows = (await connection.execute(select(referrals).where(referrals.c.is_live))).all()
        version_rows = (await connection.execute(select(inbox_items))).all()
        dispute_rows = (await connection.execute(select(disputes).where(disputes.c.merged_into.is_(None)))).all()
        links = (await connection.execute(select(record_links).where(record_links.c.state == "ACCEPTED"))).all()
    members: dict[str, list[Any]] = {}
    for one in record_rows:
        if one.dispute_id:
            members.setdefault(one.dispute_id, []).append(name[one.id])
    return {
        "records": sorted(
            str({key: value for key, value in one._mapping.items() if key not in skip_record}) for one in record_rows
        ),
        "gone": sorted(name[one.id] for one in record_rows if one.deleted_at_source),
        "facts": sorted(
            str((name[one.record_id], one.source_event_id, one.kind, one.occurred_at, one.position, one.native_code,
                 one.actor_code, one.to_state, one.data, one.words, one.actor_name))
            for one in facts
        ),
        "parties": sorted(
            str((name[one.record_id], one.position, one.role, one.name, one.id_mask, one.id_index, one.phone_mask,
                 one.phone_index))
            for one in party_rows
        ),
        "referrals": sorted(
            str({key: value for key, value in one._mapping.items() if key not in ("id", "record_id", "version")})
            + str(name[one.record_id])
            for one in referral_rows
        ),
        "versions": sorted(
            (one.item_key, one.version, one.content_hash, one.state, str(name.get(one.record_id)))
            for one in version_rows
        ),
        "links": sorted(str((sorted((name[one.from_record_id], name[one.to_record_id])), one.kind)) for one in links),
        "components": sorted(str(sorted(part)) for part in members.values()),
        "disputes": sorted(
            str((sorted(members.get(one.id, [])), one.title, one.category, one.channel, one.region_code, one.state,
                 one.state_since, one.outcome, one.procedure, one.holder_code, one.classification, one.registered_at,
                 one.record_count, one.is_live, one.lng, one.lat, one.crs))
            for one in dispute_rows
        ),
    }  # fmt: skip
