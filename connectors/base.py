"""The contract every connector keeps: one class per product, told what to talk to by one instance configuration.

The hub owns sessions, loop, transactions, retries, rate, breaker, secrets and logs. A connector owns the partner's
format and the mapping. It imports no driver: the wire is handed to it open.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from hub.commands import Command, Receipt
from hub.errors import RejectedError
from hub.model import CaseFacts, Cursor, DigestEntry, Fact, Item, Page, RecordName
from hub.vocabulary import AgencyKind, CommandKind, CountyTables


@dataclass(frozen=True, slots=True)
class InstanceConfig:
    """One configured partner of one county: where it is, who we are there, what is local about it."""

    #: the operator's name of this instance, e.g. ``court``; part of every key
    name: str
    #: the connector's registered name, e.g. ``court``
    product: str
    county: str
    #: 12-digit unit code of the dispute centre: only a hand-over that names it is a referral to us
    centre_code: str
    #: where results dated earlier owe no return
    live_from: datetime
    tables: CountyTables
    base_url: str = ""
    app_id: str = ""
    #: resolved secret; never logged, never part of repr
    secret: str = field(default="", repr=False)
    #: who sends us webhooks; '' is ``app_id``
    webhook_app_id: str = ""
    #: every secret their webhooks may be signed with; none: no webhook is taken
    webhook_secrets: Sequence[str] = field(default=(), repr=False)
    #: seconds of the partner's clock that every run reads again, for commits that came late
    overlap_s: int = 600
    #: connector-specific settings
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer: the body arrived whole (a cut one is a TransientError of the wire)."""

    status: int
    #: names in lower case
    headers: Mapping[str, str]
    body: bytes


class HttpWire(Protocol):
    """An open HTTP connection to one instance: proxy, certificates and time-outs are already settled.

    ``request`` raises TransientError for everything that is not the partner's considered answer: connection
    refused or cut, time-out, 5xx, 429 (with ``retry_after``). It returns every other status.
    """

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Send one request to ``base_url + path``; ``query`` is URL-encoded by the wire."""
        ...

    def note(self, kind: str, hint: str = "") -> None:
        """Count an incident that the connector healed by itself (an expired token, say), so that it is seen."""
        ...


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file in a partner's folder, seen whole: names beginning ``.`` or ending ``.tmp`` are never listed."""

    name: str
    size: int
    modified_at: datetime


class FolderWire(Protocol):
    """A shared folder, below which every path is relative. Raises TransientError while the folder is away."""

    async def list(self, folder: str) -> Sequence[FileEntry]:
        """The files of a sub-folder by name; an absent folder is empty."""
        ...

    async def read(self, path: str) -> bytes:
        """A file's bytes. Raises TransientError where it vanished or grew meanwhile."""
        ...

    async def write(self, path: str, content: bytes) -> None:
        """Write a file whole: under a hidden name, flushed, then renamed; an existing one is replaced at once."""
        ...

    def note(self, kind: str, hint: str = "") -> None:
        """As ``HttpWire.note``."""
        ...


WireKind = Literal["http", "folder"]

#: the wire that the connector's ``wire_kind`` names, open for its instance
AnyWire = Any


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook whose signature was right: what to keep, and what the partner must be answered once it is kept."""

    items: Sequence[Item]
    #: the partner's own mark of this attempt: the hub refuses one it has seen within the replay window
    nonce: str
    reply: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the partner's own update clock, both ends inclusive; None is open."""

    start: datetime | None = None
    end: datetime | None = None


