"""Figures: indicators with their exact counts. A rate is never more than its numerator and denominator.

Every figure names what it counts, by which clock, in which period and region, and by which version of its definition.
A period is ``[from, to)`` in Shanghai dates. Records the partner no longer holds do not count.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import NotFoundError, UserInputError
from hub.model import shanghai_midnight
from hub.referrals import CONCLUDED_STATES
from hub.sight import Sight
from hub.store.tables import case_records, referrals
from hub.vocabulary import Channel, Outcome, ReferralDirection, ReferralState


@dataclass(frozen=True, slots=True)
class Definition:
    """What a figure is; a change of meaning raises ``version``."""

    id: str
    label: str
    counted_unit: str
    clock: str
    version: int
    #: what makes a unit part of the denominator and of the numerator, in words
    meaning: str


K1 = Definition(
    "K1", "诉调对接分流率", "法院收案（服务流水号）", "收案日", 1,
    "法院民事、行政收案（同一服务流水号计一件，续接前案的案号不另计）中，移送综治中心的占比",
)  # fmt: skip
K2A_LITIGATION = Definition(
    "K2a.LITIGATION", "诉调调解成功率", "移送综治中心的收案（服务流水号）", "收案日", 1,
    "移送综治中心的法院收案中，最近一次化解结果为达成协议（含已履行）的占比；未结的计入分母，自行和解不计入分子",
)  # fmt: skip
K2A_POLICE = Definition(
    "K2a.POLICE", "警调调解成功率", "移送综治中心的警情（接警单）", "首次移送时间", 1,
    "公安移送综治中心的警情中，公安最近一次回告为调解成功的占比；未结的计入分母",
)  # fmt: skip
K2A_PETITION = Definition(
    "K2a.PETITION", "访调化解率", "转送、交办综治中心的信访件", "转送交办时间", 1,
    "信访部门转送或交办综治中心的信访件中，标记为已化解的占比；未结的计入分母",
)  # fmt: skip
K2A_HOTLINE = Definition(
    "K2a.HOTLINE", "热线转办解决率", "派至综治中心的工单", "派单时间", 1,
    "派至综治中心的12345工单中，回访为已解决的占比；未结的计入分母；不计入对接化解率",
)  # fmt: skip
K4 = Definition(
    "K4", "对接化解率", "诉调、警调、访调移送的收案、警情、信访件", "各自的时间口径", 1,
    "诉调、警调、访调三项移送中成功的合计占移送合计的比例，分子分母分别为三项之和",
)  # fmt: skip
K10 = Definition(
    "K10", "回流率", "移送综治中心并已办结的移送", "办结时间", 1,
    "各系统移送综治中心、已办结且应当回传的移送中，回传结果已获来源系统确认的占比；上线之前办结的不计",
)  # fmt: skip
DEFINITIONS: dict[str, Definition] = {
    definition.id: definition for definition in (K1, K2A_LITIGATION, K2A_POLICE, K2A_PETITION, K2A_HOTLINE, K4, K10)
}
#: the figures that count one record a unit, by the first time it was handed to the centre
_BY_HAND_OVER = {K2A_POLICE.id: Channel.POLICE, K2A_PETITION.id: Channel.PETITION, K2A_HOTLINE.id: Channel.HOTLINE}


@dataclass(frozen=True, slots=True)
class FigureValue:
    """A figure's counts for one period and scope. ``value`` is percent with four decimals, None without denominator."""

    id: str
    label: str
    numerator: int
    denominator: int
    value: str | None
    unit: str
    counted_unit: str
    clock: str
    start: date
    end: date
    region: str | None
    definition_version: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class CountedUnit:
    """One unit of the denominator, and whether it is in the numerator too."""

    key: str
    in_numerator: bool
    record_id: str
    dispute_id: str | None


@dataclass(frozen=True, slots=True)
class UnitPage:
    """A page of counted units, by key."""

    items: Sequence[CountedUnit]
    total: int
    has_next: bool
    end_cursor: str | None


