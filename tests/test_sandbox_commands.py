"""``dispute-hub sandbox``: every simulated partner as a process, reached by nothing but what it prints."""

from __future__ import annotations

import json
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app.settings_text import to_toml

from .cli_kit import Run, post, staying

PARTNERS = ("court", "police", "petition", "hotline")
#: a fault that this partner has
FAULTS = {"court": "expire", "police": "manifest", "petition": "code500", "hotline": "expire"}
SMALL = ("--scale", "0.02")


@pytest.mark.parametrize("partner", PARTNERS)
def test_a_partner_is_reached_by_the_settings_that_it_prints(run: Run, partner: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "partner")
    with staying("sandbox", partner, "--stop-with-stdin", *SMALL, "--data", folder) as process:
        assert process.stdout is not None
        lines = iter(process.stdout)
        places = dict(line.split(maxsplit=1) for line in iter(lines.__next__, "\n"))
        shown = "".join(iter(lines.__next__, "\n"))
        assert set(places) == {partner, "control"}
        assert list(tomllib.loads(shown)["instances"]) == [partner]
        # what a person would paste is all a hub needs
        settings = tmp_path / "dispute-hub.toml"
        settings.write_text(shown, encoding="utf-8")
        hub = lambda *command: run(*command, "--config", str(settings), "--json")  # noqa: E731
        assert hub("migrate").code == 0
        assert hub("connectors", "check").json[partner]["ok"]
        first, second = (hub("sync").json[partner] for _ in range(2))
        assert (first["error"], first["new"] > 5, second["new"]) == (None, True, 0)
        compared = hub("reconcile").json[partner]
        assert (compared["equal"], compared["held"]) == (True, compared["expected"])


@pytest.mark.parametrize("partner", PARTNERS)
def test_a_partner_has_its_own_faults_and_no_others(run: Run, partner: str) -> None:
    stranger = "html" if partner == "police" else "manifest"
    refused = run("sandbox", partner, *SMALL, "--misbehave", stranger)
    assert refused.code == 2
    assert f"has no fault '{stranger}'" in refused.err
    assert FAULTS[partner] in refused.err
    assert run("sandbox", partner, *SMALL, "--misbehave", f"{FAULTS[partner]}=often").code == 2


def test_wrong_use_of_a_sandbox_is_2(run: Run) -> None:
    assert run("sandbox", "hotline", "--webhook-url", "here").code == 2
    assert run("sandbox", "police", "--scale", "none").code == 2
    nobody = run("sandbox", "county", "--misbehave", "html")
    assert (nobody.code, "court:html=3" in nobody.err) == (2, True)


def test_a_fault_is_on_from_the_start() -> None:
    with staying("sandbox", "petition", "--stop-with-stdin", "--json", *SMALL, "--misbehave", "code500=3") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert post(told["controlUrl"], {"do": "misbehave"})["misbehaving"] == {"code500": 3}


def test_a_changed_sandbox_names_the_options_that_decide(run: Run, tmp_path: Path) -> None:
    command = ("sandbox", "court", *SMALL, "--data", str(tmp_path / "court"))
    with staying(*command, "--json", "--stop-with-stdin") as process:
        assert process.stdout is not None
        post(json.loads(process.stdout.readline())["controlUrl"], {"do": "advance", "seconds": 60})
    refused = run(*command)
    assert refused.code == 2
    assert "--keep" in refused.err
    assert "--fresh" in refused.err


@contextmanager
def _listening() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An address that takes every webhook, and the headers of those that came."""
    came: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            came.append(dict(self.headers))
            body = b'{"success": true, "code": 10000}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hooks/hotline", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_hotline_tells_events_where_it_is_told_to() -> None:
    command = ("sandbox", "hotline", "--stop-with-stdin", "--json", *SMALL, "--resend-factor", "0.001")
    with _listening() as (url, came), staying(*command, "--webhook-url", url) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["settings"]["webhook_secrets"] == [told["webhookSecret"]]
        assert post(told["controlUrl"], {"do": "webhooks"})["factor"] == 0.001
        post(told["controlUrl"], {"do": "advance", "seconds": 5 * 86_400})
        deadline = time.monotonic() + 30
        while not came and time.monotonic() < deadline:
            time.sleep(0.05)
    assert came and came[0]["X-App-Id"] == told["webhookAppId"] and came[0]["X-Sign"]


def test_the_county_is_one_command_and_one_settings_file(run: Run, tmp_path: Path) -> None:
    command = ("sandbox", "county", "--stop-with-stdin", "--json", *SMALL, "--data", str(tmp_path / "county"))
    with staying(*command, "--misbehave", "petition:code500=1") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert list(told["settings"]) == list(told["controls"]) == list(PARTNERS)
        settings = Path(told["settingsFile"])
        assert tomllib.loads(settings.read_text(encoding="utf-8"))["hub"]["links_people"] is True
        assert run("migrate", "--config", str(settings)).code == 0
        pulled = run("sync", "--config", str(settings), "--json").json
        assert set(pulled) == set(PARTNERS)
        assert all(one["error"] is None and one["new"] > 5 for one in pulled.values())
        # the fault was the petition office's alone
        assert [pulled[name]["incidents"] for name in ("court", "hotline")] == [{}, {}]
        assert pulled["petition"]["incidents"]


def test_settings_are_written_as_they_are_read() -> None:
    hub = {"data_dir": "hub", "links_people": True, "port": 8000}
    instances = {
        "court": {"agency_name": "山丹县“人民”法院", "secret": 'a"b\\c'},
        "hotline": {"options": {"webhook_secrets": ["x", "y"]}, "base_url": "http://127.0.0.1:1"},
    }
    assert tomllib.loads(to_toml(hub, instances)) == {"hub": hub, "instances": instances}
    assert tomllib.loads(to_toml({}, instances)) == {"instances": instances}
