"""Limits of one document, checked before it is validated: what its text may hold, and what running it may cost.

One pass without recursion into a fragment twice: a fragment is measured once, however often it is spread, so the check
is linear in the document. What a field multiplies stands in the schema (``schema.prices``); nothing is a list of names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from graphql import (
    ConstValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from hub.reading.paging import DEFAULT_SIZE
from schema.prices import INTROSPECTION, ROW_MS, SEARCH_MS, Kind, Prices

MAX_TOKENS = 2_000
MAX_NAME = 128
MAX_OPERATIONS = 20
MAX_FRAGMENTS = 100
MAX_VARIABLES = 100
#: fields inside fields
MAX_DEPTH = 24
#: fields of all operations after their fragments are unfolded: what aliases and fragments may multiply to
MAX_FIELDS = 1_000
MAX_ALIASES = 100
#: of a query; a mutation does one thing after the other
MAX_ROOT_FIELDS = 50
MAX_MUTATIONS = 10
MAX_DIRECTIVES = 50
MAX_DIRECTIVES_AT_ONE_PLACE = 4
#: lists and objects inside each other, written in the document or sent as variables
MAX_VALUE_DEPTH = 12
#: numbers, texts, lists and objects in the variables together
MAX_VARIABLE_VALUES = 5_000
#: values that the answer may hold if every page is full
MAX_VALUES = 20_000
#: the database's work, as ``schema.prices`` estimates it
MAX_WORK_MS = 250
#: a mutation's answer, which may not be cut off once its work is done
MAX_MUTATION_VALUES = 3_000
#: what a millisecond of that work costs beside values
_COST_OF_MS = 20
#: selections inside selections, fragment spreads counted: keeps every later walk within the interpreter's stack
_MAX_NESTING = 60


@dataclass(frozen=True, slots=True)
class Size:
    """How large a selection is once its fragments are unfolded."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    #: what stands in it once, and what stands in it once for each row of the page around it
    values: float = 0
    per_row: float = 0
    #: milliseconds of the database
    work: float = 0
    #: how often the list that it is a page of is looked through, besides for its rows
    asks: float = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What is to be known of a request before it is validated."""

    #: of the operation that is to run, in values
    cost: int
    #: estimated milliseconds of the database
    work: float
    #: whether it asks for the schema
    introspects: bool
    #: variables whose values the cost depends on
    sizes_from: frozenset[str]


def measure(
    document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any], prices: Prices
) -> Measured:
    """What running ``operation`` may cost. Raises GraphQLError, whose message names the limit that was passed."""
    _check_definitions(document)
    ruler = _Ruler(document, variables, prices)
    together, sizes = Size(), {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            size = ruler.operation(node)
            together = _sum(together, size)
            sizes[id(node)] = size
    # fragments that nobody spreads are validated too
    for name in ruler.unused():
        together = _sum(together, ruler.fragment(name, 0))
    _refuse(together.depth, MAX_DEPTH, "levels")
    _refuse(together.fields, MAX_FIELDS, "fields")
    _refuse(together.aliases, MAX_ALIASES, "aliases")
    _refuse(together.directives, MAX_DIRECTIVES, "directives")
    changes = operation.operation is OperationType.MUTATION
    _refuse(ruler.root_fields(operation), MAX_MUTATIONS if changes else MAX_ROOT_FIELDS, "root fields")
    size = sizes[id(operation)]
    limit = MAX_MUTATION_VALUES if changes else MAX_VALUES
    if size.values > limit:
        raise GraphQLError(
            f"the answer may hold {ceil(size.values)} values, more than {limit}; ask smaller pages or fewer fields"
        )
    if size.work > MAX_WORK_MS:
        raise GraphQLError("the query asks too much of the database; ask for fewer lists, counts, figures or searches")
    return Measured(
        ceil(size.values + _COST_OF_MS * size.work), size.work, ruler.introspects, frozenset(ruler.sizes_from)
    )


def _refuse(number: int, limit: int, what: str) -> None:
    if number > limit:
        raise GraphQLError(f"the query has more than {limit} {what}")


def _check_definitions(document: DocumentNode) -> None:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    fragments = [node for node in document.definitions if isinstance(node, FragmentDefinitionNode)]
    _refuse(len(operations), MAX_OPERATIONS, "operations")
    _refuse(len(fragments), MAX_FRAGMENTS, "fragments")
    for operation in operations:
        definitions = operation.variable_definitions or ()
        _refuse(len(definitions), MAX_VARIABLES, "variables")
        for definition in definitions:
            _check_name(definition.variable.name.value)
            _check_value(definition.default_value)
            _count_directives(definition.directives)
    for named in (*operations, *fragments):
        if named.name is not None:
            _check_name(named.name.value)


def _sum(one: Size, other: Size) -> Size:
    return Size(
        max(one.depth, other.depth), one.fields + other.fields, one.aliases + other.aliases,
        one.directives + other.directives, one.values + other.values, one.per_row + other.per_row,
        one.work + other.work, one.asks + other.asks,
    )  # fmt: skip


class _Ruler:
    def __init__(self, document: DocumentNode, variables: Mapping[str, Any], prices: Prices) -> None:
        self._prices = prices
        self._variables = variables
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, Size] = {}
        self._roots: dict[str, int] = {}
        self._open: set[str] = set()
        self.introspects = False
        self.sizes_from: set[str] = set()

    def operation(self, node: OperationDefinitionNode) -> Size:
        size = self._selection(node.selection_set, self._prices.root(node.operation), 0)
        own = _count_directives(node.directives)
        own += sum(len(one.directives or ()) for one in node.variable_definitions or ())
        return _sum(size, Size(directives=own, values=size.per_row * DEFAULT_SIZE))

    def unused(self) -> list[str]:
        return [name for name in self._fragments if name not in self._known]

    def fragment(self, name: str, nesting: int) -> Size:
        # an unknown fragment or a circle of fragments: validation names it, here it only must not be followed
        if name not in self._fragments or name in self._open:
            return Size()
        if name not in self._known:
            node = self._fragments[name]
            self._open.add(name)
            size = self._selection(node.selection_set, node.type_condition.name.value, nesting + 1)
            self._known[name] = _sum(size, Size(directives=_count_directives(node.directives)))
            self._open.discard(name)
        return self._known[name]

    def root_fields(self, operation: OperationDefinitionNode) -> int:
        """Fields that the operation begins with, those inside fragments included."""
        return self._count_roots(operation.selection_set)

    def _count_roots(self, selection: SelectionSetNode) -> int:
        count = 0
        for node in selection.selections:
            if isinstance(node, FieldNode):
                count += 1
            elif isinstance(node, InlineFragmentNode):
                count += self._count_roots(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and (name := node.name.value) in self._fragments:
                if name not in self._roots:
                    self._roots[name] = 0
                    self._roots[name] = self._count_roots(self._fragments[name].selection_set)
                count += self._roots[name]
        return count

    def _selection(self, selection: SelectionSetNode, owner: str, nesting: int) -> Size:
        if nesting > _MAX_NESTING:
            raise GraphQLError(f"the query is nested more than {_MAX_NESTING} deep")
        depth = fields = aliases = directives = 0
        values = per_row = work = asks = 0.0
        for node in selection.selections:
            directives += _count_directives(node.directives)
            if isinstance(node, FieldNode):
                size = self._field(node, owner, nesting)
            elif isinstance(node, InlineFragmentNode):
                inside = node.type_condition.name.value if node.type_condition is not None else owner
                size = self._selection(node.selection_set, inside, nesting + 1)
            else:
                assert isinstance(node, FragmentSpreadNode)
                size = self.fragment(node.name.value, nesting)
            depth = max(depth, size.depth)
            fields += size.fields
            aliases += size.aliases
            directives += size.directives
            values += size.values
            per_row += size.per_row
            work += size.work
            asks += size.asks
        return Size(depth, fields, aliases, directives, values, per_row, work, asks)

    def _field(self, node: FieldNode, owner: str, nesting: int) -> Size:
        name = node.name.value
        _check_name(name)
        if node.alias is not None:
            _check_name(node.alias.value)
        for argument in node.arguments or ():
            _check_name(argument.name.value)
            _check_value(argument.value)
        self.introspects = self.introspects or name in INTROSPECTION
        price = self._prices.of(owner, name)
        inner = Size()
        if node.selection_set is not None:
            inner = self._selection(node.selection_set, price.type_name, nesting + 1)
        rows, read = price.rows_asked(node, self._variables)
        searches, also_read = price.searches(node, self._variables)
        self.sizes_from |= read | also_read
        values, per_row = 1.0, 0.0
        if price.kind is Kind.PAGE:
            values += inner.values + rows * inner.per_row
        elif price.kind is Kind.ROWS:
            per_row = inner.values + DEFAULT_SIZE * inner.per_row
        else:
            values += rows * (inner.values + DEFAULT_SIZE * inner.per_row)
        times = 1 if price.batched else rows
        work = (price.work + inner.work) * times + searches * SEARCH_MS * (1 + inner.asks)
        if price.kind is Kind.PAGE:
            work += rows * ROW_MS
        return Size(
            inner.depth + 1, inner.fields + 1, inner.aliases + (node.alias is not None), inner.directives,
            values, per_row, work, times if price.asks else inner.asks if price.kind is Kind.ONE else 0,
        )  # fmt: skip


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME:
        raise GraphQLError(f"a name has at most {MAX_NAME} characters")


def _count_directives(directives: Sequence[DirectiveNode] | None) -> int:
    if not directives:
        return 0
    if len(directives) > MAX_DIRECTIVES_AT_ONE_PLACE:
        raise GraphQLError(f"one place of a query has at most {MAX_DIRECTIVES_AT_ONE_PLACE} directives")
    for directive in directives:
        _check_name(directive.name.value)
        for argument in directive.arguments or ():
            _check_value(argument.value)
    return len(directives)


def _check_value(value: ValueNode | ConstValueNode | None, depth: int = 0) -> None:
    if depth > MAX_VALUE_DEPTH:
        raise GraphQLError(f"lists and objects are nested more than {MAX_VALUE_DEPTH} deep")
    if isinstance(value, VariableNode):
        _check_name(value.name.value)
    elif isinstance(value, ListValueNode):
        for inner in value.values:
            _check_value(inner, depth + 1)
    elif isinstance(value, ObjectValueNode):
        for field in value.fields:
            _check_name(field.name.value)
            _check_value(field.value, depth + 1)
