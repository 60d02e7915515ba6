"""Accounts: people who sign in here, their sessions, partners' keys, wrong tries at the door. No secret in plain."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from hub.store.tables.base import Instant, Json, county_column, id_column, metadata

accounts = Table(
    "accounts",
    metadata,
    id_column(),
    county_column(),
    Column("login", Text, nullable=False, unique=True),
    #: as the history names who acted: nobody else's
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    #: lists of codes, as ``Principal`` has them
    Column("regions", Json, nullable=False),
    Column("agency", Text, nullable=False),
    Column("instances", Json, nullable=False),
    Column("channels", Json, nullable=False),
    #: argon2id, with its own salt and parameters
    Column("password_hash", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("password_changed_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

sessions = Table(
    "sessions",
    metadata,
    #: SHA-256 of the 256 random bits that the browser holds
    Column("token_hash", Text, primary_key=True),
    county_column(),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    #: written once a minute at most
    Column("last_seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Index("ix_sessions_account_id", "account_id"),
    Index("ix_sessions_expires_at", "expires_at"),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    #: keyed hash of the name that was typed, whether anybody has it or not
    Column("login_hash", Text, primary_key=True),
    county_column(),
    Column("times", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("locked_until", Instant),
)

api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    county_column(),
    #: the consumer; two keys of one may be alive while one replaces the other
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("regions", Json, nullable=False),
    Column("agency", Text, nullable=False),
    Column("instances", Json, nullable=False),
    Column("channels", Json, nullable=False),
    #: SHA-256 of its 256 random bits
    Column("secret_hash", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    #: written every five minutes at most
    Column("last_used_at", Instant),
    Index("ix_api_keys_name", "name"),
)