class Connector(Protocol):
    """What ``sync_jobs`` calls. Errors: AuthError, TransientError, RejectedError, BadPayloadError, nothing else."""

    #: the product's registered name
    product: ClassVar[str]
    #: what kind of agency stands behind it
    agency_kind: ClassVar[AgencyKind]
    #: one sentence for ``dispute-hub connectors list``
    summary: ClassVar[str]
    #: which wire it speaks: ``http`` or ``folder``
    wire_kind: ClassVar[WireKind]
    #: whether single records can be asked for again; where not, a lost one is reported and waits for the partner
    can_fetch: ClassVar[bool]
    #: what the wire can carry; everything else is refused as UNSUPPORTED before anything is sent
    commands: ClassVar[frozenset[CommandKind]]
    #: the wire carries our key, or something made of it: sending a push again is harmless
    has_keys: ClassVar[bool]
    #: ``find`` tells for certain whether a push was taken, so that doubt can be looked into
    can_find: ClassVar[bool]
    mapping_version: int
    config: InstanceConfig

    async def check(self, wire: AnyWire) -> str:
        """Prove address and credentials with the smallest harmless request; return one sentence of what was seen."""
        ...

    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        """Where a new run begins: the kept cursor less the declared overlap, or ``since``, or the very start."""
        ...

    async def pull(self, wire: AnyWire, cursor: Cursor) -> Page:
        """One page from the cursor on; the same cursor may be asked again. An empty page means empty."""
        ...

    async def acknowledge(self, wire: AnyWire, page: Page) -> None:
        """Tell the partner that this page is kept; called after its commit, and again if that was cut off."""
        ...

    def digest(self, wire: AnyWire, window: Window) -> AsyncIterator[DigestEntry]:
        """The partner's own list of what it holds in the window."""
        ...

    async def fetch(self, wire: AnyWire, native_ids: Sequence[str]) -> Sequence[Item]:
        """Re-read single records: every row the partner holds for these ids; an absent id yields nothing."""
        ...

    def map(self, item: Item) -> Sequence[Fact]:
        """Pure: what the item says in the hub's words. Raises BadPayloadError."""
        ...

    @staticmethod
    def quoted(text: str, county: str) -> Sequence[RecordName]:
        """Pure: the partner's records of this county that somebody's words name by their numbers."""
        ...

    def compose(self, parts: Sequence[CaseFacts]) -> CaseFacts:
        """Pure: one record from the newest version of each of its items, oldest first."""
        ...

    async def listed(self, wire: AnyWire, window: Window) -> Sequence[Window]:
        """The stretches that ``digest`` tells of whole: only inside them can something be said to be gone."""
        ...

    async def push(self, wire: AnyWire, key: str, command: Command) -> Receipt:
        """Send a command. ``key``: the step's, at most 200 characters, the same for every try; so is the command.

        Raises AuthError; TransientError, ``in_doubt`` where the partner may have done it all the same; RejectedError
        for the partner's refusal, for what its wire cannot carry (``UNSUPPORTED``) and for what its wire needs and the
        command lacks (``MISSING_…``), the last two before anything is sent.
        """
        ...

    async def find(self, wire: AnyWire, key: str, command: Command) -> Receipt | None:
        """What the partner says of a push sent before: asked before a second send, and for a receipt that comes later.

        None: it knows nothing of it, or cannot be asked. Raises as ``push`` does.
        """
        ...


@runtime_checkable
class WebhookConnector(Protocol):
    """What a connector may have besides: its partner tells by webhooks what happened, over HTTP, unasked."""

    def receive(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Received:
        """Prove a webhook genuine and take it apart; keeps nothing itself.

        Raises AuthError, whose message is a code, a colon and what it means, without any of the content. Whatever is
        genuine becomes items, however strange it is. ``headers``: each name once, values of repeats joined by a comma.
        """
        ...


class PullOnly:
    """A partner that is told nothing; a connector that can push says so over these defaults."""

    commands: ClassVar[frozenset[CommandKind]] = frozenset()
    has_keys: ClassVar[bool] = False
    can_find: ClassVar[bool] = False

    async def push(self, wire: AnyWire, key: str, command: Command) -> Receipt:
        """Refuse whatever it is."""
        raise RejectedError("UNSUPPORTED", f"this partner takes no {command.kind}")

    async def find(self, wire: AnyWire, key: str, command: Command) -> Receipt | None:
        """Nothing: this partner cannot be asked."""
        return None


@runtime_checkable
class Backfiller(Protocol):
    """A connector that reads its partner's past another way than it pulls, because what is pulled is given only once.

    Every other connector's past is read with ``pull``, from a cursor of its own.
    """

    def backfill_cursor(self, cursor: Cursor | None, since: datetime | None) -> Cursor:
        """Where a backfill begins (``since``, or the very start), or goes on from its own kept cursor."""
        ...

    async def backfill(self, wire: AnyWire, cursor: Cursor) -> Page:
        """As ``pull``, without taking anything away from it."""
        ...


class HttpPartner(PullOnly):
    """What most HTTP partners have in common; a connector class may begin with it."""

    wire_kind: ClassVar[WireKind] = "http"
    can_fetch: ClassVar[bool] = True

    @staticmethod
    def quoted(text: str, county: str) -> Sequence[RecordName]:
        """Nothing: nobody would know this partner's numbers in a sentence."""
        return ()

    async def acknowledge(self, wire: HttpWire, page: Page) -> None:
        """Nothing: asking for the next page is all this partner hears."""

    async def listed(self, wire: HttpWire, window: Window) -> Sequence[Window]:
        """Its list tells of the whole window."""
        return (window,)
