"""How the history names people: whoever signs in elsewhere never stands in it as somebody who has an account here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from app.staff_claims import Refusal
from hub import api_keys
from hub.accounts import Grant, add_account
from hub.desk import Desk
from hub.errors import UserInputError
from hub.outbox import command_of, with_key
from hub.passwords import Passwords
from hub.principal import LOCAL, Principal, shown_name
from hub.sessions import sign_in
from hub.store.tables import acts_done, event_words
from hub.vocabulary import county_tables
from schema.build import new_context
from schema.context import Context

from .databases import Database
from .hub_kit import deliver, open_desk
from .sign_on_kit import SignOn, outcomes, sign_on
from .test_graphql_workflow import WALK_IN, DeskDoor
from .test_workflow import at_work, filed

PASSWORD, CENTRE = "correct horse battery", Grant("centre_operator")


@pytest.fixture
async def service() -> AsyncIterator[SignOn]:
    async with sign_on() as running:
        yield running


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with open_desk(database.url) as opened:
        yield at_work(opened)


class TheirDoor(DeskDoor):
    """The door, as somebody else than this machine's operator meets it."""

    def __init__(self, desk: Desk, who: Principal) -> None:
        super().__init__(desk)
        self.who = who

    def context(self) -> Context:
        return new_context(self.desk, county_tables(), self.who)


async def by_token(service: SignOn, **claims: str) -> Principal:
    found = await service.reader().principal(service.token(**claims))
    assert found is not None
    return found


async def test_two_people_of_one_name_stay_two_in_the_history_and_in_what_is_done_once(
    desk: Desk, service: SignOn
) -> None:
    await add_account(desk, Passwords(), "li.ming", "李明", PASSWORD, CENTRE)
    here = (await sign_in(desk, Passwords(), "li.ming", PASSWORD)).principal
    there, other = await by_token(service, sub="a"), await by_token(service, sub="b")
    made = []
    for who in (here, there, other, there):
        done = await TheirDoor(desk, who).dispute(
            "registerDispute", "RegisterDisputeInput", clientMutationId="k1", **WALK_IN
        )
        assert done["userErrors"] == []
        made.append(done["dispute"]["id"])
    # the key of one is not another's, though they bear one name
    assert len(set(made)) == 3 and made[3] == made[1]
    async with desk.store.read() as connection:
        told = set((await connection.execute(select(event_words.c.actor_name))).scalars())
        kept = set((await connection.execute(select(acts_done.c.decided_by))).scalars())
    signatures = {who.signature for who in (here, there, other)}
    assert "李明" in signatures and len(signatures) == 3
    assert kept == signatures and signatures <= told
    # partners are told the name alone
    assert {shown_name(one) for one in signatures} == {"李明"}


async def test_partners_are_told_the_name_and_nothing_of_its_mark(desk: Desk, service: SignOn) -> None:
    there = await by_token(service)
    await deliver(desk, [filed()])
    door = TheirDoor(desk, there)
    found = await door.data("{ disputes { edges { node { referrals { id } } } } }")
    (one,) = found["disputes"]["edges"][0]["node"]["referrals"]
    taken = await door.referral(
        "acceptReferral", "AcceptReferralInput", id=one["id"], isSuitable=True, hasConsent=True
    )  # fmt: skip
    ended = await door.referral(
        "concludeReferral", "ConcludeReferralInput", id=one["id"], outcome="AGREED", agreementNo="X1"
    )
    assert taken["userErrors"] == ended["userErrors"] == []
    async with desk.store.read() as connection:
        (row,) = (await connection.execute(with_key())).all()
    command = command_of(desk, row)
    assert command is not None and command.by == "李明" != there.signature


async def test_no_name_of_a_token_makes_the_signature_of_somebody_else(desk: Desk, service: SignOn) -> None:
    victim = await by_token(service, sub="a")
    for claimed in ("李明", victim.signature, "court-platform", "operator @aaaaaaaa"):
        thief = await by_token(service, sub="thief", name=claimed)
        assert thief.signature not in {victim.signature, claimed, LOCAL.signature}
    reader = service.reader()
    for claimed in ("operator", "rule:reference", " Rule:applied"):
        assert await reader.principal(service.token(name=claimed)) is None
    assert outcomes(reader) == {Refusal.NAME.name: 3}
    # and nobody's account or key looks like theirs, like this machine's operator or like a rule
    for name in (victim.signature, "李明@x", "operator", "rule:reference", "李\u200b明", "李\n明"):
        with pytest.raises(UserInputError):
            await add_account(desk, Passwords(), "li.ming", name, PASSWORD, CENTRE)
    with pytest.raises(UserInputError):
        await api_keys.issue_key(desk, "operator", Grant("partner_system", instances=("court",)), 1)


async def test_the_viewer_is_told_their_signature(desk: Desk, service: SignOn) -> None:
    there = await by_token(service)
    assert await TheirDoor(desk, there).data("{ viewer { name signature } }") == {
        "viewer": {"name": "李明", "signature": there.signature}
    }
    assert replace(there, mark="").signature == "李明"
