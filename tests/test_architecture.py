"""The walls in pyproject.toml stand, and each of them would fall if somebody broke it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PYPROJECT["tool"]["importlinter"]["root_packages"]
CONTRACTS = [contract["name"] for contract in PYPROJECT["tool"]["importlinter"]["contracts"]]

#: one sin a line; together they break every contract
BREACHES = {
    "hub/errors.py": "import hub.store, schema, sqlalchemy, pydantic, aiohttp",
    "hub/store/engine.py": "import hub.errors, hub.breach",
    "hub/breach.py": "",
    "connectors/base.py": "import hub.store, sqlalchemy, connectors.sandbox",
    "connectors/sandbox/__init__.py": "import connectors.base",
    "connectors/conformance/__init__.py": "import connectors.court",
    "schema/__init__.py": "import aiohttp",
    "sync_jobs/__init__.py": "import schema",
}


def test_the_walls_stand() -> None:
    answer = lint_imports(ROOT)
    assert answer.returncode == 0, answer.stdout


@pytest.fixture(scope="module")
def verdict_on_breaches(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says about a copy of the project with `BREACHES` in it."""
    folder = tmp_path_factory.mktemp("broken")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    (folder / "tests").mkdir()
    for file in ("pyproject.toml", "tests/__init__.py", "tests/import_contracts.py"):
        shutil.copy(ROOT / file, folder / file)
    for file, line in BREACHES.items():
        with (folder / file).open("a") as source:
            source.write(f"\n{line}\n")
    return lint_imports(folder).stdout


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_wall_falls_when_it_is_broken(contract: str, verdict_on_breaches: str) -> None:
    # long names are broken over lines
    assert f"{contract} BROKEN" in " ".join(verdict_on_breaches.split())


def test_the_worker_starts_without_the_web() -> None:
    loaded = python("import sys, app.worker; print(*sys.modules)").split()
    assert not {"strawberry", "graphql", "uvicorn", "starlette"} & set(loaded)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-logo", "--no-cache"], cwd=folder, capture_output=True, text=True
    )


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
