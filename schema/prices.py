"""What a field costs, read off the schema: its value, the rows it multiplies, and the database's work behind it.

A field with the argument ``first`` holds a page, the lists of its type are that page's rows. Any other list of objects
has about as many rows as its estimate says, or as many as it was given ids. Loaders ask for all rows of one place in a
document at once, so work counts once a place and not once a row. Milliseconds were measured on the demonstration's
county with SQLite; they weigh one thing against another and promise nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationType,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)

from hub.reading.paging import DEFAULT_SIZE, MAX_SIZE

#: fields by which a document asks for the schema
INTROSPECTION = frozenset({"__schema", "__type"})

#: a field whose list nobody estimated
_USUAL_ROWS = 10
#: about so many rows has a list, by its field
_ROWS: Mapping[str, int] = {
    "Query.regions": 150, "Query.agencies": 60, "Query.connectors": 8, "Query.vocabularies": 30, "Query.figures": 22,
    "Query.drift": 20, "Vocabulary.entries": 20, "DisputeConnection.facets": 5, "Dispute.availableActions": 16,
    "Dispute.records": 4, "Dispute.parties": 4, "Dispute.referrals": 4, "Dispute.attachments": 4,
    "CaseRecord.parties": 4, "CaseRecord.attachments": 4, "Connector.incidents": 4, "Change.disputes": 1,
    "FindPartiesPayload.found": 20,
    "__Schema.types": 130, "__Type.fields": 4, "__Type.inputFields": 1, "__Type.enumValues": 2,
    "__Type.interfaces": 1, "__Type.possibleTypes": 1, "__Field.args": 1, "__Schema.directives": 6,
    "__Directive.args": 1,
}  # fmt: skip
#: how often a single object is there at all, where seldom: the chains of ``ofType`` that clients write are long
_SELDOM: Mapping[str, float] = {"__Type.ofType": 0.5}
#: milliseconds of a list's statement, of a count's, and of one that looks through every title
STATEMENT_MS, COUNT_MS, SEARCH_MS = 4.0, 2.5, 30.0
#: and of each row that it brings
ROW_MS = 0.03
#: lists that are computed for each row by itself: figures, the units behind each, facets
_EACH_MS: Mapping[str, float] = {"Query.figures": 6.0, "Figure.units": 0.1, "DisputeConnection.facets": 2.5}
#: lists that came with what they stand in
_AT_HAND = frozenset({"Facet.counts", "Vocabulary.entries"})
#: fields that take a statement of their own, in whatever page they stand
_ASKING = frozenset({"totalCount", "hasNextPage", "hasPreviousPage", "facets"})
#: arguments, and fields of a filter, that look through texts
_SEARCHING = frozenset({"text", "search", "subject"})


class Kind(Enum):
    """What a field multiplies."""

    ONE = "ONE"
    #: holds a page: what its type's ROWS hold counts once a row
    PAGE = "PAGE"
    ROWS = "ROWS"
    LIST = "LIST"


@dataclass(frozen=True, slots=True)
class Price:
    """What one field costs."""

    kind: Kind
    #: milliseconds of the database
    work: float
    #: of what it leads to; '' where nothing is selected of it
    type_name: str
    rows: float = 1
    #: arguments that say how many rows: page sizes, or lists of ids
    sized_by: frozenset[str] = frozenset()
    #: whether one statement does for all its rows
    batched: bool = True
    #: whether it looks through the whole list that its page is of
    asks: bool = False

    def rows_asked(self, node: FieldNode, variables: Mapping[str, Any]) -> tuple[float, frozenset[str]]:
        """How many rows the field is asked for, and which variables say so."""
        found, read = [], set()
        for argument in node.arguments or ():
            if argument.name.value in self.sized_by:
                found.append(_number(argument.value, variables))
                if isinstance(argument.value, VariableNode):
                    read.add(argument.value.name.value)
        asked = [number for number in found if number is not None]
        return (max(asked) if asked else self.rows), frozenset(read)

    def searches(self, node: FieldNode, variables: Mapping[str, Any]) -> tuple[int, frozenset[str]]:
        """How many texts the field's arguments look for, and which variables say so."""
        if self.kind is not Kind.PAGE:
            return 0, frozenset()
        count, read = 0, set()
        for argument in node.arguments or ():
            value = argument.value
            if argument.name.value in _SEARCHING:
                count += 1
            elif isinstance(value, VariableNode):
                given = variables.get(value.name.value)
                if isinstance(given, Mapping):
                    read.add(value.name.value)
                    count += sum(given.get(key) is not None for key in _SEARCHING)
            elif isinstance(value, ObjectValueNode):
                count += sum(field.name.value in _SEARCHING for field in value.fields)
        return count, frozenset(read)


