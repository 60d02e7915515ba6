"""The checks of access are worth something only if they find what is wrong: planted faults, each found by its check."""

from __future__ import annotations

import pytest

from hub.desk import Desk
from hub.store.engine import open_store

from .access_checks import CHECKS
from .access_door import Through, at_rest
from .access_fixture import EYES
from .access_fixture import _written as _written
from .access_fixture import lone_county as lone_county
from .databases import Database
from .graphql_rows import desk_on
from .planted_access_faults import FAULTS, Fault, planted

#: the roles in which most faults show
_SOONEST = {"partner_system": 0, "auditor": 1, "agency_liaison": 2, "township_operator": 3}


async def _is_found(desk: Desk, fault: Fault) -> bool:
    """Whether the check fails for somebody."""
    for eyes in sorted(EYES, key=lambda one: _SOONEST.get(one.role, 9)):
        through = Through(desk, eyes)
        try:
            await fault.check(through)
            await through.close()
        except AssertionError:
            return True
        finally:
            await through.client.aclose()
    return False


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
async def test_a_planted_fault_is_found(lone_county: Database, fault: Fault) -> None:
    store = open_store(lone_county.url)
    try:
        with planted(fault):
            assert await _is_found(desk_on(store), fault)
    finally:
        await at_rest()
        await store.close()


def test_every_check_finds_a_fault() -> None:
    assert {fault.check for fault in FAULTS} == set(CHECKS)
