"""An order of ours at 12345, for a department (WIRES 4.12): its request id is the step's key, the answer is final.

The order stands in the hotline's list under the number in the receipt; how it goes shows there only.
"""

from __future__ import annotations

import re
from collections.abc import Set

from connectors.base import HttpWire, InstanceConfig
from connectors.hotline import codes
from connectors.hotline.wire import HotlineApi
from connectors.json_rows import stamp_text
from connectors.pushing import clean, missing, native_of, require, wire_key
from hub.commands import Receipt, Refer
from hub.model import PartyFacts, RecordName
from hub.vocabulary import PartyRole

CREATE_PATH = "/order/create"

#: who speaks for the matter, and whom it is about
CALLERS = frozenset({PartyRole.CALLER, PartyRole.APPLICANT, PartyRole.PETITIONER})
RESPONDENTS = frozenset({PartyRole.RESPONDENT})

_REGION = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?")


async def create(api: HotlineApi, wire: HttpWire, config: InstanceConfig, key: str, command: Refer) -> Receipt:
    """The receipt with the new order's number."""
    sent = await api.send(wire, CREATE_PATH, order(config, key, command))
    return Receipt(
        partner_ref=sent.receipt_no,
        is_delivered=True,
        is_final=True,
        names=(RecordName("hotline.workordercode", sent.workordercode),),
        raw=sent.raw,
    )


def order(config: InstanceConfig, key: str, command: Refer) -> dict[str, str]:
    """The request's body. Raises RejectedError ``MISSING_…``."""
    if command.order_type not in codes.DISPUTE_TYPES:
        raise missing("ORDER_TYPE", "Say whether it is a complaint (投诉) or a demand (诉求).")
    told = (command.claim, command.facts, command.words)
    caller, respondent = _first(command, CALLERS), _first(command, RESPONDENTS)
    return {
        "requestId": wire_key(key),
        "orderType": command.order_type,
        "title": require(command.title, "TITLE", "Give the order a title."),
        "content": require("\n".join(filter(None, map(clean, told))), "FACTS", "Tell what the department is to do."),
        "address": clean(command.address),
        "areaCode": command.region_code if _REGION.fullmatch(command.region_code) else "",
        "problemId": native_of(config.tables, "hotline", "problemId", command.category),
        "caller": clean(caller.name) if caller else "",
        "callerPhone": caller.phone if caller else "",
        "respondent": clean(respondent.name) if respondent else "",
        "respondentPhone": respondent.phone if respondent else "",
        "at": stamp_text(command.at),
    }


def _first(command: Refer, roles: Set[PartyRole]) -> PartyFacts | None:
    return next((party for party in command.parties if party.role in roles), None)
