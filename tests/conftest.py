"""What every test may ask for: a database of its own, of each kind, and a port."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
import stamina
from hypothesis import settings

from . import postgres_server, shared_statements
from .cli_kit import run as run
from .databases import Database, PostgresDatabases, SqliteDatabases
from .quick_folder import quick_folder

MOST_WORKERS = 8
#: files of few but long tests: they begin first, so that no processor is left alone with one at the end
LONG_FILES = (
    "test_arrival_order.py", "test_court_sync.py", "test_kill_nine.py", "test_four_agencies.py", "test_demo.py",
    "test_two_workers.py", "test_outbox_faults.py", "test_stories.py", "test_sandbox_commands.py",
)  # fmt: skip

# how long an example takes says nothing on a shared machine
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting() -> Iterator[None]:
    """A partner that cannot answer now is asked again as often as ever, but at once."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    with shared_statements.in_this_process():
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes `-n auto` means: each has its own PostgreSQL, and a debugger wants to be alone."""
    if config.getoption("usepdb"):
        return 0
    processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(processors, MOST_WORKERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; within a file, and among the others, the order stays."""
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


def pytest_report_header() -> str | None:
    if os.environ.get("HUB_TEST_WITHOUT_POSTGRESQL"):
        return "WARNING: HUB_TEST_WITHOUT_POSTGRESQL is set, half of the suite does not run"
    return None


@pytest.fixture(scope="session")
def _sqlite() -> Iterator[SqliteDatabases]:
    with quick_folder() as folder:
        yield SqliteDatabases(folder)


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[PostgresDatabases]:
    if os.environ.get("HUB_TEST_WITHOUT_POSTGRESQL"):
        pytest.skip("HUB_TEST_WITHOUT_POSTGRESQL is set")
    try:
        with postgres_server.running_server(os.environ) as server:
            databases = PostgresDatabases(server)
            yield databases
            databases.close()
    except postgres_server.NoPostgresError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A migrated database of this test's own; the test runs once on each kind."""
    databases = request.getfixturevalue(f"_{request.param}")
    with databases.migrated() as made:
        yield made


@pytest.fixture
def lone_database(_sqlite: SqliteDatabases) -> Iterator[Database]:
    """A migrated SQLite database, for what does not depend on the kind."""
    with _sqlite.migrated() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Like `database`, but nothing has been migrated: not one table stands."""
    databases = request.getfixturevalue(f"_{request.param}")
    with databases.empty() as made:
        yield made


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    return postgres_server.free_port()
