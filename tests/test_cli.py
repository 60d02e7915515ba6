"""The command line: quick help, clear errors, JSON for programs, and the whole way against a simulated court."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from hub.settings import load_settings
from hub.store.engine import open_store
from hub.store.tables import reconciliations

from .cli_kit import ROOT, Run
from .databases import Database
from .hub_kit import deliver, open_desk, row

COMMANDS = (
    (), ("demo",), ("serve",), ("worker",), ("migrate",), ("sync",), ("reconcile",), ("trace",), ("figures",),
    ("doctor",), ("connectors",), ("connectors", "list"), ("connectors", "check"), ("connectors", "pause"),
    ("connectors", "resume"), ("quarantine",), ("quarantine", "list"), ("quarantine", "show"),
    ("quarantine", "retry"), ("quarantine", "discard"), ("codes",), ("codes", "list"), ("codes", "set"),
    ("codes", "import"), ("drift",), ("drift", "list"), ("drift", "accept"),
    ("files",), ("files", "list"), ("files", "show"), ("files", "retry"), ("schema",),
    ("schema", "export"), ("schema", "diff"), ("sandbox",), ("sandbox", "court"), ("sandbox", "police"),
    ("sandbox", "petition"),
    ("sandbox", "hotline"), ("sandbox", "county"),
)  # fmt: skip


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A small simulated court as the command line starts it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "sandbox", "court", "--json", "--stop-with-stdin", "--scale", "0.02",
         "--data", str(tmp_path_factory.mktemp("court"))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
    # whoever started it is gone
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()


@pytest.fixture
def config(tmp_path: Path, court: dict[str, str]) -> Path:
    file = tmp_path / "hub.toml"
    file.write_text(
        f'[instances.court]\nconnector = "court"\nbase_url = "{court["baseUrl"]}"\napp_id = "{court["appId"]}"\n'
        f'secret = "{court["secret"]}"\nagency_code = "620725000000"\nagency_name = "山丹县人民法院"\n',
        encoding="utf-8",
    )
    return file


# --- help and errors


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_helps(run: Run, command: tuple[str, ...]) -> None:
    ended = run(*command, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: dispute-hub {' '.join(command)}".rstrip())
    assert len(ended.out.splitlines()) >= 5
    # names a person can read, and a file's name in one piece
    for clumsy in ("[[", "list[", "%Y", "dispute-\n"):
        assert clumsy not in ended.out


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    heavy = ("pydantic", "sqlalchemy", "aiohttp", "strawberry", "uvicorn", "rich", "structlog", "cryptography")
    code = (
        "import sys; sys.argv = ['dispute-hub', '--help']\n"
        "from app.cli.errors import guarded\nfrom app.cli import root\nguarded(root.run)\n"
        f"print(sorted(m for m in sys.modules if m in {heavy!r}), file=sys.stderr)"
    )
    taken = []
    for _ in range(3):
        # processor time: how long a loaded machine lets it wait says nothing of us
        start = _spent_by_children()
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        taken.append(_spent_by_children() - start)
        assert ended.stderr.strip() == "[]"
    assert min(taken) < 1.5


def _spent_by_children() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


def test_wrong_use_is_2(run: Run) -> None:
    assert run("no-such-command").code == 2
    assert run("figures").code == 2
    assert run("figures", "--from", "yesterday", "--to", "2024-08-01").code == 2
    for wrong in ("24-1-1", "2024-02-30", "20240101"):
        ended = run("figures", "--from", wrong, "--to", "2024-08-01")
        assert ended.code == 2
        assert f"{wrong} is no day; write it like 2024-08-01." in ended.err


def test_a_wrong_setting_is_one_sentence_and_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text("[hub]\nprot = 1\n")
    ended = run("sync", "--config", "hub.toml")
    assert ended.code == 2
    assert "did you mean port?" in ended.err
    assert "Traceback" not in ended.err
    assert len(ended.err.splitlines()) == 2


def test_config_may_stand_before_the_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text("[hub]\nprot = 1\n")
    assert "did you mean port?" in run("--config", "hub.toml", "sync").err


def test_a_database_that_was_never_migrated_is_named(run: Run) -> None:
    ended = run("sync")
    assert ended.code == 2
    assert "dispute-hub migrate" in ended.err


def test_a_database_that_does_not_answer_is_told_as_such(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text('[hub]\ndatabase_url = "postgresql://hub:geheim@127.0.0.1:1/hub"\n')
    ended = run("connectors", "list", "--config", "hub.toml")
    assert ended.code == 1
    assert "the database does not answer: connection refused" in ended.err
    assert "database_url" in ended.err
    assert "geheim" not in ended.err


def test_an_impossible_period_compares_nobody(run: Run) -> None:
    assert run("migrate").code == 0
    ended = run("reconcile", "--from", "2024-09-01", "--to", "2024-08-01")
    assert ended.code == 2
    assert "the period is empty" in ended.err


def test_what_a_setting_forbids_an_option_forbids(run: Run) -> None:
    assert run("worker", "--lanes", "65").code == 2


def test_a_file_that_is_not_there_is_named(run: Run, tmp_path: Path) -> None:
    assert run("migrate").code == 0
    imported = run("codes", "import", "no.csv")
    assert imported.code == 2
    assert "no.csv cannot be read: no such file" in imported.err
    assert "Check the path" in run("schema", "export", "-o", "no/where").err
    assert f"{tmp_path} is no file" in run("--config", str(tmp_path), "sync").err


def test_an_unexpected_error_tells_no_values(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("张三 622201199001011234")

    monkeypatch.setattr("app.cli.options.read_settings", fail)
    ended = run("connectors", "list")
    assert ended.code == 1
    assert "ValueError" in ended.err
    assert "张三" not in ended.err
    assert "Traceback" not in ended.err


def test_the_schema_is_exported(run: Run, tmp_path: Path) -> None:
    ended = run("schema", "export")
    assert ended.code == 0
    assert "type Query" in ended.out
    assert run("schema", "export", "-o", "schema.graphql").code == 0
    assert (tmp_path / "schema.graphql").read_text(encoding="utf-8") == ended.out


def test_migrate_tells_before_and_after(run: Run) -> None:
    first = run("migrate", "--json").json
    assert first["before"] is None
    assert run("migrate", "--json").json == {"before": first["after"], "after": first["after"]}
    assert "already at" in run("migrate").out


# --- a hub with a partner


@pytest.fixture
def hub(run: Run, database: Database, config: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line of a hub that knows the simulated court, on a migrated database of either kind."""
    monkeypatch.setenv("HUB_CONFIG", str(config))
    monkeypatch.setenv("HUB_DATABASE_URL", database.url)
    assert run("migrate").code == 0
    return run


