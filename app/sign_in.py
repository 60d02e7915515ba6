"""Signing in and out: a page of our own that needs no script and nobody else's files; for programs the same as JSON."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Sequence
from urllib.parse import parse_qs, quote

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.authentication import COOKIE, SECURE_COOKIE, comes_from_our_pages, is_encrypted, session_token
from hub.desk import Desk
from hub.passwords import Passwords
from hub.sessions import LASTS, Session, SignInLockedError, SignInRefusedError, sign_in, sign_out

_LONGEST_BODY, _BODY_TIMEOUT_S = 4096, 10.0
STYLE = (
    "body{font-family:system-ui,sans-serif;margin:0;display:grid;place-items:center;min-height:100vh;background:#f4f5f7}"
    "main{background:#fff;padding:2rem;border-radius:.5rem;width:20rem;box-shadow:0 1px 4px #0003}"
    "h1{font-size:1.1rem}label{display:block;margin:.8rem 0 .2rem}input{width:100%;padding:.5rem;box-sizing:border-box}"
    "button{margin-top:1.2rem;width:100%;padding:.6rem}.error{color:#b00020}.note{color:#666;font-size:.85rem}"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_WRONG = "用户名或密码不对 · The name or the password is wrong."
_ELSEWHERE = "这个请求不是本页发出的 · This did not come from our own page; open it again."


def sign_in_routes(desk: Desk) -> Sequence[BaseRoute]:
    """``/sign-in`` and ``/sign-out``."""
    passwords = Passwords()

    async def enter(request: Request) -> Response:
        if request.method in ("GET", "HEAD"):
            return _page(request, _next(request.query_params.get("next", "")))
        return await _enter(desk, passwords, request)

    async def leave(request: Request) -> Response:
        token = session_token(request)
        if not comes_from_our_pages(request):
            return JSONResponse({"error": "this did not come from our own page"}, 403)
        if token is not None:
            await sign_out(desk, token)
        response = RedirectResponse(f"{_base(request)}/sign-in", 303)
        _set_cookie(request, response, "", 0)
        return response

    return (
        Route("/sign-in", enter, methods=["GET", "POST"]),
        Route("/sign-out", leave, methods=["POST"]),
    )


def set_session(request: Request, response: Response, session: Session) -> None:
    """Give the browser its session."""
    _set_cookie(request, response, session.token, int(LASTS.total_seconds()))


def _set_cookie(request: Request, response: Response, value: str, seconds: int) -> None:
    is_safe = is_encrypted(request)
    name = SECURE_COOKIE if is_safe else COOKIE
    response.set_cookie(name, value, max_age=seconds, path="/", secure=is_safe, httponly=True, samesite="strict")


async def _enter(desk: Desk, passwords: Passwords, request: Request) -> Response:
    is_program = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
    given = await _given(request, is_program=is_program)
    target = _next(given.get("next", ""))
    if not comes_from_our_pages(request) and not (is_program and "origin" not in request.headers):
        return _refused(request, 403, _ELSEWHERE, target, is_program=is_program)
    try:
        session = await sign_in(desk, passwords, given.get("login", ""), given.get("password", ""))
    except SignInLockedError as locked:
        text = f"尝试次数过多，请 {locked.retry_after_s} 秒后再试 · Too many tries; again in {locked.retry_after_s} s."
        response = _refused(request, 429, text, target, is_program=is_program)
        response.headers["Retry-After"] = str(locked.retry_after_s)
        return response
    except SignInRefusedError:
        return _refused(request, 401, _WRONG, target, is_program=is_program)
    response = Response(status_code=204) if is_program else RedirectResponse(_base(request) + target, 303)
    set_session(request, response, session)
    return response


async def _given(request: Request, *, is_program: bool) -> dict[str, str]:
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LONGEST_BODY:
                    return {}
    except TimeoutError:
        return {}
    try:
        if is_program:
            told = orjson.loads(bytes(body))
            return (
                {key: value for key, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}
            )
        fields = parse_qs(body.decode("utf-8"), max_num_fields=8, errors="strict")
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _refused(request: Request, status: int, text: str, target: str, *, is_program: bool) -> Response:
    if is_program:
        return JSONResponse({"error": text.rpartition(" · ")[2]}, status)
    return _page(request, target, text, status)


def _page(request: Request, target: str, error: str = "", status: int = 200) -> Response:
    shown = f'<p class="error" role="alert">{html.escape(error)}</p>' if error else ""
    page = (
        '<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>dispute-hub 登录 · Sign in</title><style>{STYLE}</style><main>"
        f"<h1>矛盾纠纷数据互通 · dispute-hub</h1>{shown}"
        f'<form method="post" action="{html.escape(_base(request))}/sign-in">'
        f'<input type="hidden" name="next" value="{html.escape(target)}">'
        '<label for="login">用户名 · Name</label>'
        '<input id="login" name="login" autocomplete="username" autofocus required maxlength="64">'
        '<label for="password">密码 · Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="200">'
        "<button>登录 · Sign in</button></form>"
        '<p class="note">没有账号请找管理员 · No account? Ask whoever runs this hub.</p></main></html>'
    )
    return HTMLResponse(page, status, headers={"Content-Security-Policy": POLICY})


def _next(target: str) -> str:
    """A path of ours to go on to: never another host's."""
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isascii() and len(target) < 500
    return target if is_ours and not any(ord(letter) < 32 for letter in target) else "/graphql"


def _base(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def to_sign_in(request: Request) -> Response:
    """Send a browser to the page, and back afterwards."""
    path = request.url.path.removeprefix(_base(request))
    return RedirectResponse(f"{_base(request)}/sign-in?next={quote(path, safe='/')}", 303)
