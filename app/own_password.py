"""``/password``: people change their own password, proved by their session and by the old one, from our own page alone.

What else they have open ends; wrong tries count as they do at the sign-in.
"""

from __future__ import annotations

import html

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.authentication import comes_from_our_pages, session_token
from app.forms import ELSEWHERE, alert, base, fields, is_program, page, password_field, to_sign_in, told_program
from app.sign_in import wait
from hub.desk import Desk
from hub.errors import UserInputError
from hub.passwords import SHORTEST, Passwords
from hub.principal import Principal
from hub.sessions import SignInLockedError, SignInRefusedError, change_password, principal_by_token

_WRONG = "当前密码不对 · The current password is wrong."
_DIFFER = "两次输入的新密码不一样 · The two new passwords differ."
_DONE = "密码已修改，其他地方的登录已结束 · The password is changed; what else was open has ended."


def password_route(desk: Desk, passwords: Passwords) -> Route:
    """The page, and the change behind it; for programs that hold a session the same as JSON."""

    async def answer(request: Request) -> Response:
        by_program, is_change = is_program(request), request.method == "POST"
        if is_change and not comes_from_our_pages(request):
            return told_program(403, ELSEWHERE)
        token = session_token(request)
        principal = None if token is None else await principal_by_token(desk, token)
        if token is None or principal is None:
            return told_program(401, "sign in first") if by_program else to_sign_in(request)
        if not is_change:
            return _page(request, principal)

        def refused(status: int, text: str) -> Response:
            return told_program(status, text) if by_program else _page(request, principal, alert(text), status)

        given = await fields(request)
        new = given.get("new", "")
        if given.get("again", new if by_program else "") != new:
            return refused(400, _DIFFER)
        try:
            await change_password(desk, passwords, token, given.get("current", ""), new)
        except SignInLockedError as locked:
            return wait(locked, refused)
        except SignInRefusedError:
            return refused(401, _WRONG)
        except UserInputError as problem:
            return refused(400, f"新密码不合要求 · {problem.message}")
        return Response(status_code=204) if by_program else _page(request, principal, f"<p>{_DONE}</p>")

    return Route("/password", answer, methods=["GET", "POST"])


def _page(request: Request, principal: Principal, told: str = "", status: int = 200) -> Response:
    where = html.escape(base(request))
    return page(
        "修改密码 · Change the password",
        f"<p>{html.escape(principal.name)}</p>{told}"
        f'<form method="post" action="{where}/password">'
        f"{password_field('current', '当前密码 · Current password', 'current-password')}"
        f"{password_field('new', f'新密码（至少 {SHORTEST} 个字符） · New password', 'new-password')}"
        f"{password_field('again', '再输一次 · Once more', 'new-password')}"
        "<button>修改 · Change</button></form>"
        f'<form method="post" action="{where}/sign-out"><button>退出登录 · Sign out</button></form>'
        f'<p class="note"><a href="{where}/graphql">返回 · Back</a></p>',
        status,
    )
