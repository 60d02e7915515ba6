"""Telling: what the versions of one record say, turned into events and the record's current columns.

The current facts depend on the set of versions alone: an older version that comes late is kept, leaves its trace in
the history, and changes nothing that is current.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from hub.desk import Desk
from hub.history import HUB, RETRACT, SUPERSEDE, Appender, EventDraft, StreamHead
from hub.model import CaseFacts, Entry, Mapper, PartyFacts, Source, clean_text
from hub.oddities import anomalies
from hub.parties import hides_numbers, unmask
from hub.quoting import with_quoted
from hub.said import safe_words
from hub.sealing import DataKey, mask_code, mask_words
from hub.store.lookup import AnyRow
from hub.versions import Version
from hub.vocabulary import HandlingEventKind, top_classes

#: entries of the hub's own in a record's stream: no version of the partner's ever takes them back
NUMBERED = "hub:numbered"
REMOVED = "hub:removed"
ANOMALY = "hub:anomaly:"


@dataclass(slots=True)
class KnownEntry:
    """What is current about one entry of a record."""

    event_id: str
    kind: str
    content_hash: str
    is_live: bool
    is_changed: bool = False


#: columns that follow the newest version and say nothing about the matter
_OF_ITS_VERSION = frozenset(
    {
        "native_updated_at", "last_seen_at", "newest_item_id", "order_key", "mapping_version", "stream_seq",
        "stream_hash", "has_masked",
    }
)  # fmt: skip


@dataclass(slots=True)
class RecordWork:
    """One record in the hands of one batch: what the store knows of it, what arrives, what is to be written."""

    id: str
    desk: Desk
    source: Source
    now: datetime
    native_no: str
    lineages: set[str]
    row: AnyRow | None = None
    head: StreamHead = field(default_factory=StreamHead)
    entries: dict[str, KnownEntry] = field(default_factory=dict)
    arrivals: list[tuple[str, Version, CaseFacts]] = field(default_factory=list)
    is_numbered_now: bool = False
    #: the record that had the unnumbered deliveries of our lineage before we came; the smallest number has them
    takes_from: RecordWork | None = None
    #: some of its versions went to another record: what is current must be told from the rest
    is_rebuilt: bool = False
    ties: set[str] = field(default_factory=set)
    #: the columns to write; empty while nothing current changed
    values: dict[str, Any] = field(default_factory=dict)
    #: the facts whose parties, names, references and referrals are to be written; None: they stand as they are
    family_facts: CaseFacts | None = None
    #: the newest facts, where they arrived just now
    family_told: CaseFacts | None = None
    unknown_facts: CaseFacts | None = None

    @property
    def is_new(self) -> bool:
        return self.row is None

    @property
    def is_corrected(self) -> bool:
        """Whether the known record reads otherwise now, though nothing that happened tells of it."""
        row = self.row
        return (
            row is not None
            and self.head.seq == row.stream_seq
            and any(getattr(row, name) != value for name, value in self.values.items() if name not in _OF_ITS_VERSION)
        )

    def needs_all(self) -> bool:
        """Whether every version already kept must be read again to know the current facts."""
        if self.row is None:
            return False
        return (
            self.row.has_masked or self.is_rebuilt or any(hides_numbers(facts.parties) for _, _, facts in self.arrivals)
        )

    def arriving_parts(self) -> dict[str, str]:
        """The newest order key of each part that arrives; empty where the record is no composed one."""
        newest: dict[str, str] = {}
        for key, _, facts in self.arrivals:
            if facts.part:
                newest[facts.part] = max(key, newest.get(facts.part, ""))
        return newest

    def take_over(self, kept: dict[str, list[Version]]) -> None:
        """Take the unnumbered deliveries of our lineage, whether kept or arriving just now, from who had them."""
        giver = self.takes_from
        if giver is None:
            return
        lineage = self.arrivals[0][2].lineage

        def is_ours(facts: CaseFacts) -> bool:
            return not facts.native_no and facts.lineage == lineage

        for version in kept.get(giver.id, ()):
            self.arrivals += [(version.order_key(facts), version, facts) for facts in version.facts if is_ours(facts)]
        kept[giver.id] = [version for version in kept.get(giver.id, ()) if not any(map(is_ours, version.facts))]
        self.arrivals += [arrival for arrival in giver.arrivals if is_ours(arrival[2])]
        giver.arrivals = [arrival for arrival in giver.arrivals if not is_ours(arrival[2])]

    def tell(self, mapper: Mapper, kept: Sequence[Version], appender: Appender) -> None:
        """Turn the arrivals into events and column values, oldest version first."""
        arriving = sorted(self.arrivals, key=lambda arrival: arrival[0])
        everything = {version.item_id: (version.order_key(facts), version, facts) for version in kept
                      for facts in version.facts}  # fmt: skip
        everything.update({version.item_id: (key, version, facts) for key, version, facts in arriving})
        ordered = sorted(everything.values(), key=lambda known: known[0])
        if any(facts.part for _, _, facts in arriving):
            self._tell_composed(mapper, ordered, arriving, appender)
        elif self.is_rebuilt and ordered:
            key, version, newest = ordered[-1]
            for _, late, facts in arriving:
                self._tell_late(facts, late, mapper, appender, {entry.source_event_id for entry in newest.entries})
            self._tell_entries(newest, version, mapper, appender)
            self._set_values(newest, version, key, mapper)
            self._finish(ordered, mapper)
        else:
            current = self.row.order_key if self.row is not None else ""
            for key, version, facts in arriving:
                if key >= current:
                    self._note_tie(current, key)
                    current = key
                    self._tell_entries(facts, version, mapper, appender)
                    self._set_values(facts, version, key, mapper)
                else:
                    self._note_tie(current, key)
                    self._tell_late(facts, version, mapper, appender)
            if self.values or (self.row is not None and self.row.has_masked):
                self._finish(ordered, mapper)
        if self.family_told is not None:
            self._note_anomalies(self.family_told, appender)
        if self.is_numbered_now:
            self._number(appender)
        self.values.setdefault("opens_dispute", self.row.opens_dispute if self.row is not None else False)
        self.values["opens_dispute"] |= any(facts.opens_dispute for _, _, facts in arriving)
        if self.is_rebuilt:
            self.values["opens_dispute"] = any(facts.opens_dispute for _, _, facts in ordered)
        is_newer = self.row is not None and self.values.get("order_key", "") > self.row.order_key
        if is_newer and self.row is not None and self.row.deleted_at_source:
            # a version newer than all we knew: the partner holds the record again
            self.revive(appender)
        self.values.update(stream_seq=self.head.seq, stream_hash=self.head.hash)

    def _tell_composed(
        self, mapper: Mapper, ordered: Sequence[tuple[str, Version, CaseFacts]],
        arriving: Sequence[tuple[str, Version, CaseFacts]], appender: Appender,
    ) -> None:  # fmt: skip
        newest: dict[str, tuple[str, Version, CaseFacts]] = {}
        for known in ordered:
            newest[known[2].part] = known
        parts = sorted(newest.values(), key=lambda known: known[0])
        facts = mapper.compose([part[2] for part in parts])
        key, version, _ = parts[-1]
        for arrived, late, said in arriving:
            for other in (known[0] for known in ordered if known[2].part == said.part):
                self._note_tie(other, arrived)
            self._tell_late(said, late, mapper, appender, unless={entry.source_event_id for entry in facts.entries})
        self._tell_entries(facts, version, mapper, appender)
        self._set_values(facts, version, key, mapper)
        self._finish(ordered, mapper)

    def _note_tie(self, current: str, key: str) -> None:
        # two contents under one stamp of the partner, and no fetch brought this one: which is newer?
        mine, theirs = key.split("|", 2), current.split("|", 2)
        if current and key != current and mine[0] and mine[0] == theirs[0] and int(mine[1]) == 0:
            self.ties.add(self.arrivals[0][2].native_id)

    # events

    def _tell_entries(self, facts: CaseFacts, version: Version, mapper: Mapper, appender: Appender) -> None:
        told = set()
        for entry in facts.entries:
            if entry.source_event_id in told:
                continue
            told.add(entry.source_event_id)
            digest = _entry_digest(version.key, entry)
            known = self.entries.get(entry.source_event_id)
            if known is not None and known.is_live and known.content_hash == digest:
                continue
            operation = SUPERSEDE if known is not None and known.is_live else "ASSERT"
            self._append(entry, version, mapper, appender, operation, digest)
        for source_event_id, known in list(self.entries.items()):
            if known.is_live and source_event_id not in told and not source_event_id.startswith("hub:"):
                self._retract(source_event_id, known, version, mapper, appender)

    def _tell_late(
        self, facts: CaseFacts, version: Version, mapper: Mapper, appender: Appender, unless: Collection[str] = ()
    ) -> None:
        """An older version that came late: what only it tells becomes history and is taken back at once."""
        for entry in facts.entries:
            if entry.source_event_id in self.entries or entry.source_event_id in unless:
                continue
            self._append(entry, version, mapper, appender, "ASSERT", _entry_digest(version.key, entry))
            self._retract(entry.source_event_id, self.entries[entry.source_event_id], version, mapper, appender)

    def _append(
        self, entry: Entry, version: Version, mapper: Mapper, appender: Appender, operation: str, digest: str
    ) -> None:
        known = self.entries.get(entry.source_event_id)
        words, actor_name = safe_words(entry.words), safe_words(entry.actor_name)
        draft = EventDraft(
            record_id=self.id,
            kind=entry.kind,
            occurred_at=entry.occurred_at,
            source_event_id=entry.source_event_id,
            operation=operation,
            previous_id=known.event_id if known else None,
            position=entry.position,
            actor_code=entry.actor_code,
            to_state=entry.to_state,
            native_code=entry.native_code,
            source=self.source.instance,
            item_id=version.item_id,
            mapping_version=mapper.mapping_version,
            # append-only: not even a code field of a partner that errs brings a number of a person in here
            data={name: mask_code(value) for name, value in entry.data.items()},
            actor_name=actor_name,
            words=words,
            words_digest=version.key.digest(f"{actor_name}\n{words}".encode()) if words or actor_name else "",
        )
        event_id = appender.add(self.head, draft)
        self.entries[entry.source_event_id] = KnownEntry(event_id, entry.kind.value, digest, True, True)

    def _retract(
        self, source_event_id: str, known: KnownEntry, version: Version, mapper: Mapper, appender: Appender
    ) -> None:
        draft = EventDraft(
            record_id=self.id,
            kind=HandlingEventKind(known.kind),
            occurred_at=self.now,
            source_event_id=source_event_id,
            operation=RETRACT,
            previous_id=known.event_id,
            source=self.source.instance,
            item_id=version.item_id,
            mapping_version=mapper.mapping_version,
        )
        event_id = appender.add(self.head, draft)
        self.entries[source_event_id] = KnownEntry(event_id, known.kind, known.content_hash, False, True)

    def _number(self, appender: Appender) -> None:
        # the earliest delivery that shows the number is as near as we know to when it was given
        _, version, facts = min((known for known in self.arrivals if known[2].native_no), key=lambda known: known[0])
        draft = EventDraft(
            record_id=self.id, kind=HandlingEventKind.NUMBERED, occurred_at=facts.updated_at or self.now,
            source_event_id=NUMBERED, source=HUB, item_id=version.item_id, data={"native_no": self.native_no},
            actor_code=facts.agency_code,
        )  # fmt: skip
        event_id = appender.add(self.head, draft)
        self.entries[NUMBERED] = KnownEntry(event_id, HandlingEventKind.NUMBERED.value, "", True, True)
        self.values["native_no"] = self.native_no

    def _note_anomalies(self, facts: CaseFacts, appender: Appender) -> None:
        """Impossible sequences appear and vanish with the facts that make them."""
        found = {f"{ANOMALY}{rule}": entry for rule, entry in anomalies(facts.entries, facts.channel).items()}
        for source_event_id, entry in found.items():
            known = self.entries.get(source_event_id)
            about = f"{entry.source_event_id}@{entry.occurred_at.timestamp()}"
            if known is not None and known.is_live and known.content_hash == about:
                continue
            draft = EventDraft(
                record_id=self.id, kind=HandlingEventKind.ANOMALY, occurred_at=entry.occurred_at,
                position=entry.position, source_event_id=source_event_id, source=HUB,
                operation=SUPERSEDE if known is not None and known.is_live else "ASSERT",
                previous_id=known.event_id if known else None,
                data={"rule": source_event_id.removeprefix(ANOMALY), "entry": entry.source_event_id},
            )  # fmt: skip
            event_id = appender.add(self.head, draft)
            self.entries[source_event_id] = KnownEntry(event_id, draft.kind.value, about, True, True)
        for source_event_id, known in list(self.entries.items()):
            if known.is_live and source_event_id.startswith(ANOMALY) and source_event_id not in found:
                draft = EventDraft(
                    record_id=self.id, kind=HandlingEventKind.ANOMALY, occurred_at=self.now,
                    source_event_id=source_event_id, operation=RETRACT, previous_id=known.event_id,
                )  # fmt: skip
                event_id = appender.add(self.head, draft)
                self.entries[source_event_id] = KnownEntry(event_id, known.kind, known.content_hash, False, True)

    def remove(self, appender: Appender) -> None:
        """The partner no longer holds the record: it stays, marked."""
        known = self.entries.get(REMOVED)
        draft = EventDraft(
            record_id=self.id, kind=HandlingEventKind.SOURCE_DELETED, occurred_at=self.now, source_event_id=REMOVED,
            source=HUB, previous_id=known.event_id if known else None,
        )  # fmt: skip
        event_id = appender.add(self.head, draft)
        self.entries[REMOVED] = KnownEntry(event_id, HandlingEventKind.SOURCE_DELETED.value, "", True, True)
        self.values.update(deleted_at_source=self.now, stream_seq=self.head.seq, stream_hash=self.head.hash)

    def revive(self, appender: Appender) -> None:
        """The partner holds it again."""
        known = self.entries.get(REMOVED)
        if known is not None and known.is_live:
            draft = EventDraft(
                record_id=self.id, kind=HandlingEventKind.SOURCE_DELETED, occurred_at=self.now,
                source_event_id=REMOVED, operation=RETRACT, previous_id=known.event_id,
            )  # fmt: skip
            self.entries[REMOVED] = KnownEntry(appender.add(self.head, draft), known.kind, "", False, True)
        self.values.update(deleted_at_source=None, stream_seq=self.head.seq, stream_hash=self.head.hash)

    # columns

    def _set_values(self, facts: CaseFacts, version: Version, order_key: str, mapper: Mapper) -> None:
        def text(value: str) -> str:
            return clean_text(value)[0]

        self.values = {
            "native_no": self.native_no,
            "lineage": facts.lineage,
            "agency_code": text(facts.agency_code) or self.source.agency_code,
            # a code field may hold anything once a partner errs: no number of a person gets through
            "native_kind": mask_words(text(facts.native_kind)),
            "native_state": mask_words(text(facts.native_state)),
            "state": facts.state.value,
            "title": mask_words(text(facts.title)),
            "content": mask_words(text(facts.content)),
            "address": mask_words(text(facts.address)),
            "lng": facts.location.lng if facts.location else None,
            "lat": facts.location.lat if facts.location else None,
            "crs": text(facts.location.crs) if facts.location else "",
            "category_native": mask_words(text(facts.category_native)),
            "category": facts.category,
            "class_set": top_classes(facts.classes or (facts.category,)),
            "channel": facts.channel.value,
            "received_at": facts.received_at,
            "native_updated_at": facts.updated_at,
            "last_seen_at": version.received_at,
            "region_code": mask_words(text(facts.region_code)),
            "amount_cny": f"{facts.amount_cny:.2f}" if facts.amount_cny is not None else None,
            "people_involved": facts.people_involved,
            "classification": facts.classification.value,
            "procedure": facts.procedure.value if facts.procedure else None,
            "unit_key": text(facts.unit_key),
            "is_unit": facts.is_unit,
            "docketed_at": facts.docketed_at,
            "rejected_at": facts.rejected_at,
            "withdrawn_at": facts.withdrawn_at,
            "result_outcome": facts.result.outcome.value if facts.result and facts.result.outcome else None,
            "result_at": facts.result.at if facts.result else None,
            "result_position": facts.result.position if facts.result else None,
            "newest_item_id": version.item_id,
            "order_key": order_key,
            "mapping_version": mapper.mapping_version,
            "opens_dispute": facts.opens_dispute or (self.row is not None and self.row.opens_dispute),
        }
        self.unknown_facts = facts
        self.family_told = facts
        self.family_facts = facts

    def _finish(self, ordered: Sequence[tuple[str, Version, CaseFacts]], mapper: Mapper) -> None:
        """Tell hidden numbers from older versions, and leave the family alone where nothing of it changed."""
        newest = (
            next((known for known in reversed(ordered) if known[1].item_id == self.values.get("newest_item_id")), None)
            or ordered[-1]
        )
        facts = with_quoted(self.family_facts or newest[2], self.desk.find_quoted)
        has_masked = hides_numbers(facts.parties)
        if has_masked:
            older: list[Sequence[PartyFacts]] = [said.parties for _, _, said in reversed(ordered)]
            facts = replace(facts, parties=unmask(facts.parties, older))
        family_hash = _family_digest(newest[1].key, facts)
        self.values.update(has_masked=has_masked, family_hash=family_hash)
        unchanged = self.row is not None and self.row.family_hash == family_hash
        self.family_facts = None if unchanged else facts


def _entry_digest(key: DataKey, entry: Entry) -> str:
    stated = [
        entry.kind.value, entry.occurred_at.timestamp(), entry.position, entry.native_code, entry.to_state,
        entry.actor_code, entry.actor_name, entry.words, dict(entry.data),
    ]  # fmt: skip
    return key.digest(_dump(stated))


def _family_digest(key: DataKey, facts: CaseFacts) -> str:
    # never the address or the content of a file: what changes at every read is no change
    files = [(one.identity, one.name, one.kind) for one in facts.attachments]
    told = [facts.parties, facts.names, facts.references, facts.hand_overs]
    return key.digest(_dump([*told, files] if files else told))


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=dict)
    except TypeError:
        # a lone surrogate somewhere: what differs in it alone is not told apart
        return repr(value).encode("utf-8", "replace")
