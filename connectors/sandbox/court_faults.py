"""What goes wrong around a whole answer of the court: which addresses are pulled, pushed to, asked for a token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from aiohttp import web
from aiohttp.typedefs import Middleware

from connectors.sandbox.faults import Faults
from connectors.sandbox.http_faults import CONTROL_PATH as CONTROL_PATH
from connectors.sandbox.http_faults import faulty_http
from connectors.sandbox.http_faults import html_page as html_page


def faulty(faults: Faults, clock: Callable[[], datetime]) -> Middleware:
    """A middleware that strikes every address but the control address."""
    return faulty_http(faults, clock, _place)


def _place(request: web.Request) -> str:
    return "token" if request.path == "/auth/token" else "pull" if request.method == "GET" else "push"
