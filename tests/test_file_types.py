"""What a file is comes from its bytes: what may be kept is known, everything else is not."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.file_types import sniff


def zipped(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 40)
    return held.getvalue()


def compound(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + stream.encode("utf-16-le") + bytes(64)


OFFICE = "application/vnd.openxmlformats-officedocument"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\xff\xd8\xff\xe1\x00\x10Exif", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "image/png"),
        (b"GIF89a" + bytes(20), "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"BM" + (60).to_bytes(4, "little") + bytes(54), "image/bmp"),
        (b"II*\x00" + bytes(9), "image/tiff"),
        (b"%PDF-1.7\n", "application/pdf"),
        (zipped("[Content_Types].xml", "word/document.xml"), f"{OFFICE}.wordprocessingml.document"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), f"{OFFICE}.spreadsheetml.sheet"),
        (zipped("OFD.xml", "Doc_0/Document.xml"), "application/ofd"),
        (zipped("照片/1.jpg"), "application/zip"),
        (compound("WordDocument"), "application/msword"),
        (compound("Workbook"), "application/vnd.ms-excel"),
        (b"ID3\x04" + bytes(30), "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + bytes(30), "audio/mpeg"),
        (b"#!AMR\n" + bytes(30), "audio/amr"),
        (b"\x00\x00\x00\x18ftypisom" + bytes(30), "video/mp4"),
        (b"\x00\x00\x00\x18ftypM4A " + bytes(30), "audio/mp4"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(30), "image/heic"),
        ("申请书：邻居占道。\r\n".encode(), "text/plain; charset=utf-8"),
        (b"\xef\xbb\xbf" + "申请书".encode(), "text/plain; charset=utf-8"),
        ("申请书：邻居占道，𠮷".encode("gb18030"), "text/plain; charset=gb18030"),
    ],
)
def test_what_may_be_kept_is_known(content: bytes, media_type: str) -> None:
    assert sniff(content) == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"", b" \n", b"<html>", b"  <!DOCTYPE html>", b"<svg xmlns=''/>", b"<?xml version='1.0'?><svg/>", b"<?php 1",
        "请看 <script>alert(1)</script>".encode(), b"#!/bin/sh\nrm -rf /", b"@echo off", b"MZ\x90\x00" + bytes(99),
        b"\x7fELF" + bytes(99), b"\xca\xfe\xba\xbe" + bytes(99), zipped("META-INF/MANIFEST.MF"),
        zipped("AndroidManifest.xml", "classes.dex"), zipped("word/document.xml", "word/vbaProject.bin"),
        compound("_StringPool"), b"RIFF\x10\x00\x00\x00AVI LIST", b"\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00",
        b"Rar!\x1a\x07\x00" + bytes(9), b"\xff\xff\xff\xff", bytes(64), b"L\x00\x00\x00\x01\x14\x02\x00" + bytes(60),
    ],
)  # fmt: skip
def test_what_a_browser_or_a_machine_would_run_or_nobody_knows_is_none(content: bytes) -> None:
    assert sniff(content) is None


@given(st.binary(max_size=600))
def test_any_bytes_have_an_answer(content: bytes) -> None:
    found = sniff(content)
    assert found is None or "/" in found
    if found is not None and found.startswith("text/"):
        assert b"<script" not in content.lower()
