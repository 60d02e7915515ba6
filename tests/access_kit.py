"""A county in which every text carries a canary that tells whose it is, and who may ever receive it, in plain rules.

The rules here are written from docs/access.md, not from the code they judge: ``Access`` and ``Sight`` are not called.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
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
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from app.web import create_app
from hub.desk import Desk
from hub.principal import Principal, PrincipalKind
from hub.store import tables
from hub.vocabulary import HandlingEventKind, county_tables

from .graphql_rows import COUNTY, County, at

TOWN, OTHER_TOWN = "620725101", "620725203"
COURT, HOTLINE, PETITION, TOWN_HALL = "620725010000", "620725030000", "620725020000", "620725101990"
AGENCIES = {"court": COURT, "hotline": HOTLINE, "petition": PETITION}
CHANNELS = {"court": "LITIGATION", "hotline": "HOTLINE", "petition": "PETITION"}

#: ``zq<what><tag>q``: what kind of value, of which record (r) or dispute (d)
CANARY = re.compile(r"zq([a-z]+)([rd]\d+)q")


@dataclass(frozen=True)
class Matter:
    """A record of the county."""

    tag: str
    instance: str
    region: str
    classification: str = "INTERNAL"
    #: number of its dispute; None: it is loose
    dispute: int | None = None
    #: whom an accusation is against
    accused: str = ""

    @property
    def number(self) -> int:
        return int(self.tag[1:])


@dataclass(frozen=True)
class Case:
    """A dispute of the county."""

    number: int
    region: str
    holder: str = "620725190000"
    channel: str = "LITIGATION"


_CLOSED = ("PUBLIC", "INTERNAL", "CONFIDENTIAL", "RESTRICTED")


@dataclass
class Plan:
    """Every kind of matter there is, for the rules to tell apart."""

    cases: dict[int, Case] = field(default_factory=dict)
    matters: list[Matter] = field(default_factory=list)

    def closedness(self, number: int) -> str:
        return max((m.classification for m in self.matters if m.dispute == number), key=_CLOSED.index)


def plan() -> Plan:
    made, count = Plan(), 0

    def matter(*given: Any, **more: Any) -> None:
        nonlocal count
        count += 1
        made.matters.append(Matter(f"r{count}", *given, **more))

    number = 0
    for region in (TOWN, OTHER_TOWN):
        for instance in AGENCIES:
            for classification in _CLOSED:
                number += 1
                holder = TOWN_HALL if number % 2 else "620725190000"
                made.cases[number] = Case(number, f"{region}001", holder, CHANNELS[instance])
                matter(instance, f"{region}001", classification, number)
                if number % 3 == 0:
                    # a second agency tells of the same matter, openly
                    matter("hotline" if instance == "court" else "court", f"{region}002", "INTERNAL", number)
            matter(instance, f"{region}003")
            matter(instance, f"{region}004", "CONFIDENTIAL")
    for accused in ("张三", "县信访局", "李明"):
        matter("petition", COUNTY, "RESTRICTED", None, accused)
    return made


async def write(desk: Desk, made: Plan) -> None:
    """Put the plan into the store, a canary in every text."""
    county = County()
    county.put(tables.agencies, id="agy_petition", code=PETITION, name="县信访局", kind="PETITION", region_code=COUNTY)
    for number, case in made.cases.items():
        d = f"d{number}"
        id = county.dispute(
            number, region_code=case.region, holder_code=case.holder, channel=case.channel,
            classification=made.closedness(number), title=f"zqtitle{d}q", summary=f"zqsummary{d}q",
            address_text=f"zqaddress{d}q", assignee_name=f"zqassignee{d}q", code=f"JF620725-2024-{number:06}",
        )  # fmt: skip
        county.event(
            1000 + number, HandlingEventKind.REGISTERED, dispute_id=id, words=f"zqwords{d}q", sequence=1000 + number,
            source="hub",
        )  # fmt: skip
        county.referral(
            1000 + number, None, dispute_id=id, undisputed_facts=f"zqfacts{d}q", returned_reason=f"zqreason{d}q",
            direction="OUT", instance="hotline", from_code="620725190000", to_code=HOTLINE,
        )  # fmt: skip
    for one in made.matters:
        _put(county, desk, one)
    await county.write(desk.store)


def _put(county: County, desk: Desk, one: Matter) -> None:
    r, number = one.tag, one.number
    record = county.record(
        number, None if one.dispute is None else f"dsp_{COUNTY}_{one.dispute:06}", instance=one.instance,
        system=one.instance, agency_code=AGENCIES[one.instance], region_code=one.region,
        classification=one.classification, channel=CHANNELS[one.instance], title=f"zqtitle{r}q",
        content=f"zqcontent{r}q", address=f"zqaddress{r}q", native_id=f"zqnativeid{r}q", native_no=f"zqnativeno{r}q",
        opens_dispute=one.dispute is not None,
    )  # fmt: skip
    county.party(
        number, record, role="RESPONDENT", name=one.accused or f"甲zqname{r}q", address=f"zqpartyaddress{r}q",
        id_mask=f"zqidmask{r}q", phone_mask=f"zqphonemask{r}q",
    )  # fmt: skip
    county.event(number, HandlingEventKind.REFERRED, record_id=record, words=f"zqwords{r}q", sequence=number)
    county.referral(
        number, record, undisputed_facts=f"zqfacts{r}q", returned_reason=f"zqreason{r}q",
        agreement_no=f"zqagreement{r}q", partner_ref=f"zqpartnerref{r}q", from_code=AGENCIES[one.instance],
    )  # fmt: skip
    key, wrapped = desk.keys.new_data_key(f"fil_{r}")
    county.put(
        tables.attachment_contents, id=f"fil_{r}", media_type="text/plain", wrapped=wrapped,
        body_sealed=key.seal(f"zqbody{r}q".encode(), f"fil_{r}"), bytes=9, content_hash=r,
    )  # fmt: skip
    county.put(
        tables.attachments, id=f"att_{COUNTY}_{number:06}", record_id=record, instance=one.instance, name=f"zqfile{r}q",
        kind="OTHER", state="STORED", content_id=f"fil_{r}", classification=one.classification, ref_hash=r,
        media_type="text/plain", next_try_at=at(0), first_seen_at=at(0),
    )  # fmt: skip


# who may ever receive what

_WORDS = frozenset(
    [
        "title",
        "content",
        "summary",
        "address",
        "words",
        "facts",
        "reason",
        "name",
        "partyaddress",
        "idmask",
        "phonemask",
        "assignee",
    ]
)
#: kinds of values that a role never receives, whosever they are
NEVER: dict[str, frozenset[str]] = {
    "centre_operator": frozenset(),
    "leader": frozenset(["content", "summary", "name", "partyaddress", "idmask", "phonemask", "file", "body"]),
    "township_operator": frozenset(),
    "agency_liaison": frozenset(),
    "partner_system": frozenset(["words", "assignee", "summary"]),
    "auditor": _WORDS | {"file", "body"},
    "administrator": _WORDS | frozenset(["file", "body", "nativeid", "nativeno", "agreement", "partnerref"]),
}


@dataclass(frozen=True)
class Eyes:
    """A principal, and by plain rules what they may see."""

    principal: Principal
    plan: Plan

    @property
    def role(self) -> str:
        return self.principal.role

    def sees_dispute(self, number: int) -> bool:
        case, closed = self.plan.cases[number], self.plan.closedness(number)
        match self.role:
            case "centre_operator" | "leader" | "auditor":
                return closed != "RESTRICTED"
            case "township_operator":
                in_hand = case.holder == self.principal.agency
                return case.region.startswith(self.principal.regions) and (
                    closed in ("PUBLIC", "INTERNAL") or (closed == "CONFIDENTIAL" and in_hand)
                )
            case "agency_liaison" | "partner_system":
                has_part = any(self._is_own(m) for m in self.plan.matters if m.dispute == number)
                # every dispute of the county was handed on to the hotline
                has_part = has_part or self._is_hotline
                if self.role == "agency_liaison" and not self.principal.instances:
                    has_part = has_part or case.holder == self.principal.agency
                return closed != "RESTRICTED" and has_part
        return False

    def sees_record(self, one: Matter) -> bool:
        if self.role == "administrator":
            return False
        if one.classification == "RESTRICTED":
            return self.role == "agency_liaison" and self._is_own(one) and one.accused not in (
                self.principal.name, "县信访局" if self.principal.agency == PETITION else None,
            )  # fmt: skip
        if self.role == "partner_system":
            return self._is_own(one)
        if self._is_own(one) and self.role == "agency_liaison":
            return True
        if one.dispute is not None:
            return self.sees_dispute(one.dispute)
        match self.role:
            case "township_operator":
                return one.region.startswith(self.principal.regions) and one.classification in ("PUBLIC", "INTERNAL")
            case "agency_liaison":
                return False
        return True

    @property
    def _is_hotline(self) -> bool:
        given = self.principal
        return "hotline" in given.instances if given.instances else given.agency == HOTLINE

    def _is_own(self, one: Matter) -> bool:
        given = self.principal
        return one.instance in given.instances if given.instances else AGENCIES[one.instance] == given.agency

    def may_receive(self, what: str, tag: str) -> bool:
        """Whether a canary of that kind of that record or dispute may be in an answer."""
        if what in NEVER[self.role]:
            return False
        number = int(tag[1:])
        if tag[0] == "d":
            is_word_of_others = self.role == "partner_system" and what in ("title", "address")
            is_theirs = self.role != "partner_system" or what not in ("facts", "reason") or self._is_hotline
            return self.sees_dispute(number) and not is_word_of_others and is_theirs
        return self.sees_record(self.plan.matters[number - 1])

    def leaks(self, text: str) -> set[str]:
        """The canaries in the text that are not for these eyes."""
        return {found.group() for found in CANARY.finditer(text) if not self.may_receive(*found.groups())}


def everybody(made: Plan) -> list[Eyes]:
    """A principal for each way in which a role sees."""

    def who(role: str, **given: Any) -> Eyes:
        name = given.pop("name", "王芳")
        return Eyes(Principal(f"acc_{role}", PrincipalKind.STAFF, name, role, **given), made)

    return [
        who("centre_operator"), who("leader"), who("auditor"), who("administrator"),
        who("township_operator", regions=(TOWN,)), who("township_operator", regions=(TOWN,), agency=TOWN_HALL),
        who("agency_liaison", agency=COURT), who("agency_liaison", agency=PETITION, name="李明"),
        who("agency_liaison", agency=HOTLINE, instances=("hotline",)), who("agency_liaison", instances=("petition",)),
        who("partner_system", instances=("court",)), who("partner_system", instances=("petition",)),
    ]  # fmt: skip


# questions

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


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
            *(f"JF620725-2024-{n:06}" for n in made.cases), "court", "hotline", "petition", TOWN, OTHER_TOWN, COURT,
        ]  # fmt: skip

    def all_of(self, root: str, depth: int = 4) -> str:
        """A question for everything that one root field leads to."""
        field = self._query.fields[root]
        return f"{{ {root}{self._arguments(field.args)}{self._selection(field.type, depth, share=1.0)} }}"

    def drawn(self) -> str:
        """A question drawn by lot: some root fields, some of what they lead to."""
        # those that lead to matters more often than worklists do
        often = [
            name for name in ("dispute", "disputes", "caseRecord", "caseRecords", "nodes") if name in self._query.fields
        ]
        roots = [self._lot.choice([*sorted(self._query.fields), *often, *often]) for _ in range(2)]
        parts = []
        for place, root in enumerate(roots):
            field = self._query.fields[root]
            share = self._lot.choice((0.3, 0.6))
            chosen = self._selection(field.type, self._lot.randint(1, 5), share)
            parts.append(f"a{place}: {root}{self._arguments(field.args)}{chosen}")
        return "{ " + " ".join(parts) + " }"

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
            inner = " ".join(f"... on {one.name} {{ {self._fields(one, depth, share)} }}" for one in named.types)
            return f" {{ __typename {inner} }}"
        assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
        return f" {{ __typename {self._fields(named, depth, share)} }}"

    def _fields(self, named: GraphQLObjectType | GraphQLInterfaceType, depth: int, share: float) -> str:
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
            parts.append(f"{named.name}_{name}: {name}{self._arguments(inner.args)}"
                         f"{self._selection(inner.type, depth - 1, share)}")  # fmt: skip
        return " ".join(parts)

    def _arguments(self, arguments: dict[str, Any]) -> str:
        given = []
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
                return ["100.5", "38.7"]
            case "ID":
                return [f'"{id}"' for id in self._ids]
            case "Date" | "Day":
                return ['"2024-01-01"' if name in ("from", "start") else '"2024-12-31"']
            case "DateTime" | "Instant":
                return ['"2024-03-01T00:00:00Z"']
        if name == "id":
            return [f'"{id}"' for id in self._ids]
        return [f'"{word}"' for word in self._words]


# the way through the door


class Through:
    """Somebody's way through the web server; what they receive is looked at byte by byte."""

    def __init__(self, desk: Desk, eyes: Eyes) -> None:
        self.eyes = eyes
        self.received: set[str] = set()

        async def authenticate(_: HTTPConnection) -> Principal | None:
            return eyes.principal

        transport = httpx2.ASGITransport(
            create_app(desk, county_tables, authenticate=authenticate, keeps_budgets=False)
        )
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async def ask(self, document: str) -> httpx2.Response:
        """POST it. The test fails where an answer or a log line holds what is not for these eyes."""
        with capture_logs() as lines:
            answer = await self.client.post("/graphql", json={"query": document})
        assert answer.status_code < 500, answer.text
        self.judge(answer, document)
        assert not CANARY.search(repr(lines)), lines
        return answer

    def judge(self, answer: httpx2.Response, asked: str) -> None:
        text = f"{answer.headers} {answer.text}"
        # what the asker wrote themselves tells them nothing, e.g. in an error that quotes the document
        leaked = {canary for canary in self.eyes.leaks(text) if canary not in asked}
        assert not leaked, (self.eyes.principal, asked, sorted(leaked)[:5])
        self.received |= {found.group() for found in CANARY.finditer(text)} - {
            c.group() for c in CANARY.finditer(asked)
        }
