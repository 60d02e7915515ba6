"""Refusals: what is hidden is answered like what does not exist, whoever names it and however."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLInputObjectType, GraphQLNonNull, GraphQLSchema, get_named_type

from schema.seen_by import schema_for

from .access_door import Through
from .access_eyes import Eyes
from .access_lists import HAVE_NO_MATTERS, NOBODY
from .access_plan import Matter
from .graphql_rows import COUNTY


async def refused(through: Through) -> None:
    """What is hidden is answered like what does not exist, whatever names it, and nothing is done to it."""
    eyes, schema = through.eyes, schema_for(through.eyes.role)
    firsts = [one for one, _ in eyes.plan.suggested()]
    hidden = eyes.hidden_cases[0], next(one for one in eyes.hidden if one.is_handed and one in firsts)
    for documents in (_questions(schema, *hidden), _acts(eyes, schema, *hidden)):
        for start in range(0, len(documents[1]), 8):
            kind, parts = documents[0], documents[1][start : start + 8]
            asked = f"{kind} {{ {' '.join(f'a{place}: {part}' for place, part in enumerate(parts))} }}"
            none = asked
            for one in hidden:
                none = none.replace(f"{one.number:06}", f"{NOBODY:06}")
                none = none.replace(f"zqnativeid{getattr(one, 'tag', '')}q", f"zqnativeidr{NOBODY}q")
            about_hidden, about_none = [(await through.ask(one)).text for one in (asked, none)]
            for one in hidden:
                about_hidden = about_hidden.replace(f"{one.number:06}", f"{NOBODY:06}")
            assert about_hidden == about_none, (eyes.principal, asked)


def _questions(schema: GraphQLSchema, case: Any, one: Matter) -> tuple[str, list[str]]:
    keys = [case.id, one.id, one.party_id, *(f"{kind}_{COUNTY}_{one.number:06}" for kind in ("ref", "evt", "att"))]
    asked = [f'node(id: "{key}") {{ id }}' for key in keys]
    if schema.query_type is not None and "dispute" in schema.query_type.fields:
        asked += [f'dispute(id: "{case.id}") {{ id }}', f'dispute(code: "{case.code}") {{ id }}']
        asked += [f'caseRecord(instance: "{one.instance}", nativeId: "zqnativeid{one.tag}q") {{ id }}']
    return "query", asked


def _acts(eyes: Eyes, schema: GraphQLSchema, case: Any, one: Matter) -> tuple[str, list[str]]:
    """Every mutation of the role that names something of somebody's, naming what is hidden."""
    asked = []
    for name, field in schema.mutation_type.fields.items() if schema.mutation_type is not None else ():
        wanted = get_named_type(field.args["input"].type)
        assert isinstance(wanted, GraphQLInputObjectType)
        ids = [key for key, inner in wanted.fields.items() if get_named_type(inner.type).name == "ID"]
        if not ids or "Quarantined" in name or name == "acceptDrift" or eyes.role in HAVE_NO_MATTERS:
            # what waits on worklists is nobody's matter, and who keeps the outbox going sees every message
            continue
        values = []
        for key, inner in wanted.fields.items():
            if key in ids:
                kind = _kind(name, key, get_named_type(field.type).name)
                number = case.number if kind in ("dsp", "out") else one.number
                id = f'"{kind}_{COUNTY}_{number:06}"'
                values.append(f"{key}: {f'[{id}]' if str(inner.type).startswith('[') else id}")
            elif isinstance(inner.type, GraphQLNonNull) and str(inner.default_value) == "Undefined":
                some_value = _SOME.get(get_named_type(inner.type).name, '"x"')
                values.append(f"{key}: {some_value}")
        asked.append(f"{name}(input: {{ {', '.join(values)} }}) {{ userErrors {{ code message field hint }} }}")
    return "mutation", asked


_SOME = {"Outcome": "AGREED", "HandlingEventKind": "SESSION_HELD", "LinkDecision": "ACCEPT", "Boolean": "true",
         "Int": "1", "Date": '"2024-05-01"', "AgencyKind": "COURT", "ReferralMode": "DELEGATE",
         "AccessPurpose": "INTAKE"}  # fmt: skip


def _kind(mutation: str, key: str, payload: str) -> str:
    if key in ("recordId",) or mutation == "unlinkRecord":
        return "rec"
    if key == "partyId":
        return "pty"
    if mutation == "decideLinkSuggestion":
        return "lnk"
    if "DeadLetter" in payload or "Uncertain" in payload:
        return "out"
    return "ref" if payload == "ReferralPayload" and mutation != "referDispute" else "dsp"
