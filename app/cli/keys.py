"""``dispute-hub keys``: how partners' programs prove who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.accounts import Agency, Channel, Instance, Region, Role, grant_from
from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.api_keys import ApiKey

app = typer.Typer(help="Partners' API keys: list, issue, rotate, revoke.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The consumer, e.g. court-platform.")]
Days = Annotated[int, typer.Option("--days", metavar="N", help="How long it lives; at most 400.")]


@app.command("list")
def list_keys(config: Config = None, as_json: Json = False) -> None:
    """List keys, dead ones too: whose, what for, until when, last used. Never a key itself."""
    from app.cli.output import clock, emit_json, say, table
    from hub.api_keys import all_keys

    async def read(hub: Hub) -> list[ApiKey]:
        async with hub.store.read() as connection:
            return list(await all_keys(connection))

    found = with_hub(config, read)
    if as_json:
        emit_json([_json(one) for one in found])
    elif not found:
        say("no keys; `dispute-hub keys issue NAME --role partner_system --instance INSTANCE` makes one")
    else:
        table(
            ("id", "consumer", "role", "ends", "revoked", "last used"),
            [(one.id, one.name, one.grant.role, clock(one.expires_at), clock(one.revoked_at), clock(one.last_used_at))
             for one in found],
        )  # fmt: skip


@app.command()
def issue(
    name: Name, role: Role = "partner_system", region: Region = None, agency: Agency = "", instance: Instance = None,
    channel: Channel = None, days: Days = 365, config: Config = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Make a key. It is printed once, and nobody can print it again."""
    from hub.api_keys import issue_key

    grant = grant_from(role, region, agency, instance, channel)

    async def write(hub: Hub) -> tuple[ApiKey, str]:
        return await issue_key(hub.desk, name, grant, days)

    _tell(*with_hub(config, write), as_json=as_json)


@app.command()
def rotate(
    name: Name,
    days: Days = 365,
    overlap_days: Annotated[
        int, typer.Option("--overlap-days", metavar="N", help="How long the old one goes on; 0 to 90.")
    ] = 14,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a second key with the same rights; the old one dies after the overlap."""
    from hub.api_keys import rotate_key

    async def write(hub: Hub) -> tuple[ApiKey, str]:
        return await rotate_key(hub.desk, name, days, overlap_days)

    _tell(*with_hub(config, write), as_json=as_json)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="As `keys list` shows it.")], config: Config = None
) -> None:
    """The key opens nothing from now on."""
    from app.cli.output import say
    from hub.api_keys import revoke_key

    async def write(hub: Hub) -> str:
        return (await revoke_key(hub.desk, key_id)).name

    say(f"a key of {with_hub(config, write)} is revoked")


def _tell(made: ApiKey, key: str, *, as_json: bool) -> None:
    from app.cli.output import clock, emit_json, note, say

    if as_json:
        emit_json({**_json(made), "key": key})
        return
    say(key)
    note(f"{made.id} of {made.name}, until {clock(made.expires_at)}. Keep it now: it is not shown again.")


def _json(one: ApiKey) -> dict[str, Any]:
    return {
        "id": one.id, "name": one.name, "role": one.grant.role, "regions": list(one.grant.regions),
        "agency": one.grant.agency or None, "instances": list(one.grant.instances),
        "channels": list(one.grant.channels), "createdAt": one.created_at, "expiresAt": one.expires_at,
        "revokedAt": one.revoked_at, "lastUsedAt": one.last_used_at,
    }  # fmt: skip
