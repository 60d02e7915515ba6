"""The map, what waits, what is suggested and what is counted: by the plain rules exactly theirs."""

from __future__ import annotations

from .access_door import Through
from .access_lists import some, told, unknown
from .access_plan import Matter

SEE_FIGURES = ("centre_operator", "leader", "township_operator", "auditor")
SEE_LINKS = ("centre_operator", "auditor")
SEE_MESSAGES = ("centre_operator", "auditor", "administrator")
SEE_POINTS = ("centre_operator", "leader", "township_operator", "agency_liaison")


async def drawn_on_the_map(through: Through) -> None:
    eyes = through.eyes
    box = "disputes(filter: { boundingBox: { west: %s, south: 38, east: %s, north: 39 } }) { totalCount }"
    if eyes.role not in SEE_POINTS:
        await unknown(through, f"{{ {box % (100, 101)} }}")
        return
    boxes = [(100, f"100.{case.number:03}99", [one for one in eyes.cases if one.number <= case.number])
             for case in some(list(eyes.plan.cases.values()), 5)]  # fmt: skip
    boxes += [(case.lng, case.lng, []) for case in some(eyes.hidden_cases, 4)]
    asked = " ".join(f"a{place}: {box % (west, east)}" for place, (west, east, _) in enumerate(boxes))
    for found, (_, _, cases) in zip((await told(through, f"{{ {asked} }}")).values(), boxes, strict=True):
        assert found["totalCount"] == len(cases), eyes.principal


async def waiting(through: Through) -> None:
    eyes, given = through.eyes, through.eyes.principal
    asked = "{ tasks(first: 100) { totalCount edges { node { id kind subject } } } }"
    expected = set()
    if eyes.role in ("centre_operator", "township_operator"):
        for one in eyes.records:
            case = eyes.plan.cases.get(one.dispute or 0)
            is_open = case is not None and case.state != "CLOSED" and one.is_handed
            if is_open and (not given.agency or one.to_code == given.agency):
                kind = "ACCEPT_REFERRAL" if one.referral_state == "SENT" else "CONCLUDE_REFERRAL"
                expected.add(f"{kind}:ref_620725_{one.number:06}")
        for case in eyes.cases:
            is_theirs = case.assignee == given.name or (given.agency and case.assignee_code == given.agency)
            if is_theirs and case.state != "CLOSED":
                expected.add(f"WORK_DISPUTE:{case.id}")
    if eyes.role in ("centre_operator", "administrator"):
        # who keeps the outbox going sees every message in outline
        cases = eyes.cases if eyes.role == "centre_operator" else list(eyes.plan.cases.values())
        expected |= {f"{case.message_state}_MESSAGE:out_620725_{case.number:06}"
                     for case in cases if case.message_state != "ACKED"}  # fmt: skip
    if eyes.role == "centre_operator":
        expected |= {f"DECIDE_LINK:{id}" for id in _links(through)}
    elif not expected and eyes.role not in ("township_operator", "administrator"):
        await unknown(through, asked)
        return
    found = (await told(through, asked))["tasks"]
    assert {edge["node"]["id"] for edge in found["edges"]} == expected, eyes.principal
    assert found["totalCount"] == len(expected)


def _links(through: Through) -> list[str]:
    eyes = through.eyes
    return [f"lnk_620725_{one.number:06}" for one, other in eyes.plan.suggested()
            if eyes.sees_both(one, other) and (one.dispute is None or one.dispute != other.dispute)]  # fmt: skip


async def suggested(through: Through) -> None:
    eyes = through.eyes
    asked = "{ linkSuggestions(first: 100) { totalCount edges { node { id fromRecord { id } toRecord { id } } } } }"
    if eyes.role not in SEE_LINKS:
        await unknown(through, asked)
        return
    found = (await told(through, asked))["linkSuggestions"]
    assert {edge["node"]["id"] for edge in found["edges"]} == set(_links(through)), eyes.principal
    assert found["totalCount"] == len(_links(through))


async def figured(through: Through) -> None:
    """A figure counts what the asker sees: a hidden record says nothing of a filing either."""
    eyes = through.eyes
    period = 'from: "2024-03-01", to: "2024-04-01"'
    unit = "units(first: 100) { totalCount edges { node { key inNumerator record { id } dispute { id } } } }"
    asked = f'{{ figures({period}, ids: ["K1", "K2a.LITIGATION"]) {{ id numerator denominator {unit} }} }}'
    if eyes.role not in SEE_FIGURES:
        await unknown(through, asked)
        return
    filings: dict[str, list[Matter]] = {}
    for one in (one for one in eyes.records if one.instance == "court"):
        filings.setdefault(f"zqunit{one.counted_as or one.tag}q", []).append(one)
    handed = {key: any(one.is_handed for one in records) for key, records in filings.items()}
    agreed = {key: any(one.is_agreed for one in records) for key, records in filings.items() if handed[key]}
    for figure, expected in zip((await told(through, asked))["figures"], (handed, agreed), strict=True):
        assert (figure["numerator"], figure["denominator"]) == (sum(expected.values()), len(expected)), eyes.principal
        units = {edge["node"]["key"]: edge["node"]["inNumerator"] for edge in figure["units"]["edges"]}
        assert (units, figure["units"]["totalCount"]) == (expected, len(expected)), eyes.principal


async def sent(through: Through) -> None:
    """Messages to partners; who sees all of them in outline cannot find out which one is about a hidden matter."""
    eyes = through.eyes
    if eyes.role not in SEE_MESSAGES:
        await unknown(through, "{ outboundMessages { totalCount } }")
        return
    sees_all = eyes.role != "centre_operator"
    cases = list(eyes.plan.cases.values()) if sees_all else eyes.cases
    found = (await told(through, "{ outboundMessages(first: 100) { totalCount edges { node { id } } } }"))[
        "outboundMessages"
    ]
    assert {edge["node"]["id"] for edge in found["edges"]} == {f"out_620725_{case.number:06}" for case in cases}
    assert found["totalCount"] == len(cases)
    for case in (*some(eyes.cases, 1), *some(eyes.hidden_cases, 2)):
        tests = [f'referral: "ref_620725_{1000 + case.number:06}"']
        if eyes.role != "administrator":
            tests += [f'dispute: "{case.id}"', f'dispute: "{case.code}"']
        for test in tests:
            answer = await told(through, f"{{ outboundMessages(filter: {{ {test} }}) {{ totalCount }} }}")
            assert answer["outboundMessages"]["totalCount"] == (case in eyes.cases), (eyes.principal, test)
