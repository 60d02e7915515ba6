"""Reference data in the store: a county's regions, its agencies and its partners' native codes, loaded from its files.

Loading again changes only what the files changed; a code an operator set is never overwritten by a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.store.ids import new_id
from hub.store.tables import agencies, native_codes, regions
from hub.store.upsert import insert_or_ignore
from hub.vocabulary import AgencyKind, CountyTables, NativeCode, RegionLevel


@dataclass(frozen=True, slots=True)
class KnownAgency:
    """An agency as the settings name it."""

    code: str
    name: str
    kind: AgencyKind
    region_code: str
    level: RegionLevel = RegionLevel.COUNTY


async def load_reference(desk: Desk, tables: CountyTables, known_agencies: Iterable[KnownAgency] = ()) -> None:
    """Make regions, native codes and agencies of the store equal to the files and settings."""
    now = desk.clock()
    region_rows: list[dict[str, Any]] = [
        {
            "code": region.code, "county": desk.county, "name": region.name, "level": region.level.value,
            "parent_code": region.parent_code,
        }
        for region in tables.regions.values()
    ]  # fmt: skip
    agency_rows: list[dict[str, Any]] = [
        {
            "id": new_id("agy", desk.county), "county": desk.county, "code": agency.code, "name": agency.name,
            "kind": agency.kind.value, "level": agency.level.value, "region_code": agency.region_code,
            "parent_id": None,
        }
        for agency in known_agencies
    ]  # fmt: skip
    async with desk.store.write() as tx:
        await insert_or_ignore(tx, regions, region_rows, update_columns=("name", "level", "parent_code"))
        await insert_or_ignore(
            tx, agencies, agency_rows, on=("county", "code"), update_columns=("name", "kind", "level", "region_code")
        )
        operators = select(native_codes.c.system, native_codes.c.table_name, native_codes.c.native_code).where(
            native_codes.c.source == "OPERATOR"
        )
        kept = {tuple(row) for row in await tx.execute(operators)}
        code_rows = [
            _code_row(desk, code, "FILE", now)
            for code in tables.native_codes
            if (code.system, code.table, code.code) not in kept
        ]
        await insert_or_ignore(tx, native_codes, code_rows, update_columns=("label", "classes", "source", "changed_at"))


def _code_row(desk: Desk, code: NativeCode, source: str, now: Any) -> dict[str, Any]:
    return {
        "county": desk.county, "system": code.system, "table_name": code.table, "native_code": code.code,
        "label": code.zh, "classes": list(code.classes), "source": source, "changed_at": now,
    }  # fmt: skip


async def set_code(tx: AsyncConnection, desk: Desk, code: NativeCode) -> None:
    """An operator's word about one native code; it stands against any file."""
    row = _code_row(desk, code, "OPERATOR", desk.clock())
    await insert_or_ignore(tx, native_codes, [row], update_columns=("label", "classes", "source", "changed_at"))


async def current_tables(connection: AsyncConnection, tables: CountyTables) -> CountyTables:
    """The county's tables with the operator's codes over the files'."""
    rows = await connection.execute(select(native_codes).order_by(native_codes.c.system, native_codes.c.table_name))
    own = {
        (row.system, row.table_name, row.native_code): NativeCode(
            row.system, row.table_name, row.native_code, row.label, tuple(row.classes)
        )
        for row in rows
    }
    files = {(code.system, code.table, code.code): code for code in tables.native_codes}
    return replace(tables, native_codes=tuple({**files, **own}.values()))