_UNKNOWN = Price(Kind.ONE, 0, "")


class Prices:
    """The prices of one schema's fields; each is found once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: dict[tuple[str, str], Price] = {}
        self._pages = frozenset(
            get_named_type(field.type).name
            for named in schema.type_map.values()
            if isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
            for field in named.fields.values()
            if "first" in field.args
        )

    def root(self, operation: OperationType) -> str:
        """The type that operations of that kind begin at; '' where there is none."""
        named = self._schema.get_root_type(operation)
        return "" if named is None else named.name

    def of(self, owner: str, name: str) -> Price:
        """The price of a field. One that there is not costs as little as it may: validation names it."""
        key = owner, name
        if key not in self._known:
            price = self._find(owner, name)
            if price is _UNKNOWN:
                # names are the client's: nothing is remembered of them
                return price
            self._known[key] = price
        return self._known[key]

    def _find(self, owner: str, name: str) -> Price:
        parent = self._schema.type_map.get(owner)
        if parent is None or not is_composite_type(parent):
            return _UNKNOWN
        field = self._schema.get_field(parent, name)
        return _UNKNOWN if field is None else self._price(owner, name, field)

    def _price(self, owner: str, name: str, field: GraphQLField) -> Price:
        named = get_named_type(field.type)
        coordinate = f"{owner}.{name}"
        each = _EACH_MS.get(coordinate)
        work = each or (COUNT_MS if name in _ASKING else 0)
        if not is_composite_type(named):
            return Price(Kind.ONE, work, "", asks=name in _ASKING)
        if "first" in field.args:
            sized_by = frozenset({"first", "last"})
            return Price(Kind.PAGE, work or STATEMENT_MS, named.name, DEFAULT_SIZE, sized_by)
        if not is_list_type(field.type.of_type if is_non_null_type(field.type) else field.type):
            return Price(Kind.ONE, work, named.name, _SELDOM.get(coordinate, 1))
        if owner in self._pages and not field.args:
            return Price(Kind.ROWS, work, named.name)
        sized_by = frozenset(key for key in field.args if key in ("ids", "names", "by"))
        rows = _ROWS.get(coordinate, _USUAL_ROWS)
        if owner.startswith("__") or coordinate in _AT_HAND:
            return Price(Kind.LIST, 0, named.name, rows)
        return Price(Kind.LIST, work or STATEMENT_MS, named.name, rows, sized_by, each is None, name in _ASKING)


def _number(value: ValueNode, variables: Mapping[str, Any]) -> int | None:
    """How many rows an argument asks for; None where it says nothing."""
    if isinstance(value, VariableNode):
        given = variables.get(value.name.value)
        # not given: the document's own default may say anything, so count a full page
        number = len(given) if isinstance(given, list) else given if isinstance(given, int) else MAX_SIZE
    elif isinstance(value, IntValueNode):
        number = int(value.value[:9])
    elif isinstance(value, ListValueNode):
        number = len(value.values)
    elif isinstance(value, NullValueNode):
        return None
    else:
        number = 1
    return max(0, min(number, MAX_SIZE))
