"""What callers attached: served on addresses that expire; some are missing, too large or not what they are called.

An address lives by real time. In state 9 its query differs at every read (WIRES.md 4.9).
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
import struct
import zlib
from collections.abc import Callable
from random import Random
from urllib.parse import urlencode

from aiohttp import web

from connectors.sandbox.chance import luck
from connectors.sandbox.faults import Faults
from connectors.sandbox.hotline_orders import Order, State
from connectors.sandbox.matters import Matter

#: seconds for which an address is good at least
ADDRESS_LIFE_S = 1800
OVERSIZED_BYTES = 32 * 1024**2
#: what may be wrong with a file; FINE is what its name says
FINE, MISSING, OVERSIZED, DISGUISED = "fine", "missing", "oversized", "disguised"
_CHUNK = 256 * 1024
_TYPES = {"png": "image/png", "pdf": "application/pdf"}


def file_names(matter: Matter) -> list[str]:
    """The names of what came with an order: mostly none, else one to three."""
    drawn = luck("files", matter.native_id)
    count = 0 if not matter.native_code or drawn >= 0.15 else 1 + int(drawn * 20)
    return [f"{ordinal}.{'png' if luck('ending', matter.native_id, str(ordinal)) < 0.7 else 'pdf'}"
            for ordinal in range(1, count + 1)]  # fmt: skip


def condition(code: str, name: str) -> str:
    """What is wrong with this file for ever."""
    drawn = luck("condition", code, name)
    return MISSING if drawn < 0.06 else OVERSIZED if drawn < 0.09 else DISGUISED if drawn < 0.12 else FINE


class HotlineFiles:
    """Makes addresses and answers on them."""

    def __init__(self, secret: str, clock: Callable[[], float], faults: Faults) -> None:
        self._secret, self._clock, self._faults = secret.encode(), clock, faults
        #: known once the server listens
        self.base_url = ""

    def routes(self) -> list[web.RouteDef]:
        """The files' addresses."""
        return [web.get("/file/{code}/{name}", self.serve)]

    def addresses(self, order: Order) -> str | None:
        """Comma-joined addresses of an order's files, good from now on; None where it has none."""
        code, is_archived = order["workordercode"], order["state"] == State.ARCHIVED
        return ",".join(self._address(code, name, is_archived) for name in order["attachments"]) or None

    def _address(self, code: str, name: str, is_archived: bool) -> str:
        # the same for a while, else every read of a page would differ
        expires = (int(self._clock()) // ADDRESS_LIFE_S + 2) * ADDRESS_LIFE_S
        once = secrets.token_hex(8) if is_archived else ""
        query = {"expires": str(expires)} | ({"r": once} if once else {})
        token = self._token(code, name, str(expires), once)
        return f"{self.base_url}/file/{code}/{name}?{urlencode(query | {'token': token})}"

    def _token(self, *parts: str) -> str:
        return hmac.digest(self._secret, "|".join(parts).encode(), "sha256").hex()[:32]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The file, 403 where the address is forged or expired, 404 where the file is gone."""
        code, name, query = request.match_info["code"], request.match_info["name"], request.query
        expires, given = query.get("expires", ""), query.get("token", "")
        expected = self._token(code, name, expires, query.get("r", ""))
        if not hmac.compare_digest(expected.encode(), given.encode()):
            return web.Response(status=403, text="forbidden")
        if int(expires) < self._clock() or self._faults.strike("expire"):
            return web.Response(status=403, text="expired")
        state = condition(code, name)
        if state == MISSING:
            return web.Response(status=404, text="not found")
        if state == OVERSIZED:
            return await _oversized(request, name)
        body = b"<html><script>alert(1)</script></html>" if state == DISGUISED else content(code, name)
        return web.Response(body=body, content_type=_media_type(name))


def content(code: str, name: str) -> bytes:
    """A small picture or document, the same for the same file."""
    pixels = Random(f"{code}/{name}").randbytes(192)
    if name.endswith(".pdf"):
        return b"%PDF-1.4\n%" + pixels.hex().encode() + b"\n%%EOF\n"
    rows = b"".join(b"\0" + pixels[at : at + 24] for at in range(0, 192, 24))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


async def _oversized(request: web.Request, name: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(OVERSIZED_BYTES)})
    response.content_type = _media_type(name)
    await response.prepare(request)
    # whoever has a limit hangs up
    with contextlib.suppress(ConnectionError):
        for _ in range(OVERSIZED_BYTES // _CHUNK):
            await response.write(b"\0" * _CHUNK)
    return response


def _media_type(name: str) -> str:
    return _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
