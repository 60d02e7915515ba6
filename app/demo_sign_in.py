"""The demonstration's way in: one page with a button for each role, one click to be signed in. Only on this machine.

``serve`` never has these routes: they are handed to the web server by the demonstration alone.
"""

from __future__ import annotations

import html
import ipaddress
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.authentication import comes_from_our_pages
from app.forms import POLICY, STYLE
from app.sign_in import set_session
from hub.access import all_roles
from hub.accounts import Grant, add_account
from hub.desk import Desk
from hub.passwords import Passwords
from hub.sessions import open_session
from hub.store.tables import accounts

#: who stands for each role in the simulated county
_PEOPLE: Mapping[str, tuple[str, Grant]] = {
    "centre_operator": ("演示·中心工作人员", Grant("centre_operator", agency="620725190000")),
    "leader": ("演示·中心领导", Grant("leader")),
    "township_operator": ("演示·清泉镇", Grant("township_operator", ("620725101",))),
    "agency_liaison": ("演示·信访联络员", Grant("agency_liaison", instances=("petition",))),
    "partner_system": ("演示·法院系统", Grant("partner_system", instances=("court",))),
    "auditor": ("演示·审计", Grant("auditor")),
    "administrator": ("演示·系统管理员", Grant("administrator")),
}
_LONGEST_BODY = 256


async def open_demo_accounts(desk: Desk) -> Mapping[str, str]:
    """An account for each role, made once; nobody knows their passwords. Role → account id."""
    passwords = Passwords()
    for role, (name, grant) in _PEOPLE.items():
        login = f"demo-{role.replace('_', '-')}"
        async with desk.store.read() as connection:
            found = (await connection.execute(select(accounts.c.id).where(accounts.c.login == login))).scalar()
        if found is None:
            await add_account(desk, passwords, login, name, secrets.token_urlsafe(24), grant)
    async with desk.store.read() as connection:
        rows = await connection.execute(select(accounts.c.role, accounts.c.id).where(accounts.c.login.like("demo-%")))
        return {row.role: row.id for row in rows}


def demo_routes(desk: Desk, people: Mapping[str, str]) -> Sequence[BaseRoute]:
    """The page at ``/`` and the one step behind its buttons."""

    async def choose(_: Request) -> Response:
        return HTMLResponse(_page(people), headers={"Content-Security-Policy": POLICY})

    async def enter(request: Request) -> Response:
        role = parse_qs((await _short_body(request)).decode("latin-1")).get("role", [""])[0]
        if not comes_from_our_pages(request) or not _is_here(request):
            return PlainTextResponse("this step is for this machine's own browser\n", 403)
        if role not in people:
            return PlainTextResponse(f"there is no role {html.escape(role[:40])}\n", 404)
        response = RedirectResponse("/graphql", 303)
        set_session(request, response, await open_session(desk, people[role]))
        return response

    return Route("/", choose, methods=["GET"]), Route("/demo/sign-in", enter, methods=["POST"])


async def _short_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            return b""
    return bytes(body)


def _is_here(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _page(people: Mapping[str, str]) -> str:
    roles = all_roles()
    buttons = "".join(
        f'<button name="role" value="{role}">{html.escape(roles[role].zh)} · {html.escape(roles[role].en)}</button>'
        f'<p class="note">{html.escape(roles[role].about)}</p>'
        for role in _PEOPLE
        if role in people
    )
    return (
        '<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>dispute-hub 演示 · demonstration</title><style>{STYLE}main{{width:34rem}}</style><main>"
        "<h1>矛盾纠纷数据互通 · 演示</h1>"
        "<p>选一个角色登录，看到的就是这个角色能看到的。 · Sign in as a role, and see what it sees.</p>"
        f'<form method="post" action="/demo/sign-in">{buttons}</form></main></html>'
    )
