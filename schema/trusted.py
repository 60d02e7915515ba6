"""Trusted documents: what clients were built with, registered by the operator, and asked for by id alone.

A folder holds them as clients' tools write them: JSON objects of id → document, Apollo's manifests, or one document a
``.graphql`` file, whose id is the SHA-256 of its text. A hub may be told to run nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from hub.errors import ConfigurationError
from hub.settings import Settings
from schema.request import Request

MAX_DOCUMENTS = 5_000
_MAX_FILE_BYTES = 8 << 20
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class UntrustedError(Exception):
    """The request names no document that it may run; ``code`` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Documents:
    """The registered documents by their ids; ``only``: nothing else runs."""

    by_id: Mapping[str, str] = field(default_factory=dict)
    only: bool = False
    #: the same text may have several ids
    texts: frozenset[str] = frozenset()

    def whole(self, request: Request) -> Request:
        """The request with its document. Raises UntrustedError.

        A document that comes whole together with its hash must have that hash; it is not remembered.
        """
        id = request.document_id
        if id and not request.query:
            known = self.by_id.get(id)
            if known is None:
                raise UntrustedError("PERSISTED_QUERY_NOT_FOUND", "no document is registered under that id")
            return replace(request, query=known)
        if (
            request.document_id
            and _SHA256.fullmatch(request.document_id)
            and request.document_id != _hash(request.query)
        ):
            raise UntrustedError("BAD_USER_INPUT", "the document has another hash")
        if self.only and request.query not in self.texts:
            raise UntrustedError("DOCUMENT_NOT_TRUSTED", "this hub runs registered documents only")
        return request


NO_DOCUMENTS = Documents()


def read_documents(folder: Path, *, only: bool) -> Documents:
    """The documents in a folder and the folders below. Raises ConfigurationError where they cannot be understood."""
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}", hint="trusted_documents names a folder.")
    by_id: dict[str, str] = {}
    for file in sorted(folder.rglob("*")):
        for id, text in _documents_in(file):
            if by_id.setdefault(id, text) != text:
                raise ConfigurationError(f"{file} has another document under the id {id} than a file before it")
            if len(by_id) > MAX_DOCUMENTS:
                raise ConfigurationError(f"{folder} holds more than {MAX_DOCUMENTS} documents")
    return Documents(by_id, only, frozenset(by_id.values()))


def documents_of(settings: Settings) -> Documents:
    """The documents that the settings name. Raises ConfigurationError."""
    if settings.trusted_documents is None:
        return NO_DOCUMENTS
    return read_documents(settings.trusted_documents, only=settings.trusted_only)


def _documents_in(file: Path) -> Iterator[tuple[str, str]]:
    if file.suffix not in (".json", ".graphql", ".gql") or not file.is_file():
        return
    try:
        if file.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigurationError(f"{file} is larger than {_MAX_FILE_BYTES >> 20} MiB")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{file} cannot be read as text in UTF-8") from exc
    if file.suffix == ".json":
        yield from _manifest(file, text)
        return
    # editors end a file with a line break that clients do not send
    for one in {text, text.strip()}:
        yield _hash(one), one


def _manifest(file: Path, text: str) -> Iterator[tuple[str, str]]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise ConfigurationError(f"{file} is not JSON") from exc
    if isinstance(found, dict) and isinstance(found.get("operations"), list):
        pairs = [(one.get("id"), one.get("body")) for one in found["operations"] if isinstance(one, dict)]
    else:
        pairs = list(found.items()) if isinstance(found, dict) else [(None, None)]
    for id, document in pairs:
        yield _pair(file, id, document)


def _pair(file: Path, id: Any, document: Any) -> tuple[str, str]:
    if not isinstance(id, str) or not isinstance(document, str) or not _ID.fullmatch(id):
        raise ConfigurationError(f"{file} is no list of documents", hint="It is a JSON object of id → document.")
    return id.removeprefix("sha256:"), document


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
