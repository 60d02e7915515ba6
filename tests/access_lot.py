"""Questions drawn by lot along every path at once: thousands in the long run, a few of them in the suite."""

from __future__ import annotations

import json
import random

from graphql import GraphQLSchema, parse
from graphql.language import ListValueNode, ObjectValueNode, ValueNode

from .access_door import Through
from .access_lists import HAVE_NO_MATTERS
from .access_live import end_of_log
from .access_people import found_by, revealed_of
from .access_questions import Questions
from .graphql_rows import COUNTY

#: of a hundred questions so many go each way
WAYS = {"query": 58, "broken": 8, "find": 8, "reveal": 8, "file": 6, "export": 6, "stream": 4, "socket": 2}


def way_of(seed: int) -> str:
    """The path that a question takes."""
    return random.Random(seed).choices(list(WAYS), list(WAYS.values()))[0]


async def ask_by_lot(through: Through, schema: GraphQLSchema, seed: int) -> bool:
    """Ask one question; whether it was answered with something. The test fails where the answer leaks."""
    plan, lot, way = through.eyes.plan, random.Random(seed), way_of(seed)
    questions, one = Questions(schema, plan, seed), lot.choice(plan.matters)
    match way:
        case "query":
            return (await through.ask(questions.drawn())).json().get("data") is not None
        case "broken":
            return (await through.ask(questions.broken())).json().get("data") is not None
        case "find":
            await found_by(through, one, lot.choice(("idNumber", "phone", "name")))
            return one in through.eyes.records
        case "reveal":
            await revealed_of(through, one)
            return one in through.eyes.records
        case "file":
            return (await through.get(f"/files/att_{COUNTY}_{one.number:06}")).status_code == 200
        case "export":
            if through.eyes.role in HAVE_NO_MATTERS:
                return (await through.get("/export/disputes.csv")).status_code == 200
            arguments = zip(("filter", "orderBy"), questions.list_arguments(), strict=True)
            asked = {name: json.dumps(_plain(parse_value(text))) for name, text in arguments if text}
            return (await through.get(f"/export/disputes.{lot.choice(('csv', 'xlsx'))}", **asked)).status_code == 200
    if through.eyes.role in HAVE_NO_MATTERS:
        return bool(await through.stream("subscription { changes(after: 0) { sequence } }", end_of_log(plan)))
    told = await (through.stream if way == "stream" else through.socket)(questions.listened(), end_of_log(plan))
    return bool(told)


def parse_value(text: str) -> ValueNode:
    """A value in GraphQL's notation."""
    definition = parse(f"{{ a(b: {text}) }}").definitions[0]
    found: ValueNode = definition.selection_set.selections[0].arguments[0].value  # type: ignore[attr-defined]
    return found


def _plain(value: ValueNode) -> object:
    """The same as a variable would say it."""
    if isinstance(value, ObjectValueNode):
        return {field.name.value: _plain(field.value) for field in value.fields}
    if isinstance(value, ListValueNode):
        return [_plain(one) for one in value.values]
    text = getattr(value, "value", None)
    kinds = {"int_value": int, "float_value": float}
    return kinds[value.kind](text) if value.kind in kinds else text
