"""Looking things up: many keys at once without meeting a database's limit on parameters, and rows of any shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Row

T = TypeVar("T")

#: a result row of any columns: a Core row's types are not worth their weight where tables are the schema
AnyRow = Row[*tuple[Any, ...]]

#: SQLite takes 32 766 parameters and PostgreSQL's driver 32 767; a few hundred already cost nothing per statement
CHUNK = 900


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The values in runs of at most ``size``."""
    iterator = iter(values)
    while part := list(islice(iterator, size)):
        yield part
