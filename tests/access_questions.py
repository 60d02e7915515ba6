"""Questions drawn by lot over the schema that a role sees; what they name is of the county, hidden or not."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

from .access_plan import COURT, OTHER_TOWN, TOWN, Plan
from .graphql_rows import COUNTY

_EDGES = {"west": ["100", "100.01"], "east": ["100.02", "101"], "south": ["38", "38.5"], "north": ["38.5", "39"]}


class Questions:
    """Documents over a role's schema, drawn by lot; arguments are ids, numbers and words of it, hidden or not."""

    def __init__(self, schema: GraphQLSchema, made: Plan, seed: int) -> None:
        self._schema, self._lot = schema, random.Random(seed)
        numbers = [m.number for m in made.matters]
        self._ids = [
            *(f"dsp_{COUNTY}_{n:06}" for n in made.cases),
            *(f"{prefix}_{COUNTY}_{n:06}" for prefix in ("rec", "evt", "pty", "ref", "att") for n in numbers),
            *(f"{prefix}_{COUNTY}_{1000 + n:06}" for prefix in ("evt", "ref") for n in made.cases),
        ]
        tags = [m.tag for m in made.matters]
        self._words = [
            *(f"zq{what}{tag}q" for what in ("title", "content", "nativeno", "nativeid", "name") for tag in tags),
            *(f"zq{what}d{n}q" for what in ("title", "summary", "assignee") for n in made.cases),
            *(case.code for case in made.cases.values()), *(m.id_number for m in made.matters),
            *(m.phone for m in made.matters), "court", "hotline", "petition", TOWN, OTHER_TOWN, COURT,
        ]  # fmt: skip

    def all_of(self, root: str, depth: int = 4) -> str:
        """A question for everything that one root field leads to."""
        field = self._query.fields[root]
        return f"{{ {root}{self._arguments(field.args)}{self._selection(field.type, depth, share=1.0)} }}"

    def whole(self, root: str) -> str:
        """A list from its beginning, and all that its rows lead to at once."""
        return f"{{ {root}(first: 30){self._selection(self._query.fields[root].type, 3, share=1.0)} }}"

    def drawn(self) -> str:
        """A question drawn by lot: some root fields, some of what they lead to."""
        # those that lead to matters more often than worklists do
        often = [
            name
            for name in ("dispute", "disputes", "caseRecord", "caseRecords", "nodes", "search", "changes", "tasks")
            if name in self._query.fields
        ]
        roots = [self._lot.choice([*sorted(self._query.fields), *often, *often]) for _ in range(2)]
        parts = []
        for place, root in enumerate(roots):
            field = self._query.fields[root]
            share = self._lot.choice((0.3, 0.6))
            chosen = self._selection(field.type, self._lot.randint(1, 5), share)
            parts.append(f"a{place}: {root}{self._arguments(field.args)}{chosen}")
        return "{ " + " ".join(parts) + " }"

    def listened(self) -> str:
        """A subscription drawn by lot, from the log's beginning."""
        assert self._schema.subscription_type is not None
        name, field = self._lot.choice(sorted(self._schema.subscription_type.fields.items()))
        dispute = self._lot.choice([id for id in self._ids if id.startswith("dsp_")])
        of = f'id: "{dispute}", ' if "id" in field.args else ""
        return f"subscription {{ {name}({of}after: 0){self._selection(field.type, 2, share=0.7)} }}"

    def broken(self) -> str:
        """A question with a mistake in it: a word of somebody's where a name or a number was to be."""
        document, word = self.drawn(), self._lot.choice(self._words)
        place = self._lot.randrange(2, len(document) - 1)
        wrong = self._lot.choice((f" {word} ", f' "{word}" ', "", "(first: -1)", '(after: "zzzz")', "{", "}"))
        return document[:place] + wrong + document[place + self._lot.randint(0, 3) :]

    def list_arguments(self) -> tuple[str, str]:
        """A filter and an order of the list of disputes, in GraphQL's notation; either may be empty."""
        field = self._query.fields["disputes"]
        return tuple(
            self._lot.choice([*self._values(field.args[name].type, name), ""]) for name in ("filter", "orderBy")
        )  # type: ignore[return-value]

    def every_id(self) -> Iterable[str]:
        """Every id of the county, in runs that one question may ask for."""
        for start in range(0, len(self._ids), 100):
            ids = " ".join(f'"{id}"' for id in self._ids[start : start + 100])
            yield f"{{ nodes(ids: [{ids}]) {{ id __typename {' '.join(self._fragments())} }} }}"

    @property
    def _query(self) -> GraphQLObjectType:
        assert self._schema.query_type is not None
        return self._schema.query_type

    def _fragments(self) -> Iterator[str]:
        node = self._schema.get_type("Node")
        assert isinstance(node, GraphQLInterfaceType)
        for possible in self._schema.get_possible_types(node):
            leaves = [name for name, field in possible.fields.items() if is_leaf_type(get_named_type(field.type))]
            yield f"... on {possible.name} {{ {' '.join(f'{possible.name}_{name}: {name}' for name in leaves)} }}"

    def _selection(self, wanted: Any, depth: int, share: float) -> str:
        named = get_named_type(wanted)
        if is_leaf_type(named):
            return ""
        if isinstance(named, GraphQLUnionType):
            inner = " ".join(f"... on {one.name} {{ {self._fields(one, depth, share, True)} }}" for one in named.types)
            return f" {{ __typename {inner} }}"
        assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
        return f" {{ __typename {self._fields(named, depth, share)} }}"

    def _fields(
        self, named: GraphQLObjectType | GraphQLInterfaceType, depth: int, share: float, is_one_of: bool = False
    ) -> str:
        parts = []
        for name, inner in named.fields.items():
            target = get_named_type(inner.type)
            if (not is_leaf_type(target) and depth <= 0) or self._lot.random() > share:
                continue
            if (
                not is_leaf_type(target)
                and share == 1.0
                and depth < 4
                and name in ("parent", "record", "dispute", "records")
            ):
                # the way back
                continue
            # beside others of a union a field needs a name of its own; elsewhere it would use up what is allowed
            alias = f"{named.name}_{name}: " * is_one_of
            parts.append(f"{alias}{name}{self._arguments(inner.args)}{self._selection(inner.type, depth - 1, share)}")
        return " ".join(parts)

    def _arguments(self, arguments: dict[str, Any]) -> str:
        given = []
        if "id" in arguments and not isinstance(arguments["id"].type, GraphQLNonNull):
            # by id, or by what else it is known by
            by_id = self._lot.random() < 0.5
            chosen = [name for name in arguments if (name == "id") is by_id]
            pairs = (f"{name}: {self._lot.choice(self._values(arguments[name].type, name))}" for name in chosen)
            return f"({', '.join(pairs)})"
        for name, argument in arguments.items():
            is_needed = isinstance(argument.type, GraphQLNonNull)
            if name == "first":
                given.append(f"first: {self._lot.choice((3, 7, 20))}")
            elif name in ("after", "before", "last"):
                continue
            elif is_needed or self._lot.random() < 0.3:
                given.append(f"{name}: {self._lot.choice(self._values(argument.type, name))}")
        return f"({', '.join(given)})" if given else ""

    def _values(self, wanted: Any, name: str) -> list[str]:
        """Literals for an argument or an input field."""
        if isinstance(wanted, GraphQLNonNull):
            return self._values(wanted.of_type, name)
        if isinstance(wanted, GraphQLList):
            return [f"[{one}]" for one in self._values(wanted.of_type, name)]
        if isinstance(wanted, GraphQLEnumType):
            return list(wanted.values)
        if isinstance(wanted, GraphQLInputObjectType):
            needed = {
                key: self._lot.choice(self._values(one.type, key))
                for key, one in wanted.fields.items()
                if isinstance(one.type, GraphQLNonNull) or self._lot.random() < 0.4
            }
            return ["{ " + ", ".join(f"{key}: {value}" for key, value in needed.items()) + " }"]
        match wanted.name:
            case "Boolean":
                return ["true", "false"]
            case "Int" | "Long":
                return ["0", "1", "5"]
            case "Float":
                return _EDGES.get(name, ["100.01"])
            case "ID":
                return [f'"{id}"' for id in self._ids]
            case "Date" | "Day":
                return ['"2024-01-01"' if name in ("from", "start") else '"2024-12-31"']
            case "DateTime" | "Instant":
                return ['"2024-03-01T00:00:00Z"']
        if name == "ids":
            return [f'"{figure}"' for figure in ("K1", "K2a.LITIGATION", "K4", "K10")]
        if name in ("instance", "instances", "recordsFrom"):
            return ['"court"', '"hotline"', '"petition"']
        if name == "id":
            return [f'"{id}"' for id in self._ids]
        return [f'"{word}"' for word in self._words]
