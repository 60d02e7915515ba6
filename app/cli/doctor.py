"""``dispute-hub doctor``: what stands in the way, and what to do about it."""

from __future__ import annotations

import typer

from app.cli.options import Config, Json


def doctor(config: Config = None, as_json: Json = False) -> None:
    """Check settings, database, history guard, keys, disk, clock and the partners' addresses.

    Exit code 1 when a line says FAIL.
    """
    import asyncio

    from app.cli.output import emit_json, say
    from app.doctor import examine
    from hub.settings import find_file

    findings = asyncio.run(examine(lambda: find_file(config)))
    if as_json:
        emit_json([{"level": f.level, "what": f.what, "found": f.found, "todo": f.todo} for f in findings])
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            todo = f"\n{'':<{width + 6}}→ {finding.todo}" if finding.todo else ""
            say(f"{finding.level:<4} {finding.what:<{width}} {finding.found}{todo}")
    if any(finding.level == "FAIL" for finding in findings):
        raise typer.Exit(1)
