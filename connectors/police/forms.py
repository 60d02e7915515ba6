"""A kept item opened: one form of the police with the columns it has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connectors.police import codes
from connectors.police.names import day_of, parse_batch
from connectors.police.rows import DATASETS, is_unknown, moment, problem_of, text
from hub.errors import BadPayloadError

_UNIT = re.compile(r"[0-9]{12}")
#: what may pass for a number or a code of a system, and never for a sentence
_CODE = re.compile(r"[0-9A-Za-z_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Form:
    """One version of one form."""

    dataset: str
    #: its own number
    number: str
    #: the number of its call
    jjdbh: str
    updated_at: datetime
    #: where it stood: later serials, then later lines are newer (WIRES 2.7)
    place: tuple[int, int]
    columns: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The item's key."""
        return f"{self.dataset}:{self.number}"

    @property
    def is_withdrawn(self) -> bool:
        """The police took it back."""
        return self.get("GXBS") == codes.WITHDRAWN

    def get(self, column: str) -> str:
        """A column's value; '' where it is unknown, or not there at all."""
        value = text(self.columns.get(column))
        return "" if is_unknown(value) else value

    def words(self, column: str) -> str:
        """What people wrote there, as it came: the hub strips and counts what no database keeps."""
        value = self.columns.get(column)
        return value if isinstance(value, str) else ""

    def code(self, column: str) -> str:
        """A number or code that may stand in append-only history; '' where it could be something else."""
        value = self.get(column)
        return value if _CODE.fullmatch(value) else ""

    def unit(self, column: str) -> str:
        """A 12-digit unit code, else ''."""
        value = self.get(column)
        return value if _UNIT.fullmatch(value) else ""

    def time(self, *columns: str) -> datetime:
        """The first known of these times, else the day in the form's number, else when it was last changed."""
        for column in columns:
            at = moment(self.get(column))
            if at is not None:
                return at
        return day_of(self.number) or self.updated_at

    def is_unreadable(self, column: str) -> bool:
        """Something stands there that is no time."""
        return bool(self.get(column)) and moment(self.get(column)) is None


def read_form(body: bytes) -> Form:
    """The form in a kept item's body. Raises BadPayloadError, nothing else; no error quotes the row."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise BadPayloadError("NOT_JSON") from exc
    if not isinstance(fields, dict):
        raise BadPayloadError("NOT_AN_OBJECT")
    rejected, columns, dataset = fields.get("rejected"), fields.get("columns"), fields.get("dataset")
    if isinstance(rejected, str):
        code, _, column = rejected.partition(":")
        raise BadPayloadError(code, field=column)
    if not isinstance(columns, dict) or not isinstance(dataset, str):
        raise BadPayloadError("NOT_A_ROW")
    problem = problem_of(dataset, columns)
    updated_at = moment(columns.get("GXSJ"))
    if problem or updated_at is None or DATASETS[dataset].lists:
        code, _, column = (problem or "NOT_A_FORM").partition(":")
        raise BadPayloadError(code, field=column)
    known = DATASETS[dataset]
    batch, line = parse_batch(text(fields.get("batch"))), fields.get("line")
    return Form(
        dataset,
        text(columns[known.own]),
        text(columns[known.record]),
        updated_at,
        (batch.serial if batch else 0, line if isinstance(line, int) and line > 0 else 0),
        columns,
    )
