"""Limits of one request, checked before anything runs: tokens, depth, fields after fragments unfold, rows it may touch.

Every fragment is measured once, so the check is linear in the document, however often fragments are spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

from hub.reading.paging import DEFAULT_SIZE, MAX_SIZE

MAX_TOKENS = 2_000
MAX_DEPTH = 24
#: fields after all fragments are unfolded: what aliases and fragments may multiply to
MAX_FIELDS = 1_000
#: rows that all pages of the query together may hold
MAX_ROWS = 20_000
#: selections inside selections, fragment spreads counted: keeps every later walk within the interpreter's stack
_MAX_NESTING = 60

#: fields that hold a page, and fields that hold a list of about so many rows
_PAGED = frozenset(
    {
        "disputes", "caseRecords", "history", "units", "quarantine", "linkSuggestions", "mappingWorklist",
        "reconciliations", "differences", "outboundMessages", "deadLetters",
    }
)  # fmt: skip
_LISTS: Mapping[str, int] = {
    "records": 4, "parties": 4, "referrals": 4, "availableActions": 8, "attachments": 4, "incidents": 4,
    "connectors": 8, "drift": 20, "changes": 100,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How large a selection is: levels, fields, and rows it may touch."""

    depth: int = 0
    fields: int = 0
    rows: int = 0


class _Measure:
    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, Size] = {}
        self._open: set[str] = set()

    def selection(self, selection: SelectionSetNode | None, nesting: int) -> Size:
        if selection is None:
            return Size()
        if nesting > _MAX_NESTING:
            raise GraphQLError(f"the query is nested more than {_MAX_NESTING} deep")
        depth = fields = rows = 0
        for node in selection.selections:
            if isinstance(node, FieldNode):
                size = self._field(node, nesting)
            elif isinstance(node, InlineFragmentNode):
                size = self.selection(node.selection_set, nesting + 1)
            else:
                assert isinstance(node, FragmentSpreadNode)
                size = self._fragment(node.name.value, nesting)
            depth = max(depth, size.depth)
            fields += size.fields
            rows += size.rows
        return Size(depth, fields, rows)

    def _field(self, node: FieldNode, nesting: int) -> Size:
        inner = self.selection(node.selection_set, nesting + 1)
        times = self._rows(node) if node.selection_set is not None else 0
        return Size(inner.depth + 1, inner.fields + 1, times * (1 + inner.rows) if times else inner.rows)

    def _fragment(self, name: str, nesting: int) -> Size:
        # an unknown fragment or a circle of fragments: validation names it, here it only must not be followed
        if name not in self._fragments or name in self._open:
            return Size()
        if name not in self._known:
            self._open.add(name)
            self._known[name] = self.selection(self._fragments[name].selection_set, nesting + 1)
            self._open.discard(name)
        return self._known[name]

    def _rows(self, node: FieldNode) -> int:
        name = node.name.value
        if name not in _PAGED:
            return _LISTS.get(name, 0)
        asked = [self._number(argument.value) for argument in node.arguments or ()
                 if argument.name.value in ("first", "last")]  # fmt: skip
        return max([size for size in asked if size is not None], default=DEFAULT_SIZE)

    def _number(self, value: Any) -> int | None:
        if isinstance(value, VariableNode):
            given = self._variables.get(value.name.value)
            # not given: the document's own default may say anything, so count a full page
            number = given if isinstance(given, int) else (MAX_SIZE if given is None else None)
        elif isinstance(value, IntValueNode):
            number = int(value.value[:9])
        else:
            number = None
        return None if number is None else max(0, min(number, MAX_SIZE))


def measure(document: DocumentNode, variables: Mapping[str, Any]) -> Size:
    """The size of the document's largest operation."""
    ruler = _Measure(document, variables)
    sizes = [
        ruler.selection(node.selection_set, 0)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]
    return Size(
        max((size.depth for size in sizes), default=0),
        max((size.fields for size in sizes), default=0),
        max((size.rows for size in sizes), default=0),
    )


def check(document: DocumentNode, variables: Mapping[str, Any]) -> None:
    """Refuse a document that is too large. Raises GraphQLError, whose message names the limit."""
    size = measure(document, variables)
    if size.depth > MAX_DEPTH:
        raise GraphQLError(f"the query has more than {MAX_DEPTH} levels")
    if size.fields > MAX_FIELDS:
        raise GraphQLError(f"the query has more than {MAX_FIELDS} fields")
    if size.rows > MAX_ROWS:
        raise GraphQLError(f"the query may touch more than {MAX_ROWS} rows; ask smaller pages")
