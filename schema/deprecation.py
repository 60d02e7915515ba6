"""Deprecation: what is going to go says since when, until when it stays at least, and what takes its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from graphql import GraphQLSchema
from graphql.utilities import resolve_schema_coordinate

from schema.difference import deprecated_in

#: what is deprecated stays at least so long (docs/frontend.md, "What may change")
LEAST = timedelta(days=180)

_REASON = re.compile(
    r"Since (?P<release>\d+\.\d+\.\d+) of (?P<since>\d{4}-\d\d-\d\d), stays until (?P<until>\d{4}-\d\d-\d\d) at least: "
    r"(?:use (?P<instead>[\w.@():]+)|nothing takes its place)\."
)


@dataclass(frozen=True, slots=True)
class Deprecation:
    release: str
    since: date
    until: date
    #: a schema coordinate such as ``Dispute.holder``; None where nothing takes its place
    instead: str | None


def read_reason(reason: str) -> Deprecation | None:
    """What a ``@deprecated`` reason says; None where it does not say all of it."""
    found = _REASON.fullmatch(reason)
    if found is None:
        return None
    try:
        since, until = date.fromisoformat(found["since"]), date.fromisoformat(found["until"])
    except ValueError:
        return None
    return Deprecation(found["release"], since, until, found["instead"])


def deprecation_problems(schema: GraphQLSchema) -> list[str]:
    """Deprecated places whose reason is not in order, each with why; empty where all are."""
    problems = []
    for named in schema.type_map.values():
        for place, reason in deprecated_in(named) if not named.name.startswith("__") else ():
            said = read_reason(reason)
            if said is None:
                problems.append(f"{place}: the reason does not name release, dates and replacement")
            elif said.until - said.since < LEAST:
                problems.append(f"{place}: stays less than {LEAST.days} days")
            elif said.instead is not None and not _is_there(schema, said.instead):
                problems.append(f"{place}: {said.instead} is not there")
    return problems


def _is_there(schema: GraphQLSchema, coordinate: str) -> bool:
    try:
        return resolve_schema_coordinate(schema, coordinate) is not None
    except Exception:
        # the type before the dot is missing, or it is no coordinate: graphql-core raises plain errors for both
        return False
