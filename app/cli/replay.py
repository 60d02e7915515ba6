"""``dispute-hub replay``: map and apply again what was kept, or show what that would change."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.replaying import Replayed
    from sync_jobs.queue import Claim


def replay(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="A configured instance.")],
    native_id: Annotated[
        str | None, typer.Argument(metavar="[NATIVE_ID]", help="One record by the partner's key; none means all.")
    ] = None,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Change nothing, show what would change.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Map and apply again what was kept of a partner, without asking it. Twice changes nothing."""
    from app.cli.output import count, emit_json, say, table

    found = with_hub(config, lambda hub: _replay(hub, instance, native_id, is_dry))
    if as_json:
        emit_json({"dryRun": is_dry, **asdict(found)})
        return
    if found.changes:
        table(
            ("native id", "number", "record", "events", "referrals"),
            [(one.native_id, one.native_no or "-", _told(one.columns), one.events, _told(one.referrals))
             for one in found.changes],
        )  # fmt: skip
    would = "would change" if is_dry else "changed"
    say(
        f"{count(found.items)} items of {count(found.records)} records read again, "
        f"{count(len(found.changes))} {would}, "
        f"{count(found.quarantined)} quarantined, {count(found.erased)} erased and left alone"
    )


def _told(columns: dict[str, str]) -> str:
    return "; ".join(f"{name} {told}" for name, told in columns.items()) or "-"


async def _replay(hub: Hub, instance: str, native_id: str | None, is_dry: bool) -> Replayed:
    from app import jobs
    from app.cli.output import note
    from hub import replaying
    from hub.sequencer import sequence_all
    from sync_jobs.runs import source_of

    hub.instances(instance)
    await hub.reload_codes()
    connector: Any = hub.connector(instance)
    done: list[Replayed] = []

    async def work(claim: Claim) -> None:
        desk = hub.fenced_desk(claim)
        done.append(await replaying.replay(desk, source_of(connector), connector, native_id=native_id, is_dry=is_dry))
        if not is_dry:
            await sequence_all(desk)

    claim = await jobs.take_lane(
        hub, f"replay:{instance}", jobs.lane_of(instance), waiting=lambda: note(f"{instance} is busy; waiting")
    )
    await jobs.run_now(hub, claim, work)
    return done[0]
