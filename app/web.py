"""The web server's face: GraphQL, the query page, signing in, partners' webhooks, three answers for whoever watches it.

Deny by default: what is not proved is nobody's, and nobody gets no more than the sign-in page and a sign of life.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from app.authentication import Authenticate, Still, nobody, still_here
from app.connector_metrics import ConnectorGauges
from app.doorway import Doorway, Standing
from app.export_http import ROWS, export_route
from app.files_http import file_route
from app.forms import to_sign_in
from app.graphql_http import GraphQLOverHttp, MalformedError, malformed, read_request
from app.graphql_live import Limits, Live, LiveMetrics
from app.graphql_live_events import answer_events, wants_events
from app.graphql_live_socket import serve_socket
from app.graphql_live_wire import Server, Wire
from app.hooks import METHODS, Hooks
from app.own_password import password_route
from app.query_page import GRAPHIQL, has_graphiql, query_page
from app.refusal import no_door, unauthenticated
from app.sign_in import sign_in_routes
from hub.access import access_of
from hub.access_log import AccessLog
from hub.desk import Desk
from hub.feed import Feed
from hub.passwords import Passwords
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


def create_app(
    desk: Desk,
    tables: Callable[[], CountyTables],
    hooks: Hooks | None = None,
    authenticate: Authenticate = nobody,
    still: Still = still_here,
    limits: Limits | None = None,
    documents: Documents = NO_DOCUMENTS,
    keeps_budgets: bool = True,
    export_rows: int = ROWS,
    standing: Standing | None = None,
    more_routes: Sequence[BaseRoute] = (),
    access_log: AccessLog | None = None,
) -> Starlette:
    """The application over an open store. ``tables`` gives the county's codes as they are now.

    Without ``hooks`` no webhooks are taken, without ``authenticate`` nobody is let in. ``more_routes`` come first.
    Without ``access_log`` reads are not written down, as only tests may want it; it is the caller's to close.
    ``app.state.live`` is to be closed before the server goes down.
    """
    registry = CollectorRegistry()

    budget = Budget() if keeps_budgets else None

    where = standing or Standing()

    def context(principal: Principal, resume_after: int | None = None) -> Context:
        return new_context(
            desk, tables(), principal, feed, resume_after, budget, documents, access_log, where.base_path
        )  # fmt: skip

    feed = Feed(desk.store, lambda problem: report(problem, "feed"))
    live = Live(desk, feed, runner_for, context, authenticate, still, limits or Limits())
    live_metrics = LiveMetrics(registry)
    if access_log is not None:
        _count_looks(registry, access_log)

    graphql = GraphQLOverHttp(runner_for, context, _observer(registry))
    pages = {allowed: query_page(base_path=where.base_path, may_introspect=allowed) for allowed in (False, True)}
    partners = ConnectorGauges(registry)

    async def answer(request: Request) -> Response:
        principal = await authenticate(request)
        is_page = request.method in ("GET", "HEAD") and "query" not in request.query_params and _wants_page(request)
        if principal is None:
            return to_sign_in(request) if is_page else unauthenticated()
        if is_page:
            page = pages[access_of(principal.role).limits.may_introspect]
            return HTMLResponse(page.html, headers={"Content-Security-Policy": page.content_security_policy})
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

    async def metrics(request: Request) -> Response:
        principal = await authenticate(request)
        if principal is None or not access_of(principal.role).may_see("Connector.instance"):
            return unauthenticated()
        try:
            await partners.refresh(desk.store)
            await live_metrics.refresh(desk.store)
        except (SQLAlchemyError, OSError) as problem:
            # what this process counts by itself is told all the same
            report(problem, "metrics")
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    # one for both doors: it is what bounds how many are checked at once
    passwords = Passwords()
    routes: list[BaseRoute] = [
        *more_routes,
        Route("/", lambda request: RedirectResponse(f"{request.scope.get('root_path', '')}/graphql", 307)),
        Route("/graphql", answer, methods=["GET", "POST"]),
        WebSocketRoute("/graphql", socket),
        Route("/healthz", lambda _: JSONResponse({"status": "ok"})),
        Route("/readyz", ready),
        Route("/metrics", metrics),
        file_route(desk, authenticate),
        export_route(runner_for, context, authenticate, export_rows, still),
        *sign_in_routes(desk, passwords),
        password_route(desk, passwords),
    ]
    if hooks is not None:
        registry.register(hooks.metric)
        routes.append(Route("/hooks/{instance}", hooks.answer, methods=METHODS))
    if has_graphiql():
        routes.append(Mount("/static/graphiql", StaticFiles(directory=GRAPHIQL)))
    app = Starlette(
        routes=[Mount(where.base_path, routes=routes)] if where.base_path else routes,
        exception_handlers={HTTPException: no_door},
    )
    app.add_middleware(Doorway, names=where.names)
    app.state.live = live
    app.state.registry = registry
    return app


def server(app: ASGIApp, standing: Standing) -> uvicorn.Server:
    """A server to be awaited (``serve()``). Who may reach it was judged before: ``Standing.check``."""
    config = uvicorn.Config(
        app, host=standing.host, port=standing.port, access_log=False, log_level="warning", log_config=None,
        server_header=False, date_header=True, proxy_headers=bool(standing.proxies),
        forwarded_allow_ips=list(standing.proxies), ssl_certfile=standing.certificate,
        ssl_keyfile=standing.certificate_key, ws=Wire, ws_max_size=4 * Limits().message_bytes,
        ws_ping_interval=None, ws_per_message_deflate=False, lifespan="off", timeout_graceful_shutdown=5,
    )  # fmt: skip
    return Server(config)


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


def _count_looks(registry: CollectorRegistry, log: AccessLog) -> None:
    waiting = Gauge("hub_access_log_waiting", "Reads that are not in the access log yet", registry=registry)
    waiting.set_function(lambda: log.waiting)
    refused = Gauge("hub_access_log_refused", "Reads refused because the log took nothing", registry=registry)
    refused.set_function(lambda: log.refused)


def _observer(registry: CollectorRegistry) -> Callable[[float, str, int], None]:
    requests = Counter("hub_graphql_requests", "GraphQL requests by how they ended", ["outcome"], registry=registry)
    seconds = Histogram("hub_graphql_request_seconds", "Seconds a GraphQL request took", registry=registry)

    costs = Counter("hub_graphql_cost", "What GraphQL requests cost, as their budgets count", registry=registry)

    def observe(taken: float, outcome: str, cost: int) -> None:
        requests.labels(outcome).inc()
        costs.inc(cost)
        seconds.observe(taken)

    return observe
