"""What every mutation keeps: a payload that names what was refused, and inputs with the two conventional fields.

A refusal that the caller can act on stands in ``userErrors`` and nothing was changed; anything else is an error of
the field, masked like every other. A field that failed so is null, and those beside it still tell what they did: that
is why every mutation's type is nullable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import strawberry

from hub.errors import (
    ConflictError,
    DeadlinePassedError,
    HubError,
    MissingFieldError,
    NotFoundError,
    TooOftenError,
    UserInputError,
    VersionConflictError,
)
from hub.once import IdempotencyMismatchError
from hub.sealing import mask_words
from hub.vocabulary import UserErrorCode
from schema.context import Info
from schema.mutations.targets import require_seen

#: which refusals a caller is told, the narrowest first
_CODES: tuple[tuple[type[HubError], UserErrorCode], ...] = (
    (VersionConflictError, UserErrorCode.VERSION_CONFLICT),
    (IdempotencyMismatchError, UserErrorCode.IDEMPOTENCY_MISMATCH),
    (DeadlinePassedError, UserErrorCode.DEADLINE_PASSED),
    (ConflictError, UserErrorCode.NOT_ALLOWED_NOW),
    (NotFoundError, UserErrorCode.NOT_FOUND),
    (TooOftenError, UserErrorCode.RATE_LIMITED),
    (MissingFieldError, UserErrorCode.MISSING_FIELD),
    (UserInputError, UserErrorCode.INVALID_VALUE),
)


@strawberry.type(description="Why a mutation did nothing.")
class UserError:
    code: UserErrorCode = strawberry.field(description="For programs.")
    message: str = strawberry.field(description="For people: one sentence, in English.")
    field: str | None = strawberry.field(description="Which field of the input it is about; null where none is.")
    hint: str | None = strawberry.field(description="What to do about it, where there is something.")


@strawberry.interface(description="What every mutation answers. Where userErrors is not empty, nothing was changed.")
class MutationPayload:
    client_mutation_id: str | None = strawberry.field(default=None, description="As the input gave it.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.input
class MutationInput:
    """The conventional field of every input; a versioned thing's input has ``expected_version`` besides."""

    client_mutation_id: str | None = strawberry.field(
        default=None, description="Comes back unchanged, so that a client knows its own; the hub keeps it nowhere."
    )


P = TypeVar("P", bound=MutationPayload)


async def answered(info: Info, payload: type[P], input: MutationInput, act: Callable[[], Awaitable[P]]) -> P:
    """The payload of ``act``, or an empty one that names why it was refused."""
    try:
        await require_seen(info, input)
        done = await act()
    except HubError as refused:
        code = next((code for kind, code in _CODES if isinstance(refused, kind)), None)
        if code is None:
            raise
        error = UserError(
            # what is not known is the client's own text
            code=code,
            message=mask_words(refused.message),
            field=getattr(refused, "field", None) or None,
            hint=refused.hint or None,
        )
        return payload(client_mutation_id=input.client_mutation_id, user_errors=[error])
    done.client_mutation_id = input.client_mutation_id
    return done
