"""Accounts: people who sign in by a name and a password of this hub's own, and what each was given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access import access_of
from hub.desk import Desk
from hub.errors import ConfigurationError, ConflictError, NotFoundError, UserInputError
from hub.passwords import Passwords, check_new
from hub.principal import LOCAL, MARK, Principal, PrincipalKind, may_be_called
from hub.store.ids import new_id
from hub.store.tables import accounts, api_keys, sessions

_LOGIN = re.compile(r"[a-z][a-z0-9._-]{1,63}")


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, and what its holder was given of what the role sees."""

    role: str
    regions: tuple[str, ...] = ()
    agency: str = ""
    instances: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises UserInputError where the role is unknown, or would see nothing for want of what it needs."""
        if self.role == LOCAL.role:
            raise UserInputError("the role local is this machine's own")
        try:
            rows = access_of(self.role).rows
        except ConfigurationError as unknown:
            raise UserInputError(unknown.message, hint=unknown.hint, field="role") from None
        sees_anything = bool(rows.classifications)
        if sees_anything and rows.own_regions and not self.regions:
            raise UserInputError(f"{self.role} sees its own regions only", hint="Give --region CODE.", field="regions")
        if sees_anything and rows.only_with_part and not (self.agency or self.instances):
            raise UserInputError(
                f"{self.role} sees its own agency's matters only", hint="Give --agency or --instance.", field="agency"
            )
        for code in self.regions:
            if not re.fullmatch(r"\d{6}(\d{3}(\d{3})?)?", code):
                raise UserInputError(f"{code} is no region code", hint="6, 9 or 12 digits.", field="regions")
        if self.agency and not re.fullmatch(r"\d{12}", self.agency):
            raise UserInputError(f"{self.agency} is no unit code", hint="12 digits.", field="agency")

    def columns(self) -> dict[str, Any]:
        """As tables keep it."""
        return {
            "role": self.role, "regions": list(self.regions), "agency": self.agency,
            "instances": list(self.instances), "channels": list(self.channels),
        }  # fmt: skip


def grant_of(row: Any) -> Grant:
    """What a row of ``accounts`` or ``api_keys`` was given."""
    return Grant(row.role, tuple(row.regions), row.agency, tuple(row.instances), tuple(row.channels))


def principal_of(
    id: str, kind: PrincipalKind, name: str, grant: Grant, expires_at: datetime | None, proof: str
) -> Principal:
    """Who asks, by what they were given."""
    return Principal(
        id, kind, name, grant.role, grant.regions, grant.agency, grant.instances, grant.channels, expires_at, proof
    )


@dataclass(frozen=True, slots=True)
class Account:
    """One person's account, as an operator sees it."""

    id: str
    login: str
    name: str
    grant: Grant
    created_at: datetime
    password_changed_at: datetime
    disabled_at: datetime | None


def _account(row: Any) -> Account:
    return Account(row.id, row.login, row.name, grant_of(row), row.created_at, row.password_changed_at, row.disabled_at)


async def add_account(desk: Desk, passwords: Passwords, login: str, name: str, password: str, grant: Grant) -> Account:
    """Open an account. Raises UserInputError, ConflictError where the login or the name is somebody's."""
    if not _LOGIN.fullmatch(login):
        raise UserInputError(
            "a login has small letters, digits, dots, dashes", hint="e.g. li.ming; it begins with a letter."
        )
    if not may_be_called(name.strip()) or MARK in name:
        raise UserInputError(
            f"a name has 1 to 40 characters without {MARK}", hint="It stands in the history, e.g. 李明."
        )
    grant.check()
    check_new(password, login)
    hashed, now = await passwords.hash(password), desk.clock()
    row = {
        "id": new_id("acc", desk.county), "county": desk.county, "login": login, "name": name.strip(),
        **grant.columns(), "password_hash": hashed, "created_at": now, "password_changed_at": now,
    }  # fmt: skip
    try:
        async with desk.store.write() as tx:
            await tx.execute(accounts.insert().values(row))
    except IntegrityError:
        raise ConflictError(
            "that login or that name is somebody's already", hint="The history names people by their name: add a unit."
        ) from None
    return await account_named(desk, login)


async def account_named(desk: Desk, login: str) -> Account:
    """Raises NotFoundError."""
    async with desk.store.read() as connection:
        row = (await connection.execute(select(accounts).where(accounts.c.login == login))).first()
    if row is None:
        raise NotFoundError(f"no account is called {login}", hint="`dispute-hub accounts list` shows them.")
    return _account(row)


async def all_accounts(connection: AsyncConnection) -> Sequence[Account]:
    """Everybody's, by login."""
    return [_account(row) for row in await connection.execute(select(accounts).order_by(accounts.c.login))]


async def change_account(desk: Desk, login: str, grant: Grant) -> Account:
    """Give somebody other rights; what they have open ends with the old ones. Raises NotFoundError, UserInputError."""
    grant.check()
    account = await account_named(desk, login)
    await _set(desk, account, **grant.columns())
    return await account_named(desk, login)


async def set_password(desk: Desk, passwords: Passwords, login: str, password: str) -> None:
    """Replace a password and end every session of the account. Raises NotFoundError, UserInputError."""
    account = await account_named(desk, login)
    check_new(password, login)
    await _set(desk, account, password_hash=await passwords.hash(password), password_changed_at=desk.clock())


async def set_enabled(desk: Desk, login: str, *, is_enabled: bool) -> None:
    """Close an account, ending its sessions, or open it again. Raises NotFoundError."""
    account = await account_named(desk, login)
    await _set(desk, account, disabled_at=None if is_enabled else desk.clock())


async def _set(desk: Desk, account: Account, **values: Any) -> None:
    async with desk.store.write() as tx:
        await tx.execute(update(accounts).where(accounts.c.id == account.id).values(**values))
        await tx.execute(
            update(sessions)
            .where(sessions.c.account_id == account.id, sessions.c.revoked_at.is_(None))
            .values(revoked_at=desk.clock())
        )


async def anybody_may_ask(connection: AsyncConnection) -> bool:
    """Whether there is an account that is open, or a key that was not taken back."""
    people = select(func.count()).select_from(accounts).where(accounts.c.disabled_at.is_(None)).scalar_subquery()
    programs = select(func.count()).select_from(api_keys).where(api_keys.c.revoked_at.is_(None)).scalar_subquery()
    return bool((await connection.execute(select(people + programs))).scalar_one())
