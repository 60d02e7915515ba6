"""A party's whole numbers, for who says why: written down and committed before a seal is opened."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from hub.access_log import Look, Subjects, write
from hub.desk import Desk
from hub.errors import ConfigurationError, NotFoundError, UnloggedError, UserInputError
from hub.look_limits import require_room
from hub.parties import opened_number
from hub.principal import Principal
from hub.sight import Sight
from hub.store.tables import case_records, parties
from hub.vocabulary import AccessKind, AccessPurpose, PartyDetail

_COLUMNS = {PartyDetail.ID_NUMBER: "id_sealed", PartyDetail.PHONE: "phone_sealed"}


@dataclass(frozen=True, slots=True, repr=False)
class Revealed:
    """What was asked for of a party. None: not asked for, not known, or hidden by the agency that has it."""

    id_number: str | None = None
    phone: str | None = None


async def reveal_party(
    desk: Desk, principal: Principal, sight: Sight, party_id: str, details: Collection[PartyDetail],
    purpose: AccessPurpose, most_an_hour: int,
) -> Revealed:  # fmt: skip
    """The party's numbers.

    Raises NotFoundError where the party is unknown or hidden, TooOftenError, UserInputError, and UnloggedError where it
    could not be written down who looks.
    """
    wanted = [detail for detail in PartyDetail if detail in details]
    if not wanted or not set(wanted) <= set(_COLUMNS):
        raise UserInputError("a party's identity number and phone can be shown", field="details")
    query = (
        select(
            parties.c.id, parties.c.record_id, parties.c.id_sealed, parties.c.phone_sealed, case_records.c.dispute_id
        )
        .join(case_records, case_records.c.id == parties.c.record_id)
        .where(parties.c.id == party_id, sight.parties())
    )
    try:
        async with desk.store.write() as tx:
            await require_room(tx, desk, principal, AccessKind.REVEAL, most_an_hour, "people's numbers were shown")
            row = (await tx.execute(query)).first()
            if row is None:
                raise NotFoundError("no such party", hint="Take its id of a record or dispute.", field="partyId")
            seen = Subjects(id for id in (row.dispute_id, row.record_id, row.id) if id)
            await write(tx, desk, Look(principal, AccessKind.REVEAL, seen, purpose, details=wanted))
    except (SQLAlchemyError, OSError, ConfigurationError) as exc:
        raise UnloggedError from exc
    shown = {detail: opened_number(desk, row, _COLUMNS[detail]) or None for detail in wanted}
    return Revealed(shown.get(PartyDetail.ID_NUMBER), shown.get(PartyDetail.PHONE))
