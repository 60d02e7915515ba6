"""A reverse proxy as docs/operator.md shows one: nginx where it is installed, and one of our own that reads the sample.

Both end the browser's TLS. Ours passes bytes as they come, one request a connection: clients must close behind each.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from .live_kit import until

ROOT = Path(__file__).parent.parent
_UPSTREAM = "http://127.0.0.1:8000"


def sample() -> str:
    """The location that the documents show."""
    (found,) = re.findall(r"```nginx\n(location .*?)```", (ROOT / "docs/operator.md").read_text(), re.DOTALL)
    return str(found)


@asynccontextmanager
async def nginx(folder: Path, port: int, cert: Path, key: Path, upstream: int) -> AsyncIterator[None]:
    """nginx itself, listening on ``port``."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed: its sample is tried by a proxy of our own alone")
    paths = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    location = sample().replace(_UPSTREAM, f"http://127.0.0.1:{upstream}")
    text = f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{ access_log off; {paths}
server {{ listen 127.0.0.1:{port} ssl; server_name centre.example; ssl_certificate {cert}; ssl_certificate_key {key};
{location} }} }}
"""
    (folder / "nginx.conf").write_text(text)
    process = await asyncio.create_subprocess_exec(
        program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "nginx.log")
    )
    try:
        await until((folder / "nginx.pid").exists)
        yield
    finally:
        process.terminate()
        await process.wait()


@dataclass(frozen=True)
class _Ours:
    """What the sample makes of a request: headers by name, '' for those that are left out."""

    port: int
    headers: dict[str, str]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            given = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            said = {"remote_addr": writer.get_extra_info("peername")[0], "scheme": "https"}
            said |= {"host": given["host"].partition(":")[0]}
            for name, value in self.headers.items():
                variable = value.removeprefix("$")
                given[name] = said.get(variable, given.get(variable.removeprefix("http_").replace("_", "-"), ""))
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.port)
            lines = [f"{name}: {value}" for name, value in given.items() if value]
            up_writer.write("\r\n".join([first, *lines, "", ""]).encode("latin-1"))
            try:
                sides = [_pass_on(reader, up_writer), _pass_on(up_reader, writer)]
                tasks = [asyncio.ensure_future(side) for side in sides]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
            finally:
                up_writer.close()
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def ours(folder: Path, port: int, cert: Path, key: Path, upstream: int) -> AsyncIterator[None]:
    """A proxy that sets the headers of the sample, listening on ``port``."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    headers = {name.lower(): value for name, value in re.findall(r"proxy_set_header (\S+) (\S+);", sample())}
    proxy = _Ours(upstream, headers)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", port, ssl=tls)
    try:
        yield
    finally:
        server.close()
