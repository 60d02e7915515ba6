"""The outbox: messages to partners, each written with the change that caused it, and every try to deliver one."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hub.store.tables.base import Instant, county_column, id_column, metadata

_WAITING = text("state IN ('QUEUED', 'DELIVERED')")

outbound_messages = Table(
    "outbound_messages",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    #: messages of one lane leave in order: instance and origin record, fixed when the message is written
    Column("lane", Text, nullable=False),
    #: the step's key: the same for all tries, and again the same from a rebuilt hub
    Column("key", Text, nullable=False),
    #: SIGN, DECLINE, EXTEND, PROGRESS, RETURN, CONFIRM, SUPPLEMENT, REFER, ESCALATE, CANCEL
    Column("command", Text, nullable=False),
    Column("dispute_id", Text, nullable=False),
    Column("referral_id", Text, ForeignKey("referrals.id")),
    #: the record it is about; NULL for a new matter
    Column("record_id", Text, ForeignKey("case_records.id")),
    #: the command whole, sealed under the data key of its record or referral
    Column("data_key_id", Text, ForeignKey("data_keys.id"), nullable=False),
    Column("command_sealed", LargeBinary),
    #: keyed hash of the command: the same key with another content is a mistake of ours
    Column("content_hash", Text, nullable=False),
    #: QUEUED; DELIVERED the partner has it, its business answer is awaited; ACKED; REFUSED; DEAD; UNCERTAIN; DISCARDED
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", Instant),
    Column("queued_at", Instant, nullable=False),
    Column("delivered_at", Instant),
    Column("answered_at", Instant),
    #: the partner's receipt number, and what its later answer will name
    Column("partner_ref", Text, nullable=False, server_default=text("''")),
    Column("our_key", Text, nullable=False, server_default=text("''")),
    Column("answer_code", Text, nullable=False, server_default=text("''")),
    #: the partner's words: erasable
    Column("answer_words", Text, nullable=False, server_default=text("''")),
    Column("last_error_kind", Text),
    Column("last_error_hint", Text),
    Column("decided_by", Text),
    Column("decided_at", Instant),
    Column("decided_reason", Text),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    UniqueConstraint("instance", "key"),
    Index("ix_outbound_messages_lane", "lane", "id"),
    Index("ix_outbound_messages_waiting", "instance", "state", "next_try_at",
          sqlite_where=_WAITING, postgresql_where=_WAITING),
    Index("ix_outbound_messages_referral_id", "referral_id"),
    Index("ix_outbound_messages_dispute_id", "dispute_id"),
    Index("ix_outbound_messages_state", "state"),
    Index("ix_outbound_messages_our_key", "instance", "our_key"),
)  # fmt: skip

outbound_attempts = Table(
    "outbound_attempts",
    metadata,
    id_column(),
    county_column(),
    Column("message_id", Text, ForeignKey("outbound_messages.id"), nullable=False),
    #: PUSH, FIND (a search before a second send, or for a receipt that comes later), ANSWER, RETRY, DISCARD, DECIDE
    Column("act", Text, nullable=False),
    Column("at", Instant, nullable=False),
    #: how it ended: LAID (lies where the partner will find it), DELIVERED, ACKED, REFUSED, TRANSIENT, IN_DOUBT …
    Column("outcome", Text, nullable=False),
    Column("error_kind", Text, nullable=False, server_default=text("''")),
    #: who, where a person acted
    Column("by", Text, nullable=False, server_default=text("''")),
    Column("reason", Text, nullable=False, server_default=text("''")),
    #: the partner's answer, sealed like the command
    Column("answer_sealed", LargeBinary),
    Index("ix_outbound_attempts_message_id", "message_id"),
)

early_answers = Table(
    "early_answers",
    metadata,
    #: a partner's answer that came before we knew the receipt it names: kept until we do
    Column("instance", Text, primary_key=True),
    Column("our_key", Text, primary_key=True),
    county_column(),
    Column("accepted", Boolean, nullable=False),
    Column("code", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("partner_ref", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