def percent(numerator: int, denominator: int, places: int = 4) -> str | None:
    """``78.2199``: rounded half up once, from the exact counts; None when there is nothing to divide by."""
    if denominator == 0:
        return None
    exact = Decimal(100 * numerator) / Decimal(denominator)
    return str(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def _check(start: date, end: date) -> None:
    if end <= start:
        raise UserInputError("the period is empty", hint="`to` is exclusive and must be later than `from`.")


def _definition(figure_id: str) -> Definition:
    if figure_id not in DEFINITIONS:
        raise NotFoundError(f"no figure {figure_id}", hint=f"Known: {', '.join(DEFINITIONS)}.")
    return DEFINITIONS[figure_id]


def _filings(sight: Sight, start: date, end: date, region: str | None) -> Subquery:
    """One row per court filing: its key, whether it was diverted, whether the latest result is an agreement."""
    rec = case_records.c
    present = rec.deleted_at_source.is_(None)
    in_scope: list[ColumnElement[bool]] = [
        rec.channel == Channel.LITIGATION.value,
        rec.is_unit,
        rec.unit_key != "",
        present,
        sight.records(),
        rec.received_at >= shanghai_midnight(start),
        rec.received_at < shanghai_midnight(end),
    ]
    if region:
        in_scope.append(rec.region_code.startswith(region, autoescape=True))
    units = (
        select(rec.unit_key.label("key"), rec.id.label("record_id"), rec.dispute_id,
               func.row_number().over(partition_by=rec.unit_key, order_by=(rec.received_at, rec.id)).label("place"))
        .where(*in_scope).subquery("units")
    )  # fmt: skip
    one = select(units.c.key, units.c.record_id, units.c.dispute_id).where(units.c.place == 1).subquery("filings")
    # what a hidden record says of a filing is not told by a seen one either
    same_unit = and_(rec.channel == Channel.LITIGATION.value, rec.unit_key != "", present, sight.records())
    diverted = (
        select(rec.unit_key)
        .join(referrals, referrals.c.record_id == rec.id)
        .where(same_unit, referrals.c.is_live, referrals.c.direction == ReferralDirection.IN.value)
        .where(referrals.c.channel == Channel.LITIGATION.value)
        .distinct()
        .subquery("diverted")
    )
    latest = (
        select(rec.unit_key, rec.result_outcome,
               func.row_number().over(
                   partition_by=rec.unit_key,
                   order_by=(rec.result_at.desc(), rec.result_position.desc(), rec.native_no.desc()),
               ).label("place"))
        .where(same_unit, rec.result_at.is_not(None)).subquery("latest")
    )  # fmt: skip
    success = [outcome.value for outcome in Outcome if outcome.is_success]
    return (
        select(
            one.c.key, one.c.record_id, one.c.dispute_id,
            case((diverted.c.unit_key.is_not(None), 1), else_=0).label("is_diverted"),
            case((latest.c.result_outcome.in_(success), 1), else_=0).label("is_agreed"),
        )
        .select_from(
            one.outerjoin(diverted, diverted.c.unit_key == one.c.key)
            .outerjoin(latest, and_(latest.c.unit_key == one.c.key, latest.c.place == 1))
        )
        .subquery("court_filings")
    )  # fmt: skip


def _handed_over(sight: Sight, channel: Channel, start: date, end: date, region: str | None) -> Select[Any]:
    """One row per record handed to the centre: a second hand-over continues the first (it counts once)."""
    rec = case_records.c
    first = (
        select(referrals.c.record_id, func.min(referrals.c.sent_at).label("sent_at"))
        .where(referrals.c.is_live, referrals.c.direction == ReferralDirection.IN.value)
        .where(referrals.c.channel == channel.value)
        .group_by(referrals.c.record_id)
        .subquery("first")
    )
    success = [outcome.value for outcome in Outcome if outcome.is_success]
    query = (
        select(
            (literal(f"{channel.value}/") + rec.unit_key).label("key"), rec.id.label("record_id"), rec.dispute_id,
            case((rec.result_outcome.in_(success), 1), else_=0).label("hit"),
        )
        .join(first, first.c.record_id == rec.id)
        .where(rec.is_unit, rec.deleted_at_source.is_(None), sight.records())
        .where(first.c.sent_at >= shanghai_midnight(start), first.c.sent_at < shanghai_midnight(end))
    )  # fmt: skip
    return query.where(rec.region_code.startswith(region, autoescape=True)) if region else query


def _concluded(sight: Sight, start: date, end: date, region: str | None) -> Select[Any]:
    """One row per hand-over to the centre that was concluded and owes its origin the result."""
    rec, ref = case_records.c, referrals.c
    query = (
        select(
            (ref.channel + "/" + ref.id).label("key"), rec.id.label("record_id"), rec.dispute_id,
            case((ref.state == ReferralState.RETURN_ACKED.value, 1), else_=0).label("hit"),
        )
        .select_from(referrals.join(case_records, rec.id == ref.record_id))
        .where(ref.is_live, ref.direction == ReferralDirection.IN.value, ref.owes_return, sight.records())
        .where(ref.state.in_([state.value for state in CONCLUDED_STATES]), rec.deleted_at_source.is_(None))
        .where(ref.concluded_at >= shanghai_midnight(start), ref.concluded_at < shanghai_midnight(end))
    )  # fmt: skip
    return query.where(rec.region_code.startswith(region, autoescape=True)) if region else query


def _counted(sight: Sight, figure_id: str, start: date, end: date, region: str | None) -> Subquery:
    """The denominator's units of a figure with their numerator flag."""
    if figure_id in _BY_HAND_OVER:
        return _handed_over(sight, _BY_HAND_OVER[figure_id], start, end, region).subquery("counted")
    if figure_id == K10.id:
        return _concluded(sight, start, end, region).subquery("counted")
    if figure_id == K4.id:
        parts = [select(_counted(sight, K2A_LITIGATION.id, start, end, region))]
        parts += [_handed_over(sight, channel, start, end, region) for channel in (Channel.POLICE, Channel.PETITION)]
        return union_all(*parts).subquery("counted")
    filings = _filings(sight, start, end, region)
    query = select(filings.c.key, filings.c.record_id, filings.c.dispute_id)
    if figure_id == K1.id:
        return query.add_columns(filings.c.is_diverted.label("hit")).subquery("counted")
    return query.add_columns(filings.c.is_agreed.label("hit")).where(filings.c.is_diverted == 1).subquery("counted")


async def compute(
    connection: AsyncConnection,
    sight: Sight,
    ids: Sequence[str] | None,
    start: date,
    end: date,
    region: str | None = None,
) -> list[FigureValue]:
    """The figures ``ids`` (None: all) for ``[start, end)``. ``region`` takes its whole subtree; None is everything.

    Raises NotFoundError for an unknown figure, UserInputError for an empty period.
    """
    _check(start, end)
    wanted = [_definition(figure_id) for figure_id in (ids if ids is not None else DEFINITIONS)]
    as_of = datetime.now(UTC)
    values = []
    for definition in wanted:
        counted = _counted(sight, definition.id, start, end, region)
        row = (await connection.execute(select(func.count(), func.coalesce(func.sum(counted.c.hit), 0)))).one()
        values.append(_value(definition, int(row[1]), int(row[0]), start, end, region, as_of))
    return values


def _value(
    definition: Definition, numerator: int, denominator: int, start: date, end: date, region: str | None,
    as_of: datetime,
) -> FigureValue:  # fmt: skip
    return FigureValue(
        definition.id, definition.label, numerator, denominator, percent(numerator, denominator), "%",
        definition.counted_unit, definition.clock, start, end, region, definition.version, as_of,
    )  # fmt: skip


async def units(
    connection: AsyncConnection, sight: Sight, figure_id: str, start: date, end: date, region: str | None = None,
    first: int = 20, after: str | None = None,
) -> UnitPage:  # fmt: skip
    """The units a figure counts, by key. Raises NotFoundError, UserInputError."""
    _check(start, end)
    counted = _counted(sight, _definition(figure_id).id, start, end, region)
    query = select(counted).order_by(counted.c.key).limit(first + 1)
    if after is not None:
        query = query.where(counted.c.key > _decode(after))
    rows = (await connection.execute(query)).all()
    total = (await connection.execute(select(func.count()).select_from(counted))).scalar_one()
    items = [CountedUnit(row.key, bool(row.hit), row.record_id, row.dispute_id) for row in rows[:first]]
    return UnitPage(items, total, len(rows) > first, _encode(items[-1].key) if items else None)


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as exc:
        raise UserInputError("the cursor is not one of ours", hint="Pass an `endCursor` unchanged.") from exc
