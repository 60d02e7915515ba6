"""What is shipped: locks without addresses, scripts that run, a wheel that holds everything it needs."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
PACKAGES = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
#: top-level folders of Python that are not shipped
NOT_SHIPPED = {"tests", "bench"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_names_versions_and_hashes_and_no_address(lock: Path) -> None:
    assert "://" not in lock.read_text()
    for name, rest in locked(lock).items():
        assert "--hash=sha256:" in rest, name


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("runtime", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["postgres"]),
        ("test", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]),
        ("build", PYPROJECT["build-system"]["requires"]),
    ],
)
def test_the_locks_answer_to_pyproject(lock: str, wanted: list[str]) -> None:
    pins = locked(ROOT / "requirements" / f"{lock}.txt")
    for requirement in map(Requirement, wanted):
        version = pins[canonicalize_name(requirement.name)].split()[0]
        assert requirement.specifier.contains(version), f"{requirement}: run scripts/lock"


@pytest.mark.parametrize("name", sorted({Requirement(line).name for line in PROJECT["dependencies"]} - {"aiosqlite"}))
def test_a_dependency_is_there_because_something_imports_it(name: str) -> None:
    # aiosqlite is named by database URLs alone
    module = {"strawberry-graphql": "strawberry", "argon2-cffi": "argon2"}.get(name, name.replace("-", "_"))
    imports = re.compile(rf"^\s*(import|from) {module}\b", re.MULTILINE)
    assert any(imports.search(file.read_text()) for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def test_every_package_is_shipped() -> None:
    assert {file.parent.name for file in ROOT.glob("*/__init__.py")} - NOT_SHIPPED == set(PACKAGES)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_imported_package_is_ours(name: str) -> None:
    # PyPI has packages of these names
    assert Path(str(importlib.import_module(name).__file__)).is_relative_to(ROOT)


@pytest.mark.parametrize("script", ["demo", "test", "check", "lock", "build-graphiql", "../.ci/run"])
def test_a_script_can_be_run(script: str) -> None:
    file = ROOT / "scripts" / script
    assert os.access(file, os.X_OK)
    subprocess.run(["bash", "-n", file], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    without = {} if shutil.which("npm") else {"HUB_WITHOUT_GRAPHIQL": "1"}
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT],
        env=os.environ | without,
        check=True,
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        yield archive


def test_the_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    # data, migrations and the printed schema too; whatever .gitignore hides would be missing here
    there = {str(file.relative_to(ROOT)) for package in PACKAGES for file in (ROOT / package).rglob("*.*")}
    assert {name for name in there if "__pycache__" not in name} <= set(wheel.namelist())
    assert {name.split("/")[0] for name in wheel.namelist()} == {*PACKAGES, "dispute_hub-0.1.0.dist-info"}


@pytest.mark.parametrize(
    "name", ["hub/data/dispute_category_24.csv", "hub/store/migrations/env.py", "schema/schema.graphql"]
)
def test_the_wheel_holds_what_is_read_at_run_time(wheel: zipfile.ZipFile, name: str) -> None:
    assert wheel.read(name)


@pytest.mark.skipif(not shutil.which("npm"), reason="GraphiQL comes from npm, which is not installed")
def test_the_wheel_holds_graphiql_and_its_licences(wheel: zipfile.ZipFile) -> None:
    assert {name.split("/")[-1] for name in wheel.namelist() if name.startswith("app/static/graphiql/")} == {
        "graphiql.min.js",
        "graphiql.min.css",
        "react.production.min.js",
        "react-dom.production.min.js",
        "LICENSE.graphiql",
        "LICENSE.react",
        "LICENSE.react-dom",
    }


def test_the_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    assert "dispute-hub = app.cli:main" in wheel.read("dispute_hub-0.1.0.dist-info/entry_points.txt").decode()
    assert callable(importlib.import_module("app.cli").main)


def locked(lock: Path) -> dict[str, str]:
    """Name → version and hashes."""
    return dict(re.findall(r"^([a-z0-9._-]+)==((?:.*\\\n)*.*)", lock.read_text(), re.MULTILINE))
