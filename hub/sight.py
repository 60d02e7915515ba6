"""Which rows somebody may see, as conditions: every statement that reads for them carries these.

A hidden row is not found: it is in no list, count, facet or search, and by its id it is nothing. Conditions are built
from the rules of the principal's role (``hub.access``) and what the principal was given; what no rule shows is hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, exists, false, or_, select, true

from hub.store.tables import agencies, attachments, case_records, disputes, handling_events, parties, referrals

Condition = ColumnElement[bool]


class Rule(Enum):
    """Why a dispute is hidden: the rule that does not hold."""

    CLASSIFICATION = "classification"
    REGION = "region"
    CHANNEL = "channel"
    PART = "part"


@dataclass(frozen=True, slots=True)
class Sight:
    """What may be seen. Without arguments: nothing."""

    #: no rule at all: for the command line and for jobs
    everything: bool = False
    #: how closed a matter may be
    classifications: frozenset[str] = frozenset()
    #: how closed, where their own unit has the dispute in hand
    classifications_in_hand: frozenset[str] = frozenset()
    #: accusations (检举控告) taken in by their own agency; never those against themselves or their unit
    own_accusations: bool = False
    #: subtrees of regions; None: the whole county and beyond
    regions: tuple[str, ...] | None = ()
    channels: tuple[str, ...] | None = ()
    #: only disputes that their agency has a part in
    only_with_part: bool = True
    #: of these disputes, only the records of their own agency and the hand-overs from and to it
    only_own_records: bool = True
    #: messages to partners whatever they are about: their outline holds nobody's words
    every_message: bool = False
    agency: str = ""
    instances: tuple[str, ...] = ()
    #: their own name, as parties are compared: an accusation against it, or against their unit, is hidden
    name: str = ""

    def disputes(self, of: FromClause = disputes) -> Condition:
        """The dispute is seen."""
        return true() if self.everything else and_(*self.dispute_rules(of).values())

    def dispute_rules(self, of: FromClause) -> dict[Rule, Condition]:
        """Each rule by itself; a dispute is seen where all of them hold."""
        closed: list[Condition] = [of.c.classification.in_(sorted(self.classifications))]
        if self.classifications_in_hand and self.agency:
            in_hand = sorted(self.classifications_in_hand)
            closed.append(and_(of.c.classification.in_(in_hand), of.c.holder_code == self.agency))
        rules = {Rule.CLASSIFICATION: or_(*closed), **self._scope(of)}
        if self.only_with_part:
            rules[Rule.PART] = self._has_part(of)
        return rules

    def records(self, of: FromClause = case_records) -> Condition:
        """The record is seen: its dispute is, and itself is not more closed than may be seen."""
        if self.everything:
            return true()
        own = self._own(of)
        seen = disputes.alias("seen_dispute")
        in_dispute = exists(select(1).where(seen.c.id == of.c.dispute_id, self.disputes(seen)))
        loose = and_(of.c.dispute_id.is_(None), *self._scope(of).values(), *([own] if self.only_with_part else []))
        open_enough = or_(
            of.c.classification.in_(sorted(self.classifications)),
            and_(of.c.classification.in_(sorted(self.classifications_in_hand)), in_dispute),
        )
        # an agency that gave a record sees it, wherever it went
        place = own if self.only_own_records else or_(in_dispute, loose, own)
        shown = and_(open_enough, place)
        return (
            or_(shown, and_(of.c.classification == "RESTRICTED", own, self._accuses_nobody_of_us(of)))
            if self.own_accusations
            else shown
        )

    def record_ids(self, column: ColumnElement[Any]) -> Condition:
        """The record of that key is seen."""
        if self.everything:
            return true()
        seen = case_records.alias("seen_record")
        return exists(select(1).where(seen.c.id == column, self.records(seen)))

    def dispute_ids(self, column: ColumnElement[Any]) -> Condition:
        """The dispute of that key is seen."""
        if self.everything:
            return true()
        seen = disputes.alias("of_dispute")
        return exists(select(1).where(seen.c.id == column, self.disputes(seen)))

    def events(self, of: FromClause = handling_events) -> Condition:
        """The event is seen: of a seen record, or an act in a seen dispute."""
        if self.everything:
            return true()
        return or_(self.record_ids(of.c.record_id), self.dispute_ids(of.c.dispute_id))

    def parties(self, of: FromClause = parties) -> Condition:
        """The party is seen: of a seen record."""
        return self.record_ids(of.c.record_id)

    def referrals(self, of: FromClause = referrals) -> Condition:
        """The hand-over is seen: told by a seen record, or of a seen dispute and, where only its own, from or to it."""
        if self.everything:
            return true()
        own_act = and_(of.c.record_id.is_(None), self.dispute_ids(of.c.dispute_id))
        if self.only_own_records:
            own_act = and_(own_act, self._is_between(of))
        return or_(self.record_ids(of.c.record_id), own_act)

    def messages(self, dispute_id: ColumnElement[Any]) -> Condition:
        """The message to a partner is seen: of a seen dispute, or for who keeps the outbox going."""
        return true() if self.every_message else self.dispute_ids(dispute_id)

    def attachments(self, of: FromClause = attachments) -> Condition:
        """The file is seen: of a seen record, and itself not more closed than may be seen."""
        if self.everything:
            return true()
        open_enough: Condition = of.c.classification.in_(sorted(self.classifications | self.classifications_in_hand))
        if self.own_accusations:
            open_enough = or_(open_enough, of.c.classification == "RESTRICTED")
        return and_(open_enough, self.record_ids(of.c.record_id))

    def covers_region(self, code: str) -> bool:
        """Whether what lies in that region could be seen."""
        return self.everything or self.regions is None or code.startswith(self.regions)

    def _scope(self, of: FromClause) -> dict[Rule, Condition]:
        rules: dict[Rule, Condition] = {}
        if self.regions is not None:
            within = (of.c.region_code.startswith(code, autoescape=True) for code in self.regions)
            rules[Rule.REGION] = or_(false(), *within)
        if self.channels is not None:
            rules[Rule.CHANNEL] = of.c.channel.in_(self.channels)
        return rules

    def _own(self, of: FromClause) -> Condition:
        rules: list[Condition] = [false()]
        if self.instances:
            rules.append(of.c.instance.in_(self.instances))
        # one code may stand for two agencies of a county: who has instances is told by them alone
        elif self.agency:
            rules.append(of.c.agency_code == self.agency)
        return or_(*rules)

    def _is_between(self, of: FromClause) -> Condition:
        rules: list[Condition] = [false()]
        if self.instances:
            rules.append(of.c.instance.in_(self.instances))
        elif self.agency:
            rules.append(or_(of.c.from_code == self.agency, of.c.to_code == self.agency))
        return or_(*rules)

    def _has_part(self, of: FromClause) -> Condition:
        record, referral = case_records.alias("part_record"), referrals.alias("part_referral")
        rules: list[Condition] = [
            exists(select(1).where(record.c.dispute_id == of.c.id, self._own(record))),
            exists(select(1).where(referral.c.dispute_id == of.c.id, referral.c.is_live, self._is_between(referral))),
        ]
        if self.agency and not self.instances:
            rules.append(of.c.holder_code == self.agency)
        return or_(*rules)

    def _accuses_nobody_of_us(self, of: FromClause) -> Condition:
        accused = parties.alias("accused")
        unit = select(agencies.c.name).where(agencies.c.code == self.agency, agencies.c.code != "")
        is_one_of_us = or_(accused.c.name_plain == self.name, accused.c.name_plain.in_(unit))
        return ~exists(select(1).where(accused.c.record_id == of.c.id, accused.c.role == "RESPONDENT", is_one_of_us))


#: for the command line and for jobs
EVERYTHING = Sight(everything=True)
