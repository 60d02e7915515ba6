"""What callers attached, as an order names it: addresses joined by commas, whose query expires (WIRES 4.9)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from connectors.json_rows import text
from hub.model import AttachmentFacts
from hub.vocabulary import AttachmentKind

#: a comma inside an address is followed by no scheme; one between two addresses is, or both are no addresses
_BETWEEN = re.compile(r",(?=\s*https?://)", re.IGNORECASE)
_PICTURES = ("jpg", "jpeg", "png", "gif", "webp", "bmp", "heic")


def read_attachments(value: Any) -> tuple[AttachmentFacts, ...]:
    """The files in their order. Whatever is no address is named all the same, so that it is seen and refused."""
    found = value if isinstance(value, list) else _BETWEEN.split(text(value))
    addresses = [text(address) for address in found]
    return tuple(_file(address) for address in dict.fromkeys(addresses) if address)


def _file(address: str) -> AttachmentFacts:
    name = unquote(address.partition("#")[0].partition("?")[0].rpartition("/")[2])
    is_picture = name.rpartition(".")[2].lower() in _PICTURES
    return AttachmentFacts(name=name, kind=AttachmentKind.PHOTO if is_picture else AttachmentKind.OTHER, url=address)
