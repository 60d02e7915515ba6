"""No byte outside the policy: role by role, every field and path, over HTTP, a canary in every text of the county.

What each path is asked stands in ``access_checks``; faults planted in each are found by the same checks
(``test_access_planted``).
"""

from __future__ import annotations

import pytest

from hub.desk import Desk
from schema.seen_by import schema_for

from .access_checks import CHECKS, Check
from .access_door import Through
from .access_fixture import EYES
from .access_fixture import county as county
from .access_fixture import desk as desk
from .access_lot import WAYS, ask_by_lot, way_of

#: questions drawn by lot for each principal; bench/access_canaries.py draws thousands
DRAWN = 12


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_path_tells_everybody_exactly_what_is_theirs(desk: Desk, check: Check) -> None:
    for eyes in EYES:
        through = Through(desk, eyes)
        await check(through)
        await through.close()


async def test_no_answer_to_a_question_drawn_by_lot_holds_what_is_not_for_whoever_asks(desk: Desk) -> None:
    for place, eyes in enumerate(EYES):
        through = Through(desk, eyes)
        for number in range(DRAWN):
            await ask_by_lot(through, schema_for(eyes.role), 1000 * place + number)
        await through.close()


def test_the_lot_takes_every_path() -> None:
    """The few questions of the suite go along each of the paths that the long run takes."""
    assert {way_of(1000 * place + number) for place in range(len(EYES)) for number in range(DRAWN)} == set(WAYS)
