"""What a newer schema changes for clients of an older one: breaking, dangerous or safe; descriptions change nothing.

graphql-core finds most of it. Added here: deprecations, operations that go, defaults whose end makes a value required,
scalars written otherwise, inputs that want exactly one field, and the direction in which an enum is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_required_argument,
    is_required_input_field,
    validate_schema,
)
from graphql.utilities.find_schema_changes import (
    BreakingChangeType,
    DangerousChangeType,
    SafeChangeType,
    find_schema_changes,
)

from hub.errors import ConfigurationError


class Level(Enum):
    """What a change means for a client that is not touched."""

    #: a document that ran does not, or an answer holds what its types exclude
    BREAKING = "BREAKING"
    #: every document still runs; a program may meet what it was not written for
    DANGEROUS = "DANGEROUS"
    SAFE = "SAFE"


@dataclass(frozen=True, slots=True)
class Change:
    level: Level
    #: a constant for programs, e.g. FIELD_REMOVED
    kind: str
    text: str


#: our documents name what they ask for, so what is added beside it concerns nobody who does not name it
_HARMLESS = {DangerousChangeType.OPTIONAL_INPUT_FIELD_ADDED, DangerousChangeType.OPTIONAL_ARG_ADDED}


def read_schema(text: str, name: str) -> GraphQLSchema:
    """The schema of an SDL. Raises ConfigurationError, naming ``name`` and the place, where it is none."""
    try:
        schema = build_schema(text)
    except (GraphQLError, TypeError) as problem:
        raise ConfigurationError(f"{name} is no GraphQL schema: {_first(problem)}", hint="Give SDL.") from problem
    problems = validate_schema(schema)
    if problems:
        raise ConfigurationError(f"{name} is no GraphQL schema: {problems[0].message}", hint="Give SDL.")
    return schema


def differences(old: GraphQLSchema, new: GraphQLSchema) -> list[Change]:
    """Every change that concerns clients, the breaking ones first; each once, in the order of their text."""
    found = {*_operations(old, new), *_types(old, new)}
    # a default whose end makes a value required is told once, as what breaks
    told = {change.text.partition(" ")[0] for change in found if change.kind == "DEFAULT_REMOVED"}
    for change in _found_by_the_library(old, new):
        place, _, what = change.text.partition(" ")
        if place not in told or what != "defaultValue was removed.":
            found.add(change)
    order = list(Level)
    return sorted(found, key=lambda change: (order.index(change.level), change.text, change.kind))


def _first(problem: Exception) -> str:
    if isinstance(problem, GraphQLError) and problem.locations:
        return f"{problem.message} (line {problem.locations[0].line})"
    return str(problem).splitlines()[0]


def _found_by_the_library(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Change]:
    sent_only = _inputs(new) - _outputs(new)
    for change in find_schema_changes(old, new):
        kind = change.type
        if kind is SafeChangeType.DESCRIPTION_CHANGED:
            continue
        level = Level.SAFE
        if isinstance(kind, BreakingChangeType):
            level = Level.BREAKING
        elif isinstance(kind, DangerousChangeType) and kind not in _HARMLESS:
            level = Level.DANGEROUS
        if kind is DangerousChangeType.VALUE_ADDED_TO_ENUM and change.description.split()[2].split(".")[0] in sent_only:
            # nobody is ever answered with it
            level = Level.SAFE
        yield Change(level, kind.name.removesuffix("_SAFE"), change.description)


def _operations(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Change]:
    for name in ("query", "mutation", "subscription"):
        before, after = getattr(old, f"{name}_type"), getattr(new, f"{name}_type")
        if before is not None and after is None:
            yield Change(Level.BREAKING, "OPERATION_REMOVED", f"There is no {name} any more.")
        elif before is not None and before.name != after.name:
            yield Change(
                Level.DANGEROUS, "OPERATION_CHANGED", f"The type of {name} is {after.name}, no longer {before.name}."
            )
        elif before is None and after is not None:
            yield Change(Level.SAFE, "OPERATION_ADDED", f"There is {name} now.")


def _types(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Change]:
    for name, before in old.type_map.items():
        after = new.type_map.get(name)
        if after is None or type(before) is not type(after) or name.startswith("__"):
            continue
        yield from _deprecations(before, after)
        if isinstance(before, GraphQLInputObjectType) and isinstance(after, GraphQLInputObjectType):
            if before.is_one_of is not after.is_one_of:
                level, word = (Level.BREAKING, "wants") if after.is_one_of else (Level.SAFE, "no longer wants")
                yield Change(level, "ONE_OF_CHANGED", f"Input {name} {word} exactly one of its fields.")
            for field in before.fields.keys() & after.fields.keys():
                yield from _required(f"{name}.{field}", before.fields[field], after.fields[field])
        elif isinstance(before, GraphQLObjectType | GraphQLInterfaceType):
            assert isinstance(after, GraphQLObjectType | GraphQLInterfaceType)
            for field in before.fields.keys() & after.fields.keys():
                one, other = before.fields[field], after.fields[field]
                for argument in one.args.keys() & other.args.keys():
                    place = f"{name}.{field}({argument}:)"
                    yield from _required(place, one.args[argument], other.args[argument])
        elif isinstance(before, GraphQLScalarType):
            assert isinstance(after, GraphQLScalarType)
            if before.specified_by_url != after.specified_by_url:
                yield Change(Level.DANGEROUS, "SCALAR_CHANGED", f"Scalar {name} is specified otherwise.")


def _required(
    place: str, before: GraphQLArgument | GraphQLInputField, after: GraphQLArgument | GraphQLInputField
) -> Iterator[Change]:
    """What could be left out and cannot any more, though its type is what it was."""
    if str(before.type) == str(after.type) and _is_required(after) and not _is_required(before):
        yield Change(Level.BREAKING, "DEFAULT_REMOVED", f"{place} must be given: its default was removed.")


def _is_required(value: GraphQLArgument | GraphQLInputField) -> bool:
    return is_required_argument(value) if isinstance(value, GraphQLArgument) else is_required_input_field(value)


def _deprecations(before: GraphQLNamedType, after: GraphQLNamedType) -> Iterator[Change]:
    old, new = dict(deprecated_in(before)), dict(deprecated_in(after))
    known = {place for place, _ in _members(after)}
    for place, reason in new.items():
        if place not in old:
            yield Change(Level.SAFE, "DEPRECATED", f"{place} is deprecated: {reason}")
        elif old[place] != reason:
            yield Change(Level.SAFE, "DEPRECATION_CHANGED", f"{place} is deprecated otherwise: {reason}")
    for place in sorted(old.keys() - new.keys()):
        if place in known:
            yield Change(Level.SAFE, "DEPRECATION_REMOVED", f"{place} is no longer deprecated.")


def deprecated_in(named: GraphQLNamedType) -> Iterator[tuple[str, str]]:
    """Places of a type that are deprecated, as schema coordinates, with the reason."""
    for place, reason in _members(named):
        if reason is not None:
            yield place, reason


def _members(named: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    """Every place inside a type by its coordinate, with the reason of its deprecation."""
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in named.fields.items():
            yield f"{named.name}.{name}", field.deprecation_reason
            for argument, one in field.args.items():
                yield f"{named.name}.{name}({argument}:)", one.deprecation_reason
    elif isinstance(named, GraphQLInputObjectType):
        for name, input_field in named.fields.items():
            yield f"{named.name}.{name}", input_field.deprecation_reason
    elif isinstance(named, GraphQLEnumType):
        for name, value in named.values.items():
            yield f"{named.name}.{name}", value.deprecation_reason


def _outputs(schema: GraphQLSchema) -> set[str]:
    return {
        get_named_type(field.type).name
        for named in schema.type_map.values()
        if isinstance(named, GraphQLObjectType | GraphQLInterfaceType) and not named.name.startswith("__")
        for field in named.fields.values()
    }


def _inputs(schema: GraphQLSchema) -> set[str]:
    found = {
        get_named_type(field.type).name
        for named in schema.type_map.values()
        if isinstance(named, GraphQLInputObjectType)
        for field in named.fields.values()
    }
    return found | {
        get_named_type(argument.type).name
        for named in schema.type_map.values()
        if isinstance(named, GraphQLObjectType | GraphQLInterfaceType) and not named.name.startswith("__")
        for field in named.fields.values()
        for argument in field.args.values()
    }
