"""Referrals: work handed over between agencies with the duty to return it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, UniqueConstraint, text

from hub.store.tables.base import Instant, Json, county_column, id_column, metadata

referrals = Table(
    "referrals",
    metadata,
    id_column(),
    county_column(),
    #: the record whose entry handed the work over; NULL for a hand-over of our own
    Column("record_id", Text, ForeignKey("case_records.id")),
    Column("source_event_id", Text, nullable=False),
    #: only for a hand-over of our own: an inbound one belongs to its record's dispute, whatever that is now
    Column("dispute_id", Text),
    Column("parent_referral_id", Text),
    Column("channel", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("from_code", Text, nullable=False),
    Column("to_code", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    Column("termination_reason", Text),
    Column("agreement_no", Text, nullable=False),
    #: people's words
    Column("undisputed_facts", Text, nullable=False),
    Column("returned_reason", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("delivered_at", Instant),
    Column("accepted_at", Instant),
    Column("declined_at", Instant),
    Column("concluded_at", Instant),
    Column("returned_at", Instant),
    Column("return_acked_at", Instant),
    Column("due_at", Instant),
    Column("partner_ref", Text, nullable=False),
    #: what the partner's record tells, and what we did: codes and instants; the columns above follow from both
    Column("told", Json),
    Column("own", Json),
    #: people's words of our own conclusion or refusal
    Column("own_undisputed_facts", Text, nullable=False, server_default=text("''")),
    Column("own_words", Text, nullable=False, server_default=text("''")),
    #: the partner it goes to, where a wire carries it; '' is worked by hand. NULL for an inbound one
    Column("instance", Text),
    #: false where the result is older than the instance's live_from: history owes no return
    Column("owes_return", Boolean, nullable=False),
    #: false once the partner took the hand-over back
    Column("is_live", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("record_id", "source_event_id"),
    Index("ix_referrals_dispute_id", "dispute_id"),
    Index("ix_referrals_state", "state", "sent_at"),
)
