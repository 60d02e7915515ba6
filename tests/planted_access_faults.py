"""Faults of access that people really make, each in one place of a good hub, with the check that must find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import structlog

import app.export_http
import app.files_http
import hub.access_log
import hub.figures
import hub.reading.changes
import hub.reading.disputes
import hub.reading.parties
import hub.reading.records
import schema.inputs
import schema.mutations.base
import schema.mutations.people
import schema.queries.disputes
import schema.queries.links
import schema.queries.outbox
import schema.queries.search
import schema.queries.tasks
import schema.seen_by
import schema.subscription
import schema.types.event
from app.export_lines import columns_for
from hub.access import FULL, Access
from hub.errors import UserInputError
from hub.reading.paging import KeyType, Ordering
from hub.sight import EVERYTHING, Sight
from schema.loaders import Loaders

from . import access_checks as checks
from .access_checks import Check

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Fault:
    """What is wrong, and what must find it."""

    name: str
    plant: Callable[[Patch], None]
    check: Check


def _with(place: Any, name: str, make: Callable[[Any], Any]) -> Callable[[Patch], None]:
    """Puts something else in a place, made of what stands there."""
    return lambda patch: patch.setattr(place, name, make(getattr(place, name)))


def _blind(place: Any, name: str) -> Callable[[Patch], None]:
    """A reading statement without its Sight."""

    def make(good: Any) -> Any:
        def read(*given: Any, **named: Any) -> Any:
            return good(*(EVERYTHING if isinstance(one, Sight) else one for one in given), **named)

        return read

    return _with(place, name, make)


def _all(*plants: Callable[[Patch], None]) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        for one in plants:
            one(patch)

    return plant


def _tests_anything(coordinate: str) -> Callable[[Patch], None]:
    """A filter or a way that exists also for who does not read what it tests."""

    def make(good: Any) -> Any:
        return lambda access, asked: asked == coordinate or good(access, asked)

    return _with(Access, "may_test", make)


def _facet_by_name(patch: Patch) -> None:
    facets = {**hub.reading.disputes._FACETS, "HOLDER": lambda rows: rows.c.assignee_name}
    patch.setattr(hub.reading.disputes, "_FACETS", facets)


def _order_by_title(patch: Patch) -> None:
    def by_title(*, descending: bool) -> Ordering:
        return Ordering("code", (("title", KeyType.TEXT), ("id", KeyType.TEXT)), descending)

    patch.setattr(schema.inputs, "by_number", by_title)


def _export_sees_everything(good: Any) -> Any:
    def pages(runner: Any, new_context: Any, *rest: Any) -> Any:
        def context() -> Any:
            made = new_context()
            return replace(made, sight=EVERYTHING, loaders=Loaders(made.store, EVERYTHING))

        return good(runner, context, *rest)

    return pages


def _export_is_whole(good: Any) -> Any:
    return lambda runner, *rest: good(schema.seen_by.runner_for("centre_operator"), *rest)


async def _nobody_checks(*_: Any) -> None:
    """Instead of ``require_seen``."""


async def _says_that_it_is_hidden(info: Any, input: Any) -> None:
    """Instead of ``require_seen``: tells apart what is hidden and what is not there."""
    try:
        await _REQUIRE_SEEN(info, input)
    except Exception:
        id = str(getattr(input, "id", ""))
        if id.startswith("dsp_") and not id.endswith("000777"):
            raise UserInputError("this is not yours") from None
        raise


_REQUIRE_SEEN = schema.mutations.base.require_seen


def _tells_the_log(good: Any) -> Any:
    async def find(desk: Any, principal: Any, sight: Any, wanted: Any, *rest: Any) -> Any:
        structlog.get_logger().info("people looked for", value=wanted.value)
        return await good(desk, principal, sight, wanted, *rest)

    return find


def _repeats_it(good: Any) -> Any:
    async def find(desk: Any, principal: Any, sight: Any, wanted: Any, *rest: Any) -> Any:
        found = await good(desk, principal, sight, wanted, *rest)
        if not found.found:
            raise UserInputError("nobody is called so", hint=f"Nobody has {wanted.value[:9]}-{wanted.value[9:]}.")
        return found

    return find


async def _any_dispute(info: Any, id: Any, code: Any) -> str:
    return str(id) if id is not None else f"dsp_620725_{code[-6:]}"


def _shares_pages(good: Any) -> Any:
    """Pages of the log that are kept for everybody, whatever they see."""
    kept: dict[Any, Any] = {}

    async def page(connection: Any, sight: Any, after: int, *rest: Any) -> Any:
        if after not in kept:
            kept[after] = await good(connection, sight, after, *rest)
        return kept[after]

    return page


async def _names_all(_: Any, data: Any) -> Any:
    return data


FAULTS = (
    Fault("people of a dispute are read without a sight", _blind(hub.reading.parties, "of_disputes"), checks.selected),
    Fault("a list of records reads without a sight", _blind(hub.reading.records, "page"), checks.selected),
    Fault("what is masked is shown whole",
          _with(schema.seen_by, "redacted", lambda _: lambda field, redaction: field.resolve), checks.selected),
    Fault("a sentence names a dispute that is hidden", _with(schema.types.event, "_of_seen", lambda _: _names_all),
          checks.selected),
    Fault("facets count without a sight", _blind(hub.reading.disputes, "facets"), checks.counted),
    Fault("a total counts without a sight", _blind(hub.reading.disputes, "total"), checks.counted),
    Fault("a list's filter looks into hidden records", _blind(hub.reading.disputes, "_has_record"), checks.counted),
    Fault("a facet counts by a name that the role has not", _facet_by_name, checks.counted),
    Fault("a list reads without a sight", _blind(hub.reading.disputes, "page"), checks.ordered),
    Fault("an order by a title that the role has not", _order_by_title, checks.ordered),
    Fault("what lies behind a page is looked for without a sight", _blind(hub.reading.disputes, "any_behind"),
          checks.ordered),
    Fault("a filter on words that are not shown whole", _tests_anything("DisputeFilter.text"), checks.tested),
    Fault("search reads without a sight", _blind(schema.queries.search, "search"), checks.searched),
    Fault("search finds by names that are shown masked", _tests_anything("SearchMatch.NAME"), checks.searched),
    Fault("search finds by titles that the role has not", _tests_anything("SearchMatch.TITLE"), checks.searched),
    Fault("the map is for everybody", _tests_anything("DisputeFilter.boundingBox"), checks.drawn_on_the_map),
    Fault("points are counted without a sight", _blind(hub.reading.disputes, "total"), checks.drawn_on_the_map),
    Fault("tasks read without a sight", _blind(schema.queries.tasks, "task_listing"), checks.waiting),
    Fault("suggestions read without a sight", _blind(schema.queries.links, "link_listing"), checks.suggested),
    Fault("filings are counted without a sight", _blind(hub.figures, "_filings"), checks.figured),
    Fault("messages read without a sight", _blind(schema.queries.outbox, "message_listing"), checks.sent),
    Fault("changes read without a sight", _blind(hub.reading.changes, "page"), checks.read_on),
    Fault("a change names disputes that are hidden",
          _with(hub.reading.changes._About, "_read_disputes",
                lambda good: lambda self, connection, _, ids: good(self, connection, EVERYTHING, ids)), checks.read_on),
    Fault("what is live reads without a sight", _blind(hub.reading.changes, "page"), checks.listened),
    Fault("a page of the log is shared whatever is seen", _with(hub.reading.changes, "page", _shares_pages),
          checks.listened),
    Fault("any dispute may be followed", _with(schema.subscription, "_dispute", lambda _: _any_dispute),
          checks.listened),
    Fault("a file is read without a sight", _blind(app.files_http.attachments, "sealed_of"), checks.fetched),
    Fault("an export reads everything", _with(app.export_http, "_Pages", _export_sees_everything), checks.exported),
    Fault("an export is asked as by somebody else", _with(app.export_http, "_Pages", _export_is_whole),
          checks.exported),
    Fault("an export has every column",
          _all(_with(app.export_http, "columns_for", lambda _: lambda access: columns_for(FULL)),
               _with(app.export_http, "_Pages", _export_is_whole)), checks.exported),
    Fault("people are found without a sight", _blind(schema.mutations.people, "find_parties"), checks.looked_up),
    Fault("the log tells whom somebody looked for", _with(schema.mutations.people, "find_parties", _tells_the_log),
          checks.looked_up),
    Fault("who is not found is told with the number", _with(schema.mutations.people, "find_parties", _repeats_it),
          checks.looked_up),
    Fault("the access log keeps the number", _with(hub.access_log, "_hash", lambda _: lambda desk, what, value: value),
          checks.looked_up),
    Fault("numbers are shown of whom one does not see",
          _all(_blind(schema.mutations.people, "reveal_party"),
               _with(schema.mutations.base, "require_seen", lambda _: _nobody_checks)), checks.revealed),
    Fault("the access log is shown with what was looked for",
          _with(hub.access_log, "_hash", lambda _: lambda desk, what, value: value), checks.who_looked),
    Fault("an act tells hidden from unknown",
          _with(schema.mutations.base, "require_seen", lambda _: _says_that_it_is_hidden), checks.refused),
    Fault("a code leads to a dispute without a sight", _blind(hub.reading.disputes, "by_code"), checks.refused),
    Fault("a record's key leads to it without a sight", _blind(hub.reading.records, "by_native"), checks.refused),
)  # fmt: skip


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The hub with that fault."""
    with pytest.MonkeyPatch.context() as patch:
        fault.plant(patch)
        _forget()
        try:
            yield
        finally:
            patch.undo()
            _forget()


def _forget() -> None:
    """Schemas are made once a role: what is planted must be in them."""
    schema.seen_by.schema_for.cache_clear()
    schema.seen_by.runner_for.cache_clear()
