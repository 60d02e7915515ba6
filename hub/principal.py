"""Who asks: one value for staff, partner systems and whoever works at this machine, made only where it was proved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


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
    #: as the history names who acted
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


#: whoever works at this machine: the command line, the jobs
LOCAL = Principal("local", PrincipalKind.LOCAL, "operator", "local")
