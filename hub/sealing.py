"""What must not be read from the disk is sealed here: fields, raw items, and the keyed hashes that find and compare.

From one master key (32 bytes) each purpose gets a key of its own by HKDF. A *field* is sealed with AES-256-GCM bound
to its table, row and column, so that a sealed value copied elsewhere does not open. A record's raw items are sealed
under a data key of that record, which is stored wrapped: destroy the wrapped key and no copy can be read again.
Identifiers and phones are found through a keyed blind index and shown through a mask.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
import zlib
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.errors import ConfigurationError, HubError
from hub.identity_numbers import is_valid_person

_NONCE = 12
_OTHER_KEY = "Is this the master key it was sealed with?"
KEY_BYTES = 32

#: identifiers and phones inside words: 18 or 15 digit identity numbers, 11-digit mobile and dashed landline numbers
_IDENTITY = re.compile(r"(?<!\d)(?:\d{6}[ -]?\d{8}[ -]?\d{3}[\dXx]|\d{15})(?!\d)")
_MOBILE = re.compile(r"(?<!\d)(?:(?:\+|00)?86[- ]?|0)?(1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3})[- ](\d{7,8})(?!\d)")
_FULL_WIDTH_DIGITS = str.maketrans("０１２３４５６７８９Ｘｘ", "0123456789Xx")


class UnreadableError(HubError):
    """Sealed data that cannot be opened: another master key, a destroyed data key, or altered bytes."""


def mask_identity(number: str) -> str:
    """``6207**********4518`` → first four, last four; shorter ones keep two characters at most."""
    if len(number) >= 12:
        return number[:4] + "*" * (len(number) - 8) + number[-4:]
    return number[:1] + "*" * max(len(number) - 2, 1) + number[-1:] if len(number) > 1 else "*" * len(number)


def mask_phone(phone: str) -> str:
    """``138****1234`` (WIRES 4.9's form); shorter ones keep the last two."""
    if len(phone) >= 10:
        return phone[:3] + "*" * (len(phone) - 7) + phone[-4:]
    return "*" * max(len(phone) - 2, 0) + phone[-2:]


def mask_words(words: str) -> str:
    """Free text with every identity number and phone inside it masked; the rest unchanged."""
    if not words:
        return words
    # numbers typed in full width are numbers too; only their digits change form
    plain = words.translate(_FULL_WIDTH_DIGITS)
    plain = _IDENTITY.sub(lambda found: mask_identity(found.group()), plain)
    plain = _MOBILE.sub(lambda found: f"{found[1]}****{found[3]}", plain)
    return _LANDLINE.sub(lambda found: f"{found[1]}-****{found[2][-3:]}", plain)


def mask_code(code: str) -> str:
    """A partner's own number or code: masked only where it holds a true identity number or a mobile phone.

    Receipts and agreement numbers may be as long as an identity number, and must be found again.
    """

    def person(found: re.Match[str]) -> str:
        plain = "".join(c for c in found.group() if c not in " -")
        return mask_identity(found.group()) if is_valid_person(plain) else found.group()

    plain = _IDENTITY.sub(person, code.translate(_FULL_WIDTH_DIGITS))
    return _MOBILE.sub(lambda found: f"{found[1]}****{found[3]}", plain)


def is_masked(value: str) -> bool:
    """Whether the partner itself hid part of the value."""
    return "*" in value or "＊" in value


def _plain_number(value: str) -> str:
    return "".join(value.translate(_FULL_WIDTH_DIGITS).split()).replace("-", "").upper()


def load_or_create_master_key(path: Path) -> bytes:
    """The master key in ``path`` (64 hex digits), made on first use with owner-only rights.

    Raises ConfigurationError when the file is no key. Whoever loses it loses every sealed value.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        key = os.urandom(KEY_BYTES)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        except FileExistsError:
            # another process made it between our look and our write
            return load_or_create_master_key(path)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        return key
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"the master key {path} cannot be read", hint="Check the file's owner.") from exc
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{path} is no master key", hint="It holds 64 hexadecimal digits; restore your copy.")
    return key


class KeyRing:
    """All keyed operations of one hub. Holds key material: never log or pickle it."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != KEY_BYTES:
            raise ConfigurationError("the master key must be 32 bytes", hint="Check master_key_file.")
        self._field = AESGCM(self._derive(master_key, b"field"))
        self._wrap = AESGCM(self._derive(master_key, b"wrap"))
        self._index_key = self._derive(master_key, b"index")
        self._hash_key = self._derive(master_key, b"content")
        self._archive_key = self._derive(master_key, b"archive")
        #: tells two master keys apart, and nothing about either
        self.fingerprint = self._derive(master_key, b"fingerprint")[:8].hex()

    @staticmethod
    def _derive(master_key: bytes, purpose: bytes) -> bytes:
        return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"dispute-hub/1/" + purpose).derive(master_key)

    def __repr__(self) -> str:
        return "KeyRing(…)"

    # fields

    def seal_field(self, value: str, *, table: str, row: str, column: str) -> bytes:
        """Seal one value for exactly this place."""
        nonce = os.urandom(_NONCE)
        return nonce + self._field.encrypt(nonce, value.encode(), f"{table}/{row}/{column}".encode())

    def open_field(self, sealed: bytes, *, table: str, row: str, column: str) -> str:
        """The value sealed for this place. Raises UnreadableError."""
        try:
            plain = self._field.decrypt(sealed[:_NONCE], sealed[_NONCE:], f"{table}/{row}/{column}".encode())
        except InvalidTag as exc:
            raise UnreadableError("a sealed field does not open", hint=_OTHER_KEY) from exc
        return plain.decode()

    def blind_index(self, kind: str, value: str) -> str:
        """Equal values of one kind (``id``, ``phone``) give equal text; nothing else can be told from it."""
        message = f"{kind}/{_plain_number(value)}".encode()
        return hmac.digest(self._index_key, message, "sha256")[:16].hex()

    def content_hash(self, content: bytes) -> str:
        """Keyed hash of content, to compare without revealing."""
        return hashlib.blake2b(content, key=self._hash_key, digest_size=16).hexdigest()

    def archive_cipher(self, salt: bytes) -> AESGCM:
        """The cipher of one archive alone, by its salt."""
        derivation = HKDF(hashes.SHA256(), KEY_BYTES, salt=salt, info=b"dispute-hub/1/archive")
        return AESGCM(derivation.derive(self._archive_key))

    # data keys of records

    def new_data_key(self, owner: str) -> tuple[DataKey, bytes]:
        """A fresh data key and its wrapped form; ``owner`` (instance/native id) is bound into the wrapping."""
        raw, nonce = os.urandom(KEY_BYTES), os.urandom(_NONCE)
        return DataKey(raw), nonce + self._wrap.encrypt(nonce, raw, owner.encode())

    def open_data_key(self, wrapped: bytes, owner: str) -> DataKey:
        """The data key inside. Raises UnreadableError."""
        try:
            return DataKey(self._wrap.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], owner.encode()))
        except InvalidTag as exc:
            raise UnreadableError("a data key does not open", hint=_OTHER_KEY) from exc


class DataKey:
    """One record's key: seals its raw items and salts the digests of its words."""

    __slots__ = ("_cipher", "_salt")

    def __init__(self, raw: bytes) -> None:
        self._cipher = AESGCM(raw)
        self._salt = hashlib.blake2b(raw, person=b"words-salt", digest_size=32).digest()

    def seal(self, body: bytes, place: str) -> bytes:
        """Compress and seal a whole body for this place."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, zlib.compress(body, 1), place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """The body sealed for this place. Raises UnreadableError."""
        try:
            return zlib.decompress(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode()))
        except (InvalidTag, zlib.error) as exc:
            raise UnreadableError("a kept item does not open", hint="Its bytes or its key were changed.") from exc

    def digest(self, content: bytes) -> str:
        """Digest salted by this key: once the key is destroyed nobody can test a guess against it."""
        return hashlib.blake2b(content, key=self._salt, digest_size=16).hexdigest()
