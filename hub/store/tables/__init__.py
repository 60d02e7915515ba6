"""All tables, so that one import fills the metadata; each noun has its file."""

from hub.store.tables.access_log import access_log
from hub.store.tables.accounts import accounts, api_keys, sessions, sign_in_failures
from hub.store.tables.acts import acts_done
from hub.store.tables.attachments import attachment_contents, attachments
from hub.store.tables.backfills import backfill_absences, backfill_keys, backfills
from hub.store.tables.backups import backups
from hub.store.tables.base import metadata
from hub.store.tables.calendar import calendar_days, calendar_years
from hub.store.tables.disputes import code_counters, disputes
from hub.store.tables.drift import observed_fields
from hub.store.tables.events import event_words, handling_events, public_log, unsequenced
from hub.store.tables.identity import store_identity
from hub.store.tables.inbox import data_keys, inbox_items, inbox_pages, quarantine, webhook_nonces
from hub.store.tables.links import (
    link_decisions,
    own_references,
    record_links,
    record_names,
    record_references,
    record_separations,
)
from hub.store.tables.outbox import early_answers, outbound_attempts, outbound_messages
from hub.store.tables.parties import parties
from hub.store.tables.records import case_records, mapping_worklist, record_entries, record_unknown_codes
from hub.store.tables.reference import agencies, native_codes, regions
from hub.store.tables.referrals import referrals
from hub.store.tables.rotations import rotations
from hub.store.tables.search import search_terms
from hub.store.tables.sync import (
    breakers,
    connector_incidents,
    connector_states,
    jobs,
    leases,
    reconciliation_differences,
    reconciliations,
    sync_runs,
)

#: rows of these are written once: the database itself refuses UPDATE, DELETE and TRUNCATE (law 8)
APPEND_ONLY = (handling_events, link_decisions, public_log, access_log)

__all__ = [
    "APPEND_ONLY",
    "access_log",
    "accounts",
    "acts_done",
    "agencies",
    "api_keys",
    "attachment_contents",
    "attachments",
    "backfill_absences",
    "backfill_keys",
    "backfills",
    "backups",
    "breakers",
    "calendar_days",
    "calendar_years",
    "case_records",
    "code_counters",
    "connector_incidents",
    "connector_states",
    "data_keys",
    "disputes",
    "early_answers",
    "event_words",
    "handling_events",
    "inbox_items",
    "inbox_pages",
    "jobs",
    "leases",
    "link_decisions",
    "mapping_worklist",
    "metadata",
    "native_codes",
    "observed_fields",
    "outbound_attempts",
    "outbound_messages",
    "own_references",
    "parties",
    "public_log",
    "quarantine",
    "reconciliation_differences",
    "reconciliations",
    "record_entries",
    "record_links",
    "record_names",
    "record_references",
    "record_separations",
    "record_unknown_codes",
    "referrals",
    "regions",
    "rotations",
    "search_terms",
    "sessions",
    "sign_in_failures",
    "store_identity",
    "sync_runs",
    "unsequenced",
    "webhook_nonces",
]