def test_pull_compare_count_and_trace(hub: Run, database: Database) -> None:
    first = hub("sync", "--json").json["court"]
    assert first["error"] is None
    assert first["new"] > 50
    second = hub("sync", "court", "--json").json["court"]
    assert second["new"] == 0
    assert "0 new" in hub("sync").out

    compared = hub("reconcile", "--json").json["court"]
    assert compared["equal"] is True
    assert compared["held"] + compared["quarantined"] == compared["expected"] == first["new"]
    assert f"court: {compared['held']} of {compared['expected']} held" in hub("reconcile", "court").out

    figures = hub("figures", "--from", "2024-01-01", "--to", "2024-08-01", "--json").json
    assert set(figures) >= {"K1", "K2a.LITIGATION"}
    assert figures["K1"]["denominator"] > 0
    assert "K2a.LITIGATION" in hub("figures", "--from", "2024-01-01", "--to", "2024-08-01").out

    listed = hub("connectors", "list", "--json").json["instances"]["court"]
    assert (listed["state"], listed["held"]) == ("OK", compared["held"])
    assert "court" in hub("connectors", "list").out
    assert hub("quarantine", "list", "--json").json == []


def test_a_backfill_by_command_and_what_nobody_held_back(hub: Run) -> None:
    assert hub("sync").code == 0
    told = hub("sync", "court", "--from", "2024-03-01", "--full", "--json").json["court"]
    assert (told["generation"], told["state"], told["new"], told["heldBack"]) == (1, "COMPLETE", 0, 0)
    assert "court: generation 2 COMPLETE" in hub("sync", "--full").out
    for command in (
        ("sync", "--accept-removals"), ("sync", "court", "--full", "--accept-removals"),
        ("sync", "court", "--accept-removals"), ("reconcile", "--accept-removals"),
        ("reconcile", "court", "--accept-removals"),
    ):  # fmt: skip
        assert hub(*command).code == 2, command
    listed = hub("connectors", "list", "--json").json["instances"]["court"]
    assert (listed["backfill"]["generation"], listed["breaker"]["state"], listed["heldBack"]) == (2, "CLOSED", 0)
    assert listed["lagSeconds"] >= 0


