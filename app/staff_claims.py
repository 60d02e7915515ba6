"""What a sign-on service says of somebody becomes what they were given here; what is not understood is refused.

Only claims of a token that was proved come here. Nothing is guessed: no role, two roles, or a region that is none, and
nobody comes in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from hub.access import all_roles
from hub.errors import ConfigurationError
from hub.principal import Principal, PrincipalKind, may_be_called
from hub.settings import Settings
from hub.vocabulary import Channel

#: programs prove themselves by keys, which an operator can take back at once
_NO_PERSONS_ROLES = ("partner_system",)
_REGION = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?")
_AGENCY = re.compile(r"[0-9]{12}")
_INSTANCE = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*")
_CHANNEL = re.compile("|".join(one.value for one in Channel))
_MOST_VALUES = 64


class Refusal(Enum):
    """Why a token was not believed; counted in ``/metrics``, never told to whoever sent it."""

    MALFORMED = "it is no signed token of three canonical parts"
    HEADER = "its header says more than which key and algorithm signed it"
    ALGORITHM = "its algorithm is not among oidc_algorithms"
    UNKNOWN_KEY = "the service publishes no such key for that algorithm, or cannot be asked"
    SIGNATURE = "the signature does not fit"
    ISSUER = "another service made it"
    AUDIENCE = "it was made for somebody else"
    TIME = "it says no time, has run out, or is not valid yet"
    LIFETIME = "it lives longer than oidc_max_lifetime_s"
    SUBJECT = "it does not say whose it is"
    NAME = "it says no name that can stand in the history"
    ROLE = "it says no role that is known here, or several"
    GRANT = "a region, agency, instance or channel in it is none, or one that the role needs is missing"


#: not a stranger's doing: what the service says and what the settings say does not fit together
MISUNDERSTANDINGS = frozenset(
    {Refusal.ISSUER, Refusal.AUDIENCE, Refusal.LIFETIME, Refusal.NAME, Refusal.ROLE, Refusal.GRANT}
)


class RefusedTokenError(Exception):
    """The token is not believed."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(why.name)
        self.why = why


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Where in a token what stands; '' is nowhere."""

    role: str
    name: str
    #: the service's names of roles and ours
    roles: Mapping[str, str]
    regions: str = ""
    agency: str = ""
    instances: str = ""
    channels: str = ""


def claim_names(settings: Settings) -> ClaimNames:
    """As the settings name them. Raises ConfigurationError for a role that there is not."""
    known = {role for role in all_roles() if role not in _NO_PERSONS_ROLES}
    roles = settings.oidc_roles or {role: role for role in known}
    if strange := sorted(set(roles.values()) - known):
        raise ConfigurationError(
            f"[hub] oidc_roles: {', '.join(strange)} is no role of people", hint=f"Roles: {', '.join(sorted(known))}."
        )
    return ClaimNames(
        settings.oidc_role_claim, settings.oidc_name_claim, roles, settings.oidc_region_claim,
        settings.oidc_agency_claim, settings.oidc_instance_claim, settings.oidc_channel_claim,
    )  # fmt: skip


def principal_by_claims(claims: Mapping[str, Any], names: ClaimNames, id: str, expires_at: datetime) -> Principal:
    """Whom the claims describe. Raises RefusedTokenError."""
    role = _role(claims, names)
    regions = _codes(claims, names.regions, _REGION)
    agencies = _codes(claims, names.agency, _AGENCY)
    instances = _codes(claims, names.instances, _INSTANCE)
    channels = _codes(claims, names.channels, _CHANNEL)
    rows = all_roles()[role].rows
    lacks_region = rows.own_regions and not regions
    lacks_agency = rows.only_with_part and not agencies and not instances
    # who would see nothing is told so by the door, not by empty lists
    if len(agencies) > 1 or (rows.classifications and (lacks_region or lacks_agency)):
        raise RefusedTokenError(Refusal.GRANT)
    return Principal(
        id, PrincipalKind.STAFF, _name(claims, names), role, regions, agencies[0] if agencies else "", instances,
        channels, expires_at,
    )  # fmt: skip


def _role(claims: Mapping[str, Any], names: ClaimNames) -> str:
    """The one role; a service names others besides, which mean nothing here."""
    said = _values(claims, names.role)
    found = {names.roles[one] for one in said or () if one in names.roles}
    if len(found) != 1:
        raise RefusedTokenError(Refusal.ROLE)
    return found.pop()


def _name(claims: Mapping[str, Any], names: ClaimNames) -> str:
    """The person's own name: the history names who acted by it, and accusations are kept from whom they accuse."""
    name = _claim(claims, names.name)
    if not isinstance(name, str) or not may_be_called(name.strip()):
        raise RefusedTokenError(Refusal.NAME)
    return name.strip()


def _codes(claims: Mapping[str, Any], name: str, shape: re.Pattern[str]) -> tuple[str, ...]:
    values = _values(claims, name)
    if values is None or len(values) > _MOST_VALUES or not all(shape.fullmatch(one) for one in values):
        raise RefusedTokenError(Refusal.GRANT)
    return tuple(dict.fromkeys(values))


def _values(claims: Mapping[str, Any], name: str) -> list[str] | None:
    """One string or a list of strings; none where nothing is said, None where it is something else."""
    said = _claim(claims, name)
    if said is None or said == "":
        return []
    values = [said] if isinstance(said, str) else said
    return values if isinstance(values, list) and all(isinstance(one, str) for one in values) else None


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    if not name or name in claims:
        return claims.get(name)
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
