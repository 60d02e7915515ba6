"""Each simulated partner's own list of the results it received, against what we have sent it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.county import Partners
from hub.errors import TransientError
from hub.store.tables import outbound_messages
from hub.vocabulary import CommandKind, MessageState

#: as ``pushes`` of a control address tells it: ``at path body answer``
_Push = Mapping[str, Any]
_ARRIVED = (MessageState.DELIVERED.value, MessageState.ACKED.value, MessageState.REFUSED.value)


@dataclass(frozen=True, slots=True)
class Compared:
    """The receipts of one partner."""

    ours: frozenset[str]
    theirs: frozenset[str]

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {"ours": len(self.ours), "theirs": len(self.theirs), "equal": self.ours == self.theirs}


async def compare_results(connection: AsyncConnection, partners: Partners) -> dict[str, Compared]:
    """Receipt by receipt. A partner that does not answer is left out."""
    compared: dict[str, Compared] = {}
    for name, partner in partners.items():
        try:
            pushes = await partner.control({"do": "pushes"})
        except TransientError:
            continue
        theirs = frozenset(receipt for push in pushes for receipt in _READERS[name](push))
        compared[name] = Compared(await _ours(connection, name), theirs)
    return compared


async def _ours(connection: AsyncConnection, instance: str) -> frozenset[str]:
    """The partner's receipts of the results that it has: its number, or the name of the file that it took."""
    c = outbound_messages.c
    query = select(c.partner_ref).where(
        c.instance == instance, c.command == CommandKind.RETURN.value, c.delivered_at.is_not(None),
        c.state.in_(_ARRIVED),
    )  # fmt: skip
    return frozenset((await connection.execute(query)).scalars())


def _court(push: _Push) -> Iterator[str]:
    body, answer = push["body"], push["answer"]
    is_result = push["path"].endswith("/fk") and isinstance(body, dict) and body.get("acceptType") in ("60", "61")
    if is_result and answer.get("code") == 200:
        yield str(answer["content"]["sldh"])


def _police(push: _Push) -> Iterator[str]:
    rejected = {one["line"] for one in push["answer"]["rejected"]}
    rows = push["body"]
    if any(row.get("HTLX") == "3" for row in rows) and not rejected:
        yield PurePosixPath(push["path"]).stem


def _petition(push: _Push) -> Iterator[str]:
    taken = set(str(push["answer"].get("successStr", "")).split(","))
    for item in push["body"] if isinstance(push["body"], list) else []:
        if item["blfss"][0]["blfs"] == "14" and item["sxfjbh"] in taken:
            yield str(item["sxfjbh"])


def _hotline(push: _Push) -> Iterator[str]:
    answer = push["answer"]
    if push["path"].endswith("conclude") and str(answer.get("code")) == "10000":
        yield str(answer["resultData"]["receiptNo"])


_READERS: Mapping[str, Callable[[_Push], Iterator[str]]] = {
    "court": _court, "police": _police, "petition": _petition, "hotline": _hotline,
}  # fmt: skip
