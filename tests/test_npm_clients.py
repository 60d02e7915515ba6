"""Apollo, urql and Relay against a real server: they page, normalise, refetch, change and follow; and the types that
graphql-codegen makes of the committed schema hold under ``tsc --strict``.

What npm brings lies beside other caches of this machine, one folder a lock file, installed once.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, GraphQLScalarType, build_schema
from starlette.requests import HTTPConnection

from app.sequencing import keep_sequencing
from hub.principal import LOCAL, Principal
from hub.vocabulary import HandlingEventKind
from schema.build import sdl

from .databases import Database
from .graphql_rows import County, desk_on
from .hub_kit import open_desk
from .live_kit import serving

HERE = Path(__file__).parent / "npm"
KEY = "integrator-key"
COUNT = 45


def cache() -> Path:
    """Where the packages of this lock file are, installed at most once; whoever comes second waits for the first."""
    lock = (HERE / "package.json").read_bytes() + (HERE / "package-lock.json").read_bytes()
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dispute-hub" / "npm"
    folder = base / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(HERE / name, folder)
            npm = ["npm", "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"]
            done = subprocess.run(npm, cwd=folder, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"npm ci failed (is a registry reachable?)\n{done.stdout}{done.stderr}"
            (folder / "installed").touch()
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of tests/npm with its packages and our schema."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm or node is missing: install Node.js 20 or newer")
    folder = tmp_path_factory.mktemp("npm") / "project"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(cache() / "node_modules")
    (folder / "schema.graphql").write_text(sdl(), encoding="utf-8")
    return folder


def run(folder: Path, *command: str) -> str:
    """What a tool says; the test fails where it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
async def hub(lone_database: Database) -> AsyncIterator[str]:
    """A server's address: 45 disputes of the year 2024, a filing each, one history of three events; it wants a key."""
    county = County()
    for number in range(1, COUNT + 1):
        record = county.record(number, county.dispute(number), unit_key=f"FW{number}")
        if number == 2:
            for place, kind in enumerate(("REGISTERED", "ACCEPTED", "SESSION_HELD")):
                county.event(place + 1, HandlingEventKind[kind], record_id=record)

    async def by_key(request: HTTPConnection) -> Principal | None:
        return LOCAL if request.headers.get("Authorization") == f"Bearer {KEY}" else None

    async with open_desk(lone_database.url) as desk:
        await county.write(desk.store)
        desk = desk_on(desk.store)
        async with serving(desk, authenticate=by_key) as served:
            sequencing = asyncio.create_task(keep_sequencing(desk, served.live.feed.wake))
            yield served.http
            sequencing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sequencing


async def client(folder: Path, name: str, address: str) -> None:
    """Run a client's tests against that address."""
    process = await asyncio.create_subprocess_exec(
        "node", "--test", "--test-reporter=spec", f"{name}.test.mjs", cwd=folder,
        env={**os.environ, "HUB_URL": address, "HUB_KEY": KEY, "NODE_ENV": "development"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 90)
    except TimeoutError:
        process.kill()
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_apollo_pages_normalises_and_follows(project: Path, hub: str) -> None:
    await client(project, "apollo", hub)


async def test_urql_pages_normalises_and_follows(project: Path, hub: str) -> None:
    await client(project, "urql", hub)


async def test_relay_pages_normalises_and_follows(project: Path, hub: str) -> None:
    run(project, "node_modules/.bin/relay-compiler", "relay.config.json")
    await client(project, "relay", hub)


def test_the_caches_know_every_object_without_an_id() -> None:
    """A type that is added without an id has its place in caches.mjs, which front ends copy from the documentation."""
    schema = build_schema(sdl())
    roots = {"Query", "Mutation", "Subscription", "PageInfo", "UserError"}
    parts = {
        name
        for name, named in schema.type_map.items()
        if isinstance(named, GraphQLObjectType) and not name.startswith("__") and name not in roots
        if not name.endswith(("Connection", "Edge", "Payload"))
        if "id" not in named.fields or str(named.fields["id"].type) != "ID!"
    }  # fmt: skip
    caches = (HERE / "caches.mjs").read_text(encoding="utf-8")
    named = set(re.findall(r'"([A-Z]\w+)"', caches)) | set(re.findall(r"^  ([A-Z]\w+): \w+ =>", caches, re.M))
    assert named == parts | {"ChangedDispute"}


def test_documentation_shows_what_is_tested() -> None:
    text = (HERE.parent.parent / "docs" / "frontend.md").read_text(encoding="utf-8")
    assert (HERE / "caches.mjs").read_text(encoding="utf-8") in text
    shown = re.search(r"```ts\n(import type \{ CodegenConfig .*?)```", text, re.S)
    assert shown, "frontend.md shows a codegen.ts"
    config = json.loads((HERE / "codegen.json").read_text(encoding="utf-8"))
    for name, type in config["config"]["scalars"].items():
        assert f'{name}: "{type}"' in shown[1]
    for name in [*config["plugins"], *config["config"]]:
        assert name in shown[1]
    scalars = {name for name, one in build_schema(sdl()).type_map.items() if isinstance(one, GraphQLScalarType)}
    relay = json.loads((HERE / "relay.config.json").read_text(encoding="utf-8"))["customScalarTypes"]
    assert set(config["config"]["scalars"]) == set(relay) == scalars - {"ID", "String", "Int", "Float", "Boolean"}


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert len(packages) > 50
    assert [name for name, one in packages.items() if "resolved" in one or "integrity" not in one] == []
    wanted = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert [version for version in wanted.values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    tracked = subprocess.run(["git", "ls-files", "*node_modules*"], cwd=HERE, capture_output=True, text=True)
    assert tracked.stdout == ""


def test_generated_types_hold_in_a_strict_front_end(project: Path) -> None:
    run(project, "node", "codegen.mjs")
    strict = ["--strict", "--noEmit", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"]
    modern = ["--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    run(project, "node_modules/.bin/tsc", *strict, *modern, "uses.ts")
    types = (project / "hub.ts").read_text(encoding="utf-8")
    # a scalar that nobody mapped would read `any`
    assert re.search(r": (Maybe<)?any\b", types) is None
