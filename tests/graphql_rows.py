"""Rows of a small county for the tests of the GraphQL door, written straight into the tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Boolean, Float, Integer, LargeBinary, Table, insert
from sqlalchemy.types import BigInteger

from hub.desk import Desk
from hub.principal import LOCAL
from hub.sealing import KeyRing
from hub.store import tables
from hub.store.engine import Store
from hub.store.tables.base import Instant
from hub.store.terms import name_terms, number_terms, title_terms
from hub.vocabulary import HandlingEventKind, county_tables
from schema.build import build, executable, new_context
from schema.context import Context
from schema.execution import Request, Runner

COUNTY = "620725"
START = datetime(2024, 3, 1, 1, 0, tzinfo=UTC)

_ORDER = (
    tables.disputes, tables.case_records, tables.parties, tables.referrals, tables.handling_events,
    tables.record_entries, tables.event_words, tables.public_log, tables.regions, tables.agencies,
    tables.connector_states, tables.connector_incidents, tables.sync_runs, tables.reconciliations, tables.jobs,
    tables.mapping_worklist, tables.attachment_contents, tables.attachments,
    tables.search_terms, tables.data_keys, tables.outbound_messages, tables.record_links, tables.link_decisions,
)  # fmt: skip

_USUAL: Mapping[str, Mapping[str, Any]] = {
    "disputes": {
        "title": "邻里通行纠纷", "category": "0201", "channel": "LITIGATION", "region_code": "620725101001",
        "state": "ASSIGNED", "procedure": "PRE_LIT_MEDIATION", "holder_code": "620725190000",
        "classification": "INTERNAL", "is_live": True, "record_count": 1, "version": 1,
    },
    "case_records": {
        "instance": "court", "system": "court", "native_kind": "9901", "native_state": "调解中",
        "state": "IN_PROGRESS", "title": "邻里通行纠纷", "category": "0201", "channel": "LITIGATION",
        "region_code": "620725101001", "classification": "INTERNAL", "opens_dispute": True, "is_unit": True,
        "link_method": "OPENING", "link_confidence": 1.0, "link_evidence": {"rule": "1"},
    },
    "parties": {"role": "APPLICANT", "type": "PERSON", "name": "张三", "name_plain": "张三", "sex": "MALE"},
    "referrals": {
        "channel": "LITIGATION", "mode": "DELEGATE", "direction": "IN", "from_code": "620725010000",
        "to_code": "620725190000", "state": "SENT", "owes_return": True, "is_live": True,
    },
    "handling_events": {"operation": "ASSERT", "source": "court", "visibility": "INTERNAL"},
    "record_entries": {"is_live": True},
}  # fmt: skip


def at(minutes: int) -> datetime:
    """An instant that many minutes after the county's beginning."""
    return START + timedelta(minutes=minutes)


