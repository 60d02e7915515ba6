"""The demonstration: four simulated partners and a hub in processes of their own, run again, killed, refused, alive."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.cli.reconcile import compare
from app.cli.sync import pull_one
from app.county import Partners
from app.demo import DemoOptions, DemoSteps, run_demo
from app.demo_summary import FIGURES, Summary
from app.wiring import Hub

from .cli_kit import ROOT, clean_environment, command_line, ended, post

PARTNERS = ["court", "police", "petition", "hotline"]
SCALE = "0.02"


def _once(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return ended("demo", "--once", "--json", "--scale", SCALE, "--data", str(folder), *options)


@contextmanager
def _running(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A demonstration as a process; killed at the end, should it still run."""
    process = subprocess.Popen(
        command_line("demo", "--scale", SCALE, "--port", "0", "--data", str(folder), *options),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=clean_environment(),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder in which the demonstration ran once, and what it printed."""
    folder = tmp_path_factory.mktemp("made") / "demo"
    first = _once(folder)
    assert first.returncode == 0, first.stderr
    return folder, json.loads(first.stdout)


def test_the_demo_holds_what_every_partner_lists(made: tuple[Path, dict[str, Any]]) -> None:
    _, first = made
    assert list(first) == [
        "instances", "disputes", "disputesByAgencies", "figures", "linking", "channels", "unacknowledged",
        "resultsReceived",
    ]  # fmt: skip
    assert list(first["instances"]) == PARTNERS
    for one in first["instances"].values():
        assert list(one) == ["pulled", "new", "held", "quarantined", "expected"]
        assert one["held"] + one["quarantined"] == one["expected"] > 5
        assert 0 < one["new"] <= one["pulled"]
    assert list(first["figures"]) == [*FIGURES, "K10"]
    assert all(first["figures"][one]["denominator"] > 0 for one in FIGURES if one != "K2a.PETITION")
    assert sum(first["disputesByAgencies"].values()) == first["disputes"]
    assert first["disputesByAgencies"]["2"] > 0
    assert first["linking"]["precision"] >= 0.98
    assert first["linking"]["recall"] >= 0.6


def test_every_result_goes_back_and_is_acknowledged(made: tuple[Path, dict[str, Any]]) -> None:
    folder, first = made
    assert list(first["channels"]) == ["LITIGATION", "POLICE", "PETITION", "HOTLINE"]
    for one in first["channels"].values():
        assert one["received"] == one["concluded"] + one["open"]
        assert one["concluded"] == one["returned"] == one["acknowledged"]
    concluded = sum(one["concluded"] for one in first["channels"].values())
    assert concluded > 0
    assert first["figures"]["K10"] == {"numerator": concluded, "denominator": concluded, "value": "100.0"}
    assert first["unacknowledged"] == []
    assert list(first["resultsReceived"]) == PARTNERS
    assert all(one["equal"] for one in first["resultsReceived"].values())
    assert sum(one["theirs"] for one in first["resultsReceived"].values()) >= concluded
    # the golden months owe nothing, and nobody has touched what they came to
    assert _count(folder, "SELECT count(*) FROM referrals WHERE owes_return AND concluded_at < '2024-08-01'") == 0


def test_the_second_time_brings_nothing_new(made: tuple[Path, dict[str, Any]]) -> None:
    folder, first = made
    second = json.loads(_once(folder).stdout)
    assert [one["new"] for one in second["instances"].values()] == [0, 0, 0, 0]
    assert second | {"instances": 0} == first | {"instances": 0}
    for name, one in second["instances"].items():
        known = ("held", "quarantined", "expected")
        assert [one[what] for what in known] == [first["instances"][name][what] for what in known]


def test_a_folder_of_other_seed_is_refused(made: tuple[Path, dict[str, Any]]) -> None:
    other = _once(made[0], "--seed", "8")
    assert other.returncode == 2
    assert "--seed 7 --scale 0.02" in other.stderr
    assert other.stdout == ""


def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (folder / "hub").mkdir(parents=True)
    (folder / "demo.json").write_text(json.dumps({"seed": "7", "scale": SCALE}))
    with closing(sqlite3.connect(folder / "hub" / "hub.db")) as store:
        store.execute("CREATE TABLE alembic_version (version_num TEXT)")
        store.execute("INSERT INTO alembic_version VALUES ('r0000')")
        store.commit()
    older = _once(folder)
    assert older.returncode == 2
    assert "was made by another version" in older.stderr
    assert "--data" in older.stderr


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    assert "holds other things" in _once(tmp_path).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert _once(tmp_path / "new", "--scale", "many").returncode == 2


def test_a_killed_demo_is_simply_run_again(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _, whole = made
    folder = tmp_path / "demo"
    with _running(folder, "--once") as process:
        _wait(lambda: _count(folder, "SELECT count(*) FROM inbox_items WHERE instance = 'police'") > 0)
        children = _children(process.pid)
        assert len(children) == len(PARTNERS)
        process.kill()
    # nobody is left behind
    _wait(lambda: not any(_is_alive(child) for child in children))
    again = _once(folder)
    # nor is anything waited for that the dead one held
    assert again.stderr == ""
    resumed = json.loads(again.stdout)
    assert resumed | {"instances": 0} == whole | {"instances": 0}
    for name, one in resumed["instances"].items():
        assert one["held"] + one["quarantined"] == one["expected"] == whole["instances"][name]["expected"]


async def test_a_dead_partner_does_not_hide_the_others(tmp_path: Path) -> None:
    shown: list[Summary] = []

    def kill_petition(partner: str) -> None:
        if partner == "petition":
            (child,) = [one for one in _children(os.getpid()) if b"sandbox\0petition\0" in _words(one)]
            os.kill(child, signal.SIGKILL)

    async def keep(_hub: Hub, _partners: Partners, summary: Summary) -> None:
        shown.append(summary)

    options = DemoOptions(tmp_path / "demo", scale=SCALE)
    await run_demo(options, DemoSteps(pull_one, compare, keep, kill_petition))
    (summary,) = shown
    assert list(summary.errors) == ["petition"]
    assert summary.errors["petition"]["kind"] == "CONNECTION_REFUSED"
    told = summary.as_json()["instances"]
    assert told["petition"]["error"]["message"]
    for name in ("court", "police", "hotline"):
        assert told[name]["held"] == told[name]["expected"] > 5
        assert "error" not in told[name]


def _signed_in(address: str, role: str) -> str:
    """The cookie that one click on the demonstration's page gives."""
    where = urlsplit(address)
    connection = HTTPConnection(where.hostname or "", where.port)
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/demo/sign-in", f"role={role}", headers)
    answer = connection.getresponse()
    assert answer.status == 303
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    connection.close()
    return cookie


def test_a_live_demo_hands_out_disputes_to_look_at(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with _running(folder, "--speed", "2880") as process:
        shared = _until(process, "Its query, ready to paste")
        query = _printed_query(process)
        address = _until(process, "GraphQL: ").split()[-1]
        cookie = _signed_in(address, "centre_operator")
        busy = _once(folder)
        assert (busy.returncode, "is running" in busy.stderr) == (2, True)
        code, agencies = re.match(r"(\S+) is known to (\d) agencies", shared).groups()  # type: ignore[union-attr]
        dispute = post(address, {"query": query}, cookie)["data"]["dispute"]
        assert dispute["code"] == code
        assert len({record["system"] for record in dispute["records"]}) == int(agencies) >= 2
        assert dispute["history"]["totalCount"] > len(dispute["records"])

        code = _until(process, "was just filed").split()[0]
        growing = _printed_query(process)
        assert f'dispute(code: "{code}")' in growing

        assert post(address, {"query": growing}, cookie)["data"]["dispute"]["history"]["totalCount"] > 0
        _until(process, f"The history of {code} has grown")
        # not compared with the count of a moment ago: whoever asks late finds it grown already
        recorded = f'{{ dispute(code: "{code}") {{ history(first: 50) {{ edges {{ node {{ recordedAt }} }} }} }} }}'
        edges = post(address, {"query": recorded}, cookie)["data"]["dispute"]["history"]["edges"]
        assert len({edge["node"]["recordedAt"] for edge in edges}) > 1
        # it lives on, and every agency's clock with it
        new = "SELECT count(DISTINCT instance) FROM case_records WHERE received_at >= '2024-08-01'"
        _wait(lambda: _count(folder, new) == len(PARTNERS), 120)
        # the hotline told of its events by itself
        _wait(lambda: _count(folder, "SELECT count(*) FROM inbox_pages WHERE origin = 'WEBHOOK'") > 0)
        # the mediator works on, and what it concludes goes back
        _wait(
            lambda: _count(folder, "SELECT count(*) FROM referrals WHERE state = 'RETURN_ACKED' AND owes_return") > 0,
            120,
        )
        assert process.poll() is None
        process.terminate()
        assert process.wait(20) == 0


def _until(process: subprocess.Popen[str], words: str) -> str:
    """The first line that holds these words."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return line
    pytest.fail(f"it ended without {words!r}")


def _printed_query(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    query = ""
    for line in process.stdout:
        query += line
        if line == "}\n":
            break
    return query


def _wait(is_so: Callable[[], bool], patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def _count(folder: Path, query: str) -> int:
    file = folder / "hub" / "hub.db"
    if not file.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as store:
            return int(store.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        # not migrated yet
        return 0


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _words(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
