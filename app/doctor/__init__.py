"""The examination behind ``dispute-hub doctor``: each finding says OK, WARN or FAIL, and what to do."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.doctor.database import database_findings, identity_of
from app.doctor.doors import instance, sign_on, tls, webhooks
from app.doctor.files import data_folder, disk, secret_files
from app.doctor.finding import FAIL, OK, WARN, Finding
from app.doctor.keys import key_file_findings
from hub.errors import HubError
from hub.settings import load_settings, unknown_variables
from hub.store_identity import COUNTY, KEY

_OURS = ("hub", "connectors", "schema", "sync_jobs", "app")


async def examine(find: Callable[[], Path | None]) -> list[Finding]:
    """Everything, as far as it can be looked at. Never raises for what it finds."""
    findings = [*_packages(), _clock()]
    try:
        file = find()
        settings = load_settings(file)
    except HubError as exc:
        return [*findings, Finding(FAIL, "settings", str(exc), exc.hint)]
    findings.append(Finding(OK, "settings", str(file) if file else "no file, defaults and environment"))
    if names := unknown_variables():
        findings.append(_no_settings(names))
    identity = await identity_of(settings)
    findings += [
        *key_file_findings(settings.key_file, identity.get(KEY)),
        *data_folder(settings.data_dir),
        *disk(settings),
    ]
    findings += [finding async for finding in database_findings(settings, identity.get(COUNTY))]
    for name in sorted(settings.instances):
        findings += secret_files(settings, name)
    findings += [*webhooks(settings), *tls(settings)]
    findings += [finding async for finding in sign_on(settings)]
    findings += await asyncio.gather(*(instance(settings, name) for name in sorted(settings.instances)))
    return findings


def _no_settings(names: Sequence[str]) -> Finding:
    is_one = len(names) == 1
    return Finding(
        WARN, "environment", f"{', '.join(names)} {'is no setting' if is_one else 'are no settings'}",
        f"{'It does' if is_one else 'They do'} nothing: misspelt?",
    )  # fmt: skip


def _packages() -> Iterator[Finding]:
    """PyPI has packages of our names; installing one silently replaces ours."""
    home = Path(__file__).parent.parent.parent
    strange = []
    for name in _OURS:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or not Path(spec.origin).is_relative_to(home):
            strange.append(name)
    if strange:
        yield Finding(
            FAIL, "packages", f"{', '.join(strange)} are not ours",
            "Another distribution replaced them; install dispute-hub into an environment of its own.",
        )  # fmt: skip
    else:
        yield Finding(OK, "packages", "all are ours")


def _clock() -> Finding:
    now = datetime.now(UTC)
    if now.year < 2025:
        return Finding(WARN, "clock", f"{now:%Y-%m-%d %H:%M} UTC", "The machine's clock is behind; set it (NTP).")
    return Finding(OK, "clock", f"{now:%Y-%m-%d %H:%M:%S} UTC; partners allow 300 s of difference")
