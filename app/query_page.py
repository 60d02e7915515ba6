"""The query page: GraphiQL where its files were built, else a plain page of our own. Neither asks anyone else anything.

The policy sent with the page lets its own files and this server through and nothing else; inline scripts and styles
run only under their hash.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from pathlib import Path

import orjson

from schema.examples import EXAMPLES

STATIC = Path(__file__).parent / "static"
GRAPHIQL = STATIC / "graphiql"
#: what scripts/build-graphiql makes
GRAPHIQL_FILES = ("react.production.min.js", "react-dom.production.min.js", "graphiql.min.js", "graphiql.min.css")

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class QueryPage:
    """A page and the policy it must be sent with."""

    html: str
    content_security_policy: str


def query_page(graphiql: Path = GRAPHIQL, base_path: str = "", *, may_introspect: bool = True) -> QueryPage:
    """GraphiQL when all its files lie in ``graphiql``, else our own page.

    Ours too for whoever may not ask for the schema: GraphiQL begins with that question.
    """
    is_built = may_introspect and has_graphiql(graphiql)
    template = (STATIC / ("graphiql.html" if is_built else "query.html")).read_text(encoding="utf-8")
    template = template.replace('"/graphql"', f'"{base_path}/graphql"').replace('"/static/', f'"{base_path}/static/')
    page = template.replace("__EXAMPLES__", _examples()).replace("__OPTIONS__", _options())
    styles = "'unsafe-inline'" if is_built else _hashes(_STYLE, page)  # GraphiQL's editor styles its own lines
    policy = (
        "default-src 'self'",
        f"script-src 'self' {_hashes(_SCRIPT, page)}",
        f"style-src 'self' {styles}",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return QueryPage(page, "; ".join(policy))


def has_graphiql(folder: Path = GRAPHIQL) -> bool:
    """Whether GraphiQL was built."""
    return all((folder / name).is_file() for name in GRAPHIQL_FILES)


def _examples() -> str:
    # `<` would end the script element that holds the data
    data = [{"title": example.title, "query": example.query} for example in EXAMPLES]
    return orjson.dumps(data).decode().replace("<", "\\u003c")


def _options() -> str:
    return "".join(f'<option value="{place}">{html.escape(e.title)}</option>' for place, e in enumerate(EXAMPLES))


def _hashes(element: re.Pattern[str], page: str) -> str:
    digests = (hashlib.sha256(body.encode()).digest() for body in element.findall(page))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
