"""Who sends a request: proved before anything else is done with it; whoever proves nothing is nobody.

A program sends ``Authorization: Bearer``: an API key of this hub, or a token of the staff's sign-on service. A browser
holds a session in a cookie, which it would also send for other sites: so with a cookie alone a request that may change
something must come from our own pages. What is wrong with a credential is never told, and never tried as another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from hub import api_keys, sessions
from hub.access import all_roles
from hub.desk import Desk
from hub.principal import LOCAL, Principal

#: None: nobody proved anything
Authenticate = Callable[[HTTPConnection], Awaitable[Principal | None]]
#: whether a principal proved before still is who they were, with the same rights
Still = Callable[[Principal], Awaitable[bool]]

#: the second where the connection is encrypted: no other host and no plain answer can set it
COOKIE, SECURE_COOKIE = "hub-session", "__Host-hub-session"
_LONGEST_CREDENTIAL = 8 * 1024


async def whoever_is_here(_: HTTPConnection) -> Principal | None:
    """Everybody is this machine's operator: for tests and for programs that ask within their own process."""
    return LOCAL


async def still_here(_: Principal) -> bool:
    """Everybody stays who they were: for the same."""
    return True


async def nobody(_: HTTPConnection) -> Principal | None:
    """Nobody is anybody."""
    return None


class StaffTokens(Protocol):
    """A sign-on service whose tokens are believed."""

    async def principal(self, token: str) -> Principal | None:
        """Whose token it is; None where it is not to be believed."""

    def still(self, principal: Principal) -> bool:
        """Whether what proved their token still holds. Waits for nobody."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """Proves who asks by key, session or token; asks the store every time, so that a revoked one dies at once."""

    desk: Desk
    tokens: StaffTokens | None = None

    async def principal(self, connection: HTTPConnection) -> Principal | None:
        """Who asks over this connection; None: nobody, or a credential that is not to be believed."""
        given = connection.headers.getlist("authorization")
        if given:
            found = await self._by_header(given[0]) if len(given) == 1 else None
        else:
            found = await self._by_cookie(connection)
        return found if found is not None and found.role in all_roles() else None

    async def still(self, principal: Principal) -> bool:
        """Whether they still are who they were, with the same rights. Asked again and again of whoever stays long."""
        if principal.expires_at is not None and principal.expires_at <= self.desk.clock():
            return False
        if principal.proof.startswith(sessions.PREFIX):
            now = await sessions.principal_by_hash(self.desk, principal.proof.removeprefix(sessions.PREFIX))
        elif principal.proof.startswith(api_keys.PREFIX):
            now = await api_keys.principal_by_id(self.desk, principal.proof.removeprefix(api_keys.PREFIX))
        else:
            return self.tokens is not None and principal.role in all_roles() and self.tokens.still(principal)
        return now is not None and replace(now, expires_at=None) == replace(principal, expires_at=None)

    async def _by_header(self, header: str) -> Principal | None:
        scheme, _, credential = header.partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not 0 < len(credential) <= _LONGEST_CREDENTIAL or not credential.isascii():
            return None
        if credential.startswith("dhk_"):
            return await api_keys.principal_by_key(self.desk, credential)
        return None if self.tokens is None else await self.tokens.principal(credential)

    async def _by_cookie(self, connection: HTTPConnection) -> Principal | None:
        token = session_token(connection)
        if token is None or not comes_from_our_pages(connection):
            return None
        return await sessions.principal_by_token(self.desk, token)


def session_token(connection: HTTPConnection) -> str | None:
    """What the browser holds, where it holds something."""
    name = SECURE_COOKIE if is_encrypted(connection) else COOKIE
    token = connection.cookies.get(name, "")
    return token if 0 < len(token) <= 100 else None


def is_encrypted(connection: HTTPConnection) -> bool:
    """Whether the browser's own connection is encrypted, by us or by a proxy that is believed."""
    return connection.url.scheme in ("https", "wss")


def comes_from_our_pages(connection: HTTPConnection) -> bool:
    """Whether the browser says that a page of ours sent it; plain reading by a link or the address bar counts as ours.

    ``Sec-Fetch-Site`` where the browser sends it, else ``Origin``, which comes with whatever may change something.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    if "origin" in connection.headers:
        return is_same_origin(connection)
    return connection.scope["type"] == "http" and connection.scope["method"] in ("GET", "HEAD")


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a page of ours, or no page at all, asks. A socket is not kept apart by origin in the browser: any page
    could open one with the visitor's cookies, so the server must look.
    """
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    parts, host = urlsplit(origin), connection.headers.get("host", "").lower()
    scheme, default = ("https", ":443") if is_encrypted(connection) else ("http", ":80")
    return parts.scheme == scheme and bool(parts.netloc) and parts.netloc.lower() in (host, host.removesuffix(default))
