"""Pages with a form of our own: no script, nobody else's files; and what is sent by them, read within bounds."""

from __future__ import annotations

import asyncio
import html
from urllib.parse import parse_qs, quote

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.refusal import refusal

_LONGEST_BODY, _BODY_TIMEOUT_S = 4096, 10.0
_CODES = {400: "BAD_USER_INPUT", 401: "UNAUTHENTICATED", 403: "FORBIDDEN", 429: "RATE_LIMITED"}
STYLE = (
    "body{font-family:system-ui,sans-serif;margin:0;display:grid;place-items:center;min-height:100vh;background:#f4f5f7}"
    "main{background:#fff;padding:2rem;border-radius:.5rem;width:20rem;box-shadow:0 1px 4px #0003}"
    "h1{font-size:1.1rem}label{display:block;margin:.8rem 0 .2rem}input{width:100%;padding:.5rem;box-sizing:border-box}"
    "button{margin-top:1.2rem;width:100%;padding:.6rem}.error{color:#b00020}.note{color:#666;font-size:.85rem}"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
ELSEWHERE = "这个请求不是本页发出的 · This did not come from our own page; open it again."


def page(title: str, body: str, status: int = 200) -> Response:
    """A page with that body, which is HTML already."""
    text = (
        '<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>dispute-hub {title}</title><style>{STYLE}</style><main>"
        f"<h1>矛盾纠纷数据互通 · dispute-hub</h1>{body}</main></html>"
    )
    return HTMLResponse(text, status, headers={"Content-Security-Policy": POLICY})


def alert(text: str) -> str:
    """What went wrong, as HTML; nothing for ''."""
    return f'<p class="error" role="alert">{html.escape(text)}</p>' if text else ""


def password_field(name: str, label: str, use: str) -> str:
    """A field for a password; ``use`` tells the browser whether it is one that it may know."""
    return (
        f'<label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" type="password" autocomplete="{use}" required maxlength="200">'
    )


def is_program(request: Request) -> bool:
    """Whether it sends JSON, as no form does."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


async def fields(request: Request) -> dict[str, str]:
    """What was filled in, by name; nothing where it is too long, too slow or unreadable."""
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
        if is_program(request):
            told = orjson.loads(bytes(body))
            pairs = told.items() if isinstance(told, dict) else ()
            return {name: value for name, value in pairs if isinstance(value, str)}
        given = parse_qs(body.decode("utf-8"), max_num_fields=8, errors="strict")
    except ValueError:
        return {}
    return {name: values[0] for name, values in given.items()}


def told_program(status: int, text: str) -> Response:
    """A refusal for a program; of a text in two languages the second."""
    return refusal(status, _CODES[status], text.rpartition(" · ")[2])


def base(request: Request) -> str:
    """Below which path everything lies; '' for the root."""
    return str(request.scope.get("root_path", ""))


def to_sign_in(request: Request) -> Response:
    """Send a browser to the sign-in page, and back afterwards."""
    path = request.url.path.removeprefix(base(request))
    return RedirectResponse(f"{base(request)}/sign-in?next={quote(path, safe='/')}", 303)
