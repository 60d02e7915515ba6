"""What a person or a partner wrote, as it may be stored: without what a database refuses, numbers of persons masked."""

from __future__ import annotations

from hub.errors import UserInputError
from hub.model import clean_text
from hub.sealing import mask_words

#: characters of a person's words, of facts, of why somebody set something aside
LONGEST_WORDS, LONGEST_FACTS, LONGEST_REASON = 4000, 20_000, 500


def safe_words(text: str) -> str:
    """Free text from anywhere: cleaned and masked, of whatever length."""
    return mask_words(clean_text(text)[0])


def words_of(text: str, field: str = "words", *, longest: int = LONGEST_WORDS) -> str:
    """A person's words for ``field``. Raises UserInputError, which names the field and never quotes it."""
    said = safe_words(text).strip()
    if len(said) > longest:
        raise UserInputError(f"{field} has at most {longest} characters", field=field)
    return said
