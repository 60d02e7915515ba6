"""The pages of the wires name every field that the simulated partners send, and every address that they answer."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from connectors.hotline.signing import signed_headers
from connectors.sandbox.court_rows import blank_row
from connectors.sandbox.hotline_orders import blank
from connectors.sandbox.petition_faults import PLACES_BY_PATH
from connectors.sandbox.petition_letters import FIELDS
from connectors.sandbox.police_forms import COLUMNS

from .partner_benches import PartnerYard

WIRES = Path(__file__).parent.parent / "docs" / "wires"


def words_of(page: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_0-9]+", (WIRES / f"{page}.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("court", {*blank_row("a", "b")}),
        ("police", {name for columns in COLUMNS.values() for name in columns} | set(COLUMNS)),
        ("petition", {*FIELDS}),
        ("hotline", {*blank("GS1", datetime(2024, 8, 1))}),
    ],
)
def test_every_field_on_the_wire_stands_on_its_page(page: str, names: set[str]) -> None:
    assert sorted(names - words_of(page)) == []


def test_every_address_stands_on_its_page() -> None:
    petition = (WIRES / "petition.md").read_text(encoding="utf-8")
    assert [path for path in PLACES_BY_PATH if path not in petition] == []


async def test_what_the_hotline_page_says_of_an_answer_is_what_is_answered(tmp_path: Path) -> None:
    async with PartnerYard(tmp_path).opened("hotline") as hotline:
        headers = signed_headers("SHA256", hotline.config.secret, hotline.config.app_id, b"")
        query = {"updatedFrom": "2099-01-01 00:00:00"}
        answer = await hotline.wire.request("GET", "/order/list", query=query, headers=headers)
    assert answer.body.decode() in (WIRES / "hotline.md").read_text(encoding="utf-8")
