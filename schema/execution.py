"""One request from text to answer: parse, limit, charge, validate, run. Nothing of it is logged.

A request that cannot run gets errors and no ``data``; one that ran gets ``data`` and the errors of its fields.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    parse,
)

from hub.access_log import Look, Subjects
from hub.errors import HubError, UnloggedError
from hub.vocabulary import AccessKind
from schema import errors, guard
from schema.budget import CHARACTERS_FOR_ONE, REQUEST_COST, TOO_MUCH, Balance
from schema.context import Context
from schema.guard import Measured
from schema.prices import Prices
from schema.request import Request as Request
from schema.request import check_values
from schema.running import BoundedExecutor
from schema.trusted import UntrustedError
from schema.validation import problems_of

if TYPE_CHECKING:
    from schema.subscription import Step

#: documents remembered as valid; longer ones than this are not remembered
_REMEMBERED, _LONGEST_REMEMBERED = 256, 16_384
#: sizes remembered of one document, by the page sizes its variables gave
_REMEMBERED_SIZES = 8

#: kinds of operation that a way in does not take, and what it says then
_AT_ONCE = {OperationType.SUBSCRIPTION: "subscribe over graphql-transport-ws, or accept text/event-stream"}
_ONLY_QUERIES = {**_AT_ONCE, OperationType.MUTATION: "a GET request may only run a query"}
_ONLY_SUBSCRIPTIONS = {
    OperationType.QUERY: "only subscriptions come this way; send queries by POST",
    OperationType.MUTATION: "only subscriptions come this way; send mutations by POST",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The response map. ``refused`` says why the operation was not executed; None: it was, however its fields fared."""

    payload: Mapping[str, Any]
    refused: str | None = None
    #: what was charged, and the seconds to wait where that was too much
    cost: int = 0
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What a subscription tells. Without payload: only how far it has come."""

    #: go on behind it to miss nothing
    position: int
    payload: Mapping[str, Any] | None = None


class Refused(Exception):
    """The request cannot run; why is in the errors."""

    def __init__(self, code: str, *problems: GraphQLError) -> None:
        super().__init__(code)
        self.code = code
        self.payload = {"errors": [errors.refusal(problem, code) for problem in problems]}
        self.wait_s = 0


class Failed(Refused):
    """The subscription was not begun: what it is to tell of is not there."""

    def __init__(self, *problems: GraphQLError) -> None:
        super().__init__("FAILED")
        self.payload = {"errors": errors.failures(problems)}
        self.code = str(self.payload["errors"][0]["extensions"]["code"])


@dataclass(slots=True)
class _Document:
    """A document that was parsed, and what was found out about it since."""

    node: DocumentNode
    is_valid: bool = False
    #: by operation and by what the variables said that sizes depend on
    sizes: OrderedDict[tuple[object, ...], Measured] = field(default_factory=OrderedDict)

    def measured(self, operation: OperationDefinitionNode, variables: Mapping[str, Any], prices: Prices) -> Measured:
        """How large the operation is with these variables. Raises GraphQLError."""
        for key, measured in self.sizes.items():
            if key == (id(operation), *(_plain(variables.get(name)) for name in sorted(measured.sizes_from))):
                return measured
        measured = guard.measure(self.node, operation, variables, prices)
        key = id(operation), *(_plain(variables.get(name)) for name in sorted(measured.sizes_from))
        self.sizes[key] = measured
        if len(self.sizes) > _REMEMBERED_SIZES:
            self.sizes.popitem(last=False)
        return measured


@dataclass(frozen=True, slots=True)
class _Ready:
    """A request that may run."""

    request: Request
    document: DocumentNode
    operation: OperationDefinitionNode
    measured: Measured
    balance: Balance | None

    @property
    def cost(self) -> int:
        return self.measured.cost + REQUEST_COST


class Runner:
    """Runs requests against one schema; remembers documents it has found valid."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._prices = Prices(schema)
        self._known: OrderedDict[str, _Document] = OrderedDict()

    @property
    def has_subscriptions(self) -> bool:
        """Whether the schema has anything to subscribe to."""
        return self._schema.subscription_type is not None

    async def run(self, request: Request, context: Context, *, only_queries: bool = False) -> Answer:
        """Answer a request. ``only_queries`` refuses mutations, as a GET must."""
        try:
            ready = self._ready(request, context, _ONLY_QUERIES if only_queries else _AT_ONCE)
            with _logged(ready, context):
                return await self._execute(ready, context)
        except Refused as refused:
            return Answer(refused.payload, refused.code, wait_s=refused.wait_s)

    async def subscribe(self, request: Request, context: Context) -> AsyncGenerator[Told, None]:
        """Begin a subscription: what it tells, step by step, for ever. Raises Refused where it cannot begin.

        Close what comes back (``aclosing``). Its payloads are response maps, as ``run`` gives them.
        """
        ready = self._ready(request, context, _ONLY_SUBSCRIPTIONS)
        with _logged(ready, context):
            return await self._begin(ready, context)

    async def _begin(self, ready: _Ready, context: Context) -> AsyncGenerator[Told, None]:
        executor = self._executor(ready, context)
        source = create_source_event_stream(executor)
        steps = await source if inspect.isawaitable(source) else source
        if isinstance(steps, ExecutionResult):
            raise Failed(*steps.errors or ())
        steps = cast("AsyncGenerator[Step, None]", steps)
        try:
            # what is wrong with its arguments shows when it begins
            first = await anext(steps)
        except HubError as problem:
            raise Failed(GraphQLError(problem.message, ready.operation, original_error=problem)) from problem
        return self._told(ready, context, first, steps)

    def _ready(self, request: Request, context: Context, allowed: Mapping[OperationType, str]) -> _Ready:
        """The request, well formed, of an allowed kind, not too large, paid for and valid. Raises Refused."""
        _charge(context, REQUEST_COST)
        try:
            request = context.documents.whole(request)
        except UntrustedError as problem:
            raise Refused(problem.code, GraphQLError(str(problem))) from None
        try:
            check_values(request)
        except GraphQLError as problem:
            raise Refused("BAD_USER_INPUT", problem) from None
        known = self._known.get(request.query)
        if known is None:
            # whoever sends what nobody sent before pays for reading it
            _charge(context, len(request.query) // CHARACTERS_FOR_ONE)
            known = _Document(_parse(request.query))
        operation = _operation(known.node, request.operation_name)
        _check_operation(operation, allowed)
        try:
            measured = known.measured(operation, request.variables, self._prices)
        except GraphQLError as problem:
            raise Refused("QUERY_TOO_LARGE", problem) from None
        if measured.introspects and not context.access.limits.may_introspect:
            raise Refused("INTROSPECTION_NOT_ALLOWED", GraphQLError("your role may not ask for the schema"))
        balance = _charge(context, measured.cost)
        self._check_valid(request.query, known, context)
        return _Ready(request, known.node, operation, measured, balance)

    def _check_valid(self, query: str, known: _Document, context: Context) -> None:
        if known.is_valid:
            self._known.move_to_end(query)
            return
        problems = problems_of(self._schema, known.node, context.access.limits.sees_suggestions)
        if problems:
            raise Refused("GRAPHQL_VALIDATION_FAILED", *problems)
        known.is_valid = True
        if len(query) <= _LONGEST_REMEMBERED:
            self._known[query] = known
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    async def _told(
        self, ready: _Ready, context: Context, first: Step, steps: AsyncGenerator[Step, None]
    ) -> AsyncGenerator[Told, None]:
        async with aclosing(steps):
            yield Told(first.position)
            async for step in steps:
                if step.change is None:
                    yield Told(step.position)
                    continue
                # each by itself: graphql-core's executor of a subscription keeps something of every event it ran
                result = await _result(self._executor(ready, replace(context, subjects=Subjects()), step.change))
                yield Told(step.position, _payload(result))
                # many may follow: each lets the others have their turn
                await asyncio.sleep(0)

    def _executor(self, ready: _Ready, context: Context, root: object = None) -> BoundedExecutor:
        """Raises Refused where the variables do not fit."""
        executor = BoundedExecutor.build(
            self._schema,
            ready.document,
            root,
            context_value=context,
            raw_variable_values=dict(ready.request.variables),
            operation_name=ready.request.operation_name,
            hide_suggestions=not context.access.limits.sees_suggestions,
        )
        if isinstance(executor, list):
            raise Refused("BAD_USER_INPUT", *executor)
        return cast(BoundedExecutor, executor)

    async def _execute(self, ready: _Ready, context: Context) -> Answer:
        executor = self._executor(ready, context)
        executor.spend_on_work(ready.measured.work)
        result = await _result(executor)
        if executor.is_spent:
            raise Refused("QUERY_TOO_LARGE", executor.problem())
        payload = _payload(result)
        if ready.balance is not None:
            payload["extensions"] = {"cost": {"requested": ready.cost, "remaining": ready.balance.remaining}}
        return Answer(payload, cost=ready.cost)


@contextmanager
def _logged(ready: _Ready, context: Context) -> Iterator[None]:
    """What the block reads is noted in the access log. Raises Refused where it takes nothing: nothing is read.

    Noted however the block ends: that an answer became too large tells something too.
    """
    log = context.access_log
    if log is None:
        yield
        return
    try:
        log.take_place()
    except UnloggedError as problem:
        refused = Refused("ACCESS_LOG_UNAVAILABLE", GraphQLError(problem.message))
        refused.wait_s = problem.retry_after_s
        raise refused from problem
    try:
        yield
    finally:
        name = ready.operation.name.value if ready.operation.name else ""
        variables = ready.request.variables
        told = orjson.dumps(variables, default=str, option=orjson.OPT_SORT_KEYS).decode() if variables else ""
        log.note(
            Look(
                context.principal, AccessKind.READ, context.subjects, document=ready.request.query, operation=name,
                searched=told,
            )
        )  # fmt: skip


async def _result(executor: BoundedExecutor) -> ExecutionResult:
    started = executor.execute_operation()
    result = await started if inspect.isawaitable(started) else started
    assert isinstance(result, ExecutionResult)
    return result


def _payload(result: ExecutionResult) -> dict[str, Any]:
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = errors.failures(result.errors)
    return payload


def _parse(query: str) -> DocumentNode:
    try:
        return parse(query, max_lexical_tokens=guard.MAX_TOKENS, max_comments=guard.MAX_TOKENS)
    except GraphQLError as problem:
        raise Refused("GRAPHQL_PARSE_FAILED", problem) from None


def _plain(given: Any) -> object:
    """What of a variable's value a size can depend on: a number, how many, or which fields of a filter are given."""
    if isinstance(given, list):
        return "list", len(given)
    if isinstance(given, Mapping):
        return "object", *sorted(key for key, value in given.items() if value is not None)
    return given


def _charge(context: Context, cost: int) -> Balance | None:
    """Take the cost from the principal's budget, where one is kept. Raises Refused."""
    if context.budget is None:
        return None
    balance = context.budget.spend(context.principal.id, cost, context.access.limits.cost_per_minute)
    if balance.wait_s:
        refused = Refused("RATE_LIMITED", GraphQLError(TOO_MUCH))
        refused.wait_s = balance.wait_s
        raise refused
    return balance


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    chosen = [node for node in operations if name is None or (node.name is not None and node.name.value == name)]
    if len(chosen) == 1:
        return chosen[0]
    message = "the document has no such operation" if name is not None else "name one of the document's operations"
    raise Refused("BAD_USER_INPUT", GraphQLError(message if operations else "the document has no operation"))


def _check_operation(operation: OperationDefinitionNode, allowed: Mapping[OperationType, str]) -> None:
    refusal = allowed.get(operation.operation, "")
    if refusal:
        raise Refused("OPERATION_NOT_ALLOWED", GraphQLError(refusal))
