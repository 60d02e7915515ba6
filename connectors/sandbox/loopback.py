"""Where a simulated partner answers: on this machine alone."""

from __future__ import annotations

from aiohttp import web

from hub.errors import ConfigurationError

_HOST = "127.0.0.1"


async def listen(runner: web.AppRunner, port: int) -> str:
    """Serve on this port, 0 = any free one; returns the address. Raises ConfigurationError."""
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, port).start()
    except OSError as exc:
        raise ConfigurationError(f"port {port} is not free", hint="Choose another, or 0 for any.") from exc
    return f"http://{_HOST}:{runner.addresses[0][1]}"
