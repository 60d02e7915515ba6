"""The files of TLS, tried before anybody connects: what is wrong with them is told in words that say what to do."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path

from cryptography import x509

from hub.errors import ConfigurationError

_READABLE = "Check the path, and that the hub's user may read it."


def check_own(certificate: Path, key: Path) -> None:
    """Whether the server can speak TLS with them. Raises ConfigurationError."""
    _check_readable("tls_cert_file", certificate)
    _check_readable("tls_key_file", key)

    def locked() -> str:
        raise ConfigurationError(
            f"[hub] tls_key_file {key} is locked by a password",
            hint="Nobody types it when the hub starts: give the key unlocked, readable by the hub's user alone.",
        )

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, locked)
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise ConfigurationError(
                f"[hub] tls_key_file {key} is not the key of {certificate}",
                hint="Give the key that the certificate was asked for with; the server's own certificate stands first.",
            ) from None
        raise ConfigurationError(
            f"[hub] {certificate} and {key} are no certificate and key",
            hint="tls_cert_file holds the certificate and those that signed it, tls_key_file its key, both in PEM.",
        ) from None


def ends_at(certificate: Path) -> datetime:
    """Until when browsers accept the server's own certificate; to be asked of one that was checked."""
    return x509.load_pem_x509_certificates(certificate.read_bytes())[0].not_valid_after_utc


def check_trusted(name: str, file: Path) -> None:
    """Whether the authorities of the setting ``name`` can be trusted. Raises ConfigurationError."""
    _check_readable(name, file)
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        raise ConfigurationError(
            f"[hub] {name} {file} holds no certificates", hint="It holds those of the authorities to trust, in PEM."
        ) from None


def _check_readable(name: str, file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as exc:
        raise ConfigurationError(f"[hub] {name} {file} cannot be read: {exc.strerror}", hint=_READABLE) from None
