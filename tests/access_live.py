"""What is live, principal by principal: the log read page by page, and followed over both transports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .access_door import Through
from .access_eyes import Eyes
from .access_lists import HAVE_NO_MATTERS, some, told, unknown
from .access_plan import Plan
from .graphql_rows import COUNTY

_FIELDS = "{ sequence kind eventKind at recordIds disputes { id code version } }"

Entry = tuple[int, list[str], list[str]]


def end_of_log(made: Plan) -> int:
    return 2000 + max(one.number for one, _ in made.suggested())


def entries(eyes: Eyes, about: int | None = None) -> list[Entry]:
    """Sequence, records and disputes of every entry that these eyes see; of one dispute, where one is given."""
    found: list[Entry] = []

    def seen(numbers: Sequence[int | None]) -> list[str]:
        return [f"dsp_{COUNTY}_{n:06}" for n in dict.fromkeys(numbers) if n is not None and eyes.sees_dispute(n)]

    for one in eyes.records:
        if about in (None, one.dispute):
            found.append((one.number, [one.id], seen([one.dispute])))
    for case in eyes.cases:
        if about in (None, case.number) or about == case.next:
            named = [] if case.next is None else [eyes.plan.first_of(case.next)]
            found.append(
                (1000 + case.number, [m.id for m in named if eyes.sees_record(m)], seen([case.number, case.next]))
            )
    for one, other in eyes.plan.suggested():
        if eyes.sees_both(one, other) and about in (None, one.dispute, other.dispute):
            found.append((2000 + one.number, [one.id, other.id], seen([one.dispute, other.dispute])))
    return sorted(found)


def plainly(change: Any) -> Entry:
    return change["sequence"], change["recordIds"], [one["id"] for one in change["disputes"]]


async def read_on(through: Through) -> None:
    """``changes``: entries and places; where a page ends says nothing of what was passed over."""
    eyes, end = through.eyes, end_of_log(through.eyes.plan)
    if eyes.role in HAVE_NO_MATTERS:
        await unknown(through, f"{{ changes(after: 0) {{ position entries {_FIELDS} }} }}")
        return
    expected, after, more, found = entries(eyes), 0, True, []
    while more:
        asked = f"{{ changes(after: {after}, first: 37) {{ position hasMore entries {_FIELDS} }} }}"
        page = (await told(through, asked))["changes"]
        found += [plainly(one) for one in page["entries"]]
        more, after = page["hasMore"], page["position"]
        assert more == (len(found) < len(expected))
        assert after == (found[-1][0] if more else end)
    assert found == expected, eyes.principal


async def listened(through: Through) -> None:
    """Both transports tell the same, and of what is hidden as little as of what does not exist."""
    eyes, end = through.eyes, end_of_log(through.eyes.plan)
    if eyes.role in HAVE_NO_MATTERS:
        refused = await through.stream(f"subscription {{ changes(after: 0) {_FIELDS} }}", end)
        # the socket closes before anything can be subscribed to
        silent = await through.socket(f"subscription {{ changes(after: 0) {_FIELDS} }}", end)
        assert "data" not in refused[0] and silent == []
        return
    ways = (through.stream, through.socket)
    for way in ways:
        answers = await way(f"subscription {{ changes(after: 0) {_FIELDS} }}", end)
        assert [plainly(one["data"]["changes"]) for one in answers] == entries(eyes), (eyes.principal, way)
    for place, case in enumerate((*some(eyes.cases, 2), *some(eyes.hidden_cases, 2))):
        name = f'id: "{case.id}"' if place % 2 else f'code: "{case.code}"'
        none = name.replace(f"{case.number:06}", "000099")
        for way in ways:
            answers = await way(f"subscription {{ disputeChanged({name}, after: 0) {_FIELDS} }}", end)
            if case in eyes.cases:
                changes = [plainly(one["data"]["disputeChanged"]) for one in answers]
                assert changes == entries(eyes, case.number), (eyes.principal, case)
            else:
                # hidden: the same answer as for one that nobody has
                nothing = await way(f"subscription {{ disputeChanged({none}, after: 0) {_FIELDS} }}", end)
                assert json.dumps(answers) == json.dumps(nothing) and "NOT_FOUND" in json.dumps(answers)
