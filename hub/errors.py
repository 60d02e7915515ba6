"""Every error the project raises on purpose; the class says who must act and whether a retry can help.

    HubError                      something is wrong and we say what to do
    ├── ConfigurationError        the operator must change a setting
    ├── PartnerError              a partner's system or its data
    │   ├── AuthError             credentials refused: the operator must act, no retry
    │   ├── TransientError        try again later (``retry_after`` seconds, where the partner says so)
    │   ├── RejectedError         the partner refused this on business grounds: a person must decide
    │   ├── BadPayloadError       one item cannot be read or mapped: it is quarantined alone
    │   └── OrphanError           an item whose record's opening part has not come yet: it is parked
    ├── LeaseLostError            another worker took this job over; stop without writing
    ├── PostponedError            nothing was wrong with the job: it comes again later
    ├── ConflictError             the present state of things forbids it
    │   └── VersionConflictError  somebody else changed it first: read it again
    │   └── DeadlinePassedError   the time for it is over
    ├── NotFoundError             no such thing, or not visible
    ├── UnloggedError             who looks cannot be written down, so nothing is shown
    ├── TooOftenError             asked more often than anybody may; later again
    └── UserInputError            the caller's argument is wrong; the message says how
        └── MissingFieldError     it is not there at all

``str(error)`` is safe to show and to log: it never holds a citizen's name, number or words.
"""

from __future__ import annotations

from datetime import datetime


class HubError(Exception):
    """Base of all. ``hint`` tells the reader what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(HubError):
    """A setting is missing or impossible."""


class PartnerError(HubError):
    """Anything that went wrong on a partner's side of the wire."""


class AuthError(PartnerError):
    """The partner refuses our credentials."""


class TransientError(PartnerError):
    """The partner could not answer now. Nothing was lost; ask again.

    ``kind`` is a short constant (``HTML_ANSWER``, ``TOKEN_EXPIRED``, ``CUT_ANSWER``, ``MAINTENANCE`` …)
    under which the incident is counted and shown.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str = "TRANSIENT",
        retry_after: float | None = None,
        hint: str = "",
        in_doubt: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        #: of a push: the partner may have carried it out all the same
        self.in_doubt = in_doubt
        #: seconds, as the partner said; None where it said nothing
        self.retry_after = retry_after


class RejectedError(PartnerError):
    """The partner understood and refused; ``code`` is the partner's own code."""

    def __init__(self, code: str, reason: str, *, hint: str = "") -> None:
        super().__init__(f"{code}: {reason}", hint=hint)
        self.code = code
        self.reason = reason


class BadPayloadError(PartnerError):
    """One item is unreadable or cannot be mapped. ``code`` names the rule it broke, ``field`` where."""

    def __init__(self, code: str, *, field: str = "", hint: str = "") -> None:
        super().__init__(f"{code}{f' ({field})' if field else ''}", hint=hint)
        self.code = code
        self.field = field


class OrphanError(PartnerError):
    """Parts of a record arrived before the part that opens it. Nothing is wrong: they wait for it."""


class LeaseLostError(HubError):
    """Our lease ran out and another worker holds the job now. Whatever was not committed is theirs to redo."""


class PostponedError(HubError):
    """This job is to come again, not before ``until``. ``kind`` is the short constant that its row shows meanwhile."""

    def __init__(self, message: str, *, until: datetime, kind: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.until = until
        self.kind = kind


class ConflictError(HubError):
    """What the caller wants cannot be done as things stand now."""


class VersionConflictError(ConflictError):
    """The row changed since the caller read it."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"it stands at version {found}, not {expected}", hint="Read it again, then decide.")
        self.field = "expectedVersion"


class DeadlinePassedError(ConflictError):
    """The time in which it could be done is over."""


class UnloggedError(HubError):
    """The access log takes no entry, and what is not logged is not shown. ``retry_after_s``: when to ask anew."""

    def __init__(self, retry_after_s: int = 5) -> None:
        super().__init__(
            "the access log cannot be written now, so nothing is shown", hint=f"Try again in {retry_after_s} s."
        )
        self.retry_after_s = retry_after_s


class TooOftenError(HubError):
    """Somebody asks more often than anybody may. ``retry_after_s``: when they may again."""

    def __init__(self, what: str, retry_after_s: int) -> None:
        super().__init__(f"{what} too often", hint=f"Try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class NotFoundError(HubError):
    """Nothing is known under that name. ``field``: the argument that named it, where one did."""

    def __init__(self, message: str, *, hint: str = "", field: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class UserInputError(HubError):
    """The caller asked for something impossible; the message says what would be possible. ``field``: which argument."""

    def __init__(self, message: str, *, hint: str = "", field: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class MissingFieldError(UserInputError):
    """An argument that is needed was not given."""
