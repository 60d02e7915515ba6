"""Edges: one piece of evidence that two records belong together, and by which rule it speaks."""

from __future__ import annotations

from dataclasses import dataclass

from hub.vocabulary import LinkKind, LinkState

#: a partner's structured reference, or a quoted number where class and region agree: joins by itself
RULE_1 = "rule:1"
#: the same people on both sides of the same kind of quarrel: joins by itself where the county says so
RULE_2 = "rule:2"
#: the same phone in the same village at the same time: a suggestion for a person
RULE_3 = "rule:3"
#: a quoted number where class does not agree: a suggestion for a person
RULE_4 = "rule:4"
#: what joins without asking a person, unless something speaks against it
JOINING_RULES = (RULE_1, RULE_2)

#: REVOKED: the evidence fell; REFUSED: a person said no
ACCEPTED, SUGGESTED, REFUSED, REVOKED = (str(state) for state in LinkState)


@dataclass(frozen=True, slots=True)
class Edge:
    """A pure function of current facts. RELATED has no direction: its ends stand in the order of their ids."""

    from_id: str
    to_id: str
    kind: LinkKind
    #: by what: a name's scheme, or what two records have in common; codes only, never a value
    scheme: str
    rule: str = RULE_1
    method: str = "REFERENCE"
    confidence: float = 1.0

    @property
    def pair(self) -> frozenset[str]:
        """Its two ends."""
        return frozenset((self.from_id, self.to_id))

    @property
    def ends(self) -> tuple[str, str, str]:
        """What makes it one edge: its ends and its kind."""
        return (self.from_id, self.to_id, self.kind.value)

    @property
    def any_ends(self) -> set[tuple[str, str, str]]:
        """Every way in which another edge may join the same two records."""
        return {
            (one, other, kind.value)
            for one, other in ((self.from_id, self.to_id), (self.to_id, self.from_id))
            for kind in LinkKind
        }


def related(one: str, other: str, scheme: str, *, rule: str, method: str, confidence: float) -> Edge:
    """An edge without direction."""
    return Edge(min(one, other), max(one, other), LinkKind.RELATED, scheme, rule, method, confidence)
