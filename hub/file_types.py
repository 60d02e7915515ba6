"""What a file is, told from its bytes and never from its name: the types that may be kept, and None for all others.

What a browser would run (HTML, SVG, scripts) and what a machine would run (programs, installers, packages) is no type
of ours. This is no search for viruses: a document may still hold a macro.
"""

from __future__ import annotations

import re

PLAIN_TEXT = "text/plain; charset=utf-8"
_GB18030_TEXT = "text/plain; charset=gb18030"

_OPENINGS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"#!AMR\n", "audio/amr"),
    (b"#!AMR-WB\n", "audio/amr-wb"),
    (b"ID3", "audio/mpeg"),
)
#: names inside a zip that tell what it really is
_INSIDE_ZIP: tuple[tuple[bytes, str], ...] = (
    (b"word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/workbook.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/presentation.xml", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    # GB/T 33190, the layout format of official documents
    (b"OFD.xml", "application/ofd"),
)
_PROGRAMS_IN_ZIP = (b"META-INF/MANIFEST.MF", b"AndroidManifest.xml", b"classes.dex", b"vbaProject.bin")
#: streams of an OLE compound file, named in UTF-16; an installer has none of them
_INSIDE_OLE = (
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
)
_BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"M4A", "audio/mp4"), (b"qt", "video/quicktime"), (b"3g", "video/3gpp"), (b"heic", "image/heic"),
    (b"heix", "image/heic"), (b"mif1", "image/heif"), (b"isom", "video/mp4"), (b"iso", "video/mp4"),
    (b"mp4", "video/mp4"), (b"avc1", "video/mp4"), (b"M4V", "video/mp4"), (b"MSNV", "video/mp4"),
)  # fmt: skip
#: control characters that no text holds: all but tab, line ends and form feed
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff]")
#: how far a text is searched for what a browser would run
_MARKUP = re.compile(r"<\s*(?:!doctype|html|head|body|script|svg|iframe|object|embed|\?xml|\?php)", re.IGNORECASE)


def sniff(content: bytes) -> str | None:
    """The media type of a whole file, or None where it is none that may be kept."""
    for opening, media_type in _OPENINGS:
        if content.startswith(opening):
            return media_type
    if content.startswith(b"PK\x03\x04"):
        return _zip(content)
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _ole(content)
    if content[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(content[8:12])
    if content[4:8] == b"ftyp":
        return next((media_type for brand, media_type in _BRANDS if content[8:12].startswith(brand)), None)
    if content[:2] == b"BM" and int.from_bytes(content[2:6], "little") == len(content):
        return "image/bmp"
    if _is_mpeg_frame(content):
        return "audio/mpeg"
    return _text(content)


def _zip(content: bytes) -> str | None:
    if any(name in content for name in _PROGRAMS_IN_ZIP):
        return None
    return next((media_type for name, media_type in _INSIDE_ZIP if name in content), "application/zip")


def _ole(content: bytes) -> str | None:
    return next((media_type for name, media_type in _INSIDE_OLE if name.encode("utf-16-le") in content), None)


def _is_mpeg_frame(content: bytes) -> bool:
    """The four bytes that begin a frame of MPEG audio layer III, without a value that the standard reserves."""
    if len(content) < 4 or content[0] != 0xFF or content[1] & 0xE6 != 0xE2:
        return False
    return content[1] & 0x18 != 0x08 and content[2] & 0xF0 not in (0x00, 0xF0) and content[2] & 0x0C != 0x0C


def _text(content: bytes) -> str | None:
    """Plain text in UTF-8, or in the GB18030 of older offices; nothing that a browser or a shell would run."""
    for encoding, media_type in (("utf-8-sig", PLAIN_TEXT), ("gb18030", _GB18030_TEXT)):
        try:
            words = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        is_run = words.lstrip().startswith(("<", "#!", "@echo")) or _MARKUP.search(words) is not None
        return None if is_run or not words.strip() or _NO_TEXT.search(words) else media_type
    return None
