"""The web server's face: GraphQL, the query page, partners' webhooks, and three answers for whoever watches it.

Bound to this machine until access rules exist: other hosts are refused, and so is a request under another name, which
is how a page elsewhere would reach through a browser to here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from app.authentication import Authenticate, whoever_is_here
from app.connector_metrics import ConnectorGauges
from app.export_http import ROWS, export_route
from app.files_http import file_route
from app.graphql_http import GraphQLOverHttp, MalformedError, malformed, read_request
from app.graphql_live import Limits, Live, LiveMetrics, Still, still_here
from app.graphql_live_events import answer_events, wants_events
from app.graphql_live_socket import serve_socket
from app.graphql_live_wire import Server, Wire
from app.hooks import METHODS, Hooks
from app.query_page import GRAPHIQL, has_graphiql, query_page
from hub.desk import Desk
from hub.errors import ConfigurationError
from hub.feed import Feed
from hub.principal import Principal
from hub.store import migrate
from hub.store.engine import Store
from hub.vocabulary import CountyTables
from schema.budget import Budget
from schema.build import new_context
from schema.context import Context
from schema.errors import report
from schema.seen_by import runner_for
from schema.trusted import NO_DOCUMENTS, Documents

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def create_app(
    desk: Desk,
    tables: Callable[[], CountyTables],
    hooks: Hooks | None = None,
    authenticate: Authenticate = whoever_is_here,
    still: Still = still_here,
    limits: Limits | None = None,
    documents: Documents = NO_DOCUMENTS,
    keeps_budgets: bool = True,
    export_rows: int = ROWS,
) -> Starlette:
    """The application over an open store. ``tables`` gives the county's codes as they are now.

    Without ``hooks`` no webhooks are taken. ``app.state.live`` is to be closed before the server goes down.
    """
    registry = CollectorRegistry()

    budget = Budget() if keeps_budgets else None

    def context(principal: Principal, resume_after: int | None = None) -> Context:
        return new_context(desk, tables(), principal, feed, resume_after, budget, documents)

    feed = Feed(desk.store, lambda problem: report(problem, "feed"))
    live = Live(desk, feed, runner_for, context, authenticate, still, limits or Limits())
    live_metrics = LiveMetrics(registry)

    graphql = GraphQLOverHttp(runner_for, context, _observer(registry))
    page = query_page()
    partners = ConnectorGauges(registry)

    async def answer(request: Request) -> Response:
        if request.method in ("GET", "HEAD") and "query" not in request.query_params and _wants_page(request):
            return HTMLResponse(page.html, headers={"Content-Security-Policy": page.content_security_policy})
        principal = await authenticate(request)
        if principal is None:
            return JSONResponse(
                {"errors": [{"message": "sign in first", "extensions": {"code": "UNAUTHENTICATED"}}]}, 401
            )
        if wants_events(request):
            try:
                asked = await read_request(request)
            except MalformedError as problem:
                return malformed(problem)
            return await answer_events(live, live_metrics, request, asked, principal)
        return await graphql.answer(request, principal)

    async def socket(websocket: WebSocket) -> None:
        await serve_socket(live, live_metrics, websocket)

    async def ready(_: Request) -> Response:
        reason = await _not_ready(desk.store)
        return JSONResponse({"status": reason or "ready"}, 503 if reason else 200)

    async def metrics(_: Request) -> Response:
        try:
            await partners.refresh(desk.store)
            await live_metrics.refresh(desk.store)
        except (SQLAlchemyError, OSError) as problem:
            # what this process counts by itself is told all the same
            report(problem, "metrics")
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    routes: list[BaseRoute] = [
        Route("/", lambda _: RedirectResponse("/graphql", 307)),
        Route("/graphql", answer, methods=["GET", "POST"]),
        WebSocketRoute("/graphql", socket),
        Route("/healthz", lambda _: JSONResponse({"status": "ok"})),
        Route("/readyz", ready),
        Route("/metrics", metrics),
        file_route(desk, authenticate),
        export_route(runner_for, context, authenticate, export_rows),
    ]
    if hooks is not None:
        registry.register(hooks.metric)
        routes.append(Route("/hooks/{instance}", hooks.answer, methods=METHODS))
    if has_graphiql():
        routes.append(Mount("/static/graphiql", StaticFiles(directory=GRAPHIQL)))
    app = Starlette(routes=routes)
    app.add_middleware(_Door)
    app.state.live = live
    return app


def server(app: ASGIApp, host: str, port: int) -> uvicorn.Server:
    """A server to be awaited (``serve()``). Raises ConfigurationError for any host but this machine's own."""
    if not _is_loopback(host):
        raise ConfigurationError(
            f"the web server is bound to loopback until access rules exist, not to {host}",
            hint="Use 127.0.0.1, ::1 or localhost.",
        )
    config = uvicorn.Config(
        app, host=host, port=port, access_log=False, log_level="warning", log_config=None, server_header=False,
        date_header=True, proxy_headers=False, ws=Wire, ws_max_size=4 * Limits().message_bytes, ws_ping_interval=None,
        ws_per_message_deflate=False, lifespan="off", timeout_graceful_shutdown=5,
    )  # fmt: skip
    return Server(config)


def serve(app: ASGIApp, host: str, port: int) -> None:
    """Serve until a signal ends it. Raises ConfigurationError for any host but this machine's own."""
    server(app, host, port).run()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


async def _not_ready(store: Store) -> str | None:
    """Why the process cannot answer yet; None when it can."""
    try:
        stands = await migrate.current(store.engine.url.render_as_string(hide_password=False))
    except (SQLAlchemyError, OSError) as problem:
        report(problem, "readyz")
        return "database not reachable"
    return None if stands == migrate.head() else "database not migrated"


def _observer(registry: CollectorRegistry) -> Callable[[float, str, int], None]:
    requests = Counter("hub_graphql_requests", "GraphQL requests by how they ended", ["outcome"], registry=registry)
    seconds = Histogram("hub_graphql_request_seconds", "Seconds a GraphQL request took", registry=registry)

    costs = Counter("hub_graphql_cost", "What GraphQL requests cost, as their budgets count", registry=registry)

    def observe(taken: float, outcome: str, cost: int) -> None:
        requests.labels(outcome).inc()
        costs.inc(cost)
        seconds.observe(taken)

    return observe


class _Door:
    """Around everything: known names only, the same headers on every answer, and no error but by its reference."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket" and not _is_loopback(_host_name(scope)):
                # before the handshake this is answered with 403
                await send({"type": "websocket.close"})
                return
            await self._app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = {name.lower() for name, _ in message["headers"]}
                extra = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message["headers"], *(one for one in extra if one[0] not in given)]
            await send(message)

        if not _is_loopback(_host_name(scope)):
            await JSONResponse({"status": "unknown host"}, 421)(scope, receive, with_headers)
            return
        try:
            await self._app(scope, receive, with_headers)
        except Exception as problem:
            reference = report(problem, "http")
            if started:
                raise ConnectionAbortedError(reference) from None
            await JSONResponse({"status": "internal error", "reference": reference}, 500)(scope, receive, with_headers)


def _host_name(scope: Scope) -> str:
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
