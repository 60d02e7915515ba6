"""The schema as one role sees it: what its file does not give does not exist there, what it redacts is never whole.

A document that asks for anything else fails validation like one with a spelling mistake, before anything runs; so one
rule governs what is selected, filtered, sorted and found by introspection. An input field that would test a value is
there only where every field it tests may be read (``Access.may_test``): a filter on a hidden field answers yes or no.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    default_field_resolver,
    get_named_type,
)

from hub.access import Access, Redaction, access_of
from schema.build import build, executable
from schema.execution import Runner

Composite = GraphQLObjectType | GraphQLInterfaceType
T = TypeVar("T")


@lru_cache(maxsize=32)
def schema_for(role: str) -> GraphQLSchema:
    """The schema that a principal of that role is answered by. Raises ConfigurationError where the role is unknown."""
    return seen_by(executable(build()), access_of(role))


@lru_cache(maxsize=32)
def runner_for(role: str) -> Runner:
    """Runs requests of principals of that role, and remembers the documents it found valid for them."""
    return Runner(schema_for(role))


def seen_by(schema: GraphQLSchema, access: Access) -> GraphQLSchema:
    """``schema`` as ``access`` sees it."""
    return schema if access.fields is None else _View(schema, access).schema()


class _View:
    """One copy of a schema with fewer fields; types are copied when something first leads to them."""

    def __init__(self, schema: GraphQLSchema, access: Access) -> None:
        self._whole = schema
        self._access = access
        self._copies: dict[str, GraphQLNamedType] = {}
        self._shown = self._what_is_shown()

    def schema(self) -> GraphQLSchema:
        kwargs = self._whole.to_kwargs()
        for root in ("query", "mutation", "subscription"):
            named = kwargs[root]
            kwargs[root] = self._type(named) if named is not None and named.name in self._shown else None
        others = [named for named in kwargs["types"] or () if self._is_shown(named)]
        kwargs["types"] = tuple(self._type(named) for named in others if isinstance(named, GraphQLObjectType))
        # every input type is reached from a field or from none that may be seen
        return GraphQLSchema(**kwargs)

    # what there is

    def _what_is_shown(self) -> Mapping[str, frozenset[str]]:
        """The fields of every object and interface that lead to something; grown smaller until nothing changes."""
        shown = {
            name: {field for field in named.fields if self._access.may_see(f"{name}.{field}")}
            for name, named in self._whole.type_map.items()
            if isinstance(named, Composite) and not name.startswith("__")
        }
        while True:
            dead = [
                (name, field)
                for name, fields in shown.items()
                for field in fields
                if not self._leads_somewhere(cast(Composite, self._whole.type_map[name]).fields[field], shown)
            ]
            if not dead:
                return {name: frozenset(fields) for name, fields in shown.items() if fields}
            for name, field in dead:
                shown[name].discard(field)

    def _leads_somewhere(self, field: GraphQLField, shown: Mapping[str, set[str]]) -> bool:
        target = get_named_type(field.type)
        if isinstance(target, GraphQLUnionType):
            return any(shown.get(one.name) for one in target.types)
        return not isinstance(target, Composite) or bool(shown.get(target.name))

    def _is_shown(self, named: GraphQLNamedType) -> bool:
        return not isinstance(named, Composite) or named.name in self._shown

    # copies

    def _type(self, whole: T) -> T:
        if isinstance(whole, GraphQLNonNull):
            return cast(T, GraphQLNonNull(self._type(whole.of_type)))
        if isinstance(whole, GraphQLList):
            return cast(T, GraphQLList(self._type(whole.of_type)))
        assert isinstance(whole, GraphQLNamedType)
        if whole.name not in self._copies:
            self._copies[whole.name] = self._copy(whole)
        return cast(T, self._copies[whole.name])

    def _copy(self, whole: GraphQLNamedType) -> GraphQLNamedType:
        if isinstance(whole, Composite):
            kwargs: Any = whole.to_kwargs()
            kwargs["fields"] = lambda: {
                name: self._field(whole, name, field)
                for name, field in whole.fields.items()
                if name in self._shown[whole.name]
            }
            kwargs["interfaces"] = lambda: [self._type(one) for one in whole.interfaces if self._keeps(whole, one)]
            return type(whole)(**kwargs)
        if isinstance(whole, GraphQLInputObjectType):
            kwargs = whole.to_kwargs()
            kwargs["fields"] = lambda: {
                name: self._input_field(field)
                for name, field in whole.fields.items()
                if self._access.may_test(f"{whole.name}.{name}")
            }
            return GraphQLInputObjectType(**kwargs)
        if isinstance(whole, GraphQLEnumType):
            kept = {
                name: value for name, value in whole.values.items() if self._access.may_test(f"{whole.name}.{name}")
            }
            return whole if len(kept) == len(whole.values) else _enum_of(whole, kept)
        if isinstance(whole, GraphQLUnionType):
            kwargs = whole.to_kwargs()
            kwargs["types"] = lambda: [self._type(one) for one in whole.types if one.name in self._shown]
            return GraphQLUnionType(**kwargs)
        return whole

    def _keeps(self, whole: Composite, interface: GraphQLInterfaceType) -> bool:
        """Whether the type still has every field that the interface has here."""
        promised = self._shown.get(interface.name)
        return promised is not None and promised <= self._shown[whole.name]

    def _field(self, owner: Composite, name: str, whole: GraphQLField) -> GraphQLField:
        kwargs = whole.to_kwargs()
        kwargs["type_"] = self._type(whole.type)
        kwargs["args"] = {key: self._argument(argument) for key, argument in whole.args.items()}
        redaction = self._access.redactions.get(f"{owner.name}.{name}")
        if redaction is not None:
            kwargs["resolve"] = redacted(whole, redaction)
        return GraphQLField(**kwargs)

    def _argument(self, whole: GraphQLArgument) -> GraphQLArgument:
        kwargs = whole.to_kwargs()
        kwargs["type_"] = self._type(whole.type)
        return GraphQLArgument(**kwargs)

    def _input_field(self, whole: GraphQLInputField) -> GraphQLInputField:
        kwargs = whole.to_kwargs()
        kwargs["type_"] = self._type(whole.type)
        return GraphQLInputField(**kwargs)


def _enum_of(whole: GraphQLEnumType, values: dict[str, GraphQLEnumValue]) -> GraphQLEnumType:
    """The enum with fewer values, and of the same class: strawberry's own knows how to read its members."""
    # not copy.copy: the library's own way of copying does not know what strawberry's enum is made from
    fewer = object.__new__(type(whole))
    fewer.__dict__.update(vars(whole))
    fewer.values = values
    # what was looked up of the whole enum is remembered in it
    for remembered in [name for name in vars(fewer) if "lookup" in name]:
        del fewer.__dict__[remembered]
    return fewer


def redacted(field: GraphQLField, redaction: Redaction) -> Callable[..., Any]:
    """The field's resolver, its value redacted before anybody has it."""
    resolve = field.resolve or default_field_resolver
    empty: Any = "" if isinstance(field.type, GraphQLNonNull) else None

    def hide(value: Any) -> Any:
        if redaction is Redaction.MASK and isinstance(value, str):
            return mask_name(value)
        return empty

    async def later(value: Any) -> Any:
        return hide(await value)

    def redact(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        value = resolve(source, info, **arguments)
        return later(value) if inspect.isawaitable(value) else hide(value)

    return redact


def mask_name(name: str) -> str:
    """``王**``: the first character stays; how long the rest is, does not show."""
    return name[:1] + "**" if name else name