class County:
    """Collects rows, then writes them. Every column that a test does not care about gets an empty value."""

    def __init__(self) -> None:
        self._rows: list[tuple[Table, dict[str, Any]]] = []
        self._streams: dict[str, int] = {}
        self._terms: set[tuple[str, str]] = set()

    def put(self, table: Table, **values: Any) -> None:
        row = {"county": COUNTY, **_USUAL.get(table.name, {}), **values}
        for column in table.columns:
            if column.name not in row and not column.nullable and column.server_default is None:
                row[column.name] = _empty(column.type)
        self._rows.append((table, {name: value for name, value in row.items() if name in table.columns}))

    def dispute(self, number: int, **values: Any) -> str:
        id = f"dsp_{COUNTY}_{number:06}"
        when = values.get("registered_at", at(number))
        usual = {"code": f"JF{COUNTY}2024{number:06}", "registered_at": when, "state_since": when}
        self.put(tables.disputes, id=id, **{**usual, **values})
        return id

    def record(self, number: int, dispute_id: str | None, **values: Any) -> str:
        id = f"rec_{COUNTY}_{number:06}"
        usual = {"native_id": f"ajbs{number}", "received_at": at(number), "dispute_id": dispute_id}
        if dispute_id is None:
            usual |= {"link_method": None, "link_confidence": None, "link_evidence": None}
        row = {"title": _USUAL["case_records"]["title"], **usual, **values}
        self.put(tables.case_records, id=id, **row)
        self._find_by(id, title_terms(row["title"]) | number_terms((row["native_id"], row.get("native_no", ""))))
        return id

    def _find_by(self, record_id: str, terms: set[str]) -> None:
        for term in sorted(terms):
            if (record_id, term) not in self._terms:
                self._terms.add((record_id, term))
                self.put(tables.search_terms, record_id=record_id, term=term)

    def event(
        self, number: int, kind: HandlingEventKind, *, record_id: str | None = None, dispute_id: str | None = None,
        is_current: bool = True, words: str | None = None, sequence: int | None = None, **values: Any,
    ) -> str:  # fmt: skip
        id = f"evt_{COUNTY}_{number:06}"
        stream = record_id or dispute_id or ""
        self._streams[stream] = self._streams.get(stream, 0) + 1
        usual = {
            "record_id": record_id, "dispute_id": dispute_id, "stream_seq": self._streams[stream],
            "kind": kind.value, "kind_rank": kind.rank, "occurred_at": at(number), "recorded_at": at(number + 1),
            "source_event_id": f"e{number}",
        }  # fmt: skip
        row = {**usual, **values}
        self.put(tables.handling_events, id=id, **row)
        if record_id is not None and is_current:
            self.put(
                tables.record_entries, record_id=record_id, source_event_id=row["source_event_id"], event_id=id,
                is_live=row.get("operation") != "RETRACT",
            )  # fmt: skip
        if words is not None:
            self.put(tables.event_words, event_id=id, words=words)
        if sequence is not None:
            self.put(tables.public_log, sequence=sequence, entry_kind="EVENT", entry_id=id)
        return id

    def party(self, number: int, record_id: str, **values: Any) -> str:
        id = f"pty_{COUNTY}_{number:06}"
        if "name" in values:
            values.setdefault("name_plain", values["name"])
        self.put(tables.parties, id=id, record_id=record_id, **{"position": number, **values})
        self._find_by(record_id, name_terms([values.get("name", _USUAL["parties"]["name"])]))
        return id

    def referral(self, number: int, record_id: str | None, **values: Any) -> str:
        id = f"ref_{COUNTY}_{number:06}"
        usual = {"record_id": record_id, "source_event_id": f"e{number}", "sent_at": at(number)}
        self.put(tables.referrals, id=id, **{**usual, **values})
        return id

    async def write(self, store: Store) -> None:
        """Put everything collected since the last time into the store."""
        async with store.write() as tx:
            for table in _ORDER:
                # rows beside each other that name the same columns are one statement
                of_table = (row for owner, row in self._rows if owner is table)
                for _, rows in groupby(of_table, key=sorted):
                    await tx.execute(insert(table), list(rows))
        self._rows.clear()


def _empty(kind: Any) -> Any:
    if isinstance(kind, Instant):
        return START
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, (Integer, BigInteger, Float)):
        return 0
    if isinstance(kind, LargeBinary):
        return b""
    return {} if "Json" in type(kind).__name__ or "JSON" in type(kind).__name__ else ""


def desk_on(store: Store) -> Desk:
    """A desk over a store that a test opened by itself."""
    return Desk(store, KeyRing(b"k" * 32), COUNTY)


class Door:
    """The schema over a store, asked without HTTP."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._runner = Runner(executable(build()))

    def context(self) -> Context:
        return new_context(desk_on(self.store), county_tables(), LOCAL)

    async def ask(self, query: str, **variables: Any) -> Any:
        """The whole response."""
        return await self.ask_as(self.context(), query, **variables)

    async def ask_as(self, context: Context, query: str, **variables: Any) -> Any:
        """The whole response to whoever the context says."""
        answer = await self._runner.run(Request(query, variables), context)
        return answer.payload

    async def data(self, query: str, **variables: Any) -> Any:
        """The data; the test fails where there are errors."""
        payload = await self.ask(query, **variables)
        assert "errors" not in payload, payload["errors"]
        return payload["data"]

    async def code(self, query: str, **variables: Any) -> str:
        """The code of the one error."""
        payload = await self.ask(query, **variables)
        (error,) = payload["errors"]
        return str(error["extensions"]["code"])
