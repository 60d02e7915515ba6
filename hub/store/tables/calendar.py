"""The working calendar as data: which days differ from Monday to Friday, and up to when that is known."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Table, Text

from hub.store.tables.base import Instant, county_column, metadata

calendar_days = Table(
    "calendar_days",
    metadata,
    county_column(),
    #: ``2024-10-01``
    Column("day", Text, primary_key=True),
    Column("is_working", Boolean, nullable=False),
    #: e.g. 国庆节, 调休上班
    Column("label", Text, nullable=False),
    #: LIBRARY from the published notices as a library has them, OPERATOR by ``calendar import``
    Column("source", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

calendar_years = Table(
    "calendar_years",
    metadata,
    county_column(),
    #: a year whose notice (国务院办公厅关于节假日安排的通知) is in the calendar
    Column("year", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
)
