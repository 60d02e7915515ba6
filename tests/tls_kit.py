"""A throw-away authority, certificates that it signs, and who trusts it alone."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """Signs for names and addresses; everything it makes lies in ``folder`` and lives for an hour, or as told."""

    folder: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    def sign(self, *names: str, days: float = 1 / 24) -> tuple[Path, Path]:
        """A certificate for these hosts, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        hosts = x509.SubjectAlternativeName([_host(name) for name in names])
        made = _builder(_name(names[0]), self.name, key, days).add_extension(hosts, critical=False)
        cert, private = self.folder / f"{names[0]}.pem", self.folder / f"{names[0]}.key"
        cert.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return cert, private

    def trusted(self) -> ssl.SSLContext:
        """A client that trusts it and nobody else."""
        return ssl.create_default_context(cafile=self.folder / "authority.pem")


def authority(folder: Path) -> Authority:
    """A new one."""
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("a throw-away authority")
    made = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    content = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / "authority.pem").write_bytes(content)
    return Authority(folder, name, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: float = 1 / 24
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    ends = now + datetime.timedelta(days=days)
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(ends - datetime.timedelta(days=400))
        .not_valid_after(ends)
    )  # fmt: skip


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
