"""The wire tells a partner's considered answer from every kind of accident, and repeats no secret."""

from __future__ import annotations

import asyncio
import gzip
import logging
import time
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import pytest_asyncio

from hub.errors import ConfigurationError, TransientError
from sync_jobs.http import WireOptions, open_http_wire

SECRET = "t0ken-of-the-partner"


def _answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class HostilePartner:
    """A server that answers each path with prepared bytes, then closes the connection."""

    def __init__(self) -> None:
        self.base_url = ""
        self.requests: list[bytes] = []
        self._serving: set[asyncio.Task[None]] = set()
        tomorrow = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        self.answers: dict[str, bytes] = {
            "/ok": _answer("200 OK", b'{"code":200}', "X-Mixed-Case: Yes"),
            "/created": _answer("404 Not Found", b"none", "Content-Type: text/html"),
            "/html502": _answer("502 Bad Gateway", b"<html>", "Content-Type: text/html; charset=utf-8"),
            "/plain500": _answer("500 Internal Server Error", b"{}", "Content-Type: application/json"),
            "/closed": _answer("503 Service Unavailable", b"<html>", "Content-Type: text/html", "Retry-After: 600"),
            "/slow-down": _answer("429 Too Many Requests", b"", "Retry-After: 17"),
            "/slow-down-until": _answer("429 Too Many Requests", b"", f"Retry-After: {tomorrow}"),
            "/slow-down-somehow": _answer("429 Too Many Requests", b"", "Retry-After: soon"),
            "/half": _answer("200 OK", b'{"code":20', length=500),
            "/half-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort",
            "/half-gzip": _answer("200 OK", gzip.compress(b"x" * 9000)[:20], "Content-Encoding: gzip"),
            "/packed": _answer("200 OK", gzip.compress(b"x" * 9000), "Content-Encoding: gzip"),
            "/odd-packing": _answer("200 OK", b"no gzip at all", "Content-Encoding: br"),
            "/bomb": _answer("200 OK", gzip.compress(b"\0" * (8 << 20)), "Content-Encoding: gzip"),
            "/no-http": b"SSH-2.0-OpenSSH_9.2\r\n",
            "/hang-up": b"",
            "/elsewhere": _answer("302 Found", b"", "Location: http://127.0.0.1:9/stolen"),
        }

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()
            self._serving.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(1)
        if head == b"\x16":
            # a TLS greeting: this server speaks plain HTTP only
            return
        head += await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        path = head.split()[1].decode().split("?")[0]
        if path == "/silent":
            await reader.read()
        elif path == "/drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            for _ in range(40):
                writer.write(b"x")
                await asyncio.sleep(0.05)
        else:
            writer.write(self.answers[path])


@pytest_asyncio.fixture
async def partner() -> AsyncIterator[HostilePartner]:
    partner = HostilePartner()
    await partner.start()
    yield partner
    await partner.close()


def _options(partner: HostilePartner) -> WireOptions:
    return WireOptions(partner.base_url + "/", request_timeout_s=0.5, max_answer_bytes=1 << 20)


