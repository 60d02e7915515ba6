"""Sessions: a person signed in, until they sign out, go away for long, or lose the right; and the lock on guessing.

The lock counts per name that was typed, whether anybody has it or not, so that it tells nobody which names there are.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update

from hub.accounts import account_named, grant_of, principal_of
from hub.desk import Desk
from hub.errors import HubError, UserInputError
from hub.passwords import Passwords, check_new
from hub.principal import Principal, PrincipalKind
from hub.store.tables import accounts, sessions, sign_in_failures
from hub.store.upsert import insert_or_ignore

LASTS, IDLE = timedelta(hours=12), timedelta(hours=2)
#: failures before the door stays shut for a while, which then doubles
FREE_TRIES = 5
FIRST_LOCK, LONGEST_LOCK = timedelta(minutes=1), timedelta(minutes=30)
#: failures longer ago are forgiven
FORGIVEN = timedelta(hours=24)
_SEEN_EVERY = timedelta(minutes=1)
PREFIX = "session:"


class SignInRefusedError(HubError):
    """The name or the password is wrong; which of them is not told."""


class SignInLockedError(SignInRefusedError):
    """Too many wrong tries under this name. ``retry_after_s``: when the door opens again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("too many wrong tries", hint=f"Try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Session:
    """``token`` goes to the browser and is kept nowhere here."""

    token: str
    principal: Principal


def hash_of(token: str) -> str:
    """What is stored of 256 random bits: nobody guesses them, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


async def sign_in(desk: Desk, passwords: Passwords, login: str, password: str) -> Session:
    """A new session. Raises SignInRefusedError, SignInLockedError; both alike for names that nobody has."""
    # PostgreSQL knows no such character, and nobody is called by it
    login = login.replace("\0", "\ufffd").strip().casefold()[:200]
    name = _lock_name(desk, login)
    await _count_try(desk, name)
    async with desk.store.read() as connection:
        row = (await connection.execute(select(accounts).where(accounts.c.login == login))).first()
    fits = await passwords.fits(None if row is None else row.password_hash, password)
    if row is None or not fits or row.disabled_at is not None:
        raise SignInRefusedError("the name or the password is wrong")
    return await open_session(desk, row.id, proved_by=row.password_hash)


async def open_session(desk: Desk, account_id: str, *, proved_by: str | None = None) -> Session:
    """A session for an account whose owner was proved: by the password of this hash, or otherwise.

    Raises SignInRefusedError where the account was closed, or got another password, since then.
    """
    token, now = secrets.token_urlsafe(32), desk.clock()
    account = select(accounts).where(accounts.c.id == account_id, accounts.c.disabled_at.is_(None))
    if proved_by is not None:
        account = account.where(accounts.c.password_hash == proved_by)
    async with desk.store.write() as tx:
        # whoever changes the account meanwhile waits, and then ends this session with the others
        row = (await tx.execute(account.with_for_update())).first()
        if row is None:
            raise SignInRefusedError("the account has changed meanwhile")
        await tx.execute(delete(sign_in_failures).where(sign_in_failures.c.login_hash == _lock_name(desk, row.login)))
        # what ended long ago says nothing to anybody
        await tx.execute(delete(sessions).where(sessions.c.expires_at < now - timedelta(days=30)))
        await tx.execute(
            sessions.insert().values(
                token_hash=hash_of(token), county=desk.county, account_id=account_id, created_at=now,
                last_seen_at=now, expires_at=now + LASTS,
            )
        )  # fmt: skip
    principal = await principal_by_hash(desk, hash_of(token))
    assert principal is not None
    return Session(token, principal)


async def principal_by_token(desk: Desk, token: str) -> Principal | None:
    """Whose session it is, while it lasts; and notes that they are there."""
    return await principal_by_hash(desk, hash_of(token), is_here=True)


async def principal_by_hash(desk: Desk, token_hash: str, *, is_here: bool = False) -> Principal | None:
    """The same by what is stored of the token."""
    now = desk.clock()
    query = (
        select(accounts, sessions.c.expires_at, sessions.c.last_seen_at)
        .join(sessions, sessions.c.account_id == accounts.c.id)
        .where(sessions.c.token_hash == token_hash, sessions.c.revoked_at.is_(None), sessions.c.expires_at > now)
        .where(sessions.c.last_seen_at > now - IDLE, accounts.c.disabled_at.is_(None))
    )
    async with desk.store.read() as connection:
        row = (await connection.execute(query)).first()
    if row is None:
        return None
    if is_here and row.last_seen_at < now - _SEEN_EVERY:
        async with desk.store.write() as tx:
            await tx.execute(update(sessions).where(sessions.c.token_hash == token_hash).values(last_seen_at=now))
    proof = PREFIX + token_hash
    return principal_of(row.id, PrincipalKind.STAFF, row.name, grant_of(row), row.expires_at, proof)


async def sign_out(desk: Desk, token: str) -> None:
    """End the session; one that is none is none."""
    async with desk.store.write() as tx:
        await tx.execute(
            update(sessions).where(sessions.c.token_hash == hash_of(token)).values(revoked_at=desk.clock())
        )


async def change_password(desk: Desk, passwords: Passwords, token: str, current: str, new: str) -> None:
    """Give the session's owner a new password and end their other sessions.

    Raises SignInRefusedError where the session or the current password is not right, SignInLockedError, UserInputError.
    """
    mine = hash_of(token)
    if await principal_by_hash(desk, mine) is None:
        raise SignInRefusedError("the session has ended")
    query = select(accounts).join(sessions, sessions.c.account_id == accounts.c.id)
    async with desk.store.read() as connection:
        row = (await connection.execute(query.where(sessions.c.token_hash == mine))).one()
    name = _lock_name(desk, row.login)
    await _count_try(desk, name)
    if not await passwords.fits(row.password_hash, current):
        raise SignInRefusedError("the current password is wrong")
    async with desk.store.write() as tx:
        await tx.execute(delete(sign_in_failures).where(sign_in_failures.c.login_hash == name))
    check_new(new, row.login)
    if new == current:
        raise UserInputError("the new password is the old one")
    hashed, now = await passwords.hash(new), desk.clock()
    async with desk.store.write() as tx:
        # an operator may have set another, or closed the account, while we reckoned
        unchanged = (accounts.c.id == row.id, accounts.c.password_hash == row.password_hash)
        change = update(accounts).where(*unchanged, accounts.c.disabled_at.is_(None))
        if not (await tx.execute(change.values(password_hash=hashed, password_changed_at=now))).rowcount:
            raise SignInRefusedError("the account has changed meanwhile")
        await tx.execute(
            update(sessions).where(*_is_open(row.id), sessions.c.token_hash != mine).values(revoked_at=now)
        )


@dataclass(frozen=True, slots=True)
class OpenSession:
    """What somebody has open, as an operator sees it."""

    created_at: datetime
    #: exact to a minute
    last_seen_at: datetime
    expires_at: datetime


async def open_sessions(desk: Desk, login: str) -> list[OpenSession]:
    """What an account has open now, the oldest first. Raises NotFoundError."""
    account, now = await account_named(desk, login), desk.clock()
    query = (
        select(sessions.c.created_at, sessions.c.last_seen_at, sessions.c.expires_at)
        .where(*_is_open(account.id), sessions.c.expires_at > now, sessions.c.last_seen_at > now - IDLE)
        .order_by(sessions.c.created_at, sessions.c.token_hash)
    )
    async with desk.store.read() as connection:
        return [OpenSession(*row) for row in await connection.execute(query)]


async def end_sessions(desk: Desk, login: str) -> int:
    """End all that an account has open, subscriptions with it; returns how many it were. Raises NotFoundError."""
    found = await open_sessions(desk, login)
    account = await account_named(desk, login)
    async with desk.store.write() as tx:
        await tx.execute(update(sessions).where(*_is_open(account.id)).values(revoked_at=desk.clock()))
    return len(found)


async def unlock(desk: Desk, login: str) -> bool:
    """Forgive the wrong tries under a name; whether there were any."""
    name = _lock_name(desk, login.strip().casefold())
    async with desk.store.write() as tx:
        done = await tx.execute(delete(sign_in_failures).where(sign_in_failures.c.login_hash == name))
    return bool(done.rowcount)


def _is_open(account_id: str) -> tuple[ColumnElement[bool], ...]:
    return sessions.c.account_id == account_id, sessions.c.revoked_at.is_(None)


def _lock_name(desk: Desk, login: str) -> str:
    return desk.keys.content_hash(f"sign-in/{login}".encode())


async def _count_try(desk: Desk, name: str) -> None:
    """Count a try as a wrong one before it is looked at: many at once are no more tries than one after the other.

    A right one takes it back. Raises SignInLockedError.
    """
    now, c = desk.clock(), sign_in_failures.c
    async with desk.store.write() as tx:
        await tx.execute(delete(sign_in_failures).where(c.last_at < now - FORGIVEN))
        fresh = {"login_hash": name, "county": desk.county, "times": 0, "last_at": now, "locked_until": None}
        # updating it makes others wait here
        await insert_or_ignore(tx, sign_in_failures, [fresh], on=("login_hash",), update_columns=("last_at",))
        mine = c.login_hash == name
        row = (await tx.execute(select(c.times, c.locked_until).where(mine))).one()
        left = 0.0 if row.locked_until is None else (row.locked_until - now).total_seconds()
        if left > 0:
            raise SignInLockedError(int(left) + 1)
        times, until = row.times + 1, None
        if times >= FREE_TRIES:
            until = now + min(FIRST_LOCK * 2 ** min(times - FREE_TRIES, 10), LONGEST_LOCK)
        await tx.execute(update(sign_in_failures).where(mine).values(times=times, locked_until=until))
