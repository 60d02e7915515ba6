"""Has this person been here before? Looked up by one particular, for a stated purpose, and written down before told.

The search, its entry in the access log and the count of the last hour's searches are one transaction: what could not be
committed is not told. Only matters that the asker sees anyway are found, and what is hidden is not even counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from hub.access_log import Look, Subjects, write
from hub.desk import Desk
from hub.errors import ConfigurationError, UnloggedError, UserInputError
from hub.look_limits import require_room
from hub.model import plain_name
from hub.principal import Principal
from hub.reading.people import Matches, by_id_index, by_name, by_phone_index
from hub.sealing import is_masked
from hub.sight import Sight
from hub.vocabulary import AccessKind, AccessPurpose, PartyDetail

_FIELDS = {PartyDetail.ID_NUMBER: "idNumber", PartyDetail.PHONE: "phone", PartyDetail.NAME: "name"}
_SHORTEST = {PartyDetail.ID_NUMBER: 6, PartyDetail.PHONE: 6, PartyDetail.NAME: 2}
_LONGEST = 100
#: how a mobile number is written from abroad, or from another prefecture
_CALLED = re.compile(r"(?:(?:\+|00)?86|0)(1[3-9]\d{9})")


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody looks for: one particular of a person."""

    detail: PartyDetail
    value: str

    def __repr__(self) -> str:
        return f"Sought({self.detail.name}, …)"


def sought(id_number: str | None, phone: str | None, name: str | None) -> Sought:
    """The one particular that was given. Raises UserInputError, which never repeats it."""
    given = {PartyDetail.ID_NUMBER: id_number, PartyDetail.PHONE: phone, PartyDetail.NAME: name}
    stated = [(detail, value) for detail, value in given.items() if value is not None]
    if len(stated) != 1:
        raise UserInputError("look for one of idNumber, phone and name", hint="Give exactly one of the three.")
    ((detail, value),) = stated
    field, plain = _FIELDS[detail], plain_name(value)
    if is_masked(plain):
        raise UserInputError("what is masked finds nobody", field=field, hint="Give it whole.")
    if not plain.isprintable():
        raise UserInputError(f"{field} has characters that nobody can read", field=field)
    if not _SHORTEST[detail] <= len(plain) <= _LONGEST:
        least = _SHORTEST[detail]
        raise UserInputError(f"{field} has {least} to {_LONGEST} characters", field=field)
    return Sought(detail, plain)


async def find_parties(
    desk: Desk, principal: Principal, sight: Sight, wanted: Sought, purpose: AccessPurpose, most_an_hour: int
) -> Matches:
    """Parties of seen records who have this number, or whose name begins so, the latest records first.

    A name is looked for within the principal's regions. Raises TooOftenError, and UnloggedError where nothing may be
    told because it could not be written down.
    """
    try:
        async with desk.store.write() as tx:
            await require_room(tx, desk, principal, AccessKind.FIND, most_an_hour, "people were looked for")
            match wanted.detail:
                case PartyDetail.ID_NUMBER:
                    found = await by_id_index(tx, sight, [desk.keys.blind_index("id", wanted.value)])
                case PartyDetail.PHONE:
                    indexes = [desk.keys.blind_index("phone", one) for one in _spellings(wanted.value)]
                    found = await by_phone_index(tx, sight, indexes)
                case PartyDetail.NAME:
                    found = await by_name(tx, sight, wanted.value, principal.regions or None)
            look = Look(
                principal, AccessKind.FIND, Subjects(found.subject_ids), purpose, details=[wanted.detail],
                searched=f"{wanted.detail.name}/{wanted.value}",
            )  # fmt: skip
            await write(tx, desk, look)
    except (SQLAlchemyError, OSError, ConfigurationError) as exc:
        raise UnloggedError from exc
    return found


def _spellings(phone: str) -> list[str]:
    """A phone number as partners may have written it; a mobile number also without what is dialled before it."""
    called = _CALLED.fullmatch(phone.replace("-", ""))
    return [phone] if called is None else [phone, called[1]]
