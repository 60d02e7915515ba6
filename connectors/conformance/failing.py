"""Laws of failure: an error is loud, of a known kind, and never looks like an empty page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.base import AnyWire, FileEntry, HttpAnswer
from connectors.conformance.exam import Exam, Taken, is_nothing
from connectors.conformance.law import LawBrokenError, NotApplicableError, require
from hub.errors import AuthError, BadPayloadError, PartnerError, RejectedError, TransientError

ALLOWED = (AuthError, TransientError, RejectedError, BadPayloadError)
#: modes in which the partner gives no useful answer at all
DEAD = ("500", "html", "cut", "429", "outage")
_CODE_FIELDS = ("code", "status", "errcode", "errCode", "resultCode")

Spoil = Callable[[HttpAnswer], HttpAnswer | None]


async def no_error_looks_empty(exam: Exam) -> None:
    """Answers that are none: HTML with status 200, nothing, half a body, another JSON, a refusal with an empty list."""
    if exam.connector().wire_kind == "folder":
        await _require_loud(exam, _FolderAway(exam.wire), "a folder that is not there")
    else:
        for spoil in SPOILS:
            wire = _SpoilingWire(exam.wire)
            connector = exam.connector()
            # whatever the connector keeps for a wire, a token say, it has now
            await exam.ask(lambda: connector.check(wire))  # noqa: B023
            wire.spoil = spoil
            await _require_loud(exam, wire, spoil.__name__.strip("_").replace("_", " "), connector)
    for mode in DEAD:
        if mode in exam.bench.modes and mode != exam.mode and not _is_folder(exam):
            async with exam.misbehaving(mode):
                await _require_loud(exam, exam.wire, f"the mode {mode}")


async def _require_loud(exam: Exam, wire: AnyWire, what: str, connector: Any = None) -> None:
    connector = connector or exam.connector()
    cursor = connector.start_cursor(None)
    for _ in range(4):
        try:
            page = await connector.pull(wire, cursor)
        except ALLOWED:
            return
        # some connectors note a failure and go on to another question
        if not page.items and page.more and page.cursor != cursor:
            cursor = page.cursor
            continue
        break
    raise LawBrokenError(
        f"{what} became a page of {len(page.items)} items",
        "Whatever is not a whole, well-formed, successful answer must raise TransientError; an empty page means that "
        "the partner has nothing.",
    )


async def empty_means_empty(exam: Exam) -> None:
    """After everything was read, a run that begins behind all of it."""
    taken = Taken()
    cursor = await exam.run(taken)
    await exam.mend(taken, cursor)
    newest = max(held.version for held in await exam.bench.view())
    connector = exam.connector()
    begin = connector.start_cursor(None, newest + timedelta(days=300))
    pages = [page async for page in exam.pages(connector, begin)]
    beyond = [item for page in pages for item in page.items if _is_beyond(item.updated_at, newest)]
    require(
        not beyond and not pages[-1].more,
        "a run behind the partner's last record delivers records or does not end",
        "Where the partner has nothing, return an empty page with `more=False`.",
    )


def _is_beyond(at: datetime | None, newest: datetime) -> bool:
    return at is not None and at > newest


async def errors_are_known(exam: Exam) -> None:
    """Every mode of the partner in turn: what is raised is of the four kinds, and afterwards nothing is lost."""
    taken = Taken()
    for mode in sorted(exam.bench.modes - {"delay"}):
        if mode == exam.mode:
            continue
        async with exam.misbehaving(mode, 3):
            connector = exam.connector()
            await _survive(lambda: exam.run(taken, connector=connector))  # noqa: B023
            await _survive(lambda: exam.digest(connector=connector))  # noqa: B023
            some = [held.native_id for held in await exam.pick(2)]
            await _survive(lambda: exam.fetch(some, connector))  # noqa: B023
    taken = Taken()
    await exam.bench.advance(3600)
    await exam.bench.settle()
    cursor = await exam.run(taken)
    await exam.mend(taken, cursor)
    await exam.require_all(taken, "After an error the next run must deliver what the broken one did not.")


async def _survive(step: Callable[[], Any]) -> None:
    try:
        await step()
    except ALLOWED:
        return
    except LawBrokenError:
        raise
    except Exception as exc:
        if isinstance(exc, PartnerError):
            return
        raise LawBrokenError(
            f"the connector raised {type(exc).__name__}",
            "Raise AuthError, TransientError, RejectedError or BadPayloadError and nothing else: the class says who "
            "must act.",
        ) from exc


async def wrong_credentials(exam: Exam) -> None:
    """A wrong secret."""
    if not exam.config.secret:
        raise NotApplicableError("the wire has no credentials")
    connector = exam.connector(secret=f"not-{exam.config.secret}")
    for step in (connector.check, lambda wire: connector.pull(wire, connector.start_cursor(None))):
        try:
            await exam.ask(lambda: step(exam.wire))  # noqa: B023
        except AuthError as exc:
            require(
                exam.config.secret not in f"{exc}{exc.hint}", "an error's text holds the secret",
                "Errors are shown and logged: never put a secret, a token or the partner's text into one.",
            )  # fmt: skip
        except Exception as exc:
            raise LawBrokenError(
                f"with a wrong secret the connector raised {type(exc).__name__}", "Raise AuthError: only the operator "
                "can mend it, and no retry will.",
            ) from exc  # fmt: skip
        else:
            raise LawBrokenError("a wrong secret was not noticed", "Raise AuthError where the partner refuses it.")


async def slow_down_is_passed_on(exam: Exam) -> None:
    """The partner asks for a pause."""
    if "429" not in exam.bench.modes:
        raise NotApplicableError("the wire knows no limit of pace")
    connector = exam.connector()
    async with exam.misbehaving("429"):
        try:
            page = await connector.pull(exam.wire, connector.start_cursor(None))
        except TransientError as exc:
            is_other = exam.mode and exc.retry_after is None
            require(
                is_other or exc.retry_after is not None, "a 429 came without its retry_after",
                "Pass on the wire's TransientError: it carries the partner's Retry-After.",
            )  # fmt: skip
        else:
            raise LawBrokenError(
                f"a 429 became a page of {len(page.items)} items", "Let the wire's TransientError through."
            )


def _is_folder(exam: Exam) -> bool:
    return exam.connector().wire_kind == "folder"


class _SpoilingWire:
    """An open HTTP wire whose answers are replaced on the way."""

    def __init__(self, wire: AnyWire) -> None:
        self._wire = wire
        self.spoil: Spoil | None = None

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None, body: bytes | None = None,
    ) -> HttpAnswer:  # fmt: skip
        answer: HttpAnswer = await self._wire.request(method, path, query=query, headers=headers, body=body)
        return answer if self.spoil is None else self.spoil(answer) or answer

    def note(self, kind: str, hint: str = "") -> None:
        self._wire.note(kind, hint)


class _FolderAway:
    """A folder wire whose share is not mounted."""

    def __init__(self, wire: AnyWire) -> None:
        self._wire = wire

    async def list(self, folder: str) -> Sequence[FileEntry]:
        raise TransientError("the partner's folder is not there", kind="FOLDER_AWAY")

    async def read(self, path: str) -> bytes:
        raise TransientError("the partner's folder is not there", kind="FOLDER_AWAY")

    async def write(self, path: str, content: bytes) -> None:
        raise TransientError("the partner's folder is not there", kind="FOLDER_AWAY")

    def note(self, kind: str, hint: str = "") -> None:
        self._wire.note(kind, hint)


def _html_with_status_200(answer: HttpAnswer) -> HttpAnswer:
    page = "<html><body>系统维护中</body></html>".encode()
    return HttpAnswer(200, {"content-type": "text/html"}, page)


def _a_body_of_nothing(answer: HttpAnswer) -> HttpAnswer:
    return HttpAnswer(200, answer.headers, b"")


def _half_a_body(answer: HttpAnswer) -> HttpAnswer:
    return HttpAnswer(200, answer.headers, answer.body[: len(answer.body) // 2])


def _a_json_of_another_kind(answer: HttpAnswer) -> HttpAnswer:
    return HttpAnswer(200, answer.headers, b'"ok"')


def _an_empty_object(answer: HttpAnswer) -> HttpAnswer:
    return HttpAnswer(200, answer.headers, b"{}")


def _status_404(answer: HttpAnswer) -> HttpAnswer:
    return HttpAnswer(404, answer.headers, answer.body)


def _a_refusal_with_an_empty_list(answer: HttpAnswer) -> HttpAnswer:
    """The partner's own envelope, with a code that no success has and everything else empty."""
    try:
        envelope = json.loads(answer.body)
    except ValueError:
        return _an_empty_object(answer)
    code = next((name for name in _CODE_FIELDS if isinstance(envelope, dict) and name in envelope), None)
    if code is None:
        return _an_empty_object(answer)
    emptied = {name: _emptied(value) for name, value in envelope.items()}
    emptied[code] = type(envelope[code])(59999)
    if "success" in emptied:
        emptied["success"] = False
    return HttpAnswer(200, answer.headers, json.dumps(emptied).encode())


def _emptied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _emptied(inner) for name, inner in value.items()}
    if isinstance(value, list) or is_nothing(value):
        return [] if isinstance(value, list) else value
    return 0 if isinstance(value, int) and not isinstance(value, bool) else value


SPOILS: tuple[Spoil, ...] = (
    _html_with_status_200,
    _a_body_of_nothing,
    _half_a_body,
    _a_json_of_another_kind,
    _an_empty_object,
    _status_404,
    _a_refusal_with_an_empty_list,
)
