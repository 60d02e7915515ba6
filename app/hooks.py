"""``POST /hooks/<instance>``: a partner's webhook is proved, kept and answered; what it means waits for a worker.

The answer is the partner's own, and only for what is on the disk. Everything else is refused by a reason, counted, and
never repeated to anybody: the partner sends again what was not taken (docs/integrator.md).
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Mapping

import structlog
from prometheus_client import Counter as Metric
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from app.afterwards import Afterwards
from app.jobs import ask_to_apply
from app.logging import told
from app.wiring import Hub
from connectors.base import Connector, WebhookConnector
from hub.errors import AuthError, ConfigurationError
from sync_jobs.runs import count_incidents
from sync_jobs.webhooks import WebhookKeeper

#: all of them reach us, so that a wrong one is counted
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: a slower body is cut off; the hotline waits 3 s for its whole answer
BODY_TIMEOUT_S = 5.0
#: bodies held in memory at once, over all partners
MOST_AT_ONCE = 128
#: refusals are counted in memory and written together
COUNT_EVERY_S = 2.0

UNKNOWN_INSTANCE = "UNKNOWN_INSTANCE"
NOT_EXPECTED = "WEBHOOK_NOT_EXPECTED"
BAD_METHOD = "WEBHOOK_BAD_METHOD"
BAD_ENCODING = "WEBHOOK_BAD_ENCODING"
TOO_LONG = "WEBHOOK_TOO_LONG"
TOO_SLOW = "WEBHOOK_TOO_SLOW"
CUT_OFF = "WEBHOOK_CUT_OFF"
BUSY = "WEBHOOK_BUSY"
NOT_KEPT = "WEBHOOK_NOT_KEPT"
CONFIGURATION = "WEBHOOK_CONFIGURATION"

#: what each refusal is answered with; 403 where a connector has a reason of its own
STATUS = {
    UNKNOWN_INSTANCE: 404, NOT_EXPECTED: 404, BAD_METHOD: 405, BAD_ENCODING: 415, TOO_LONG: 413, TOO_SLOW: 408,
    CUT_OFF: 400, BUSY: 503, NOT_KEPT: 503, CONFIGURATION: 503,
    "WEBHOOK_BAD_HEADERS": 400, "WEBHOOK_BAD_SIGN_TYPE": 400, "WEBHOOK_UNKNOWN_APP": 403, "WEBHOOK_BAD_SIGNATURE": 403,
    "WEBHOOK_OUTSIDE_WINDOW": 403, "WEBHOOK_REPLAYED": 409, "WEBHOOK_NO_SM3": 503,
}  # fmt: skip
#: the rest of the body is not read: the connection cannot go on
_UNREAD = frozenset({UNKNOWN_INSTANCE, NOT_EXPECTED, BAD_METHOD, BAD_ENCODING, TOO_LONG, TOO_SLOW, CUT_OFF, BUSY})
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_log = structlog.get_logger("hooks")


class _RefusedError(Exception):
    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Hooks:
    """Takes webhooks for every configured instance that expects some, until closed."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._keeper = WebhookKeeper(hub.desk)
        self._at_once = 0
        self._to_apply: set[str] = set()
        self._refused: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._applying = Afterwards(self._ask_to_apply, 0.05)
        self._counting = Afterwards(self._write_counts, COUNT_EVERY_S)
        #: for ``/metrics``
        self.metric = Metric("hub_webhooks", "Webhooks by instance and by how they ended", ["instance", "outcome"],
                             registry=None)  # fmt: skip

    async def answer(self, request: Request) -> Response:
        """One webhook's answer: the partner's own once it is kept, else a refusal with its reason."""
        name = request.path_params["instance"]
        if name not in self._hub.settings.instances:
            # counted without its name, which anybody may make up
            self.metric.labels("", UNKNOWN_INSTANCE).inc()
            return _refusal(UNKNOWN_INSTANCE)
        try:
            answer = await self._take(name, request)
        except _RefusedError as refused:
            self.metric.labels(name, refused.kind).inc()
            self._refused[name][refused.kind] += 1
            self._counting.ask()
            return _refusal(refused.kind)
        self.metric.labels(name, "kept").inc()
        self._to_apply.add(name)
        self._applying.ask()
        return answer

    async def close(self) -> None:
        """Write down what is only remembered."""
        await self._applying.close()
        await self._counting.close()

    async def _take(self, name: str, request: Request) -> Response:
        connector = self._expecting(name, request)
        if self._at_once >= MOST_AT_ONCE:
            raise _RefusedError(BUSY)
        self._at_once += 1
        try:
            body = await _body(request, self._hub.settings.instances[name].webhook_max_bytes)
            received = await self._keeper.take(connector, _headers(request), body)
        except AuthError as exc:
            raise _RefusedError(_kind(exc)) from exc
        except (SQLAlchemyError, OSError) as exc:
            _log.warning("not kept", instance=name, **told(exc))
            raise _RefusedError(NOT_KEPT) from exc
        finally:
            self._at_once -= 1
        return Response(received.reply, 200, {"Content-Type": received.content_type})

    def _expecting(self, name: str, request: Request) -> Connector:
        """The instance's connector, where it expects webhooks and this may be one."""
        try:
            connector = self._hub.connector(name)
        except ConfigurationError as exc:
            _log.warning("webhooks cannot be taken", instance=name, reason=exc.message)
            raise _RefusedError(CONFIGURATION) from exc
        if not isinstance(connector, WebhookConnector) or not connector.config.webhook_secrets:
            raise _RefusedError(NOT_EXPECTED)
        if request.method != "POST":
            raise _RefusedError(BAD_METHOD)
        # what is signed are the bytes as they come: nothing is unpacked
        if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise _RefusedError(BAD_ENCODING)
        return connector

    async def _ask_to_apply(self) -> None:
        # without it the next pull takes in what waits
        while self._to_apply:
            name = self._to_apply.pop()
            try:
                await ask_to_apply(self._hub, name)
            except BaseException:
                self._to_apply.add(name)
                raise

    async def _write_counts(self) -> None:
        refused, self._refused = self._refused, defaultdict(Counter)
        desk = self._hub.desk
        try:
            async with desk.store.write() as tx:
                for name, kinds in refused.items():
                    await count_incidents(tx, desk, name, kinds, desk.clock())
        except BaseException:
            for name, kinds in refused.items():
                self._refused[name] += kinds
            raise
        for name, kinds in refused.items():
            _log.warning("webhooks refused", instance=name, **kinds)


async def _body(request: Request, most: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:12]) > most:
        raise _RefusedError(TOO_LONG)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise _RefusedError(TOO_LONG)
    except TimeoutError:
        raise _RefusedError(TOO_SLOW) from None
    except ClientDisconnect:
        raise _RefusedError(CUT_OFF) from None
    return bytes(body)


def _headers(request: Request) -> Mapping[str, str]:
    """Each name once; a repeated one fits no shape, so nobody can choose which of two is believed."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _kind(error: AuthError) -> str:
    code = error.message.partition(":")[0]
    if code == "NO_SECRET":
        return NOT_EXPECTED
    return f"WEBHOOK_{code}" if _CODE.fullmatch(code) else "WEBHOOK_REFUSED"


def _refusal(kind: str) -> Response:
    headers = {"Connection": "close"} if kind in _UNREAD else {}
    if kind == BAD_METHOD:
        headers["Allow"] = "POST"
    status = STATUS.get(kind, 403)
    if status == 503:
        headers["Retry-After"] = "60"
    return JSONResponse({"success": False, "reason": kind}, status, headers)
