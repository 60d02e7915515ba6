"""Around everything the web server says: known names only, the same headers on every answer, errors by reference alone.

And where it stands: which address it listens on, what it is called from outside, and whose word on that it takes.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.certificates import check_own
from app.refusal import refusal
from hub.errors import ConfigurationError
from hub.settings import Settings
from schema.errors import internal

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether the name means this machine and no other."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a server stands. The default is this machine, plain, under its own names."""

    host: str = "127.0.0.1"
    port: int = 0
    #: names besides this machine's under which requests are answered
    names: frozenset[str] = frozenset()
    #: below which path everything lies, e.g. ``/hub``; '' for the root
    base_path: str = ""
    certificate: Path | None = None
    certificate_key: Path | None = None
    #: addresses and networks of proxies whose X-Forwarded-For and -Proto are believed
    proxies: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def scheme(self) -> str:
        """As somebody beside the server would call it."""
        return "https" if self.certificate is not None else "http"

    def check(self, *, anybody_may_ask: bool) -> None:
        """Raises ConfigurationError where others could reach it and something is missing, or TLS is impossible."""
        if (self.certificate is None) is not (self.certificate_key is None):
            raise ConfigurationError("[hub] tls_cert_file and tls_key_file belong together", hint="Give both or none.")
        if self.certificate is not None and self.certificate_key is not None:
            check_own(self.certificate, self.certificate_key)
        if self.is_loopback:
            return
        if not self.names:
            raise ConfigurationError(
                f"{self.host} can be reached from other machines, but nobody said under which name",
                hint="Set [hub] public_url to the address that people open, such as https://hub.example",
            )
        if not anybody_may_ask:
            raise ConfigurationError(
                f"{self.host} can be reached from other machines, and nobody can sign in",
                hint="Open an account first: `dispute-hub accounts add`; or set [hub] oidc_issuer.",
            )


def standing_of(settings: Settings, host: str | None = None, port: int | None = None) -> Standing:
    """Where the settings put the server; ``host`` and ``port`` come from the command line."""
    public = urlsplit(settings.public_url)
    names = {name.lower() for name in (public.hostname or "", *settings.allowed_hosts) if name}
    return Standing(
        host or settings.host, settings.port if port is None else port, frozenset(names),
        public.path.rstrip("/"), settings.tls_cert_file, settings.tls_key_file, tuple(settings.trusted_proxies),
    )  # fmt: skip


class Doorway:
    """The outermost layer. What comes under another name is how a page elsewhere would reach through a browser."""

    def __init__(self, app: ASGIApp, names: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket" and not self._is_known(_host_name(scope)):
                # before the handshake this is answered with 403
                await send({"type": "websocket.close"})
                return
            await self._app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = {name.lower() for name, _ in message["headers"]}
                wanted = dict(_HEADERS)
                if scope["scheme"] == "https":
                    wanted["Strict-Transport-Security"] = "max-age=31536000"
                extra = [(name.lower().encode(), value.encode()) for name, value in wanted.items()]
                message["headers"] = [*message["headers"], *(one for one in extra if one[0] not in given)]
            await send(message)

        if not self._is_known(_host_name(scope)):
            await refusal(421, "BAD_REQUEST", "unknown host")(scope, receive, with_headers)
            return
        try:
            await self._app(scope, receive, with_headers)
        except Exception as problem:
            masked = internal(problem, "http")
            if started:
                raise ConnectionAbortedError(masked["extensions"]["reference"]) from None
            await JSONResponse({"errors": [masked]}, 500)(scope, receive, with_headers)

    def _is_known(self, host: str) -> bool:
        return is_loopback(host) or host in self._names


def _host_name(scope: Scope) -> str:
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
