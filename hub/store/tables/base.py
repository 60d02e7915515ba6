"""What all tables share: one metadata with named constraints, and column types that mean the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Dialect, MetaData, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware instant, UTC in the store.

    PostgreSQL keeps ``timestamptz``. SQLite keeps RFC 3339 text of fixed width ending in ``Z``, which sorts as time.
    A naive datetime is refused: nobody may guess a zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a zone")
        value = value.astimezone(UTC)
        if dialect.name == "sqlite":
            return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond:06d}Z"
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        assert isinstance(value, datetime)
        return value.astimezone(UTC)


#: codes, counts and configuration; never a citizen's words
Json = JSON().with_variant(JSONB(), "postgresql")


def id_column() -> Column[str]:
    """Our key: prefix, county and a sortable tail, e.g. ``rec_620725_01J…``."""
    return Column("id", Text, primary_key=True)


def county_column() -> Column[str]:
    """Every row says which county it belongs to, so that a city can partition by it later."""
    return Column("county", Text, nullable=False)
