"""Where a file may be fetched from: whatever an address looks like, only hosts that are allowed are ever asked."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.settings import InstanceSettings
from hub.vocabulary import AttachmentReason
from sync_jobs.downloads import checked, host_of

HOSTS = frozenset({"files.example", "files.example:8443", "[::1]:9000"})
ALLOWED = {("files.example", 80), ("files.example", 443), ("files.example", 8443), ("::1", 9000)}


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("http://files.example/a?token=%2B%7E", True),
        ("https://files.example/a", True),
        ("HTTPS://FILES.EXAMPLE:8443/a", True),
        ("http:" + "//[::1]:9000/a", True),
        ("http://files.example:80/附件/a.jpg", True),
        ("http://files.example:443/a", False),
        ("http://files.example:22/a", False),
        ("http:" + "//files.example./a", False),
        ("http://a.files.example/a", False),
        ("http:" + "//[::1]/a", False),
        ("http://files.example@evil.example/a", False),
        ("http://evil.example#@files.example/a", False),
        ("http:" + "//evil.example\\@files.example/a", False),
        ("http:" + "//files.example%2eevil.example/a", False),
        ("http://files.example:8443@evil.example/a", False),
        ("//files.example/a", False),
        ("javascript:alert(1)", False),
        ("", False),
    ],
)
def test_only_an_allowed_host_is_asked(address: str, is_allowed: bool) -> None:
    assert isinstance(checked(address, HOSTS), AttachmentReason) is not is_allowed


def test_a_signed_address_is_asked_as_it_stands() -> None:
    address = "http://files.example/a%7Eb/%e4?x=%2b%7E&y=a+b"
    found = checked(address, HOSTS)
    assert str(found) == address


_PIECES = st.sampled_from(
    ["http", "https", "ftp", ":", "//", "/", "\\", "@", "#", "?", "%40", "%2f", ".", ":80", ":8443", ":443", "[::1]",
     "::1", "files.example", "evil.example", "user:pw@", "a", "\t", "ｆiles.example", "文件"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=9).map("".join) | st.lists(_PIECES, max_size=6).map(lambda p: "http://" + "".join(p)))
def test_another_parser_never_sees_another_host(address: str) -> None:
    found = checked(address, HOSTS)
    if isinstance(found, AttachmentReason):
        return
    other = urlsplit(str(found))
    assert other.scheme in ("http", "https") and other.username is None
    assert (other.hostname, other.port or {"http": 80, "https": 443}[other.scheme]) in ALLOWED


def test_an_instance_allows_its_own_host_and_port_alone_unless_told() -> None:
    assert host_of("http://127.0.0.1:9001/api") == {"127.0.0.1:9001"}
    assert host_of("https://court.example") == {"court.example:443"}
    # a folder partner has none
    assert host_of("") == frozenset()


@pytest.mark.parametrize(
    "host",
    ["https://files.example", "files.example/a", "*.example", "u@files.example", "", "a b", "x:99999", "文件.example"],
)
def test_an_impossible_host_is_the_operators_to_mend(host: str) -> None:
    with pytest.raises(ValueError, match=r"files\.example:8443"):
        InstanceSettings(connector="hotline", attachment_hosts=(host,))


def test_hosts_are_compared_in_small_letters() -> None:
    assert InstanceSettings(connector="hotline", attachment_hosts=("Files.Example:8443",)).attachment_hosts == (
        "files.example:8443",
    )
