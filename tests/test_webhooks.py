"""Webhooks over a real socket: what is genuine is kept and answered, what is not is refused by a reason and counted."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app import hooks
from hub.store.tables import handling_events, inbox_items, jobs, quarantine, webhook_nonces

from .databases import Database
from .hotline_double import SECRET, THEIR_OLD_SECRET, dispatched, order, signed, webhook
from .webhooks_kit import DELIVERED, Listening, listening

ORDER = order(**dispatched())
BODY = webhook(ORDER, "派单", 1, "2024-06-12 12:18:11", contractorCode=ORDER["contractorCode"])


@pytest.fixture
async def hub(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listening]:
    monkeypatch.setattr(hooks, "COUNT_EVERY_S", 0.05)
    async with listening(database.url, tmp_path) as opened:
        yield opened


async def refused(hub: Listening, kind: str, times: int = 1) -> None:
    """The reason is counted with the partner, nothing else is left."""
    for _ in range(100):
        found = await hub.incidents()
        if found.get(kind) == times:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(found)


# --- taken ------------------------------------------------------------------------------------------------------


async def test_a_webhook_is_kept_answered_and_taken_in_by_a_worker(hub: Listening) -> None:
    assert await hub.post(BODY) == (200, DELIVERED)
    assert await hub.kept() == {"PENDING": 2}  # nothing was mapped while the partner waited
    await hub.eventually_worked()
    assert await hub.kept() == {"APPLIED": 2}
    assert await hub.count(handling_events, handling_events.c.kind == "REFERRED") == 1
    assert await hub.incidents() == {}


@pytest.mark.parametrize("how", [{"sm3": True}, {"secret": THEIR_OLD_SECRET}, {"ago_s": 290}, {"ago_s": -290}])
async def test_both_algorithms_both_secrets_and_the_whole_window_are_taken(hub: Listening, how: dict[str, Any]) -> None:
    assert await hub.post(BODY, **how) == (200, DELIVERED)


async def test_sent_again_under_a_new_nonce_it_is_answered_the_same_and_changes_nothing(hub: Listening) -> None:
    await hub.post(BODY)
    await hub.eventually_worked()
    before = await hub.count(handling_events)
    assert await hub.post(BODY) == (200, DELIVERED)
    await hub.work()
    assert (await hub.kept(), await hub.count(handling_events)) == ({"APPLIED": 2}, before)
    assert await hub.count(webhook_nonces) == 2


async def test_many_at_once_ask_for_one_job_and_none_is_lost(hub: Listening) -> None:
    told = [webhook(order(n, **dispatched()), "派单", 1, "2024-06-12 12:18:11") for n in range(1, 21)]
    answers = await asyncio.gather(*(hub.post(body) for body in told))
    assert set(map(str, answers)) == {str((200, DELIVERED))}
    assert await hub.kept() == {"PENDING": 40}
    assert await hub.count(jobs) <= 2
    await hub.eventually_worked()
    assert await hub.kept() == {"APPLIED": 40}


# --- refused ----------------------------------------------------------------------------------------------------


async def test_a_copied_webhook_is_refused(hub: Listening) -> None:
    headers = signed(BODY, nonce=secrets.token_hex(16))
    assert await hub.post(BODY, headers) == (200, DELIVERED)
    assert await hub.post(BODY, headers) == (409, {"success": False, "reason": "WEBHOOK_REPLAYED"})
    await refused(hub, "WEBHOOK_REPLAYED")


async def test_of_two_copies_at_once_one_is_taken(hub: Listening) -> None:
    headers = signed(BODY, nonce=secrets.token_hex(16))
    answers = await asyncio.gather(*(hub.post(BODY, headers) for _ in range(8)))
    assert sorted(status for status, _ in answers) == [200] + [409] * 7
    assert await hub.kept() == {"PENDING": 2}


@pytest.mark.parametrize(
    ("how", "status", "kind"),
    [
        ({"secret": "guessed"}, 403, "WEBHOOK_BAD_SIGNATURE"),
        ({"secret": SECRET}, 403, "WEBHOOK_BAD_SIGNATURE"),
        ({"app": "nobody"}, 403, "WEBHOOK_UNKNOWN_APP"),
        ({"ago_s": 320}, 403, "WEBHOOK_OUTSIDE_WINDOW"),
        ({"ago_s": -320}, 403, "WEBHOOK_OUTSIDE_WINDOW"),
        ({"nonce": "short"}, 400, "WEBHOOK_BAD_HEADERS"),
    ],
)
async def test_what_is_not_genuine_is_refused_and_counted(
    hub: Listening, how: dict[str, Any], status: int, kind: str
) -> None:
    for _ in range(3):
        assert await hub.post(BODY, **how) == (status, {"success": False, "reason": kind})
    await refused(hub, kind, 3)
    assert (await hub.kept(), await hub.count(webhook_nonces), await hub.count(jobs)) == ({}, 0, 0)


async def test_an_altered_body_and_headers_of_another_are_refused(hub: Listening) -> None:
    headers = signed(BODY, nonce=secrets.token_hex(16))
    other = webhook(ORDER, "催办", 2, "2024-06-13 08:00:00", level=1, content="快些")
    assert (await hub.post(other, signed(BODY)))[0] == 403
    assert (await hub.post(BODY + b" ", headers))[0] == 403


async def test_nobody_else_takes_webhooks(hub: Listening) -> None:
    assert await hub.post(BODY, to="court") == (404, {"success": False, "reason": "WEBHOOK_NOT_EXPECTED"})
    assert await hub.post(BODY, to="nobody") == (404, {"success": False, "reason": "UNKNOWN_INSTANCE"})
    async with hub.http.get(f"{hub.address}/hooks/hotline") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    await refused(hub, "WEBHOOK_BAD_METHOD")
    assert await hub.incidents("court") == {"WEBHOOK_NOT_EXPECTED": 1}
    assert await hub.incidents("nobody") == {}


async def test_a_body_beyond_the_limit_is_refused_unread(database: Database, tmp_path: Path) -> None:
    async with listening(database.url, tmp_path, webhook_max_bytes=4096) as hub:
        big = webhook(order(content="长" * 5000), "派单", 1, "2024-06-12 12:18:11")
        assert await hub.post(big) == (413, {"success": False, "reason": "WEBHOOK_TOO_LONG"})
        assert await hub.post(BODY) == (200, DELIVERED)


async def test_what_is_genuine_and_no_sense_is_kept_and_quarantined(hub: Listening) -> None:
    for body in (b"", b"{", b"\xff\xfe", b"[1]", b'{"workordercode": "GS1\\u0000"}', b"[" * 50_000):
        assert await hub.post(body) == (200, DELIVERED), body[:20]
    await hub.eventually_worked()
    kept = await hub.kept()
    assert set(kept) == {"QUARANTINED"}
    assert await hub.count(quarantine) == await hub.count(inbox_items) == kept["QUARANTINED"]
