"""One file from an address that a partner gave: only from hosts the instance allows, whole, bounded in size and time.

The address is not ours, so nothing of it is trusted: no credentials in it, no other host, none by a redirect either.
It may hold a token and a name: it stands in no log line, error or answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from hub.vocabulary import AttachmentReason
from sync_jobs.http import WireOptions, tls_of

#: redirects that one file may take, each to an allowed host
MOST_REDIRECTS = 3
_CHUNK = 1 << 16
_LONGEST_ADDRESS = 4096
_DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: what a host says of an address that has expired, and of a file that is gone
_NOT_THERE = frozenset({401, 403, 404, 410})


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """Where one instance's files may come from, and how large and slow they may be."""

    #: ``host`` (the scheme's own port) or ``host:port``, in lower case
    hosts: frozenset[str]
    max_bytes: int = 20 << 20
    timeout_s: float = 30
    #: how the way out is made: connect time-out, proxy and certificates of the instance
    wire: WireOptions = WireOptions("")  # noqa: RUF009 — frozen


class Downloads(Protocol):
    """What ``sync_jobs.attachments`` needs: a file's bytes, or the reason why there are none."""

    async def get(self, address: str) -> bytes | AttachmentReason: ...


def host_of(base_url: str) -> frozenset[str]:
    """The host and port of an instance's own address: what is allowed where nothing else is said."""
    url = URL(base_url)
    return frozenset({f"{_spelled(url.raw_host)}:{url.port}"}) if url.raw_host and url.port else frozenset()


def checked(address: str, hosts: frozenset[str]) -> URL | AttachmentReason:
    """The address as it will be asked, or why it will not be."""
    if len(address) > _LONGEST_ADDRESS or any(c.isspace() or not c.isprintable() for c in address):
        return AttachmentReason.BAD_ADDRESS
    try:
        # what is checked is what is asked, byte by byte: it may be signed as it stands
        url = URL(address, encoded=address.isascii())
        host, port = url.raw_host, url.port
    except Exception:
        # the parser stumbles over hostile text in more ways than it says; whatever it is, it is no address
        return AttachmentReason.BAD_ADDRESS
    if url.scheme not in _DEFAULT_PORTS or not host or not port or url.user is not None or url.password is not None:
        return AttachmentReason.BAD_ADDRESS
    name = _spelled(host)
    is_allowed = f"{name}:{port}" in hosts or (port == _DEFAULT_PORTS[url.scheme] and name in hosts)
    return url if is_allowed else AttachmentReason.HOST_NOT_ALLOWED


def _spelled(host: str | None) -> str:
    name = (host or "").lower()
    return f"[{name}]" if ":" in name else name


class AiohttpDownloads:
    """Keeps ``Downloads``. Sends no cookie, no credential, no referrer."""

    def __init__(self, session: aiohttp.ClientSession, options: DownloadOptions) -> None:
        self._session = session
        self._options = options

    async def get(self, address: str) -> bytes | AttachmentReason:
        """The whole file at the address, or the reason why there is none. Raises nothing."""
        try:
            async with asyncio.timeout(self._options.timeout_s):
                return await self._follow(address)
        except TimeoutError:
            return AttachmentReason.TIMED_OUT
        except aiohttp.ClientPayloadError:
            return AttachmentReason.CUT_OFF
        except aiohttp.InvalidURL:
            return AttachmentReason.BAD_ADDRESS
        except aiohttp.ClientConnectorError:
            return AttachmentReason.UNREACHABLE
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return AttachmentReason.CUT_OFF
        except (aiohttp.ClientError, OSError, ValueError):
            return AttachmentReason.SERVER_ERROR

    async def _follow(self, address: str) -> bytes | AttachmentReason:
        url = checked(address, self._options.hosts)
        for _ in range(MOST_REDIRECTS + 1):
            if isinstance(url, AttachmentReason):
                return url
            async with self._session.get(
                url, allow_redirects=False, proxy=self._options.wire.proxy or None
            ) as response:
                if response.status not in _REDIRECTS:
                    return await self._read(response)
                target = checked(urljoin(str(url), response.headers.get("Location", "")), self._options.hosts)
                if isinstance(target, URL) and url.scheme == "https" and target.scheme == "http":
                    # what was asked in secret is not told in the open
                    return AttachmentReason.BAD_ADDRESS
                url = target
        return AttachmentReason.SERVER_ERROR

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | AttachmentReason:
        if response.status in _NOT_THERE:
            return AttachmentReason.NOT_FOUND
        if response.status != 200 or response.headers.get("Content-Encoding", "identity").lower() != "identity":
            return AttachmentReason.SERVER_ERROR
        limit = self._options.max_bytes
        if (response.content_length or 0) > limit:
            return AttachmentReason.TOO_LARGE
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > limit:
                return AttachmentReason.TOO_LARGE
        return bytes(content)


@asynccontextmanager
async def open_downloads(options: DownloadOptions) -> AsyncIterator[AiohttpDownloads]:
    """Open a way to the files of one instance; nothing is sent before the first. Raises ConfigurationError."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=options.wire.connect_timeout_s)
    connector = aiohttp.TCPConnector(limit=4, ssl=tls_of(options.wire))
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False,
        headers={"User-Agent": "dispute-hub", "Accept-Encoding": "identity"}, auto_decompress=False,
    ) as session:  # fmt: skip
        yield AiohttpDownloads(session, options)
