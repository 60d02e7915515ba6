"""What an error says of a request, without the values that came in it: they may be somebody's name or number.

graphql-core ends most of its messages with the offending value. Errors are shown in consoles, kept by clients' error
trackers and copied into mails; names of fields, types, variables and enum members are all that is needed to mend one.
"""

from __future__ import annotations

import re

from hub.sealing import mask_words

_LONGEST_MESSAGE = 500

#: a value stands behind these words, up to the end of the message or to a suggestion
_BEFORE_A_VALUE = re.compile(r",? ?[Ff]ound: |; found: |,? found (?=\")|\brepresent [\w -]*value: ")
_SUGGESTION = re.compile(
    r" Did you mean (?:the enum value )?'[A-Za-z_]\w{0,63}'(?:,? (?:or )?'[A-Za-z_]\w{0,63}'){0,5}\?$", re.ASCII
)
_ENUM_VALUE = re.compile(r"\bValue '.*' does not exist in ", re.DOTALL)
_LITERAL = re.compile(r"\b(String|BlockString|Int|Float) (['\"]).*", re.DOTALL)
_UNKNOWN_MEMBER = re.compile(
    r"(unknown field) '(?![A-Za-z_]\w{0,63}'(?:\.$|\. Did you mean ')).*", re.ASCII | re.DOTALL
)


def without_values(message: str) -> str:
    """The message of an error about a request, at most 500 characters."""
    suggestion = _SUGGESTION.search(message[-_LONGEST_MESSAGE:])
    told = _ENUM_VALUE.sub("This value does not exist in ", message, count=1)
    value = _BEFORE_A_VALUE.search(told)
    if value is not None:
        told = told[: value.start()] + (value[0] if value[0].startswith("represent") else "")
        told = told.rstrip(" .,;:")
        told += ("" if told.endswith("?") else ".") + (suggestion[0] if suggestion else "")
    told = _LITERAL.sub(r"\1.", told)
    told = mask_words(_UNKNOWN_MEMBER.sub(r"\1.", told))
    return told if len(told) <= _LONGEST_MESSAGE else f"{told[:_LONGEST_MESSAGE]}…"
