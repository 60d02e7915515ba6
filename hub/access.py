"""What each kind of consumer may see and do: one readable file a role in ``hub/data/access``. A missing rule means no.

A role's file names bundles of fields (``bundles.toml``: GraphQL types and their fields), the rows it sees, what is
masked or removed of what it sees, and its limits. ``tests.toml`` says which fields a filter or an order tests.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from hub.errors import ConfigurationError
from hub.model import plain_name
from hub.principal import Principal
from hub.sight import EVERYTHING, Sight
from hub.vocabulary import Classification


class Redaction(Enum):
    """What becomes of a value that may not be read."""

    #: a part stays: ``王**``
    MASK = "MASK"
    #: null or, where a value must stand, empty
    REMOVE = "REMOVE"


#: types whose members test values: one that ``tests.toml`` forgets is no one's
TESTING = ("Filter", "OrderField", "Facet", "SearchMatch", "FindPartiesInput")


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows a role sees; see ``Sight`` for what each means."""

    classifications: frozenset[str] = frozenset()
    classifications_in_hand: frozenset[str] = frozenset()
    own_accusations: bool = False
    own_regions: bool = True
    own_channels: bool = False
    only_with_part: bool = True
    only_own_records: bool = True
    every_message: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a role may ask for at most."""

    may_introspect: bool = False
    #: "did you mean" in validation errors
    sees_suggestions: bool = False
    #: rows and fields, as ``schema.guard`` counts them, of all requests of one minute
    cost_per_minute: int = 50_000
    #: searches for people, and looks at people's whole numbers, of one principal; 0: none
    finds_per_hour: int = 0
    reveals_per_hour: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """One role, whole. ``fields`` is None for the role that has no rules: whoever works at this machine."""

    role: str
    zh: str
    en: str
    about: str
    fields: Mapping[str, frozenset[str]] | None = field(default_factory=dict)
    redactions: Mapping[str, Redaction] = field(default_factory=dict)
    #: what an input field or an order tests, by its coordinate, e.g. ``DisputeFilter.text``
    tests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: Rows = Rows()
    limits: Limits = Limits()

    def may_see(self, coordinate: str) -> bool:
        """Whether the field, e.g. ``Dispute.title``, exists for this role."""
        if self.fields is None:
            return True
        type_name, _, name = coordinate.partition(".")
        return name in self.fields.get(type_name, ())

    def may_read(self, coordinate: str) -> bool:
        """Whether the field is shown whole: only then may it be searched, filtered or sorted by."""
        return self.may_see(coordinate) and coordinate not in self.redactions

    def may_test(self, coordinate: str) -> bool:
        """Whether an input field or enum value may be used: whoever tests a value reads it.

        What ``tests.toml`` does not name tests nothing, but a filter or an order that it does not name is no one's.
        """
        if self.fields is None:
            return True
        tested = self.tests.get(coordinate)
        if tested is None:
            return not coordinate.partition(".")[0].endswith(TESTING)
        return all(self.may_read(one) for one in tested)

    def sight(self, principal: Principal) -> Sight:
        """The rows that this principal sees."""
        if self.fields is None:
            return EVERYTHING
        rows = self.rows
        return Sight(
            classifications=rows.classifications,
            classifications_in_hand=rows.classifications_in_hand,
            own_accusations=rows.own_accusations,
            regions=principal.regions if rows.own_regions else None,
            channels=principal.channels if rows.own_channels else None,
            only_with_part=rows.only_with_part,
            only_own_records=rows.only_own_records,
            every_message=rows.every_message,
            agency=principal.agency,
            instances=principal.instances,
            name=plain_name(principal.name),
        )


#: the role of whoever works at this machine: no rules
FULL = Access("local", "本机操作员", "Operator of this machine", "The command line and the jobs.", None,
              limits=Limits(True, True, 1_000_000_000, 1_000, 1_000))  # fmt: skip


def access_of(role: str) -> Access:
    """The role of that name. Raises ConfigurationError where there is none."""
    if role == FULL.role:
        return FULL
    known = all_roles()
    if role not in known:
        raise ConfigurationError(f"there is no role {role}", hint=f"Roles: {', '.join(sorted(known))}.")
    return known[role]


@lru_cache(maxsize=1)
def all_roles() -> Mapping[str, Access]:
    """Every role that has a file, by name. Raises ConfigurationError where a file says what is not understood."""
    folder = files("hub") / "data" / "access"
    bundles = _bundles(_table(folder / "bundles.toml"))
    tests = {name: tuple(needs) for name, needs in _table(folder / "tests.toml").items()}
    found = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml") and entry.name not in ("bundles.toml", "tests.toml"):
            name = entry.name.removesuffix(".toml")
            found[name] = _access(name, _table(entry), bundles, tests)
    return found


def _table(file: Traversable) -> Mapping[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


Bundles = Mapping[str, Mapping[str, frozenset[str]]]


def _bundles(table: Mapping[str, Any]) -> Bundles:
    return {
        name: {type_name: frozenset(fields) for type_name, fields in types.items()} for name, types in table.items()
    }


def _access(name: str, table: Mapping[str, Any], bundles: Bundles, tests: Mapping[str, tuple[str, ...]]) -> Access:
    try:
        return Access(
            name, table["zh"], table["en"], table["about"], _fields(name, table, bundles),
            {coordinate: Redaction(kind) for coordinate, kind in table.get("redactions", {}).items()},
            tests, _rows(table["rows"]), Limits(**table["limits"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as exc:
        raise ConfigurationError(f"hub/data/access/{name}.toml is not understood: {exc}") from exc


def _fields(name: str, table: Mapping[str, Any], bundles: Bundles) -> Mapping[str, frozenset[str]]:
    together: dict[str, set[str]] = {}
    for bundle in table["bundles"]:
        for type_name, fields in bundles[bundle].items():
            together.setdefault(type_name, set()).update(fields)
    for type_name, fields in table.get("fields", {}).items():
        together.setdefault(type_name, set()).update(fields)
    together.setdefault("Mutation", set()).update(table.get("mutations", ()))
    return {type_name: frozenset(fields) for type_name, fields in together.items()}


def _rows(table: Mapping[str, Any]) -> Rows:
    told = dict(table)
    known = {one.value for one in Classification}
    for key in ("classifications", "classifications_in_hand"):
        told[key] = frozenset(told.get(key, ()))
        if not told[key] <= known:
            raise ValueError(f"{key} has a value that is no classification")
    return Rows(**told)
