"""``dispute-hub connectors``: which partners are configured, how they do, and whether they are asked at all."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, EvenPaused, Instance, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.reading.connectors import BackfillRow

app = typer.Typer(help="Configured partners: list, check, pause, resume.", no_args_is_help=True)

Named = Annotated[str, typer.Argument(metavar="INSTANCE", help="A configured instance, e.g. court.")]


@app.command("list")
def list_connectors(config: Config = None, as_json: Json = False) -> None:
    """List configured partners and how they do, then the connectors that could be configured."""
    from app.cli.output import clock, emit_json, lasting, say, table

    found = with_hub(config, _standing)
    if as_json:
        emit_json(found)
        return
    if not found["instances"]:
        say("no instance is configured; `dispute-hub sandbox court` prints settings to try\n")
    else:
        table(
            ("instance", "state", "last success", "lag", "up to", "breaker", "next run", "held", "quarantined",
             "to send", "dead", "uncertain", "refused", "incidents", "reason"),
            [
                (name, one["state"], clock(one["lastSuccessAt"]), lasting(one["lagSeconds"]), clock(one["highWaterAt"]),
                 one["breaker"]["state"], clock(one["nextRunAt"]), one["held"], one["quarantined"],
                 one["outbox"]["waiting"], one["outbox"]["dead"], one["outbox"]["uncertain"],
                 one["outbox"]["refused"],
                 ", ".join(f"{kind} {times}×" for kind, times in one["incidents"].items()) or "-",
                 _reason(name, one))
                for name, one in found["instances"].items()
            ],
        )  # fmt: skip
        say()
    table(("connector", "what it is"), list(found["products"].items()))


def _reason(name: str, one: dict[str, Any]) -> str:
    """Why it is paused, what went wrong at last, what waits for a person, what runs beside the live pull."""
    told = [one["pausedReason"] or ("no reason was given" if one["state"] == "PAUSED" else ""), one["lastError"]]
    if one["heldBack"]:
        told.append(f"{one['heldBack']} removals held back: dispute-hub reconcile {name}")
    backfill = one["backfill"]
    if backfill is not None and backfill["state"] == "HELD_BACK":
        told.append(f"{backfill['heldBack']} removals held back by generation {backfill['generation']}")
    if backfill is not None and backfill["state"] == "RUNNING":
        told.append(f"backfill {backfill['generation']} at page {backfill['pages']}")
    return "; ".join(filter(None, told)) or "-"


def _backfill(row: BackfillRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "generation": row.generation, "since": row.since, "state": row.state, "pages": row.pages,
        "pulled": row.pulled, "new": row.new, "newestAt": row.newest_at, "removed": row.removed,
        "heldBack": row.held_back, "startedAt": row.started_at, "finishedAt": row.finished_at,
    }  # fmt: skip


async def _standing(hub: Hub) -> dict[str, Any]:
    from connectors import registry
    from hub.reading import connectors as reading
    from hub.reading import outbox
    from sync_jobs.breaker import CLOSED

    names = list(hub.settings.instances)
    async with hub.store.read() as connection:
        states = {row.instance: row for row in await reading.all_of(connection)}
        incidents = await reading.incidents(connection, names)
        compared = await reading.last_reconciliations(connection, names)
        backfills = await reading.last_backfills(connection, names)
        held = await reading.held_records(connection, names)
        quarantined = await reading.open_quarantine(connection, names)
        backlogs = await outbox.backlogs(connection, names)
    instances = {}
    for name in sorted(names):
        row = states.get(name)
        state = "NEVER RAN" if row is None or row.last_attempt_at is None else "OK"
        if row is not None and row.consecutive_failures:
            state = f"FAILING {row.consecutive_failures}×"
        if row is not None and row.paused_at is not None:
            state = "PAUSED"
        instances[name] = {
            "connector": hub.settings.instances[name].connector,
            "baseUrl": hub.settings.instances[name].base_url,
            "state": state,
            "lastAttemptAt": row.last_attempt_at if row else None,
            "lastSuccessAt": row.last_success_at if row else None,
            "highWaterAt": row.high_water_at if row else None,
            "pausedAt": row.paused_at if row else None,
            "pausedReason": (row.paused_reason or "") if row else "",
            "nextRunAt": row.next_at if row else None,
            "lagSeconds": row.lag_s(hub.desk.clock()) if row else None,
            "breaker": {
                "state": (row.breaker_state if row else None) or CLOSED,
                "since": row.breaker_opened_at if row else None,
                "until": row.breaker_until if row else None,
                "reason": row.breaker_reason_kind if row else None,
            },
            "lastError": " ".join(filter(None, (row.last_error_kind, row.last_error_hint))) if row else "",
            "heldBack": compared[name].held_back if name in compared else 0,
            "backfill": _backfill(backfills.get(name)),
            "held": held.get(name, 0),
            "quarantined": quarantined.get(name, 0),
            "outbox": asdict(backlogs.get(name, outbox.Backlog())),
            "incidents": {incident.kind: incident.times for incident in incidents.get(name, ())},
        }
    products = {name: str(getattr(registry.connector_class(name), "summary", "")) for name in registry.product_names()}
    return {"instances": instances, "products": products}


@app.command()
def check(
    instance: Instance = None, even_paused: EvenPaused = False, config: Config = None, as_json: Json = False
) -> None:
    """Prove address and credentials with the smallest harmless request, and tell where webhooks are taken.

    Exit code 1 when one fails.
    """
    from app.cli.output import emit_json, say

    async def ask(hub: Hub) -> dict[str, dict[str, Any]]:
        from app.cli.pausing import awake

        return {name: await _check(hub, name) for name in await awake(hub, instance, even_paused)}

    found = with_hub(config, ask)
    if as_json:
        emit_json(found)
    for name, one in found.items() if not as_json else ():
        say(f"{'OK  ' if one['ok'] else 'FAIL'} {name}: {one['seen']}")
        if one["webhooks"] is not None:
            say(f"     {name} {one['webhooks']}")
    if not all(one["ok"] for one in found.values()):
        raise typer.Exit(1)


async def _check(hub: Hub, name: str) -> dict[str, Any]:
    from app.hook_address import hook_address
    from hub.errors import HubError

    webhooks: str | None = None
    try:
        told = hook_address(hub.settings, name)
        webhooks = None if told is None else str(told)
        async with hub.wire(name) as wire:
            return {"ok": True, "seen": await hub.connector(name).check(wire), "webhooks": webhooks}
    except HubError as exc:
        return {"ok": False, "seen": "; ".join(filter(None, (str(exc), exc.hint))), "webhooks": webhooks}


@app.command()
def pause(
    instance: Named,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; `connectors list` shows it until it is resumed.")
    ] = "",
    config: Config = None,
) -> None:
    """Ask this partner nothing more until it is resumed. A run that is under way ends first."""
    from app.cli.output import say

    with_hub(config, lambda hub: _set_paused(hub, instance, True, reason))
    say(f"{instance} is paused")


@app.command()
def resume(instance: Named, config: Config = None) -> None:
    """Ask a paused partner again; it goes on where it stood."""
    from app.cli.output import say

    with_hub(config, lambda hub: _set_paused(hub, instance, False, ""))
    say(f"{instance} is asked again")


async def _set_paused(hub: Hub, instance: str, is_paused: bool, reason: str) -> None:
    from sqlalchemy import update

    from hub.jobs import PUSH, put_in_line
    from hub.store.tables import connector_states
    from hub.store.upsert import insert_or_ignore

    hub.instances(instance)
    row = {
        "instance": instance, "county": hub.desk.county, "product": hub.settings.instances[instance].connector,
        "consecutive_failures": 0,
    }  # fmt: skip
    async with hub.store.write() as tx:
        await insert_or_ignore(tx, connector_states, [row])
        await tx.execute(
            update(connector_states)
            .where(connector_states.c.instance == instance)
            .values(paused_at=hub.desk.clock() if is_paused else None, paused_reason=reason or None)
        )
        if not is_paused:
            # what was queued meanwhile
            await put_in_line(tx, hub.desk, PUSH, instance)
