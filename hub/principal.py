"""Who asks: one value for staff, partner systems and whoever works at this machine, made only where it was proved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

#: before the mark of a signature, and in no name that the hub gives
MARK = "@"
#: before the name of a rule, where the history names what decided
RULE = "rule:"
_MARKED = re.compile(rf" {MARK}[a-z2-7]{{8}}$")


class PrincipalKind(Enum):
    """How somebody proved who they are."""

    #: a person, by the hub's own account or by the staff's sign-on service
    STAFF = "STAFF"
    #: a program of a partner's, by an API key
    PARTNER = "PARTNER"
    #: whoever has a shell at this machine: the command line and the jobs
    LOCAL = "LOCAL"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks, and what they were given; what their role may do stands in its file (``hub.access``)."""

    #: ``acc_…``, ``key_…``, ``oidc_…`` or ``local``; never a citizen's number
    id: str
    kind: PrincipalKind
    #: the person's or program's own; the history names who acted by ``signature``
    name: str
    #: a kind of consumer, by the name of its file
    role: str
    #: regions whose subtrees are theirs, 6, 9 or 12 digits; a role that sees only its own sees nothing without one
    regions: tuple[str, ...] = ()
    #: 12-digit code of the unit they work for; '' where none
    agency: str = ""
    #: configured partners whose records are theirs: of a partner's system, and of an agency's liaison
    instances: tuple[str, ...] = ()
    #: channels given to them, for a role that sees only its own
    channels: tuple[str, ...] = ()
    #: when what proved it ends: the token's, the key's or the session's end; None: not by itself
    expires_at: datetime | None = None
    #: which proof it was, to ask for it again: a session or a key by its hash or id, or which key signed a token;
    #: never a secret
    proof: str = ""
    #: tells people apart whose names others choose: of the sign-on service, 8 small letters and digits made from its
    #: own id of the person; '' where the hub itself lets no two bear one name
    mark: str = ""

    @property
    def signature(self) -> str:
        """As the history names who acted: ``李明``, ``李明 @k3bq7zfa``. Nobody else's, whatever is claimed."""
        return f"{self.name} {MARK}{self.mark}" if self.mark else self.name


#: whoever works at this machine: the command line, the jobs
LOCAL = Principal("local", PrincipalKind.LOCAL, "operator", "local")


def shown_name(signature: str) -> str:
    """The name in a signature: what partners are told, who know nothing of our marks."""
    return _MARKED.sub("", signature)


def may_be_called(name: str) -> bool:
    """Whether somebody may be called so: printable, 1 to 40 characters, and no rule's or this machine's own name."""
    is_taken = name == LOCAL.name or name.casefold().startswith(RULE)
    return name.isprintable() and name == name.strip() and 1 <= len(name) <= 40 and not is_taken
