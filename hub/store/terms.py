"""How a title, a number and a name become terms: the text as it is compared, behind a letter that says what it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: what a term is, by its first letter
NUMBER, NAME, TITLE = "n", "p", "t"
#: behind every term that begins with a text
LAST = "\U0010ffff"

_BRACKETS = str.maketrans("〔〕[]【】{}", "()()()()")
_WORDS = re.compile(r"[^\W_]+")
#: characters of a title that are looked at, and of a number or name
_LONGEST_TITLE, _LONGEST_TERM = 200, 100


def plain(text: str) -> str:
    """A text as it is compared: full-width and half-width alike, every bracket round, small letters, no spaces."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().translate(_BRACKETS).split())


def words(text: str) -> list[str]:
    """The runs of letters, characters and digits in a text, as they are compared."""
    return _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())


def pairs(word: str) -> list[str]:
    """Each two neighbouring characters of a word."""
    return [word[at : at + 2] for at in range(len(word) - 1)]


def title_terms(title: str) -> set[str]:
    """By what a title is found. The last character of a word stands alone too, so that any single one is found."""
    found: set[str] = set()
    for word in words(title[:_LONGEST_TITLE]):
        found.update(TITLE + pair for pair in pairs(word))
        found.add(TITLE + word[-1])
    return found


def number_terms(numbers: Iterable[str]) -> set[str]:
    """By what numbers are found: each whole, hence by its beginning."""
    return {NUMBER + plain(number)[:_LONGEST_TERM] for number in numbers if plain(number)}


def name_terms(names: Iterable[str]) -> set[str]:
    """By what parties are found: each whole name, hence by its beginning. What the partner masked names nobody."""
    return {NAME + plain(name)[:_LONGEST_TERM] for name in names if plain(name) and "*" not in plain(name)}
