"""One request from text to answer: parse, limit, validate, run. Nothing of it is logged.

A request that cannot run gets errors and no ``data``; one that ran gets ``data`` and the errors of its fields.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    execute,
    parse,
    validate,
)

from hub.errors import HubError
from schema import errors, guard
from schema.context import Context

if TYPE_CHECKING:
    from schema.subscription import Step

#: documents remembered as valid; longer ones than this are not remembered
_REMEMBERED, _LONGEST_REMEMBERED = 256, 16_384
#: errors shown of one document; more would only repeat what a mistake caused
_MAX_ERRORS = 20
_ESCAPED_NUL = re.compile(r"\\u(?:0000|\{0+\})")
_MAX_VARIABLE_DEPTH = 30

#: kinds of operation that a way in does not take, and what it says then
_AT_ONCE = {OperationType.SUBSCRIPTION: "subscribe over graphql-transport-ws, or accept text/event-stream"}
_ONLY_QUERIES = {**_AT_ONCE, OperationType.MUTATION: "a GET request may only run a query"}
_ONLY_SUBSCRIPTIONS = {
    OperationType.QUERY: "only subscriptions come this way; send queries by POST",
    OperationType.MUTATION: "only subscriptions come this way; send mutations by POST",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A GraphQL request as its transport delivered it."""

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The response map. ``refused`` says why the operation was not executed; None: it was, however its fields fared."""

    payload: Mapping[str, Any]
    refused: str | None = None


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


class Failed(Refused):
    """The subscription was not begun: what it is to tell of is not there."""

    def __init__(self, *problems: GraphQLError) -> None:
        Exception.__init__(self, "FAILED")
        self.payload = {"errors": errors.failures(problems)}
        self.code = str(self.payload["errors"][0]["extensions"]["code"])


class Runner:
    """Runs requests against one schema; remembers documents it has found valid."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._valid: OrderedDict[str, DocumentNode] = OrderedDict()

    @property
    def has_subscriptions(self) -> bool:
        """Whether the schema has anything to subscribe to."""
        return self._schema.subscription_type is not None

    async def run(self, request: Request, context: Context, *, only_queries: bool = False) -> Answer:
        """Answer a request. ``only_queries`` refuses mutations, as a GET must."""
        try:
            document = self._checked(request, _ONLY_QUERIES if only_queries else _AT_ONCE)
            return await self._execute(document, request, context)
        except Refused as refused:
            return Answer(refused.payload, refused.code)

    async def subscribe(self, request: Request, context: Context) -> AsyncGenerator[Told, None]:
        """Begin a subscription: what it tells, step by step, for ever. Raises Refused where it cannot begin.

        Close what comes back (``aclosing``). Its payloads are response maps, as ``run`` gives them.
        """
        document = self._checked(request, _ONLY_SUBSCRIPTIONS)
        executor = Executor.build(
            self._schema,
            document,
            context_value=context,
            raw_variable_values=dict(request.variables),
            operation_name=request.operation_name,
            hide_suggestions=True,
        )
        if isinstance(executor, list):
            raise Refused("BAD_USER_INPUT", *executor)
        source = create_source_event_stream(executor)
        steps = await source if inspect.isawaitable(source) else source
        if isinstance(steps, ExecutionResult):
            raise Failed(*steps.errors or ())
        steps = cast("AsyncGenerator[Step, None]", steps)
        try:
            # what is wrong with its arguments shows when it begins
            first = await anext(steps)
        except HubError as problem:
            operation = _operation(document, request.operation_name)
            raise Failed(GraphQLError(problem.message, operation, original_error=problem)) from problem
        return self._told(document, request, context, first, steps)

    def _checked(self, request: Request, allowed: Mapping[OperationType, str]) -> DocumentNode:
        """The request's document: well formed, of an allowed kind, not too large, valid. Raises Refused."""
        _check_text(request)
        document = self._valid.get(request.query) or _parse(request.query)
        _check_operation(_operation(document, request.operation_name), allowed)
        _limit(document, request.variables)
        self._check_valid(request.query, document)
        return document

    def _check_valid(self, query: str, document: DocumentNode) -> None:
        if query in self._valid:
            self._valid.move_to_end(query)
            return
        problems = self._validate(document)
        if problems:
            raise Refused("GRAPHQL_VALIDATION_FAILED", *problems)
        if len(query) <= _LONGEST_REMEMBERED:
            self._valid[query] = document
            if len(self._valid) > _REMEMBERED:
                self._valid.popitem(last=False)

    def _validate(self, document: DocumentNode) -> list[GraphQLError]:
        try:
            return validate(self._schema, document, max_errors=_MAX_ERRORS, hide_suggestions=True)
        except RecursionError:
            return [GraphQLError("the query is nested too deeply")]

    async def _told(
        self, document: DocumentNode, request: Request, context: Context, first: Step,
        steps: AsyncGenerator[Step, None],
    ) -> AsyncGenerator[Told, None]:  # fmt: skip
        async with aclosing(steps):
            yield Told(first.position)
            async for step in steps:
                if step.change is None:
                    yield Told(step.position)
                    continue
                # each by itself: graphql-core's executor of a subscription keeps something of every event it ran
                result = await self._result(document, request, context, step.change)
                yield Told(step.position, _payload(result))
                # many may follow: each lets the others have their turn
                await asyncio.sleep(0)

    async def _result(
        self, document: DocumentNode, request: Request, context: Context, root: object = None
    ) -> ExecutionResult:
        started = execute(
            self._schema,
            document,
            root,
            context_value=context,
            variable_values=dict(request.variables),
            operation_name=request.operation_name,
            hide_suggestions=True,
        )
        result = await started if inspect.isawaitable(started) else started
        assert isinstance(result, ExecutionResult)
        return result

    async def _execute(self, document: DocumentNode, request: Request, context: Context) -> Answer:
        result = await self._result(document, request, context)
        if result.data is None and result.errors and all(error.path is None for error in result.errors):
            raise Refused("BAD_USER_INPUT", *result.errors)
        return Answer(_payload(result))


def _payload(result: ExecutionResult) -> Mapping[str, Any]:
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = errors.failures(result.errors)
    return payload


def _parse(query: str) -> DocumentNode:
    try:
        return parse(query, max_lexical_tokens=guard.MAX_TOKENS, max_comments=guard.MAX_TOKENS)
    except GraphQLError as problem:
        raise Refused("GRAPHQL_PARSE_FAILED", problem) from None


def _limit(document: DocumentNode, variables: Mapping[str, Any]) -> None:
    try:
        guard.check(document, variables)
    except GraphQLError as problem:
        raise Refused("QUERY_TOO_LARGE", problem) from None


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


def _check_text(request: Request) -> None:
    """No database keeps NUL, and a lone surrogate is no text: neither can name or be anything here."""
    texts = [request.query, request.operation_name or "", *_texts(request.variables, 0)]
    if any("\x00" in text or not _is_text(text) for text in texts) or _ESCAPED_NUL.search(request.query):
        raise Refused("BAD_USER_INPUT", GraphQLError("text cannot hold NUL or half a surrogate pair"))


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(value: Any, depth: int) -> Iterator[str]:
    if depth > _MAX_VARIABLE_DEPTH:
        raise Refused("BAD_USER_INPUT", GraphQLError("variables are nested too deeply"))
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _texts(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, depth + 1)
