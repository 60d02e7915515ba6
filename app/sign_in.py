"""Signing in and out: a page of our own that needs no script and nobody else's files; for programs the same as JSON."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.authentication import COOKIE, SECURE_COOKIE, comes_from_our_pages, is_encrypted, session_token
from app.forms import ELSEWHERE, alert, base, fields, is_program, page, password_field, told_program
from hub.desk import Desk
from hub.passwords import Passwords
from hub.sessions import LASTS, Session, SignInLockedError, SignInRefusedError, sign_in, sign_out

_WRONG = "用户名或密码不对 · The name or the password is wrong."


def sign_in_routes(desk: Desk, passwords: Passwords) -> Sequence[BaseRoute]:
    """``/sign-in`` and ``/sign-out``."""

    async def enter(request: Request) -> Response:
        if request.method in ("GET", "HEAD"):
            return _page(request, _next(request.query_params.get("next", "")))
        return await _enter(desk, passwords, request)

    async def leave(request: Request) -> Response:
        token = session_token(request)
        if not comes_from_our_pages(request):
            return told_program(403, ELSEWHERE)
        if token is not None:
            await sign_out(desk, token)
        response = RedirectResponse(f"{base(request)}/sign-in", 303)
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
    by_program, given = is_program(request), await fields(request)
    target = _next(given.get("next", ""))

    def refused(status: int, text: str) -> Response:
        return told_program(status, text) if by_program else _page(request, target, text, status)

    if not comes_from_our_pages(request) and not (by_program and "origin" not in request.headers):
        return refused(403, ELSEWHERE)
    try:
        session = await sign_in(desk, passwords, given.get("login", ""), given.get("password", ""))
    except SignInLockedError as locked:
        return wait(locked, refused)
    except SignInRefusedError:
        return refused(401, _WRONG)
    response = Response(status_code=204) if by_program else RedirectResponse(base(request) + target, 303)
    set_session(request, response, session)
    return response


def wait(locked: SignInLockedError, refused: Callable[[int, str], Response]) -> Response:
    """Too many tries: when to come again."""
    seconds = locked.retry_after_s
    response = refused(429, f"尝试次数过多，请 {seconds} 秒后再试 · Too many tries; again in {seconds} s.")
    response.headers["Retry-After"] = str(seconds)
    return response


def _page(request: Request, target: str, error: str = "", status: int = 200) -> Response:
    where = html.escape(base(request))
    return page(
        "登录 · Sign in",
        f'{alert(error)}<form method="post" action="{where}/sign-in">'
        f'<input type="hidden" name="next" value="{html.escape(target)}">'
        '<label for="login">用户名 · Name</label>'
        '<input id="login" name="login" autocomplete="username" autofocus required maxlength="64">'
        f"{password_field('password', '密码 · Password', 'current-password')}"
        "<button>登录 · Sign in</button></form>"
        f'<p class="note"><a href="{where}/password">修改密码 · Change your password</a></p>'
        '<p class="note">没有账号请找管理员 · No account? Ask whoever runs this hub.</p>',
        status,
    )


def _next(target: str) -> str:
    """A path of ours to go on to: never another host's."""
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isascii() and len(target) < 500
    return target if is_ours and not any(ord(letter) < 32 for letter in target) else "/graphql"
