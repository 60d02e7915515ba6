"""Walk-ins: what is brought to the centre's own window is a record like any agency's, kept and mapped the same way.

The centre is its own partner here: instance ``centre``, without a wire. A change of a registration is its next version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from hub.errors import BadPayloadError
from hub.model import SHANGHAI, CaseFacts, Entry, Fact, Item, PartyFacts, RecordName, Source
from hub.vocabulary import (
    UNKNOWN,
    CaseRecordState,
    Channel,
    Classification,
    HandlingEventKind,
    PartyRole,
    PartyType,
    Procedure,
    Sex,
)

INSTANCE, SYSTEM = "centre", "centre"
#: by which other records may call it
SCHEME = "centre.djbh"
#: words that make a matter confidential by default
_CONFIDENTIAL = re.compile("家庭暴力|家暴|人身安全保护令|未成年|性侵|强奸|猥亵")


@dataclass(frozen=True, slots=True)
class Registration:
    """What the window takes down. Names, numbers and words are a citizen's."""

    number: str
    title: str = field(repr=False)
    received_at: datetime
    changed_at: datetime
    content: str = field(default="", repr=False)
    category: str = UNKNOWN
    region_code: str = ""
    address: str = field(default="", repr=False)
    amount_cny: Decimal | None = None
    people_involved: int | None = None
    #: WALK_IN, PORTAL or PATROL
    channel: Channel = Channel.WALK_IN
    is_confidential: bool = False
    parties: tuple[PartyFacts, ...] = field(default=(), repr=False)
    #: who took it down
    by: str = field(default="", repr=False)

    def to_item(self) -> Item:
        """As it is kept in the inbox."""
        body = orjson.dumps(
            {
                "number": self.number, "title": self.title, "content": self.content, "category": self.category,
                "receivedAt": self.received_at.astimezone(UTC).isoformat(), "region": self.region_code,
                "changedAt": self.changed_at.astimezone(UTC).isoformat(), "address": self.address,
                "amount": str(self.amount_cny) if self.amount_cny is not None else None,
                "people": self.people_involved, "by": self.by, "channel": self.channel.value,
                "confidential": self.is_confidential,
                "parties": [
                    {
                        "role": one.role.value, "type": one.type.value, "name": one.name, "idType": one.id_type,
                        "idNo": one.id_no, "phone": one.phone, "region": one.region_code, "address": one.address,
                        "sex": one.sex.value,
                    }
                    for one in self.parties
                ],
            },
            option=orjson.OPT_SORT_KEYS,
        )  # fmt: skip
        return Item(self.number, self.number, "", self.changed_at, body, body)


class WalkInMapper:
    """Understands what ``Registration.to_item`` wrote."""

    mapping_version = 1

    def __init__(self, centre_code: str) -> None:
        self._centre = centre_code

    def map(self, item: Item) -> Sequence[Fact]:
        """One record. Raises BadPayloadError."""
        try:
            given: Mapping[str, Any] = orjson.loads(item.body)
            received_at = datetime.fromisoformat(given["receivedAt"])
            return [self._facts(given, received_at, item.updated_at)]
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as exc:
            raise BadPayloadError("NO_REGISTRATION") from exc

    def compose(self, parts: Sequence[CaseFacts]) -> CaseFacts:
        """A registration is one item."""
        return parts[-1]

    def _facts(self, given: Mapping[str, Any], received_at: datetime, updated_at: datetime | None) -> CaseFacts:
        category = str(given["category"])
        return CaseFacts(
            native_id=given["number"],
            native_no="",
            lineage="",
            native_kind=given["channel"],
            native_state="",
            state=CaseRecordState.RECEIVED,
            title=given["title"],
            content=given["content"],
            category=category,
            classes=(category,) if category != UNKNOWN else (),
            received_at=received_at.astimezone(SHANGHAI),
            updated_at=updated_at,
            channel=Channel(given["channel"]),
            opens_dispute=True,
            region_code=given["region"],
            address=given["address"],
            amount_cny=Decimal(given["amount"]) if given["amount"] is not None else None,
            people_involved=given["people"],
            classification=(
                Classification.CONFIDENTIAL
                if given["confidential"] or _CONFIDENTIAL.search(f"{given['title']}\n{given['content']}")
                else Classification.INTERNAL
            ),
            procedure=Procedure.INTAKE,
            agency_code=self._centre,
            unit_key=given["number"],
            is_unit=True,
            parties=tuple(_party(one) for one in given["parties"]),
            entries=(
                Entry(
                    "registered", HandlingEventKind.REGISTERED, received_at, actor_code=self._centre,
                    actor_name=given["by"], data={"channel": given["channel"]},
                ),
            ),
            names=(RecordName(SCHEME, given["number"]),),
        )  # fmt: skip


def _party(given: Mapping[str, Any]) -> PartyFacts:
    return PartyFacts(
        PartyRole(given["role"]), given["name"], PartyType(given["type"]), given["idType"], given["idNo"],
        given["phone"], given["region"], given["address"], Sex(given["sex"]),
    )  # fmt: skip


def source(centre_code: str, live_from: datetime) -> Source:
    """The centre as a source of records."""
    return Source(INSTANCE, SYSTEM, live_from, centre_code)