@pytest.mark.parametrize(
    ("path", "kind", "retry_after"),
    [
        ("/html502", "HTML_ANSWER", None),
        ("/plain500", "HTTP_5XX", None),
        ("/closed", "MAINTENANCE", 600),
        ("/slow-down", "RATE_LIMITED", 17),
        ("/slow-down-until", "RATE_LIMITED", 90),
        ("/slow-down-somehow", "RATE_LIMITED", None),
        ("/half", "CUT_ANSWER", None),
        ("/half-chunk", "CUT_ANSWER", None),
        ("/half-gzip", "CUT_ANSWER", None),
        ("/odd-packing", "BROKEN_ANSWER", None),
        ("/bomb", "ANSWER_TOO_LONG", None),
        ("/no-http", "BROKEN_ANSWER", None),
        ("/hang-up", "CONNECTION_LOST", None),
        ("/silent", "TIMEOUT", None),
        ("/drip", "TIMEOUT", None),
    ],
)
async def test_accidents_have_their_kind(
    partner: HostilePartner, path: str, kind: str, retry_after: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_http_wire(_options(partner)) as wire:
        with pytest.raises(TransientError) as caught:
            await wire.request("GET", path, query={"token": SECRET}, headers={"X-Sign": SECRET})
    assert caught.value.kind == kind
    if retry_after is None:
        assert caught.value.retry_after is None
    else:
        assert caught.value.retry_after == pytest.approx(retry_after, abs=2)
    # nor does a traceback, with whatever the library said, repeat the token
    told = "".join(traceback.format_exception(caught.value)) + caught.value.hint + caplog.text
    assert SECRET not in told
    assert caught.value.__cause__ is None


async def test_answers_come_whole_with_status_and_lower_case_headers(partner: HostilePartner) -> None:
    async with open_http_wire(_options(partner)) as wire:
        answer = await wire.request("GET", "/ok")
        assert (answer.status, answer.body, answer.headers["x-mixed-case"]) == (200, b'{"code":200}', "Yes")
        assert (await wire.request("GET", "/created")).status == 404
        assert (await wire.request("GET", "/packed")).body == b"x" * 9000


async def test_no_redirect_is_followed(partner: HostilePartner) -> None:
    async with open_http_wire(_options(partner)) as wire:
        assert (await wire.request("GET", "/elsewhere", query={"token": SECRET})).status == 302
    assert len(partner.requests) == 1


async def test_queries_are_encoded(partner: HostilePartner) -> None:
    async with open_http_wire(_options(partner)) as wire:
        await wire.request("GET", "/ok", query={"gxsjq": "2024-03-01 02:00:00", "ah": "（2024）甘0725民初1号&a=b+c"})
    line = partner.requests[0].split(b"\r\n")[0].decode()
    assert "gxsjq=2024-03-01%2002%3A00%3A00" in line
    assert "%26a%3Db%2Bc HTTP/1.1" in line


async def test_nobody_at_the_address(free_port: int) -> None:
    async with open_http_wire(WireOptions(f"http://127.0.0.1:{free_port}")) as wire:
        with pytest.raises(TransientError) as caught:
            await wire.request("GET", "/ok")
    assert caught.value.kind == "CONNECTION_REFUSED"


async def test_an_unknown_name() -> None:
    async with open_http_wire(WireOptions("http://partner.invalid")) as wire:
        with pytest.raises(TransientError) as caught:
            await wire.request("GET", "/ok")
    assert caught.value.kind == "NAME_UNKNOWN"


async def test_a_plain_server_is_not_trusted_as_https(partner: HostilePartner) -> None:
    async with open_http_wire(WireOptions(partner.base_url.replace("http", "https"), request_timeout_s=2)) as wire:
        with pytest.raises(TransientError) as caught:
            await wire.request("GET", "/ok")
    assert caught.value.kind in ("CERTIFICATE", "CONNECTION_REFUSED", "CONNECTION_LOST")


async def test_the_pace_is_kept(partner: HostilePartner) -> None:
    async with open_http_wire(WireOptions(partner.base_url, max_requests_per_s=20)) as wire:
        start = time.monotonic()
        await asyncio.gather(*(wire.request("GET", "/ok") for _ in range(5)))
    assert time.monotonic() - start >= 0.19


async def test_incidents_are_counted(partner: HostilePartner) -> None:
    async with open_http_wire(_options(partner)) as wire:
        wire.note("TOKEN_EXPIRED")
        wire.note("TOKEN_EXPIRED", "asked for a new one")
    assert dict(wire.incidents) == {"TOKEN_EXPIRED": 2}
    assert wire.hints == {"TOKEN_EXPIRED": "asked for a new one"}


async def test_certificates_that_cannot_be_used_are_a_setting(tmp_path: Path) -> None:
    options = WireOptions("https://court.example", ca_file=tmp_path / "none.pem")
    with pytest.raises(ConfigurationError, match="certificates"):
        async with open_http_wire(options):
            pass


async def test_an_instance_without_address_is_a_setting() -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        async with open_http_wire(WireOptions("")):
            pass
