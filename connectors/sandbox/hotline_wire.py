"""The hotline's addresses over HTTP, byte for byte as WIRES.md §0 and §4 say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from connectors.sandbox.court_wire import answer
from connectors.sandbox.faults import Faults
from connectors.sandbox.hotline_calls import VERBS, read_call, receive_call
from connectors.sandbox.hotline_create import read_creation, receive_creation
from connectors.sandbox.hotline_desk import HotlineDesk
from connectors.sandbox.hotline_orders import Order, touched
from connectors.sandbox.hotline_refusal import PARAMETER, SIGNATURE, UNKNOWN_ORDER, HotlineRefusal, success
from connectors.sandbox.hotline_sign import Gate
from connectors.sandbox.stamps import read_stamp

LARGEST_PAGE = 200
_WHOLE = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Listing:
    """A checked query of ``/order/list``."""

    updated_from: str
    after_id: int
    size: int
    keys_only: bool


@dataclass(slots=True)
class HotlineWire:
    """Handlers of one running hotline; every change waits for ``lock``."""

    desk: HotlineDesk
    gate: Gate
    faults: Faults
    lock: asyncio.Lock

    def routes(self) -> list[web.RouteDef]:
        """The partner's addresses."""
        return [
            web.get("/order/list", self.orders),
            web.get("/order/{workordercode}", self.order),
            web.post("/order/create", self.create),
            *(web.post(f"/order/{verb}", self.call) for verb in VERBS),
        ]

    async def orders(self, request: web.Request) -> web.Response:
        """4.4: the orders after a pair of time and id."""
        try:
            await self._authorised(request)
            listing = _listing(request)
        except HotlineRefusal as refusal:
            return answer(refusal.body())
        found = self._found(listing)
        if found and self._changes_itself(found[: listing.size]):
            found = self._found(listing)
        page = {"size": listing.size, "hasMore": len(found) > listing.size}
        shown = self._spoilt([self._shown(order, listing.keys_only) for order in found[: listing.size]])
        is_badly_encoded = bool(shown) and self.faults.strike("encoding", "pull") is not None
        return answer(success(shown, page), is_badly_encoded)

    async def order(self, request: web.Request) -> web.Response:
        """4.4: one order by its workordercode."""
        try:
            await self._authorised(request)
            order = self.desk.store.get(request.match_info["workordercode"])
            if order is None:
                raise HotlineRefusal(UNKNOWN_ORDER)
        except HotlineRefusal as refusal:
            return answer(refusal.body())
        return answer(success(self.desk.item(order)))

    async def call(self, request: web.Request) -> web.Response:
        """4.6: sign, return, extend or conclude."""
        verb = request.path.rpartition("/")[2]
        return await self._receive(request, lambda body: receive_call(self.desk, read_call(verb, body)))

    async def create(self, request: web.Request) -> web.Response:
        """4.12: an order of the centre's own making."""
        return await self._receive(request, lambda body: receive_creation(self.desk, read_creation(body)))

    async def _receive(self, request: web.Request, act: Callable[[bytes], bytes]) -> web.Response:
        body = await request.read()
        async with self.lock:
            try:
                await self._authorised(request)
                reply = act(body)
            except HotlineRefusal as refusal:
                reply = refusal.body()
            self.desk.store.note_push(self.desk.now, request.path, body, reply)
        return answer(reply)

    async def _authorised(self, request: web.Request) -> None:
        is_off = self.faults.option("skew", "clock") == "transport"
        skew = self.faults.strike("skew") if is_off else None
        if not self.gate.admits(request.headers, await request.read(), skew.number("seconds", 400) if skew else 0.0):
            raise HotlineRefusal(SIGNATURE)

    def _found(self, listing: Listing) -> list[Order]:
        return self.desk.store.after(listing.updated_from, listing.after_id, listing.size + 1)

    def _changes_itself(self, orders: list[Order]) -> bool:
        """One of these orders gets a code that no table knows, or is taken away: the hotline has it so from now on."""
        unknown, vanish = self.faults.strike("unknown", "pull"), self.faults.strike("vanish", "pull")
        if unknown is None and vanish is None:
            return False
        order = self.faults.rng.choice(orders)
        self.desk.touch()
        if vanish is not None:
            self.desk.store.delete(order["workordercode"])
        elif unknown is not None:
            order[unknown.text("field", "problemId")] = unknown.options.get("value", "XX99")
            self.desk.store.replace(touched(order, self.desk.now))
        return True

    def _shown(self, order: Order, keys_only: bool) -> Order:
        if keys_only:
            return {name: order[name] for name in ("workordercode", "id", "updatedAt")}
        return self.desk.item(order)

    def _spoilt(self, rows: list[Order]) -> list[Order]:
        """The page as the faults that are on leave it; an empty page is no occasion."""
        faults, rng = self.faults, self.faults.rng
        if rows and faults.strike("gap", "pull"):
            del rows[rng.randrange(len(rows))]
        if rows and faults.strike("duplicate", "pull"):
            rows.insert(rng.randrange(len(rows) + 1), rng.choice(rows))
        if len(rows) > 1 and faults.strike("reorder", "pull"):
            rng.shuffle(rows)
        if rows and faults.strike("partial", "pull"):
            rows = rows[: len(rows) // 2]
        return rows


def _listing(request: web.Request) -> Listing:
    query = request.query
    updated_from, fields = query.get("updatedFrom", ""), query.get("fields", "")
    after_id, size = query.get("afterId") or "0", query.get("size") or str(LARGEST_PAGE)
    try:
        read_stamp(updated_from)
    except ValueError as exc:
        raise HotlineRefusal(PARAMETER, "updatedFrom") from exc
    if not _WHOLE.fullmatch(after_id):
        raise HotlineRefusal(PARAMETER, "afterId")
    if not _WHOLE.fullmatch(size) or not 0 < int(size) <= LARGEST_PAGE:
        raise HotlineRefusal(PARAMETER, "size")
    if fields not in ("", "key"):
        raise HotlineRefusal(PARAMETER, "fields")
    return Listing(updated_from, int(after_id), int(size), fields == "key")
