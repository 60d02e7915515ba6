"""A dispute of ours handed to the police: a row of the dataset YS (WIRES 2.16).

Its number (YSBH) is made of the day and of the batch's serial, so of the key. The ack is the transport receipt; whether
the police take it comes as a row of YSHZ under that number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from connectors.base import InstanceConfig
from connectors.police import codes
from connectors.police.drop import Drop
from connectors.police.outgoing import Dataset, Outgoing, batches, moment_text, person_text
from connectors.pushing import clean, missing, native_of, require
from hub.commands import Refer
from hub.model import SHANGHAI, PartyFacts
from hub.vocabulary import UNKNOWN, CountyTables

TRANSFER = Dataset(
    "YS",
    {
        "YSBH": "移送编号", "JFBH": "纠纷编号", "YSLX": "移送类型", "JQLXDM": "警情类型代码", "XZQHDM": "行政区划代码",
        "DZ": "地址", "NR": "内容", "DSRXX": "当事人信息", "BLR": "办理人", "BLSJ": "办理时间",
    },
    "YS",
)  # fmt: skip

_REGION = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?")
_SERIAL = re.compile(r"([0-9]{8})[0-9]{6}_([0-9]{5})")


def transfer_batches(config: InstanceConfig, key: str, command: Refer, drop: Drop) -> Iterator[Outgoing]:
    """The command's batch under each name it may have, but for numbers (YSBH) that another batch of that day has."""
    # refused at once, not when the first batch is asked for
    transfer_row(config, command, 1)
    resource = f"{config.county}-117070302-1-1"

    def row(serial: int) -> dict[str, str]:
        return transfer_row(config, command, serial)

    return (
        batch
        for batch in batches(TRANSFER, config.centre_code, resource, key, command.at, row)
        if not _number_taken(batch, drop)
    )


def number_of(batch: Outgoing, unit: str) -> str:
    """The YSBH in a batch of ours."""
    day, serial = _day_and_serial(batch.name)
    return f"YS{unit}{day}{serial}"


def transfer_row(config: InstanceConfig, command: Refer, serial: int) -> dict[str, str]:
    """The row. Raises RejectedError ``MISSING_…``."""
    if command.risk is None:
        raise missing("RISK", "Say why it goes to the police: risk of escalation, or a suspected offence.")
    return {
        "YSBH": _number(config.centre_code, command.at, serial),
        "JFBH": require(command.dispute_code, "DISPUTE_CODE", "The dispute's code is missing."),
        "YSLX": codes.TRANSFER_GROUNDS[command.risk],
        "JQLXDM": call_type(config.tables, command.category),
        "XZQHDM": command.region_code if _REGION.fullmatch(command.region_code) else config.county,
        "DZ": command.address,
        "NR": require("\n".join(part for part in (command.facts, command.words) if clean(part)), "FACTS", _NR_HINT),
        "DSRXX": ";".join(_person(party) for party in command.parties),
        "BLR": require(command.by, "BY", "Say who acts: the police want a name (BLR)."),
        "BLSJ": moment_text(command.at),
    }


_NR_HINT = "Tell what happened: the police read nothing else of the dispute (NR)."


def call_type(tables: CountyTables, category: str) -> str:
    """JQLXDM: what stands for the category itself, else for its class, else 其他. Raises RejectedError."""
    exact = native_of(tables, "police", "JQLXDM", category)
    if exact:
        return exact
    types = [native for native in tables.native_codes if (native.system, native.table) == ("police", "JQLXDM")]
    top = category[:2] if category != UNKNOWN else ""
    near = [native.code for native in types if any(top and known[:2] == top for known in native.classes)]
    other = native_of(tables, "police", "JQLXDM", codes.OTHER_CLASS)
    found = near[0] if len(near) == 1 else other
    if not found:
        raise missing("CATEGORY", "No JQLXDM of the county's codes.csv stands for the dispute's category.")
    return found


def _person(party: PartyFacts) -> str:
    return person_text(codes.ROLE_WORDS.get(party.role, codes.SOMEBODY), party.name, party.id_no, party.phone)


def _number(unit: str, at: datetime, serial: int) -> str:
    return f"YS{unit}{at.astimezone(SHANGHAI):%Y%m%d}{serial:05}"


def _number_taken(batch: Outgoing, drop: Drop) -> bool:
    """Another file of that day has the serial that would make the same number."""
    mine = _day_and_serial(batch.name)
    names = {file.partition(".")[0] for file in drop.files | drop.acks if file.startswith(f"{TRANSFER.prefix}_")}
    return any(name != batch.name and _day_and_serial(name) == mine for name in names)


def _day_and_serial(name: str) -> tuple[str, str]:
    found = _SERIAL.search(name)
    return (found[1], found[2]) if found else ("", "")
