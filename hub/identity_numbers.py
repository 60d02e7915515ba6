"""Identity numbers: what their digits say, by GB 11643 (persons) and GB 32100 (organisations)."""

from __future__ import annotations

from datetime import date

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def is_valid_person(number: str) -> bool:
    """Length, birth date and check digit of an 18-digit number (ISO 7064 MOD 11-2).

    The region prefix is not checked: places are renumbered and old numbers stay valid.
    """
    if len(number) != 18 or not number[:17].isascii() or not number[:17].isdigit():
        return False
    if birth_date(number) is None:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return _CHECK[total % 11] == number[17].upper()


def is_valid_organisation(code: str) -> bool:
    """Check character of an 18-character unified social credit code (weights 3^i mod 31)."""
    code = code.upper()
    if len(code) != 18 or any(c not in _USCC for c in code):
        return False
    total = sum(_USCC.index(c) * pow(3, place, 31) for place, c in enumerate(code[:17]))
    return _USCC[(31 - total % 31) % 31] == code[17]


def birth_date(number: str) -> date | None:
    """The birth date inside an 18-digit number; None where it holds none."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14])) if len(number) == 18 else None
    except ValueError:
        return None
