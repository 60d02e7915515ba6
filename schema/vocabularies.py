"""Labels of every code the schema uses, in Chinese or English."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hub.errors import UserInputError
from hub.vocabulary import ENUMERATIONS, UNKNOWN, CountyTables
from schema.enums import Locale
from schema.types.reference import Vocabulary, VocabularyEntry

#: the vocabularies that are tables, not enumerations
CATEGORY, CATEGORY_24, MEDIATION_TYPE = "Category", "Category24", "MediationType"
NAMES = (*ENUMERATIONS, CATEGORY, CATEGORY_24, MEDIATION_TYPE)


def vocabularies_of(tables: CountyTables, names: Iterable[str] | None, locale: Locale) -> list[Vocabulary]:
    """The vocabularies of these names, all when None. Raises UserInputError for an unknown name."""
    wanted = list(dict.fromkeys(NAMES if names is None else names))
    for name in wanted:
        if name not in NAMES:
            raise UserInputError("there is no such vocabulary", hint=f"Known: {', '.join(NAMES)}.")
    return [Vocabulary(name=name, entries=list(_entries(tables, name, locale))) for name in wanted]


def _entries(tables: CountyTables, name: str, locale: Locale) -> Sequence[VocabularyEntry]:
    if name == CATEGORY:
        rows = [(entry.code, entry.zh, entry.en, entry.parent) for entry in tables.categories.values()]
        rows.append((UNKNOWN, "未知", "Unknown", ""))
    elif name in (CATEGORY_24, MEDIATION_TYPE):
        foreign = tables.classes_24 if name == CATEGORY_24 else tables.mediation_types
        rows = [(entry.code, entry.zh, "", entry.category) for entry in foreign]
    else:
        rows = [(term.value, term.zh, term.en, "") for term in ENUMERATIONS[name]]
    return [
        VocabularyEntry(code=code, label=(en if locale is Locale.EN else "") or zh, order=place, parent=parent or None)
        for place, (code, zh, en, parent) in enumerate(rows)
    ]
