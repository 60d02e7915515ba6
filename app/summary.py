"""What the county's history comes to: the counts that ``demo`` and ``figures`` print."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.figures import FigureValue, percent
from hub.store.tables import case_records, disputes


def one_decimal(value: FigureValue) -> str | None:
    """Percent with one decimal, rounded half up once from the exact counts; None without denominator."""
    return percent(value.numerator, value.denominator, places=1)


def figure_json(value: FigureValue) -> dict[str, Any]:
    """A figure as ``--json`` shows it."""
    return {"numerator": value.numerator, "denominator": value.denominator, "value": one_decimal(value)}


async def live_disputes(connection: AsyncConnection) -> int:
    """How many disputes there are, merged and emptied ones left out."""
    query = select(func.count()).select_from(disputes).where(disputes.c.is_live)
    return int((await connection.execute(query)).scalar_one())


async def disputes_by_agencies(connection: AsyncConnection) -> dict[str, int]:
    """How many live disputes have records of one agency's system, of two, …"""
    agencies = (
        select(func.count(case_records.c.system.distinct()).label("agencies"))
        .join(disputes, disputes.c.id == case_records.c.dispute_id)
        .where(disputes.c.is_live, case_records.c.deleted_at_source.is_(None))
        .group_by(case_records.c.dispute_id)
        .subquery()
    )
    rows = await connection.execute(
        select(agencies.c.agencies, func.count()).group_by(agencies.c.agencies).order_by(agencies.c.agencies)
    )
    return {str(row[0]): int(row[1]) for row in rows}
