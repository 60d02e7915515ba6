"""A new case filed at the court by the centre (WIRES 1.18): its request id is the step's key.

The court decides later, in the log of the row it opened: consent, wanted material or refusal, and at last the number
under which the case is docketed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from connectors.base import HttpWire, InstanceConfig
from connectors.court.wire import CourtApi
from connectors.pushing import clean, missing, native_of, require, wire_key
from hub.commands import Receipt, Refer
from hub.errors import RejectedError
from hub.model import PartyFacts, RecordName
from hub.vocabulary import PartyRole

FILING_PATH = "/sqtj/tj"

PLAINTIFF, DEFENDANT, THIRD_PARTY = "原告", "被告", "第三人"
#: dsrlx of each role; a witness is no party of a filing, and of an unknown one nobody can say which side it is on
SIDES: Mapping[PartyRole, str] = {
    PartyRole.APPLICANT: PLAINTIFF,
    PartyRole.CALLER: PLAINTIFF,
    PartyRole.PETITIONER: PLAINTIFF,
    PartyRole.RESPONDENT: DEFENDANT,
    PartyRole.THIRD_PARTY: THIRD_PARTY,
}

_REGION = re.compile(r"[0-9]{12}")


async def file_case(api: CourtApi, wire: HttpWire, config: InstanceConfig, key: str, command: Refer) -> Receipt:
    """The receipt with the names of the row that was opened."""
    said = filing(config, key, command)
    sent = await api.send(wire, FILING_PATH, said, said["requestId"], said["ajlb"], said["caseCause"])
    given = {"court.ajbs": sent.ajbs, "court.fwlsh": sent.fwlsh}
    return Receipt(
        partner_ref=sent.sldh,
        is_delivered=True,
        is_final=False,
        our_key=sent.sldh,
        names=tuple(RecordName(scheme, value) for scheme, value in given.items() if value),
        raw=sent.raw,
    )


def filing(config: InstanceConfig, key: str, command: Refer) -> dict[str, Any]:
    """The filing's fields but for time and signature. Raises RejectedError ``MISSING_…``."""
    cause = native_of(config.tables, "court", "caseCause", command.category)
    if not cause:
        raise missing(
            "CATEGORY",
            "No caseCause of the county's codes.csv stands for the dispute's category: give it a closer one, or add "
            "the court's code for it.",
        )
    return {
        "requestId": wire_key(key),
        "ajlb": "0401" if command.is_administrative else "0301",
        "caseCause": cause,
        "caseAmount": money(command.amount_cny),
        "claim": require(command.claim, "CLAIM", "Say what is asked of the court (诉讼请求)."),
        "facts": require(command.facts, "FACTS", "Tell the facts and grounds (事实与理由)."),
        "dsr": sides(command.parties),
        "fwlsh": command.earlier.service_no,
        "originalCaseCode": command.earlier.native_id,
        "originalCaseNo": command.earlier.native_no,
        "wzyss": clean(command.undisputed_facts),
        "submitter": config.centre_code,
    }


def money(amount: Decimal | None) -> str:
    """Yuan with two places (WIRES 0.9); '' where no money is claimed. Raises RejectedError for what is no sum."""
    if amount is None:
        return ""
    if not amount.is_finite() or amount < 0:
        raise RejectedError("BAD_AMOUNT", "the amount is no sum of money", hint="Give yuan, zero or more.")
    return f"{amount:.2f}"


def sides(parties: tuple[PartyFacts, ...]) -> list[dict[str, str]]:
    """``dsr``. Raises RejectedError where one side is missing or a party has no name."""
    listed = [*_listed(parties)]
    for side in (PLAINTIFF, DEFENDANT):
        if not any(row["dsrlx"] == side for row in listed):
            raise missing("PARTIES", f"The filing needs at least one {side} with a name.")
    if not all(row["xm"] for row in listed):
        raise missing("PARTY_NAME", "Every party of a filing needs a name.")
    return listed


def _listed(parties: tuple[PartyFacts, ...]) -> Iterator[dict[str, str]]:
    for party in parties:
        side = SIDES.get(party.role)
        if side is not None:
            yield {
                "dsrlx": side, "xm": clean(party.name), "zjlx": party.id_type, "zjhm": party.id_no,
                "lxdh": party.phone, "zz": clean(party.address),
                "xzqhdm": party.region_code if _REGION.fullmatch(party.region_code) else "",
            }  # fmt: skip
