"""What must not be read from the disk is sealed here: fields, raw items, and the keyed hashes that find and compare.

From a master key (32 bytes) each purpose gets a key of its own by HKDF. A *field* is sealed with AES-256-GCM bound
to its table, row and column, so that a sealed value copied elsewhere does not open. A record's raw items are sealed
under a data key of that record, which is stored wrapped: destroy the wrapped key and no copy can be read again.
Identifiers and phones are found through a keyed blind index and shown through a mask.

A ring may hold several master keys: it opens with each and seals with one. The keys of the index and of content hashes
do not change with the master key: they are kept in the database, wrapped by it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import zlib
from collections.abc import Callable, Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.errors import ConfigurationError, HubError
from hub.identity_numbers import is_valid_person

_NONCE = 12
_OTHER_KEY = "Is this the master key it was sealed with?"
KEY_BYTES = 32
#: by which the key of content hashes is kept
CONTENT = "CONTENT_KEY"

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


class _Master:
    """What one master key gives."""

    __slots__ = ("archive", "content", "field", "fingerprint", "index", "kept", "wrap")

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != KEY_BYTES:
            raise ConfigurationError("the master key must be 32 bytes", hint="Check master_key_file.")
        self.field = AESGCM(_derive(master_key, b"field"))
        self.wrap = AESGCM(_derive(master_key, b"wrap"))
        self.kept = AESGCM(_derive(master_key, b"kept-keys"))
        self.index = _derive(master_key, b"index")
        self.content = _derive(master_key, b"content")
        self.archive = _derive(master_key, b"archive")
        #: tells two master keys apart, and nothing about either
        self.fingerprint = fingerprint_of(master_key)

    def __repr__(self) -> str:
        return "_Master(…)"


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"dispute-hub/1/" + purpose).derive(master_key)


def fingerprint_of(master_key: bytes) -> str:
    """16 hexadecimal digits by which a master key is named."""
    return _derive(master_key, b"fingerprint")[:8].hex()


class KeyRing:
    """All keyed operations of one hub. Holds key material: never log or pickle it.

    It seals with one master key, the first until ``use`` names another, and opens with every key it has. Keys are
    never taken out of a ring: a process forgets a retired one when it ends.
    """

    def __init__(self, *master_keys: bytes, reload: Callable[[], Sequence[bytes]] | None = None) -> None:
        """``reload`` reads the key file anew: asked where a value does not open, and for a key that is not here."""
        made = [_Master(key) for key in master_keys]
        self._current = made[0]
        self._masters = {one.fingerprint: one for one in made}
        self._reload = reload
        #: whether the database's own keys are worked with, or those that the master key gave a database at first
        self._has_kept = False
        self._hash_key = self._current.content
        #: by slot: one, and two while the index is rotated
        self._index_keys = {1: self._current.index}
        self._slot = 1

    def __repr__(self) -> str:
        return "KeyRing(…)"

    # which keys

    @property
    def fingerprint(self) -> str:
        """Names the key that is sealed with."""
        return self._current.fingerprint

    def holds(self, fingerprint: str) -> bool:
        """Whether the key of this name is here, or in the key file by now."""
        return fingerprint in self._masters or (self._look_again() and fingerprint in self._masters)

    def use(self, fingerprint: str) -> bool:
        """Seal with this key from now on. False where it is not here."""
        if self._current.fingerprint != fingerprint:
            if not self.holds(fingerprint):
                return False
            self._current = self._masters[fingerprint]
            if not self._has_kept:
                self._hash_key, self._index_keys = self._current.content, {1: self._current.index}
        return True

    def _look_again(self) -> bool:
        """Whether the key file holds a key that was not known."""
        if self._reload is None:
            return False
        try:
            found = [_Master(key) for key in self._reload()]
        except ConfigurationError:
            # whoever asked is told that a key is missing
            return False
        new = {one.fingerprint: one for one in found if one.fingerprint not in self._masters}
        self._masters.update(new)
        return bool(new)

    def _open(self, sealed: bytes, place: bytes, cipher: Callable[[_Master], AESGCM]) -> bytes:
        """Raises InvalidTag where no key opens it."""
        tried: set[str] = set()
        while True:
            others = [one for one in self._masters.values() if one is not self._current]
            for master in (self._current, *others):
                if master.fingerprint in tried:
                    continue
                try:
                    return cipher(master).decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
                except InvalidTag:
                    tried.add(master.fingerprint)
            # another process may seal with a key that came into the file since
            if not self._look_again():
                raise InvalidTag

    def _is_current(self, sealed: bytes, place: bytes, cipher: AESGCM) -> bool:
        try:
            cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
        except InvalidTag:
            return False
        return True

    # fields

    def seal_field(self, value: str, *, table: str, row: str, column: str) -> bytes:
        """Seal one value for exactly this place."""
        return _seal(self._current.field, value.encode(), f"{table}/{row}/{column}".encode())

    def open_field(self, sealed: bytes, *, table: str, row: str, column: str) -> str:
        """The value sealed for this place. Raises UnreadableError."""
        try:
            return self._open(sealed, f"{table}/{row}/{column}".encode(), lambda one: one.field).decode()
        except InvalidTag as exc:
            raise UnreadableError("a sealed field does not open", hint=_OTHER_KEY) from exc

    def renew_field(self, sealed: bytes, *, table: str, row: str, column: str) -> bytes:
        """The same value under the key that is sealed with now; unchanged where it is. Raises UnreadableError."""
        if self._is_current(sealed, f"{table}/{row}/{column}".encode(), self._current.field):
            return sealed
        value = self.open_field(sealed, table=table, row=row, column=column)
        return self.seal_field(value, table=table, row=row, column=column)

    # the index and content hashes

    def blind_index(self, kind: str, value: str) -> str:
        """Equal values of one kind (``id``, ``phone``) give equal text; nothing else can be told from it."""
        return _index(self._index_keys[self._slot], kind, value)

    def blind_indexes(self, kind: str, value: str) -> dict[int, str]:
        """The index for every slot that is to be filled: two while the index is rotated."""
        return {slot: _index(key, kind, value) for slot, key in self._index_keys.items()}

    def content_hash(self, content: bytes) -> str:
        """Keyed hash of content, to compare without revealing."""
        return hashlib.blake2b(content, key=self._hash_key, digest_size=16).hexdigest()

    # keys that the database keeps, wrapped

    def take_kept(self, content: str, indexes: Mapping[int, str], slot: int) -> None:
        """Work with these wrapped keys; ``slot`` is the one that is looked up. Raises UnreadableError."""
        self._hash_key = self._open_kept(content, CONTENT)
        self._index_keys = {number: self._open_kept(wrapped, index_name(number)) for number, wrapped in indexes.items()}
        self._slot, self._has_kept = slot, True

    def kept(self, under: str | None = None) -> dict[str, str]:
        """The keys worked with, by name, wrapped by the master key of this name or the one that is sealed with."""
        cipher = (self._masters[under] if under else self._current).kept
        keys = {CONTENT: self._hash_key, **{index_name(slot): key for slot, key in self._index_keys.items()}}
        return {name: _seal(cipher, key, name.encode()).hex() for name, key in keys.items()}

    def new_kept(self, name: str) -> str:
        """A fresh random key of this name, wrapped."""
        return _seal(self._current.kept, os.urandom(KEY_BYTES), name.encode()).hex()

    def _open_kept(self, wrapped: str, name: str) -> bytes:
        try:
            return self._open(bytes.fromhex(wrapped), name.encode(), lambda one: one.kept)
        except (InvalidTag, ValueError) as exc:
            raise UnreadableError(f"the kept key {name} does not open", hint=_OTHER_KEY) from exc

    # archives

    def archive_cipher(self, salt: bytes, fingerprint: str | None = None) -> AESGCM:
        """The cipher of one archive alone, by its salt, under the key of this name or the one that is sealed with."""
        master = self._masters[fingerprint] if fingerprint else self._current
        derivation = HKDF(hashes.SHA256(), KEY_BYTES, salt=salt, info=b"dispute-hub/1/archive")
        return AESGCM(derivation.derive(master.archive))

    # data keys of records

    def new_data_key(self, owner: str) -> tuple[DataKey, bytes]:
        """A fresh data key and its wrapped form; ``owner`` (instance/native id) is bound into the wrapping."""
        raw = os.urandom(KEY_BYTES)
        return DataKey(raw), _seal(self._current.wrap, raw, owner.encode())

    def open_data_key(self, wrapped: bytes, owner: str) -> DataKey:
        """The data key inside. Raises UnreadableError."""
        return DataKey(self._unwrap(wrapped, owner))

    def renew_data_key(self, wrapped: bytes, owner: str) -> bytes:
        """The same data key wrapped by the key that is sealed with now. Raises UnreadableError."""
        if self._is_current(wrapped, owner.encode(), self._current.wrap):
            return wrapped
        return _seal(self._current.wrap, self._unwrap(wrapped, owner), owner.encode())

    def _unwrap(self, wrapped: bytes, owner: str) -> bytes:
        try:
            return self._open(wrapped, owner.encode(), lambda one: one.wrap)
        except InvalidTag as exc:
            raise UnreadableError("a data key does not open", hint=_OTHER_KEY) from exc


def _seal(cipher: AESGCM, plain: bytes, place: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, plain, place)


def _index(key: bytes, kind: str, value: str) -> str:
    return hmac.digest(key, f"{kind}/{_plain_number(value)}".encode(), "sha256")[:16].hex()


def index_name(slot: int) -> str:
    """By which the index key of a slot is kept."""
    return f"INDEX_KEY_{slot}"


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
