"""Quoted numbers: what people wrote names another agency's record, in its own number, in the middle of a sentence.

How a partner's numbers look is its connector's knowledge (``Connector.quoted``); here they become references of the
record in whose words they stand. Whether they join is linking's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hub.model import CaseFacts, RecordName, Reference
from hub.vocabulary import LinkKind

#: the numbers of this county's records that stand in a text, whoever numbered them
FindQuoted = Callable[[str], Sequence[RecordName]]


def nothing_quoted(_text: str) -> Sequence[RecordName]:
    """For a hub that knows no partner's numbers."""
    return ()


def with_quoted(facts: CaseFacts, find: FindQuoted) -> CaseFacts:
    """The same facts, with a reference to every record that its words name and that it does not refer to anyhow."""
    if find is nothing_quoted:
        return facts
    own = {(name.scheme, name.value) for name in facts.names}
    own |= {(reference.scheme, reference.value) for reference in facts.references}
    words = "\n".join((facts.title, facts.content, *(entry.words for entry in facts.entries)))
    found = dict.fromkeys(name for name in find(words) if (name.scheme, name.value) not in own)
    if not found:
        return facts
    quoted = tuple(Reference(LinkKind.QUOTES, name.scheme, name.value) for name in found)
    return replace(facts, references=(*facts.references, *quoted))
