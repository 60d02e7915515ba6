"""The HTTP wire: one open way to one partner. Whatever is not the partner's considered answer is a TransientError.

No error, log line or incident holds a query, a header or a body: tokens travel in them, and citizens' data.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from connectors.base import HttpAnswer
from hub.errors import ConfigurationError, TransientError

_CHUNK = 1 << 16
#: a partner that asks for more patience than this is asked again all the same
_LONGEST_WAIT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class WireOptions:
    """How one partner is reached."""

    base_url: str
    connect_timeout_s: float = 10
    #: for one whole request, its answer included
    request_timeout_s: float = 60
    #: of the answer, packed and unpacked
    max_answer_bytes: int = 64 << 20
    #: 0: as fast as the partner answers
    max_requests_per_s: float = 0
    proxy: str = ""
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None


class AiohttpWire:
    """Keeps ``connectors.base.HttpWire``. Redirects are answers, never followed: the token would go along."""

    def __init__(self, session: aiohttp.ClientSession, options: WireOptions) -> None:
        self._session = session
        self._options = options
        self._base = options.base_url.rstrip("/")
        self._pace = asyncio.Lock()
        self._next_at = 0.0
        #: how often each kind of incident was noted; a raised TransientError is counted by whoever catches it
        self.incidents: Counter[str] = Counter()
        #: the latest hint of each kind
        self.hints: dict[str, str] = {}

    def note(self, kind: str, hint: str = "") -> None:
        """Count an incident that the connector healed by itself."""
        self.incidents[kind] += 1
        self.hints[kind] = hint

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Send one request and read the whole answer. Raises TransientError; its kinds are in docs/integrator.md."""
        await self._keep_pace()
        url = f"{self._base}{quote(path, safe='/%:@!$&()*+,;=~-._')}"
        if query:
            url += "?" + urlencode(query, quote_via=quote)
        # what aiohttp raises may hold the URL, and the URL holds the token: no cause is kept (from None)
        try:
            async with self._session.request(
                method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False,
                proxy=self._options.proxy or None,
            ) as response:  # fmt: skip
                _refuse_failure(response.status, response.headers)
                content = await self._read(response)
                return HttpAnswer(response.status, {k.lower(): v for k, v in response.headers.items()}, content)
        except TimeoutError:
            raise TransientError(
                "the partner did not answer in time", kind="TIMEOUT", hint=f"{self._options.request_timeout_s:g} s"
            ) from None
        except aiohttp.ClientError as exc:
            raise _transient(exc) from None
        except (OSError, ValueError):
            raise TransientError(
                "the connection broke", kind="CONNECTION_LOST", hint="if daily: a firewall in between?"
            ) from None

    async def _keep_pace(self) -> None:
        if not self._options.max_requests_per_s:
            return
        async with self._pace:
            now = time.monotonic()
            start = max(now, self._next_at)
            self._next_at = start + 1 / self._options.max_requests_per_s
            await asyncio.sleep(start - now)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            content += chunk
            self._refuse_long(len(content))
        return self._unpack(bytes(content), response.headers.get("Content-Encoding", "").lower())

    def _unpack(self, content: bytes, encoding: str) -> bytes:
        # by hand: aiohttp hands on the first part of a packed answer that broke off, as if it were whole
        if encoding in ("", "identity"):
            return content
        unpacker = zlib.decompressobj(wbits=47)
        try:
            unpacked = unpacker.decompress(content, self._options.max_answer_bytes + 1)
        except zlib.error:
            raise TransientError("the answer cannot be unpacked", kind="BROKEN_ANSWER", hint=encoding) from None
        self._refuse_long(len(unpacked))
        if not unpacker.eof:
            raise TransientError("the packed answer broke off", kind="CUT_ANSWER", hint=encoding)
        return unpacked

    def _refuse_long(self, length: int) -> None:
        limit = self._options.max_answer_bytes
        if length > limit:
            raise TransientError(
                "the answer is longer than allowed", kind="ANSWER_TOO_LONG", hint=f"max_answer_bytes is {limit}"
            )


@asynccontextmanager
async def open_http_wire(options: WireOptions) -> AsyncIterator[AiohttpWire]:
    """Open the way to one partner; nothing is sent before the first request. Raises ConfigurationError."""
    if not options.base_url:
        raise ConfigurationError("the instance has no base_url", hint="Set base_url in its [instances.…] table.")
    timeout = aiohttp.ClientTimeout(
        total=options.request_timeout_s, connect=None, sock_connect=options.connect_timeout_s
    )
    connector = aiohttp.TCPConnector(limit=4, ssl=tls_of(options))
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False,
        headers={"User-Agent": "dispute-hub", "Accept-Encoding": "gzip"}, auto_decompress=False,
    ) as session:  # fmt: skip
        yield AiohttpWire(session, options)


def tls_of(options: WireOptions) -> ssl.SSLContext | bool:
    """The certificates to show and to trust; True is the system's trust. Raises ConfigurationError."""
    if not (options.ca_file or options.client_cert_file):
        return True
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
        if options.client_cert_file:
            context.load_cert_chain(options.client_cert_file, options.client_key_file)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigurationError(
            f"the certificates for {options.base_url} cannot be used",
            hint="Check ca_file, client_cert_file and client_key_file: PEM, readable by the hub's user.",
        ) from exc
    return context


def _refuse_failure(status: int, headers: Mapping[str, str]) -> None:
    """Raise for a status that says nothing about the request itself."""
    wait = _retry_after(headers.get("Retry-After", ""))
    if status == 429:
        raise TransientError("the partner asks us to slow down", kind="RATE_LIMITED", retry_after=wait, hint="HTTP 429")
    if status == 503:
        raise TransientError("the partner is closed for now", kind="MAINTENANCE", retry_after=wait, hint="HTTP 503")
    if status >= 500:
        is_page = "html" in headers.get("Content-Type", "").lower()
        kind = "HTML_ANSWER" if is_page else "HTTP_5XX"
        raise TransientError(
            f"the partner's server failed with HTTP {status}", kind=kind, retry_after=wait, hint=f"HTTP {status}"
        )


def _retry_after(value: str) -> float | None:
    """Seconds to wait, from a number of seconds or a date (RFC 9110 §10.2.3); None for anything else."""
    try:
        seconds = float(int(value)) if value.strip().isdigit() else _until(parsedate_to_datetime(value))
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)


def _until(instant: datetime) -> float:
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()


def _transient(exc: aiohttp.ClientError) -> TransientError:
    if isinstance(exc, aiohttp.ClientSSLError):
        return TransientError(
            "no trusted connection", kind="CERTIFICATE", hint="check ca_file and the partner's certificate"
        )
    if isinstance(exc, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return TransientError("the proxy does not let us through", kind="PROXY", hint="check proxy")
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return TransientError("the partner's name is not known", kind="NAME_UNKNOWN", hint="check base_url and DNS")
    if isinstance(exc, aiohttp.ClientConnectorError):
        return TransientError(
            "nobody answers at the partner's address", kind="CONNECTION_REFUSED", hint="check base_url and the route"
        )
    if isinstance(exc, aiohttp.ClientPayloadError):
        return TransientError("the answer broke off", kind="CUT_ANSWER", hint="it is asked for again")
    if isinstance(exc, aiohttp.ClientResponseError):
        return TransientError("the answer is no HTTP", kind="BROKEN_ANSWER", hint="a gateway in between?")
    return TransientError("the connection broke", kind="CONNECTION_LOST", hint="if daily: a firewall in between?")
