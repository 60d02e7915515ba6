"""Parties of a record: full numbers kept from older versions where the newest hides them, then sealed.

A masked value never replaces a full one, whichever came first; a different mask is another person and keeps its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.identity_numbers import birth_date, is_valid_organisation, is_valid_person
from hub.model import PartyFacts, clean_text, plain_name
from hub.party_index import indexed
from hub.said import safe_words
from hub.sealing import is_masked, mask_identity, mask_phone
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import parties
from hub.vocabulary import PartyRole, PartyType, Sex

#: what a partner hides once a matter is archived
_HIDEABLE = ("id_no", "phone", "name", "address")


def hides_numbers(parties: Iterable[PartyFacts]) -> bool:
    """Whether any identifier, phone, name or address is masked by the partner."""
    return any(is_masked(getattr(party, field)) for party in parties for field in _HIDEABLE)


def unmask(newest: Sequence[PartyFacts], older: Iterable[Sequence[PartyFacts]]) -> tuple[PartyFacts, ...]:
    """``newest`` with each masked value told by the newest of the ``older`` versions (newest first) that fits it."""
    versions = list(older)
    told = []
    for place, party in enumerate(newest):
        full: dict[str, Any] = {}
        for field in _HIDEABLE:
            mask = getattr(party, field)
            if is_masked(mask):
                found = (_told_by(version, place, party, field, mask) for version in versions)
                full[field] = next((value for value in found if value), mask)
        told.append(replace(party, **full) if full else party)
    return tuple(told)


def _told_by(version: Sequence[PartyFacts], place: int, party: PartyFacts, field: str, mask: str) -> str:
    # the same place first: parties seldom move, and two of them may share a mask
    for other in (*version[place : place + 1], *version):
        value: str = getattr(other, field)
        same_person = other.role == party.role and all(
            _agree(getattr(party, name), getattr(other, name)) for name in ("name", "id_no")
        )
        if same_person and value and not is_masked(value) and _fits(mask, value):
            return value
    return ""


def _agree(one: str, other: str) -> bool:
    """Whether two spellings can mean the same; what is not known contradicts nothing."""
    return not one or not other or _fits(one, other) or _fits(other, one)


def _fits(mask: str, full: str) -> bool:
    """Whether ``full`` can be what ``mask`` hides: equal, or equal wherever no ``*`` stands."""
    mask = mask.replace("＊", "*")
    if "*" not in mask:
        return mask == full
    if len(mask) == len(full):
        return all(hidden in ("*", shown) for hidden, shown in zip(mask, full, strict=True))
    head, tail = mask.split("*", 1)[0], mask.rsplit("*", 1)[1]
    return len(full) >= len(head) + len(tail) and full.startswith(head) and full.endswith(tail)


def party_row(desk: Desk, party_id: str, record_id: str, position: int, party: PartyFacts) -> dict[str, Any]:
    """The table row of one party, its numbers sealed for exactly this row."""
    number, phone = "".join(party.id_no.split()), "".join(party.phone.split())
    row: dict[str, Any] = {
        "id": party_id,
        "county": desk.county,
        "record_id": record_id,
        "position": position,
        "role": party.role.value,
        "type": party.type.value,
        "name": safe_words(party.name),
        "name_plain": plain_name(safe_words(party.name)),
        "id_type": safe_words(party.id_type),
        "id_mask": "", "id_sealed": None, "id_index": None, "id_index_2": None, "id_is_valid": None,
        "phone_mask": "", "phone_sealed": None, "phone_index": None, "phone_index_2": None,
        "region_code": safe_words(party.region_code),
        "address": safe_words(party.address),
        "sex": party.sex.value,
        "birth_year": None,
    }  # fmt: skip
    if number and is_masked(number):
        # what the partner hid with one star may still be the whole number
        row["id_mask"] = safe_words(number)
    elif number:
        is_person = party.type is PartyType.PERSON
        born = birth_date(number) if is_person else None
        row["id_mask"] = mask_identity(clean_text(number)[0])
        row["id_sealed"] = _seal(desk, number, party_id, "id_sealed")
        row |= indexed(desk.keys, "id", number)
        row["id_is_valid"] = is_valid_person(number) if is_person else is_valid_organisation(number)
        row["birth_year"] = born.year if born else None
    if phone and is_masked(phone):
        row["phone_mask"] = safe_words(phone)
    elif phone:
        row["phone_mask"] = mask_phone(clean_text(phone)[0])
        row["phone_sealed"] = _seal(desk, phone, party_id, "phone_sealed")
        row |= indexed(desk.keys, "phone", phone)
    return row


async def opened_parties(tx: AsyncConnection, desk: Desk, record_ids: Sequence[str]) -> list[PartyFacts]:
    """The parties of these records with their full numbers, record by record: for a partner, not for a screen."""
    order = {record_id: place for place, record_id in enumerate(record_ids)}
    rows: list[AnyRow] = []
    for part in chunks(record_ids):
        rows += (await tx.execute(select(parties).where(parties.c.record_id.in_(part)))).all()
    return [
        PartyFacts(
            PartyRole(row.role), row.name, PartyType(row.type), row.id_type, opened_number(desk, row, "id_sealed"),
            opened_number(desk, row, "phone_sealed"), row.region_code, row.address, Sex(row.sex),
        )
        for row in sorted(rows, key=lambda row: (order[row.record_id], row.position))
    ]  # fmt: skip


def opened_number(desk: Desk, row: Any, column: str) -> str:
    """The whole number in a sealed column of a row that has its ``id``; empty where none is. Raises UnreadableError."""
    sealed = getattr(row, column)
    return desk.keys.open_field(sealed, table="parties", row=row.id, column=column) if sealed else ""


def _seal(desk: Desk, value: str, party_id: str, column: str) -> bytes:
    value = value.encode("utf-8", "replace").decode()
    return desk.keys.seal_field(value, table="parties", row=party_id, column=column)