def test_trace_shows_deliveries_events_and_dispute(hub: Run, court: dict[str, str]) -> None:
    assert hub("sync").code == 0
    native_id = _some_native_id(court)
    traced = hub("trace", "court", native_id, "--json").json
    assert [delivery["state"] for delivery in traced["deliveries"]] == ["APPLIED"] * len(traced["deliveries"])
    assert traced["records"][0]["events"]
    shown = hub("trace", "court", native_id)
    assert shown.code == 0
    assert native_id in shown.out
    missing = hub("trace", "court", "0" * 32)
    assert missing.code == 1
    assert "nothing was ever received" in missing.err
    misspelt = hub("trace", "cuort", native_id)
    assert misspelt.code == 2
    assert "no instance 'cuort' is configured" in misspelt.err


def _some_native_id(court: dict[str, str]) -> str:
    with urlopen(Request(court["controlUrl"], data=b'{"do": "view"}', method="POST")) as answer:
        return str(json.loads(answer.read())[0]["native_id"])


def test_check_pause_and_resume(hub: Run) -> None:
    assert hub("connectors", "check").out.startswith("OK   court: ")
    assert hub("connectors", "pause", "court", "--reason", "maintenance at the court").code == 0
    listed = hub("connectors", "list", "--json").json["instances"]["court"]
    assert (listed["state"], listed["pausedReason"]) == ("PAUSED", "maintenance at the court")
    shown = hub("connectors", "list").out
    assert "PAUSED" in shown
    assert "maintenance at the court" in shown
    assert "\n\nconnector" in shown
    for command in (("sync",), ("reconcile",), ("connectors", "check")):
        paused = hub(*command, "court")
        assert paused.code == 2
        assert "court is paused (maintenance at the court)" in paused.err
        assert "connectors resume court" in paused.err
        assert ("--even-paused" in paused.err) == (command != ("sync",))
        # asked for nobody in particular, the others are not kept from their turn
        everybody = hub(*command)
        assert (everybody.code, "left out" in everybody.err) == (0, True)
    assert hub("connectors", "check", "--even-paused").out.startswith("OK   court: ")
    assert hub("reconcile", "court", "--even-paused", "--json").json["court"]["equal"] is True
    assert hub("connectors", "resume", "court").code == 0
    assert "maintenance" not in hub("connectors", "list").out
    assert hub("sync", "court").code == 0
    assert "Configured: court." in hub("sync", "police").err


def test_a_paused_partner_is_not_compared_by_night_either(hub: Run, config: Path) -> None:
    async def tonight() -> int:
        from app.jobs import RECONCILE, lane_of, run_job
        from app.wiring import open_hub

        async with open_hub(load_settings(config)) as opened:
            await opened.queue.enqueue(f"{RECONCILE}:court", lane_of("court"), opened.desk.clock())
            claim = await opened.queue.claim("w", opened.desk.clock(), 60)
            assert claim is not None
            await run_job(opened, claim)
            async with opened.store.read() as connection:
                return int(await connection.scalar(select(func.count()).select_from(reconciliations)) or 0)

    assert hub("connectors", "pause", "court").code == 0
    assert asyncio.run(tonight()) == 0


