"""Webhooks over a real socket: what is genuine is kept and answered, what is not is refused by a reason and counted."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from app import hooks
from app.cli.connectors import _set_paused
from app.doctor import examine
from app.hook_address import hook_address
from connectors.base import WebhookConnector
from connectors.hotline.webhook import WINDOW_S
from hub import nonces
from hub.accounts import Grant
from hub.api_keys import issue_key
from hub.desk import utc_now
from hub.errors import ConfigurationError
from hub.inbox import keep_page
from hub.settings import load_settings
from hub.store.tables import handling_events, jobs, webhook_nonces

from .databases import Database
from .hotline_double import SECRET, THEIR_OLD_SECRET, THEIR_SECRET, dispatched, order, signed, webhook
from .hub_kit import court_config
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


async def test_both_algorithms_both_secrets_and_the_whole_window_are_taken(hub: Listening) -> None:
    for how in ({"sm3": True}, {"secret": THEIR_OLD_SECRET}, {"ago_s": 280}, {"ago_s": -280}):
        assert await hub.post(BODY, **how) == (200, DELIVERED), how


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


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"secret": "guessed"}, 403, "WEBHOOK_BAD_SIGNATURE"),
    ({"secret": SECRET}, 403, "WEBHOOK_BAD_SIGNATURE"),  # that of the other direction
    ({"app": "nobody"}, 403, "WEBHOOK_UNKNOWN_APP"),
    ({"ago_s": 320}, 403, "WEBHOOK_OUTSIDE_WINDOW"),
    ({"ago_s": -320}, 403, "WEBHOOK_OUTSIDE_WINDOW"),
    ({"nonce": "short"}, 400, "WEBHOOK_BAD_HEADERS"),
]


async def test_what_is_not_genuine_is_refused_and_counted(hub: Listening) -> None:
    for how, status, kind in REFUSED * 3:
        assert await hub.post(BODY, **how) == (status, {"success": False, "reason": kind}), how
    for kind in {kind for *_, kind in REFUSED}:
        await refused(hub, kind, 3 * [one for *_, one in REFUSED].count(kind))
    assert (await hub.kept(), await hub.count(webhook_nonces), await hub.count(jobs)) == ({}, 0, 0)


async def test_headers_missing_repeated_or_of_another_webhook_are_refused(hub: Listening) -> None:
    good = signed(BODY, nonce=secrets.token_hex(16))
    for name in ("X-App-Id", "X-Timestamp", "X-Nonce", "X-Sign"):
        without = {key: value for key, value in good.items() if key != name}
        assert (await hub.post(BODY, without))[0] in (400, 403), name
        twice = [*good.items(), (name, good[name])]
        assert (await hub.post(BODY, CIMultiDict(twice)))[0] in (400, 403), name
        swapped = {**good, name: signed(BODY, secret="other", app="other", ago_s=1, nonce="0" * 32)[name]}
        assert (await hub.post(BODY, swapped))[0] == 403, name
    assert (await hub.post(BODY, {**good, "X-Sign-Type": "SM3"}))[0] == 403
    assert (await hub.post(BODY, {**good, "X-Sign-Type": "MD5"}))[0] == 400
    assert (await hub.post(BODY, {**good, "Content-Encoding": "deflate"}))[0] == 415
    assert await hub.post(BODY, good) == (200, DELIVERED)


async def test_a_removed_secret_opens_nothing(database: Database, tmp_path: Path) -> None:
    async with listening(database.url, tmp_path, webhook_secrets=[THEIR_SECRET]) as hub:
        assert await hub.post(BODY, secret=THEIR_OLD_SECRET) == (
            403, {"success": False, "reason": "WEBHOOK_BAD_SIGNATURE"}
        )  # fmt: skip
        assert await hub.post(BODY) == (200, DELIVERED)


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


# --- beside it --------------------------------------------------------------------------------------------------


async def test_a_paused_instance_loses_nothing(hub: Listening) -> None:
    await _set_paused(hub.hub, "hotline", True, "机房维护")
    assert await hub.post(BODY) == (200, DELIVERED)
    await asyncio.sleep(0.2)
    await hub.work()
    assert await hub.kept() == {"PENDING": 2}
    await _set_paused(hub.hub, "hotline", False, "")
    assert await hub.post(BODY) == (200, DELIVERED)
    await hub.eventually_worked()
    assert await hub.kept() == {"APPLIED": 2}


async def test_nonces_are_forgotten_when_no_copy_can_come_any_more(hub: Listening) -> None:
    await hub.post(BODY)
    assert await nonces.forget_old(hub.hub.desk) == 0
    later = replace(hub.hub.desk, clock=lambda: utc_now() + nonces.KEPT + timedelta(seconds=1))
    assert await nonces.forget_old(later) == 1
    assert nonces.KEPT.total_seconds() >= 2 * WINDOW_S


async def test_a_pull_may_bring_the_same_in_the_same_moment(hub: Listening) -> None:
    """Two who keep the same new item at once must not both think it new, nor stumble over each other."""
    connector = hub.hub.connector("hotline")
    assert isinstance(connector, WebhookConnector)
    bodies = [webhook(order(n, **dispatched()), "派单", 1, "2024-06-12 12:18:11") for n in range(1, 11)]

    async def pulled(body: bytes) -> None:
        items = connector.receive(signed(body), body, utc_now()).items
        async with hub.hub.store.write() as tx:
            await keep_page(tx, hub.hub.desk, instance="hotline", run_id="r", origin="PULL", items=items)

    both = [*(hub.post(body) for body in bodies), *(pulled(body) for body in bodies)]
    await asyncio.gather(*both)
    assert await hub.kept() == {"PENDING": 20}


async def test_a_database_that_refuses_is_answered_as_not_delivered(
    hub: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr("sync_jobs.webhooks.keep_page", refuse)
        answers = await asyncio.gather(*(hub.post(BODY) for _ in range(3)))
    assert answers == [(503, {"success": False, "reason": "WEBHOOK_NOT_KEPT"})] * 3
    assert await hub.count(webhook_nonces) == 0
    assert await hub.post(BODY) == (200, DELIVERED)


async def test_one_that_cannot_be_kept_holds_none_of_its_neighbours(
    hub: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = webhook(order(2, title="refused"), "追办", 1, "2024-06-12 12:18:11")

    async def pick(*given: Any, **named: Any) -> Any:
        if any(b"refused" in item.body for item in named["items"]):
            raise ValueError("of this one")
        return await keep_page(*given, **named)

    monkeypatch.setattr("sync_jobs.webhooks.keep_page", pick)
    answers = await asyncio.gather(*(hub.post(body) for body in (BODY, bad, BODY, bad, BODY)))
    assert [status for status, _ in answers] == [200, 500, 200, 500, 200]


async def test_what_was_counted_is_written_at_the_end(_sqlite: Any, tmp_path: Path) -> None:
    with _sqlite.migrated() as database:
        async with listening(database.url, tmp_path) as hub:
            assert (await hub.post(BODY, secret="guessed"))[0] == 403
            assert await hub.incidents() == {}
            _, key = await issue_key(hub.hub.desk, "watcher", Grant("administrator"), 1)
            headers = {"Authorization": f"Bearer {key}"}
            async with hub.http.get(f"{hub.address}/metrics", headers=headers) as metrics:
                counted = 'hub_webhooks_total{instance="hotline",outcome="WEBHOOK_BAD_SIGNATURE"} 1.0'
                assert counted in await metrics.text()
        async with listening(database.url, tmp_path) as hub:
            assert await hub.incidents() == {"WEBHOOK_BAD_SIGNATURE": 1}


# --- settings ---------------------------------------------------------------------------------------------------


def test_secrets_come_from_files_variables_or_the_settings_and_are_never_shown(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("s3cret-new\n", encoding="utf-8")
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    file = tmp_path / "hub.toml"
    table = '[instances.hotline]\nconnector = "hotline"\nbase_url = "http://127.0.0.1:9"\n'
    file.write_text(table + 'webhook_secret_files = ["new", "new"]\n', encoding="utf-8")
    one = load_settings(file).instance("hotline")
    assert one.read_webhook_secrets("hotline") == ("s3cret-new", "s3cret-new")
    file.write_text(table + 'webhook_secrets = ["s3cret-plain"]\n', encoding="utf-8")
    one = load_settings(file).instance("hotline")
    assert one.read_webhook_secrets("hotline") == ("s3cret-plain",) and "s3cret" not in repr(load_settings(file))
    by_name = one.model_copy(update={"webhook_secrets": [], "webhook_secret_envs": ["THEIRS"]})
    assert by_name.read_webhook_secrets("hotline", {"THEIRS": "s3cret-env"}) == ("s3cret-env",)
    config = court_config(webhook_secrets=("s3cret-plain",))
    assert "s3cret" not in repr(config)
    for extra, said in (
        ('webhook_secrets = ["a"]\nwebhook_secret_files = ["new"]\n', "not both"),
        ('[instances.hotline.options]\nwebhook_secrets = ["s3cret-old"]\n', "set webhook_secret_files beside options"),
        ('[instances.hotline.options]\nwebhook_app_id = "x"\n', "set webhook_app_id beside options"),
    ):
        file.write_text(table + extra, encoding="utf-8")
        with pytest.raises(ConfigurationError, match=said) as caught:
            load_settings(file)
        assert "s3cret" not in str(caught.value)
    for extra in (
        'webhook_secret_files = ["empty"]\n',
        'webhook_secret_files = ["gone"]\n',
        'webhook_secrets = [""]\n',
    ):
        file.write_text(table + extra, encoding="utf-8")
        with pytest.raises(ConfigurationError, match=r"\[instances.hotline\] webhook_secret"):
            load_settings(file).instance("hotline").read_webhook_secrets("hotline")


async def test_doctor_and_check_tell_the_address(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    table = '[instances.{0}]\nconnector = "hotline"\nbase_url = "http://127.0.0.1:9"\nwebhook_secret_files = ["one"]\n'
    (tmp_path / "one").write_text("s3cret", encoding="utf-8")
    (tmp_path / "one").chmod(0o644)
    file.write_text("[hub]\nport = 8123\n" + table.format("hotline") + table.format("twin"), encoding="utf-8")
    found = [(one.level, one.what, one.found) for one in await examine(lambda: file)]
    told = "takes webhooks at http://127.0.0.1:8123/hooks/hotline, 1 secret alive"
    assert ("OK", "webhooks hotline", told) in found
    assert ("WARN", "webhooks", "hotline and twin have a secret in common") in found
    assert any(level == "WARN" and what == "secret hotline" for level, what, _ in found)
    assert "s3cret" not in str(found)
    settings = load_settings(file)
    assert str(hook_address(settings, "hotline")) == told
