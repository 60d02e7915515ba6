"""``dispute-hub accounts``: people who sign in here by name and password."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.accounts import Account, Grant

app = typer.Typer(help="People who sign in here: list, add, change, disable, enable …", no_args_is_help=True)

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The name they type, e.g. li.ming.")]
Role = Annotated[str, typer.Option("--role", metavar="ROLE", help="As `access roles` lists it.")]
Region = Annotated[list[str] | None, typer.Option("--region", help="A region of theirs; may be repeated.")]
Agency = Annotated[str, typer.Option("--agency", help="12-digit code of their unit.")]
Instance = Annotated[list[str] | None, typer.Option("--instance", help="A partner whose records are theirs.")]
Channel = Annotated[list[str] | None, typer.Option("--channel", help="A channel of theirs; may be repeated.")]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", metavar="FILE", help="Its first line; else you are asked, or stdin.")
]


def grant_from(
    role: str, region: list[str] | None, agency: str, instance: list[str] | None, channel: list[str] | None
) -> Grant:
    """What the options give."""
    from hub.accounts import Grant

    return Grant(role, tuple(region or ()), agency, tuple(instance or ()), tuple(channel or ()))


@app.command("list")
def list_accounts(config: Config = None, as_json: Json = False) -> None:
    """List accounts: role, what they were given, whether they are open. Never a password."""
    from app.cli.output import clock, emit_json, say, table
    from hub.accounts import all_accounts

    async def read(hub: Hub) -> list[Account]:
        async with hub.store.read() as connection:
            return list(await all_accounts(connection))

    found = with_hub(config, read)
    if as_json:
        emit_json([_json(one) for one in found])
    elif not found:
        say("no accounts; `dispute-hub accounts add LOGIN --name NAME --role ROLE` opens one")
    else:
        table(
            ("login", "name", "role", "given", "since", "closed"),
            [(one.login, one.name, one.grant.role, _given(one.grant), clock(one.created_at), clock(one.disabled_at))
             for one in found],
        )  # fmt: skip


@app.command()
def add(
    login: Login,
    role: Role,
    name: Annotated[str, typer.Option("--name", help="As the history names them, e.g. 李明; nobody else's.")],
    region: Region = None,
    agency: Agency = "",
    instance: Instance = None,
    channel: Channel = None,
    password_file: PasswordFile = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Open an account."""
    from app.cli.output import emit_json, say
    from hub.accounts import add_account
    from hub.passwords import Passwords

    grant = grant_from(role, region, agency, instance, channel)
    password = _password(password_file)

    async def write(hub: Hub) -> Account:
        return await add_account(hub.desk, Passwords(), login, name, password, grant)

    made = with_hub(config, write)
    if as_json:
        emit_json(_json(made))
    else:
        say(f"{made.login} may sign in as {made.grant.role}")


@app.command()
def change(
    login: Login, role: Role, region: Region = None, agency: Agency = "", instance: Instance = None,
    channel: Channel = None, config: Config = None,
) -> None:  # fmt: skip
    """Give somebody another role or other regions; whatever they have open ends."""
    from app.cli.output import say
    from hub.accounts import change_account

    grant = grant_from(role, region, agency, instance, channel)

    async def write(hub: Hub) -> None:
        await change_account(hub.desk, login, grant)

    with_hub(config, write)
    say(f"{login} is {role} now; what they had open has ended")


@app.command()
def password(login: Login, password_file: PasswordFile = None, config: Config = None) -> None:
    """Set a new password; whatever they have open ends."""
    from app.cli.output import say
    from hub.accounts import set_password
    from hub.passwords import Passwords

    new = _password(password_file)

    async def write(hub: Hub) -> None:
        await set_password(hub.desk, Passwords(), login, new)

    with_hub(config, write)
    say(f"{login} has a new password; what they had open has ended")


@app.command()
def disable(login: Login, config: Config = None) -> None:
    """Close an account at once, its open sessions and subscriptions too."""
    _enable(login, config, is_enabled=False)


@app.command()
def enable(login: Login, config: Config = None) -> None:
    """Open a closed account again."""
    _enable(login, config, is_enabled=True)


@app.command()
def unlock(login: Login, config: Config = None) -> None:
    """Forgive the wrong tries under a name, so that its owner need not wait."""
    from app.cli.output import say
    from hub import sessions

    async def write(hub: Hub) -> bool:
        return await sessions.unlock(hub.desk, login)

    say(f"{login} may try again" if with_hub(config, write) else f"nothing was locked under {login}")


@app.command("sessions")
def list_sessions(login: Login, config: Config = None, as_json: Json = False) -> None:
    """List what somebody has open now: since when, last seen, until when at most."""
    from app.cli.output import clock, emit_json, say, table
    from hub.sessions import OpenSession, open_sessions

    async def read(hub: Hub) -> list[OpenSession]:
        return await open_sessions(hub.desk, login)

    found = with_hub(config, read)
    if as_json:
        emit_json(
            [
                {"createdAt": one.created_at, "lastSeenAt": one.last_seen_at, "expiresAt": one.expires_at}
                for one in found
            ]
        )
    elif not found:
        say(f"{login} is not signed in anywhere")
    else:
        table(
            ("since", "last seen", "until"),
            [(clock(one.created_at), clock(one.last_seen_at), clock(one.expires_at)) for one in found],
        )


@app.command("sign-out")
def sign_out(login: Login, config: Config = None) -> None:
    """End everything somebody has open, subscriptions too; they may sign in again."""
    from app.cli.output import say
    from hub.sessions import end_sessions

    async def write(hub: Hub) -> int:
        return await end_sessions(hub.desk, login)

    ended = with_hub(config, write)
    say(f"{login} is signed out: {ended} ended" if ended else f"nothing was open under {login}")


def _enable(login: str, config: Path | None, *, is_enabled: bool) -> None:
    from app.cli.output import say
    from hub.accounts import set_enabled

    async def write(hub: Hub) -> None:
        await set_enabled(hub.desk, login, is_enabled=is_enabled)

    with_hub(config, write)
    say(f"{login} is {'open' if is_enabled else 'closed'}")


def _password(file: Path | None) -> str:
    import sys

    from hub.errors import ConfigurationError

    if file is not None:
        try:
            return file.read_text(encoding="utf-8").splitlines()[0]
        except (OSError, UnicodeDecodeError, IndexError) as exc:
            raise ConfigurationError(f"{file} holds no password", hint="It is the file's first line.") from exc
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _given(grant: Grant) -> str:
    return (
        " ".join([*grant.regions, *grant.instances, *grant.channels, *([grant.agency] if grant.agency else [])]) or "-"
    )


def _json(one: Account) -> dict[str, Any]:
    return {
        "id": one.id, "login": one.login, "name": one.name, "role": one.grant.role,
        "regions": list(one.grant.regions), "agency": one.grant.agency or None,
        "instances": list(one.grant.instances), "channels": list(one.grant.channels),
        "createdAt": one.created_at, "passwordChangedAt": one.password_changed_at, "disabledAt": one.disabled_at,
    }  # fmt: skip
