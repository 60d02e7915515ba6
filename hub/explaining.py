"""Why somebody sees a dispute or does not: every rule by itself, every record of it, every field of their role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access import Access
from hub.errors import NotFoundError
from hub.principal import Principal
from hub.sight import Condition, Rule, Sight
from hub.store.tables import case_records, disputes


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule: what it allows, what the dispute has, and whether that is enough."""

    rule: Rule
    holds: bool
    found: str
    allowed: str


@dataclass(frozen=True, slots=True)
class RecordVerdict:
    """One record of the dispute, and whether it is shown."""

    id: str
    instance: str
    classification: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """A dispute as one principal meets it. ``is_shown`` where every rule holds."""

    code: str
    is_shown: bool
    rules: Sequence[Verdict]
    records: Sequence[RecordVerdict]


async def explain_dispute(connection: AsyncConnection, access: Access, principal: Principal, code: str) -> Explanation:
    """What every rule says of the dispute of that code or id. Raises NotFoundError where there is none at all."""
    sight = access.sight(principal)
    d = disputes.c
    found = (await connection.execute(select(disputes).where((d.code == code) | (d.id == code)))).first()
    if found is None:
        raise NotFoundError(f"no dispute is called {code}", hint="Give its code, like JF620725-2024-000001.")
    rules = {} if sight.everything else sight.dispute_rules(disputes)
    holding = await _holding(connection, found.id, rules)
    verdicts = [
        Verdict(rule, holds, *_words(rule, found._mapping, sight)) for rule, holds in zip(rules, holding, strict=True)
    ]
    return Explanation(found.code, all(holding), verdicts, await _records(connection, sight, found.id))


async def _holding(connection: AsyncConnection, dispute_id: str, rules: dict[Rule, Condition]) -> list[bool]:
    if not rules:
        return []
    row = (await connection.execute(select(*rules.values()).where(disputes.c.id == dispute_id))).one()
    return [bool(holds) for holds in row]


async def _records(connection: AsyncConnection, sight: Sight, dispute_id: str) -> list[RecordVerdict]:
    r = case_records.c
    rows = await connection.execute(
        select(r.id, r.instance, r.classification, sight.records().label("is_shown"))
        .where(r.dispute_id == dispute_id)
        .order_by(r.received_at, r.id)
    )
    return [RecordVerdict(row.id, row.instance, row.classification, bool(row.is_shown)) for row in rows]


def _words(rule: Rule, row: RowMapping, sight: Sight) -> tuple[str, str]:
    """What the dispute has, and what the principal may see."""
    match rule:
        case Rule.CLASSIFICATION:
            allowed = ", ".join(sorted(sight.classifications)) or "none"
            if sight.classifications_in_hand:
                in_hand = ", ".join(sorted(sight.classifications_in_hand))
                allowed += f"; {in_hand} where {sight.agency or 'their unit'} has it in hand"
            return row["classification"], allowed
        case Rule.REGION:
            return row["region_code"] or "unknown", ", ".join(sight.regions or ()) or "none was given"
        case Rule.CHANNEL:
            return row["channel"], ", ".join(sight.channels or ()) or "none was given"
        case Rule.PART:
            given = ", ".join((*sight.instances, *([sight.agency] if sight.agency else []))) or "no agency was given"
            return f"holder {row['holder_code'] or 'none'}", f"a record, a hand-over or the matter in hand of: {given}"
