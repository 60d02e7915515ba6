"""The hotline's webhooks: signed POSTs to one address, sent again after five waits, then given up (WIRES.md 4.3).

Events wait in the store, so a restart loses none. Each attempt has its own nonce and the same body bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import aiohttp
import orjson

from connectors.sandbox.faults import Faults
from connectors.sandbox.hotline_sign import Application
from connectors.sandbox.hotline_store import DELIVERED, DROPPED, GIVEN_UP, WAITING, Hook, HotlineStore

RESEND_MINUTES = (1, 5, 30, 120, 720)
ANSWER_LIMIT_S = 3.0
#: as one busy platform would
_AT_ONCE = 8
_DELIVERED = "delivered"
#: what can go wrong with webhooks; the other modes belong to the hub's own requests
HOOK_MODES = {
    "duplicate": "an event is sent twice, with two nonces",
    "reorder": "the waiting events are sent in another order",
    "delay": "an event is sent late (seconds, default 0.5)",
    "gap": "an event is never sent",
    "skew": "X-Timestamp is wrong (seconds, default 400)",
}


@dataclass(slots=True)
class HookSettings:
    """Where webhooks go; may change while the hotline runs."""

    #: None: events happen, but nobody is told, then or later
    url: str | None = None
    #: shortens the waits between re-sends (WIRES.md 0.2)
    factor: float = 1.0
    #: '' is HMAC-SHA256
    sign_type: str = ""


class HookSender:
    """Sends what waits in the store, in the background, until closed."""

    def __init__(
        self, store: HotlineStore, application: Application, settings: HookSettings, faults: Faults,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self.settings, self.faults = settings, faults
        self._store, self._application, self._clock = store, application, clock
        self._wake = asyncio.Event()
        self._underway: dict[int, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send."""
        self._running = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Look for events that are due."""
        self._wake.set()

    async def close(self) -> None:
        """Stop; what was not delivered waits in the store."""
        tasks = [task for task in (self._running, *self._underway.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        limit = aiohttp.ClientTimeout(total=ANSWER_LIMIT_S)
        async with aiohttp.ClientSession(timeout=limit, trust_env=False) as session:
            while True:
                self._wake.clear()
                self._launch(session)
                due = self._store.next_due(self._clock())
                wait = None if due is None else max(0.0, due - self._clock())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()

    def _launch(self, session: aiohttp.ClientSession) -> None:
        hooks = [hook for hook in self._store.due_hooks(self._clock()) if hook.id not in self._underway]
        if len(hooks) > 1 and self.faults.strike("reorder"):
            self.faults.rng.shuffle(hooks)
        for hook in hooks:
            task = asyncio.create_task(self._deliver(session, hook))
            self._underway[hook.id] = task
            task.add_done_callback(partial(self._landed, hook.id))

    def _landed(self, hook_id: int, _task: asyncio.Task[None]) -> None:
        del self._underway[hook_id]
        self.wake()

    async def _deliver(self, session: aiohttp.ClientSession, hook: Hook) -> None:
        if self.faults.strike("gap"):
            self._store.settle_hook(hook.id, DROPPED, hook.attempts, 0.0)
            return
        late = self.faults.strike("delay")
        if late is not None:
            await asyncio.sleep(late.number("seconds", 0.5))
        times = 2 if self.faults.strike("duplicate") else 1
        async with self._places:
            outcomes = [await self._attempt(session, hook) for _ in range(times)]
        attempts = hook.attempts + 1
        if _DELIVERED in outcomes:
            self._store.settle_hook(hook.id, DELIVERED, attempts, 0.0)
        elif attempts > len(RESEND_MINUTES):
            self._store.settle_hook(hook.id, GIVEN_UP, attempts, 0.0)
        else:
            wait = RESEND_MINUTES[attempts - 1] * 60 * self.settings.factor
            self._store.settle_hook(hook.id, WAITING, attempts, self._clock() + wait)

    async def _attempt(self, session: aiohttp.ClientSession, hook: Hook) -> str:
        at, nonce = self._clock(), secrets.token_hex(16)
        outcome = await self._post(session, hook.body, nonce)
        self._store.note_attempt(hook.id, at, nonce, outcome)
        return outcome

    async def _post(self, session: aiohttp.ClientSession, body: bytes, nonce: str) -> str:
        settings = self.settings
        if settings.url is None:
            return "no address"
        skew = self.faults.strike("skew")
        timestamp = str(int((self._clock() + (skew.number("seconds", 400) if skew else 0)) * 1000))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-App-Id": self._application.app_id,
            "X-Timestamp": timestamp,
            "X-Nonce": nonce,
            "X-Sign": self._application.sign(timestamp, nonce, body, settings.sign_type),
        }
        if settings.sign_type:
            headers["X-Sign-Type"] = settings.sign_type
        try:
            async with session.post(settings.url, data=body, headers=headers, allow_redirects=False) as response:
                return _outcome(response.status, await response.read())
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            return "timeout" if isinstance(exc, TimeoutError) else "no connection"


def _outcome(status: int, answer: bytes) -> str:
    """``delivered`` exactly for HTTP 200 and JSON with success true and code 10000."""
    if status != 200:
        return f"HTTP {status}"
    try:
        said = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return "no JSON"
    if not isinstance(said, dict) or said.get("success") is not True or said.get("code") != 10000:
        return "refused"
    return _DELIVERED