def test_a_partner_that_is_away_fails_with_its_kind(hub: Run, monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.setenv("HUB_INSTANCES__COURT__BASE_URL", f"http://127.0.0.1:{free_port}")
    checked = hub("connectors", "check", "--json")
    assert checked.code == 1
    assert checked.json["court"]["ok"] is False
    ended = hub("sync", "--json")
    assert ended.code == 1
    assert ended.json["court"]["error"]["kind"] == "CONNECTION_REFUSED"
    assert ended.json["court"]["incidents"]["CONNECTION_REFUSED"] >= 1
    assert "Error" not in ended.json["court"]["error"]["hint"]
    assert "does not answer: connection refused" in hub("doctor").out


def test_codes_are_listed_set_and_imported(hub: Run, tmp_path: Path) -> None:
    rows = hub("codes", "list", "--system", "court", "--json").json
    assert rows
    table, code = rows[0]["table"], rows[0]["code"]
    assert hub("codes", "set", "court", table, "新码", "--label", "新案由", "--class", "0101").code == 0
    found = [row for row in hub("codes", "list", "--table", table, "--json").json if row["code"] == "新码"]
    assert (found[0]["classes"], found[0]["source"]) == (["0101"], "OPERATOR")
    # the files never overwrite an operator
    (tmp_path / "codes.csv").write_text(
        f"system,table,native_code,zh,zz_dispute_17\ncourt,{table},{code},改了,0102 0103\n", encoding="utf-8"
    )
    assert hub("codes", "import", "codes.csv").code == 0
    assert hub("migrate").code == 0
    found = [row for row in hub("codes", "list", "--table", table, "--json").json if row["code"] == code]
    assert (found[0]["label"], found[0]["classes"]) == ("改了", ["0102", "0103"])
    assert hub("codes", "set", "court", table, "x", "--class", "9999").code == 2
    assert hub("codes", "set", "court", "no-table", "x").code == 2
    assert hub("codes", "list", "--unknown").code == 0


def test_quarantine_knows_what_it_lacks(hub: Run) -> None:
    assert "nothing in quarantine" in hub("quarantine", "list").out
    assert hub("quarantine", "show", "qua_620725_0").code == 1
    assert hub("quarantine", "discard", "qua_620725_0", "--reason", "x").code == 1
    assert hub("quarantine", "list", "--state", "LOST").code == 2
    assert hub("quarantine", "retry", "--json").json == {"retried": 0, "stillQuarantined": 0}


def test_a_quarantined_item_is_shown_as_people_read_it(hub: Run, database: Database) -> None:
    async def spoil() -> None:
        async with open_desk(database.url) as desk:
            await deliver(desk, [row("q1", lxrq="soon")])

    asyncio.run(spoil())
    (item,) = hub("quarantine", "list", "--json").json
    shown = hub("quarantine", "show", item["id"]).out
    since = re.search(r"quarantined_at +(.*)", shown)
    assert since is not None
    assert since[1] == "2026-01-01 08:00:00"
    assert since[1] in hub("quarantine", "list").out
    assert hub("quarantine", "discard", item["id"], "--reason", "corrected").code == 0
    assert "DISCARDED" in hub("quarantine", "list", "--state", "ALL").out


def test_a_field_that_changed_is_listed_and_accepted(hub: Run, database: Database) -> None:
    async def change() -> None:
        async with open_desk(database.url) as desk:
            await deliver(desk, [row("d1", fjsx={"13893612345": 1}), row("d2", caseCause="9987")])

    assert hub("drift", "list").out == "no drift\n"
    asyncio.run(change())
    found = hub("drift", "list", "court", "--json").json
    assert [(one["path"], one["kind"]) for one in found] == [("fjsx", "NEW"), ("fjsx.*", "NEW")]
    assert "13893612345" not in hub("drift", "list").out
    for one in found:
        assert hub("drift", "accept", one["id"]).out == f"court {one['path']} accepted as NEW\n"
    assert hub("drift", "list", "--json").json == []
    assert hub("drift", "accept", found[0]["id"]).code == 1
    assert hub("drift", "accept", "drf_0").code == 1
    assert hub("drift", "list", "nobody").code == 2
    # the list of unknown codes narrows by system, as its help says
    (unknown,) = hub("codes", "list", "--unknown", "--system", "court", "--json").json
    assert (unknown["code"], unknown["waiting"], unknown["exampleNativeId"]) == ("9987", 1, "d2")
    assert hub("codes", "list", "--unknown", "--system", "police", "--json").json == []
    said = hub("codes", "set", "court", "caseCause", "9987", "--class", "0601").out
    assert "1 record that waited is mapped again by the next worker or pull of court" in said


def test_doctor_finds_a_healthy_hub_healthy(hub: Run, database: Database) -> None:
    found = {line["what"]: line["level"] for line in hub("doctor", "--json").json}
    assert found["packages"] == found["migrations"] == found["history guard"] == found["master key"] == "OK"
    assert found["instance court"] == "OK"
    assert "SQLite" in found or "PostgreSQL" in found
    assert "FAIL" not in found.values()


def test_doctor_says_what_to_do(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    ended = run("doctor")
    assert ended.code == 1
    assert "dispute-hub migrate" in ended.out
    assert run("migrate").code == 0
    (tmp_path / "data" / "master.key").chmod(0o644)
    (tmp_path / "hub.toml").write_text(
        f'[instances.court]\nconnector = "court"\nbase_url = "http://127.0.0.1:{free_port}"\n'
        '[instances.police]\nconnector = "policee"\nbase_url = "http://127.0.0.1"\n'
    )
    monkeypatch.setenv("HUB_PROT", "1")
    found = {line["what"]: line for line in run("doctor", "--config", "hub.toml", "--json").json}
    assert found["master key"]["level"] == "FAIL"
    assert "chmod 600" in found["master key"]["todo"]
    assert found["environment"]["level"] == "WARN"
    assert found["environment"]["found"] == "HUB_PROT is no setting"
    assert found["instance court"]["level"] == "WARN"
    assert found["instance police"]["level"] == "FAIL"
    (tmp_path / "hub.toml").write_text("[hub]\nport = 'x'\n")
    assert run("doctor", "--config", "hub.toml").code == 1


def test_doctor_wants_the_key_that_the_database_was_sealed_with(hub: Run, tmp_path: Path) -> None:
    key = tmp_path / "data" / "master.key"
    right = key.read_text()

    def examined() -> dict[str, str]:
        ended = hub("doctor", "--json")
        (line,) = [line for line in ended.json if line["what"] == "master key"]
        assert ended.code == (0 if line["level"] == "OK" else 1)
        return dict(line)

    key.unlink()
    missing = examined()
    assert (missing["level"], "Put back your copy" in missing["todo"]) == ("FAIL", True)
    assert not key.exists()
    key.write_text("0" * 64)
    key.chmod(0o600)
    other = examined()
    assert (other["level"], "not the key" in other["found"]) == ("FAIL", True)
    key.write_text(right)
    assert examined()["level"] == "OK"


def test_doctor_looks_at_the_rights_of_secrets_and_data(hub: Run, config: Path, tmp_path: Path) -> None:
    secret = tmp_path / "court.secret"
    secret.write_text("s")
    config.write_text(re.sub("secret = .*", 'secret_file = "court.secret"', config.read_text()))

    def warned() -> set[str]:
        return {line["what"] for line in hub("doctor", "--json").json if line["level"] == "WARN"}

    secret.chmod(0o640)
    (tmp_path / "data").chmod(0o755)
    assert {"secret court", "data folder"} <= warned()
    secret.chmod(0o600)
    (tmp_path / "data").chmod(0o700)
    assert not {"secret court", "data folder"} & warned()


# --- databases that refuse


def test_a_database_of_another_release_is_recognised(hub: Run, database: Database) -> None:
    asyncio.run(_execute(database.url, "ALTER TABLE connector_states DROP COLUMN next_run_at"))
    ended = hub("connectors", "list")
    assert ended.code == 1
    assert "other tables or columns than this release knows" in ended.err
    assert "restore a backup" in ended.err
    (found,) = [line for line in hub("doctor", "--json").json if line["what"] == "tables"]
    assert (found["level"], "connector_states.next_run_at is missing" in found["found"]) == ("FAIL", True)


def test_a_role_without_grants_is_told_to_get_some(
    hub: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind != "postgresql":
        pytest.skip("SQLite has no roles")
    url = make_url(database.url)
    asyncio.run(_execute(database.url, "CREATE ROLE hub_poor LOGIN PASSWORD 'poor'"))
    try:
        poor = url.set(username="hub_poor", password="poor").render_as_string(hide_password=False)
        monkeypatch.setenv("HUB_DATABASE_URL", poor)
        ended = hub("connectors", "list")
        assert ended.code == 1
        assert "no permission" in ended.err
        assert "grants, see docs/operator.md" in ended.err
    finally:
        asyncio.run(_execute(database.url, "DROP ROLE hub_poor"))


async def _execute(url: str, statement: str) -> None:
    store = open_store(url)
    async with store.write() as tx:
        await tx.execute(text(statement))
    await store.close()


# --- processes that stay


def test_serve_answers_until_told_to_stop(hub: Run) -> None:
    with _started("serve", "--port", "0") as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("GraphQL: ").strip()
        with urlopen(address.replace("/graphql", "/readyz")) as answer:
            assert json.loads(answer.read()) == {"status": "ready"}
        key = hub("keys", "issue", "watcher", "--role", "administrator", "--json").json["key"]
        headers = {"X-Requested-With": "test", "Authorization": f"Bearer {key}"}
        asked = Request(f"{address}?query=%7Bconnectors%7Binstance%7D%7D", headers=headers)
        with urlopen(asked) as answer:
            assert "data" in json.loads(answer.read())
        process.terminate()
        assert process.wait(60) == 0
    # what it served last was written before it ended
    (look,) = hub("access", "log", "--json").json
    assert (look["principalName"], look["kind"], look["role"]) == ("watcher", "READ", "administrator")


def test_a_worker_pulls_by_itself_until_told_to_stop(hub: Run) -> None:
    with _started("worker") as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if hub("connectors", "list", "--json").json["instances"]["court"]["lastSuccessAt"]:
                break
            time.sleep(0.1)
        else:
            pytest.fail("the worker pulled nothing")
        process.terminate()
        assert process.wait(60) == 0
    assert hub("sync", "--json").json["court"]["new"] == 0


@contextmanager
def _started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """The command beside the test; whatever is left of it at the end is killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=ROOT,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
