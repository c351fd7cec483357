#!/usr/bin/env python3
"""Reads and restores an Offsite vault with nothing but engine/FORMAT.md.

This is the independent reader: it shares no code with the program that
writes vaults. It was written from the format document alone, so that a vault
can be read when the program is gone, and so that the document is held to what
it promises. Numbers such as (5.4) below are sections of that document.

    python3 -m venv env && env/bin/pip install -r requirements.txt
    env/bin/python read_vault.py VAULT --passphrase-file FILE
    env/bin/python read_vault.py VAULT --passphrase-file FILE --point ID --to DIR
    env/bin/python read_vault.py VAULT --sheet FILE --check

Without --to and --check it lists the recovery points. --to restores one of
them into a new or empty folder. --check reads everything (all points and
packs, or with --point that point and its packs) and writes nothing.

It never changes the vault, and writes nowhere but below --to. It needs a vault
in a folder: fetch one from a server first (any file transfer does).

Exit codes: 0 all well; 1 nothing could be done (no vault, wrong secret, a
newer version); 2 wrong command line; 3 done in part (an owner, a device, a
time could not be set); 4 damage (what is damaged is named, the rest is
restored).
"""

from __future__ import annotations

import argparse
import base64
import errno
import json
import os
import re
import stat
import sys
import time
from collections import OrderedDict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Callable, Iterable, Iterator, NamedTuple

try:
    import zstandard
    from argon2.low_level import Type as Argon2Type
    from argon2.low_level import hash_secret_raw
    from blake3 import blake3
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError as missing:
    sys.exit(f"{missing}. Install what this needs: pip install -r requirements.txt")

VERSION = 1
CONTEXT = "offsite-copy v1 2026-11-22 "
PACK_BYTES_MAX = 64 << 20
PLAIN_FILE_BYTES_MAX = 16 << 20
MANIFEST_BYTES_MAX = 256 << 20
HEADER_BYTES_MAX = 512
ENTRY_BYTES_MAX = 1 << 30
RECORD_OVERHEAD = 33  # index 4, nonce 12, codec 1, tag 16
TRAILER_BYTES = 12
ZEROS = bytes(4 << 20)


# --- What can be wrong -------------------------------------------------------


class Finding(Exception):
    """Something is not as it must be. `code` is the exit code it leads to."""

    code = 1
    do = ""

    def __init__(self, what: str, do: str = ""):
        super().__init__(what)
        self.do = do or self.do


class NoVault(Finding):
    """There is no vault here."""


class WrongSecret(Finding):
    """No slot was made with this passphrase or sheet."""

    do = "check the passphrase, or use the recovery sheet"


class Newer(Finding):
    """Made by a newer release. Not damage."""

    do = "use a newer release of this reader"


class Usage(Finding):
    """The command line asks for what there is not."""

    code = 2


class Problem(Finding):
    """Something of an entry can't be set on this computer."""

    code = 3


class Damaged(Finding):
    """Bytes are not what was written."""

    code = 4


class Missing(Damaged):
    """A file that is named is not there."""


class Foreign(Damaged):
    """It belongs to another family or vault."""


def exit_code(codes: Iterable[int]) -> int:
    """The one that counts of several: 2, then 4, then 1, then 3."""
    codes = set(codes)
    return next((code for code in (2, 4, 1, 3) if code in codes), 0)


# --- CBOR, the narrow form of section 4 --------------------------------------


class Short(Exception):
    """The bytes end before the item does."""


NESTING_MAX = 16
SIMPLE = {20: False, 21: True, 22: None}


def cbor_item(data, at: int, depth: int = 0):
    """The item that begins at `at`, and where it ends. Refuses all but the one form."""
    if depth > NESTING_MAX:
        raise Damaged("CBOR is nested too deeply")
    major, number, at = cbor_head(data, at)
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        return cbor_string(data, at, number, major == 3)
    if major == 4:
        return cbor_array(data, at, number, depth)
    if major == 5:
        return cbor_map(data, at, number, depth)
    if major == 7 and number in SIMPLE:
        return SIMPLE[number], at
    raise Damaged("CBOR of a kind that is not used here")


def cbor_head(data, at: int):
    """Major type, number and end of an item's first bytes, the number in its shortest form."""
    if at >= len(data):
        raise Short
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if low < 24:
        return major, low, at
    if low > 27 or major == 7:
        raise Damaged("CBOR of a form that is not used here")
    width = 1 << (low - 24)
    if at + width > len(data):
        raise Short
    number = int.from_bytes(data[at : at + width], "big")
    if number < (24, 1 << 8, 1 << 16, 1 << 32)[low - 24]:
        raise Damaged("a CBOR number is not in its shortest form")
    return major, number, at + width


def cbor_string(data, at: int, length: int, is_text: bool):
    if at + length > len(data):
        raise Short
    value = bytes(data[at : at + length])
    if not is_text:
        return value, at + length
    try:
        return value.decode("utf-8"), at + length
    except UnicodeDecodeError:
        raise Damaged("CBOR text is not UTF-8") from None


def cbor_array(data, at: int, count: int, depth: int):
    items = []
    for _ in range(count):  # no room is made before the bytes are there
        item, at = cbor_item(data, at, depth + 1)
        items.append(item)
    return items, at


def cbor_map(data, at: int, count: int, depth: int):
    fields, last = {}, -1
    for _ in range(count):
        key, at = cbor_item(data, at, depth + 1)
        if type(key) is not int or key <= last:
            raise Damaged("a CBOR map's keys are not ascending numbers")
        fields[key], at = cbor_item(data, at, depth + 1)
        last = key
    return fields, at


def cbor_whole(data, what: str):
    """The one item that `data` is, with nothing behind it."""
    try:
        item, end = cbor_item(data, 0)
    except Short:
        raise Damaged(f"{what} is cut short") from None
    if end != len(data):
        raise Damaged(f"{what} has bytes behind its end")
    return item


# --- Shapes of decoded values (section 4) ------------------------------------


def require(fits: bool, what: str) -> None:
    if not fits:
        raise Damaged(what)


def uint(value, bits: int, what: str) -> int:
    require(type(value) is int and 0 <= value < 1 << bits, f"{what} is no unsigned {bits}-bit number")
    return value


def octets(value, length: int | None, what: str) -> bytes:
    fits = type(value) is bytes and length in (None, len(value))
    require(fits, f"{what} is no byte string" + (f" of {length}" if length else ""))
    return value


def text(value, what: str) -> str:
    require(type(value) is str, f"{what} is no text")
    return value


def array(value, what: str, length: int | None = None) -> list:
    fits = type(value) is list and length in (None, len(value))
    require(fits, f"{what} is no array" + (f" of {length}" if length else ""))
    return value


def fields_of(value, what: str, needed: Iterable[int], optional: Iterable[int] = ()) -> dict:
    """A map that has all of `needed`, perhaps some of `optional`, and nothing else."""
    require(type(value) is dict, f"{what} is no map")
    needed = set(needed)
    fits = needed <= value.keys() <= needed | set(optional)
    require(fits, f"{what} does not have the fields it must have")
    return value


class Time(NamedTuple):
    seconds: int
    nanos: int

    def ns(self) -> int:
        return self.seconds * 10**9 + self.nanos

    def __str__(self) -> str:
        try:
            moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=self.seconds)
        except OverflowError:
            return f"{self.seconds} s after 1970"
        fraction = f".{self.nanos:09}".rstrip("0").rstrip(".")
        return moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + fraction + "Z"


def time_of(value, what: str) -> Time:
    seconds, nanos = array(value, what, 2)
    require(type(seconds) is int and -(1 << 63) <= seconds < 1 << 63, f"{what} is no time")
    require(uint(nanos, 32, what) < 10**9, f"{what} is no time")
    return Time(seconds, nanos)


class Order(NamedTuple):
    epoch: int
    sequence: int


def order_or_null(value, what: str) -> Order | None:
    if value is None:
        return None
    epoch, sequence = array(value, what, 2)
    return Order(uint(epoch, 32, what), uint(sequence, 64, what))


def name_of(value, what: str) -> str:
    fits = re.fullmatch("[a-z0-9][a-z0-9-]{0,31}", text(value, what)) and value != "home"
    require(bool(fits), f"{what} is no name")
    return value


class Ref(NamedTuple):
    """Where a chunk lies. `pack` is the first 8 bytes of the pack's name."""

    pack: bytes
    offset: int
    stored: int
    plain: int
    id: bytes


def ref_of(value, what: str) -> Ref:
    pack, offset, stored, plain, identity = array(value, what, 5)
    ref = Ref(octets(pack, 8, what), *placed(offset, stored, plain, what), octets(identity, 32, what))
    return ref


def placed(offset, stored, plain, what: str) -> tuple[int, int, int]:
    """Offset and lengths of a record, within their bounds."""
    uint(offset, 32, what)
    require(uint(stored, 32, what) > RECORD_OVERHEAD, f"{what}: a record is too short")
    require(offset + stored <= PACK_BYTES_MAX, f"{what}: a record lies outside of a pack")
    require(1 <= uint(plain, 32, what) <= PACK_BYTES_MAX, f"{what}: a chunk's length is out of bounds")
    return offset, stored, plain


# --- Keys and boxes (section 5) ----------------------------------------------


def derive(purpose: str, *parts: bytes) -> bytes:
    """D(purpose, input) of 5.1."""
    return blake3(b"".join(parts), derive_key_context=CONTEXT + purpose).digest()


def keyed(key: bytes, data: bytes) -> bytes:
    """H(key, bytes) of 5.1."""
    return blake3(data, key=key).digest()


def plain_hash(data: bytes) -> bytes:
    return blake3(data).digest()


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def box_nonce(nonce_key: bytes, associated: bytes, plain: bytes) -> bytes:
    """How a writer makes a nonce (5.2). Readers need not; tests do."""
    return keyed(nonce_key, len(associated).to_bytes(8, "big") + associated + plain)[:12]


def open_box(key: bytes, box: bytes, associated: bytes, what: str) -> bytes:
    require(len(box) >= 28, f"{what} is cut short")
    try:
        return AESGCM(key).decrypt(box[:12], box[12:], associated)
    except InvalidTag:
        raise Damaged(f"{what} does not open: its bytes were altered, or are another's") from None


SHEET_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def sheet_secret(typed: str) -> bytes:
    """The 36 letters of a sheet as a person typed them (5.5)."""
    letters = re.sub("[^A-Z0-9]", "", re.sub("[^A-Za-z0-9]", "", typed).upper())
    letters = letters.translate(str.maketrans("OIL", "011"))
    if len(letters) != 36 or set(letters) - set(SHEET_ALPHABET):
        raise WrongSecret("a recovery sheet has 36 letters, nine groups of four", "type it again")
    check = "".join(SHEET_ALPHABET[byte % 32] for byte in plain_hash(letters[:32].encode())[:4])
    if check != letters[32:]:
        raise WrongSecret("the recovery sheet was mistyped: its last four letters do not fit", "type it again")
    return letters.encode()


def sheet_in_file(content: str) -> bytes:
    """The sheet's letters alone, or a printed page of which one line is the letters."""
    for line in content.splitlines():
        with suppress(WrongSecret):
            return sheet_secret(line)
    candidates = [line for line in content.splitlines() if line.count("-") == 8]
    return sheet_secret(candidates[0] if candidates else content)


def passphrase_secret(content: bytes) -> bytes:
    """The bytes as they are, without one trailing line end (5.4)."""
    if content.endswith(b"\n"):
        content = content[:-1]
        content = content[:-1] if content.endswith(b"\r") else content
    return content


class Slot(NamedTuple):
    id: bytes
    kind: int
    memory: int
    passes: int
    lanes: int
    salt: bytes
    commitment: bytes
    box: bytes
    made: Time
    label: str


def slot_of(value) -> Slot:
    raw = fields_of(value, "a key slot", range(1, 11))
    slot = Slot(
        octets(raw[1], 8, "slot id"),
        uint(raw[2], 8, "slot kind"),
        *(uint(raw[n], 32, "an Argon2id parameter") for n in (3, 4, 5)),
        octets(raw[6], 32, "slot salt"),
        octets(raw[7], 32, "slot commitment"),
        octets(raw[8], 60, "slot box"),
        time_of(raw[9], "slot time"),
        text(raw[10], "slot label"),
    )
    require(slot.kind in (1, 2), "a key slot of an unknown kind")
    bounded = 8192 <= slot.memory <= 1 << 20 and 1 <= slot.passes <= 16 and 1 <= slot.lanes <= 8
    require(bounded, "a key slot asks for Argon2id outside of the bounds")
    return slot


@dataclass
class KeySet:
    """A file of keys/ (6.2), decoded and not yet opened."""

    family: bytes
    sequence: int
    epoch: int
    slots: list[Slot]
    older: list[tuple[int, bytes]]
    mac: bytes
    authenticated: bytes

    def open(self, secret: bytes) -> "Keyring":
        for slot in self.slots:
            stretched = stretch(slot, secret)
            if derive("slot commitment", stretched) == slot.commitment:
                return self.unlock(slot, stretched)
        raise WrongSecret("wrong passphrase or recovery sheet: no key slot fits it")

    def unlock(self, slot: Slot, stretched: bytes) -> "Keyring":
        associated = self.family + u32(self.epoch) + slot.id
        master = open_box(derive("slot wrap", stretched), slot.box, associated, "the box of the key slot")
        require(len(master) == 32, "the master key has a wrong length")
        mac = keyed(derive("slot set", master, self.family), self.authenticated)
        require(mac == self.mac, "the key slots were altered: their seal does not fit")
        masters = {self.epoch: master}
        for epoch, box in self.older:
            key = derive("older master", master, self.family, u32(epoch))
            masters[epoch] = open_box(key, box, self.family + u32(epoch), "the box of an earlier master key")
        return Keyring(self.family, masters)


def stretch(slot: Slot, secret: bytes) -> bytes:
    return hash_secret_raw(
        secret, slot.salt, slot.passes, slot.memory, slot.lanes, hash_len=32, type=Argon2Type.ID, version=0x13
    )


class Keyring:
    """The masters of all key epochs, and what is derived from them."""

    def __init__(self, family: bytes, masters: dict[int, bytes]):
        self.family = family
        self.masters = masters
        self.identity_keys = [derive("chunk identity", masters[e], family) for e in sorted(masters, reverse=True)]

    def key(self, purpose: str, header: "Header") -> bytes:
        require_own(header, self)
        master = self.masters[header.epoch]
        return derive(purpose, master, header.family, header.scope, u32(header.epoch), header.salt)

    def identifies(self, plain: bytes, identity: bytes) -> bool:
        return any(keyed(key, plain) == identity for key in self.identity_keys)


# --- Plain files: VAULT and keys (section 6) ---------------------------------


def read_file(path: str, limit: int, what: str) -> bytes:
    """All of a regular file, at most `limit` bytes."""
    with opened(path, what) as fd:
        if os.fstat(fd).st_size > limit:
            raise Damaged(f"{what} is larger than it may be")
        return read_range(fd, 0, os.fstat(fd).st_size, what)


@contextmanager
def opened(path: str, what: str):
    fd = open_regular(path, what)
    try:
        yield fd
    finally:
        os.close(fd)


def open_regular(path: str, what: str) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Missing(f"{what} is missing") from None
    except OSError as error:
        raise Damaged(f"{what} can't be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Damaged(f"{what} is no file")
    return fd


def read_range(fd: int, offset: int, length: int, what: str) -> bytes:
    """Exactly `length` bytes from `offset`."""
    parts, left = [], length
    while left:
        try:
            part = os.pread(fd, min(left, 16 << 20), offset + length - left)
        except OSError as error:
            raise Damaged(f"{what} can't be read: {error.strerror}") from None
        if not part:
            raise Damaged(f"{what} is cut short")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def plain_file_map(data: bytes, magic: bytes, what: str) -> dict:
    """The map of a plain file. Checks magic, length, digest, version, in this order."""
    require(data[:8] == magic, f"{what} does not begin as it must")
    require(len(data) > 40, f"{what} is cut short")
    require(plain_hash(data[:-32]) == data[-32:], f"the digest of {what} does not fit")
    fields = cbor_whole(data[8:-32], what)
    require_version(fields, what)
    return fields


def require_version(fields, what: str) -> None:
    require(type(fields) is dict and 1 in fields, f"{what} has no version")
    version = fields[1]
    require(type(version) is int and version >= 1, f"{what} has no valid version")
    if version > VERSION:
        raise Newer(f"{what} is of format version {version}, this reader knows version {VERSION}")


class Identity(NamedTuple):
    family: bytes
    vault: bytes
    made: Time


def decode_identity(data: bytes, what: str = "VAULT") -> Identity:
    raw = fields_of(plain_file_map(data, b"OFFSITEV", what), what, range(1, 5))
    return Identity(octets(raw[2], 16, "family"), octets(raw[3], 16, "vault id"), time_of(raw[4], "vault's time"))


def read_identity(root: str, notes: list[Finding]) -> Identity:
    """VAULT; the copy only where VAULT is missing or damaged."""
    try:
        return decode_identity(read_file(os.path.join(root, "VAULT"), PLAIN_FILE_BYTES_MAX, "VAULT"))
    except Damaged as first:
        original = first
    try:
        identity = decode_identity(
            read_file(os.path.join(root, "VAULT.copy"), PLAIN_FILE_BYTES_MAX, "VAULT.copy"), "VAULT.copy"
        )
    except Missing:
        if isinstance(original, Missing):
            raise NoVault(f"no vault here: {root} has neither VAULT nor VAULT.copy") from None
        raise original from None
    notes.append(type(original)(f"{original}; VAULT.copy was used in its place"))
    return identity


def decode_keys(data: bytes, what: str) -> KeySet:
    raw = fields_of(plain_file_map(data, b"OFFSITEK", what), what, range(1, 9))
    slots = [slot_of(slot) for slot in array(raw[6], "key slots")]
    require(1 <= len(slots) <= 64, f"{what} has no slot, or more than 64")
    time_of(raw[5], "time of the keys")
    epoch = uint(raw[4], 32, "key epoch")
    older = older_masters(raw[7], epoch)
    family, sequence = octets(raw[2], 16, "family"), uint(raw[3], 64, "sequence of the keys")
    mac = octets(raw[8], 32, "mac of the keys")
    # Fields 1 to 7 as they stand, behind a map header of 7 fields; field 8 is 1 + 2 + 32 bytes.
    authenticated = b"\xa7" + data[9:-32][:-35]
    return KeySet(family, sequence, epoch, slots, older, mac, authenticated)


def older_masters(value, newest: int) -> list[tuple[int, bytes]]:
    older, last = [], -1
    for pair in array(value, "earlier masters"):
        epoch, box = array(pair, "an earlier master", 2)
        require(last < uint(epoch, 32, "an earlier key epoch") < newest, "earlier key epochs are not ascending")
        older.append((epoch, octets(box, 60, "box of an earlier master")))
        last = epoch
    return older


def number_pattern(digits: int) -> str:
    """A number filled up with zeros to so many digits; longer only where the number is."""
    return rf"([0-9]{{{digits}}}|[1-9][0-9]{{{digits},}})"


HEX8 = "([0-9a-f]{16})"
KEYS_NAME = re.compile(f"{number_pattern(8)}-{HEX8}")
HEAD_NAME = re.compile(f"{number_pattern(8)}-{number_pattern(12)}-{HEX8}")
POINT_NAME = re.compile(f"{number_pattern(8)}-{number_pattern(12)}-{HEX8}")
JOB_NAME = re.compile(HEX8)


def names_in(folder: str) -> list[str]:
    """The names in a folder of the vault; none if it is not there."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Damaged(f"{folder} can't be listed: {error.strerror}") from None


def require_digest_name(data: bytes, digest: str, what: str) -> None:
    require(plain_hash(data)[:8].hex() == digest, f"{what} does not fit the digest in its name")


def read_keys(root: str, family: bytes, notes: list[Finding]) -> KeySet:
    """The keys file that counts: the highest valid one (6.2)."""
    folder = os.path.join(root, "keys")
    found = [match for match in map(KEYS_NAME.fullmatch, names_in(folder)) if match]
    for match in sorted(found, key=lambda m: (int(m[1]), m[2]), reverse=True):
        try:
            keys = one_keys_file(folder, match)
        except Damaged as damage:
            notes.append(damage)
            continue
        if keys.family != family:
            raise Foreign(f"keys/{match[0]} belongs to another family than VAULT")
        return keys
    reasons = "; ".join(str(note) for note in notes if "keys/" in str(note)) or "there is none"
    raise Damaged(f"no valid file in keys/, so nothing here can be opened: {reasons}")


def one_keys_file(folder: str, match: re.Match) -> KeySet:
    what = f"keys/{match[0]}"
    data = read_file(os.path.join(folder, match[0]), PLAIN_FILE_BYTES_MAX, what)
    require_digest_name(data, match[2], what)
    keys = decode_keys(data, what)
    require(keys.sequence == int(match[1]), f"{what} has another sequence than its name")
    return keys


# --- Sealed files (section 7) ------------------------------------------------


@dataclass
class Header:
    raw: bytes  # magic, map and check as they stand: associated data of every box
    family: bytes
    scope: bytes
    epoch: int
    salt: bytes


def decode_header(data: bytes, magic: bytes, what: str) -> Header:
    """The header that `data` begins with, checked in the order that section 7 gives."""
    data = data[:HEADER_BYTES_MAX]
    require(data[:8] == magic, f"{what} does not begin as it must")
    try:
        fields, end = cbor_item(data, 8)
    except Short:
        raise Damaged(f"the header of {what} is cut short") from None
    require(type(fields) is dict, f"the header of {what} is no map")
    require(plain_hash(data[:end])[:8] == data[end : end + 8], f"the check of the header of {what} does not fit")
    require_version(fields, what)
    if fields.get(6, 0) != 0 or fields.get(7, 0) != 0:
        raise Newer(f"{what} uses a recipient or a signature, which this reader does not know")
    return header_fields(fields, data[: end + 8], what)


def header_fields(fields: dict, raw: bytes, what: str) -> Header:
    fields_of(fields, f"the header of {what}", range(1, 8))
    for room in (6, 7):
        uint(fields[room], 8, f"field {room} of {what}")
    return Header(
        raw,
        octets(fields[2], 16, "family"),
        octets(fields[3], 16, "scope"),
        uint(fields[4], 32, "key epoch"),
        octets(fields[5], 32, "salt"),
    )


def require_own(header: Header, keyring: Keyring) -> None:
    if header.family != keyring.family:
        raise Foreign("it belongs to another family")
    if header.epoch not in keyring.masters:
        raise Foreign(f"it was sealed under key epoch {header.epoch}, which these keys do not have")


def open_sealed(data: bytes, magic: bytes, purpose: str, keyring: Keyring, what: str) -> tuple[Header, dict]:
    """Header and map of a manifest or a head."""
    header = decode_header(data, magic, what)
    try:
        key = keyring.key(purpose, header)
    except Foreign as foreign:
        raise Foreign(f"{what}: {foreign}") from None
    plain = open_box(key, data[len(header.raw) :], header.raw, what)
    return header, cbor_whole(plain, what)


# --- Packs (section 8) -------------------------------------------------------


class Pack:
    """One open pack: its header's keys, and its chunks by place."""

    def __init__(self, root: str, name: bytes, keyring: Keyring):
        self.name = name.hex()
        self.keyring = keyring
        self.what = f"pack {self.name}"
        self.fd = open_regular(os.path.join(root, "packs", self.name[:2], self.name), self.what)
        try:
            self.begin()
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        self.size = os.fstat(self.fd).st_size
        require(self.size <= PACK_BYTES_MAX, f"{self.what} is larger than 64 MiB")
        start = read_range(self.fd, 0, min(HEADER_BYTES_MAX, self.size), self.what)
        self.header = decode_header(start, b"OFFSITEP", self.what)
        require(self.header.scope[8:] == bytes(8), f"{self.what} has a scope that is no group's")
        try:
            self.key = self.keyring.key("pack", self.header)
        except Foreign as foreign:
            raise Foreign(f"{self.what}: {foreign}") from None

    @property
    def group(self) -> bytes:
        return self.header.scope[:8]

    def close(self) -> None:
        os.close(self.fd)

    def chunk(self, ref: Ref) -> bytes:
        """The content of a chunk, its tag, length and identity checked."""
        what = f"the chunk at {ref.offset} of {self.what}"
        record = read_range(self.fd, ref.offset, ref.stored, what)
        associated = self.header.raw + record[:4] + u32(ref.offset) + u32(ref.stored) + ref.id
        plain = unpack(open_box(self.key, record[4:], associated, what), ref.plain, what)
        require(self.keyring.identifies(plain, ref.id), f"{what} is another chunk than it should be")
        return plain

    def index(self, ref: Ref) -> int:
        return int.from_bytes(read_range(self.fd, ref.offset, 4, self.what), "big")

    def footer(self) -> list[Ref]:
        """The list of all chunks, and that they lie one after another without a gap."""
        require(self.size > TRAILER_BYTES + len(self.header.raw), f"{self.what} is cut short")
        trailer = read_range(self.fd, self.size - TRAILER_BYTES, TRAILER_BYTES, self.what)
        require(trailer[4:] == b"OFFSITEp", f"{self.what} does not end as it must")
        length = int.from_bytes(trailer[:4], "big")
        offset = self.size - TRAILER_BYTES - length
        require(offset >= len(self.header.raw), f"the footer of {self.what} has a wrong length")
        box = read_range(self.fd, offset, length, self.what)
        key = self.keyring.key("pack footer", self.header)
        plain = open_box(key, box, self.header.raw + u32(offset), f"the footer of {self.what}")
        return self.footer_refs(cbor_whole(plain, f"the footer of {self.what}"), offset)

    def footer_refs(self, value, end: int) -> list[Ref]:
        what, at, refs = f"the footer of {self.what}", len(self.header.raw), []
        for row in array(value, what):
            offset, stored, plain, identity = array(row, what, 4)
            placed(offset, stored, plain, what)
            require(offset == at, f"{what}: its records leave a gap or overlap")
            refs.append(Ref(bytes.fromhex(self.name)[:8], offset, stored, plain, octets(identity, 32, what)))
            at += stored
        require(at == end, f"{what} does not begin where the records end")
        return refs

    def digest(self) -> str:
        hasher = blake3(max_threads=blake3.AUTO)
        for offset in range(0, self.size, 16 << 20):
            hasher.update(read_range(self.fd, offset, min(16 << 20, self.size - offset), self.what))
        return hasher.hexdigest()

    def check(self) -> None:
        """All that can be checked of a pack by itself: name, footer, each record."""
        require(self.digest() == self.name, f"{self.what}: its bytes do not fit its name")
        for index, ref in enumerate(self.footer()):
            require(self.index(ref) == index, f"{self.what}: a record has a wrong index")
            self.chunk(ref)


def unpack(sealed: bytes, length: int, what: str) -> bytes:
    """The content behind the codec byte: exactly `length` bytes."""
    codec, packed = sealed[:1], sealed[1:]
    if codec == b"\x01":
        packed = unpack_zstd(packed, length, what)
    else:
        require(codec == b"\x00", f"{what} has an unknown codec")
    require(len(packed) == length, f"{what} has another length than it should")
    return packed


def unpack_zstd(packed: bytes, length: int, what: str) -> bytes:
    """Exactly one frame that states its content's size, unpacked to no more than `length`."""
    try:
        frame = zstandard.get_frame_parameters(packed)
        require(frame.content_size == length, f"{what}: its zstd frame states another length")
        require(frame.dict_id == 0, f"{what}: its zstd frame needs a dictionary")
        return zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(f"{what} does not unpack: {error}") from None


class Packs:
    """The packs of a vault, a few of them open at a time."""

    OPEN_MAX = 64

    def __init__(self, root: str, keyring: Keyring, mirror: str | None = None):
        self.root = root
        self.keyring = keyring
        self.mirror = mirror
        self.open: OrderedDict[bytes, Pack | Finding] = OrderedDict()

    def get(self, name: bytes) -> Pack:
        """The pack of this name. What was wrong with it once is not tried again."""
        if name not in self.open:
            self.make_room()
            try:
                self.open[name] = Pack(self.root, name, self.keyring)
            except Finding as finding:
                self.open[name] = finding
        self.open.move_to_end(name)
        pack = self.open[name]
        if isinstance(pack, Finding):
            raise pack
        return pack

    def make_room(self) -> None:
        if len(self.open) >= self.OPEN_MAX:
            _, oldest = self.open.popitem(last=False)
            if isinstance(oldest, Pack):
                oldest.close()

    def names(self) -> list[bytes]:
        """All packs that lie here, by name."""
        found = []
        for folder in names_in(os.path.join(self.root, "packs")):
            if re.fullmatch("[0-9a-f]{2}", folder):
                found += self.names_below(folder)
        return sorted(found)

    def names_below(self, folder: str) -> list[bytes]:
        names = names_in(os.path.join(self.root, "packs", folder))
        return [bytes.fromhex(n) for n in names if re.fullmatch("[0-9a-f]{64}", n) and n[:2] == folder]


class Named:
    """The packs that a point may refer to, by the first 8 bytes of their names."""

    def __init__(self, packs: Packs, group: bytes, names: Iterable[bytes]):
        self.packs = packs
        self.group = group
        self.by_short: dict[bytes, list[bytes]] = {}
        self.complete = True
        self.add(names)

    def add(self, names: Iterable[bytes]) -> None:
        for name in names:
            same = self.by_short.setdefault(name[:8], [])
            if name not in same:
                same.append(name)

    def all(self) -> list[bytes]:
        return sorted(name for names in self.by_short.values() for name in names)

    def candidates(self, short: bytes) -> list[bytes]:
        if short in self.by_short or self.complete:
            return self.by_short.get(short, [])
        # The point's own list of packs is damaged: the folder of packs serves as well.
        return [name for name in self.packs.names_below(short.hex()[:2]) if name[:8] == short]

    def chunk(self, ref: Ref) -> bytes:
        """A chunk's content. Where two packs begin with the same 8 bytes, the one that fits."""
        failure: Finding = Damaged(f"a chunk lies in pack {ref.pack.hex()}…, which the point does not name")
        for name in self.candidates(ref.pack):
            try:
                pack = self.packs.get(name)
                require(pack.group == self.group, f"{pack.what} belongs to another group")
                return pack.chunk(ref)
            except Finding as finding:
                failure = finding
        raise failure

    def contents(self, refs: Iterable[Ref]) -> Iterator[bytes]:
        return (self.chunk(ref) for ref in refs)


# --- Manifests (section 9) ---------------------------------------------------


@dataclass
class Manifest:
    job: bytes
    group: bytes
    order: Order
    point: bytes
    writer: bytes
    created: Time
    base: Order | None
    name: str
    protected: str
    files: int
    bytes: int
    entries: int
    stored: int
    unread: int
    roots: list[bytes]
    stream: list[Ref]
    pack_list: list[Ref]

    @property
    def id(self) -> str:
        return self.point.hex()


def decode_manifest(raw: dict, header: Header, keyring: Keyring, what: str) -> Manifest:
    raw = fields_of(raw, what, range(1, 16))
    if array(raw[15], "erasure-code objects"):
        raise Newer(f"{what} uses erasure-code objects, which this reader does not know")
    require(octets(raw[1], 16, "family") == keyring.family, f"{what} is of another family inside")
    job = octets(raw[2], 8, "job id")
    require(header.scope == job + bytes(8), f"{what} is of another job inside")
    require(uint(raw[6], 32, "key epoch") == header.epoch, f"{what} is of another key epoch inside")
    epoch, sequence, point = array(raw[4], "order of the point", 3)
    totals = [uint(number, 64, "a total of the point") for number in array(raw[11], "totals", 5)]
    manifest = Manifest(
        job,
        octets(raw[3], 8, "group id"),
        Order(uint(epoch, 32, "epoch"), uint(sequence, 64, "sequence")),
        octets(point, 8, "point id"),
        octets(raw[5], 16, "writer"),
        time_of(raw[7], "time of the point"),
        order_or_null(raw[8], "the point needed besides"),
        name_of(raw[9], "job's name"),
        text(raw[10], "what was protected"),
        *totals,
        roots_of(raw[12]),
        *([ref_of(ref, what) for ref in array(raw[n], what)] for n in (13, 14)),
    )
    shorts = {root[:8] for root in manifest.roots}
    fits = all(ref.pack in shorts for ref in manifest.stream + manifest.pack_list)
    require(fits, f"{what} refers to a pack that is none of its roots")
    return manifest


def roots_of(value) -> list[bytes]:
    roots = [octets(root, 32, "a root") for root in array(value, "roots")]
    require(all(a < b for a, b in zip(roots, roots[1:])), "roots are not ascending")
    return roots


class Listed(NamedTuple):
    """A name in points/: what it says, and what came of reading it."""

    job: str
    order: Order
    id: str
    manifest: Manifest | None
    finding: Finding | None


def read_manifest(root: str, job: str, name: str, keyring: Keyring) -> Manifest:
    what = f"points/{job}/{name}"
    data = read_file(os.path.join(root, what), MANIFEST_BYTES_MAX, what)
    header, raw = open_sealed(data, b"OFFSITEM", "manifest", keyring, what)
    manifest = decode_manifest(raw, header, keyring, what)
    epoch, sequence, point = POINT_NAME.fullmatch(name).groups()
    inside = (manifest.job.hex(), *manifest.order, manifest.id)
    require(inside == (job, int(epoch), int(sequence), point), f"{what} is the manifest of another point")
    return manifest


def list_points(root: str, keyring: Keyring) -> list[Listed]:
    """All points, newest first. One that can't be read stands there with the reason."""
    points = []
    for job in filter(JOB_NAME.fullmatch, names_in(os.path.join(root, "points"))):
        for match in filter(None, map(POINT_NAME.fullmatch, names_in(os.path.join(root, "points", job)))):
            points.append(one_point(root, job, match, keyring))
    return sorted(points, key=lambda point: (point.order, point.id), reverse=True)


def one_point(root: str, job: str, match: re.Match, keyring: Keyring) -> Listed:
    order = Order(int(match[1]), int(match[2]))
    try:
        return Listed(job, order, match[3], read_manifest(root, job, match[0], keyring), None)
    except Finding as finding:
        return Listed(job, order, match[3], None, finding)


# --- The entry stream (section 10) -------------------------------------------

FILE, FOLDER, SYMLINK, HARDLINK, FIFO, SOCKET, DEVICE = range(7)
KIND_FIELDS = {FILE: (9, 10, 11), SYMLINK: (13,), HARDLINK: (13,), DEVICE: (14,)}


class Hole(NamedTuple):
    plain: int


@dataclass
class Entry:
    path: bytes
    kind: int
    mode: int
    owner: int
    group: int
    changed: Time
    attributes: list[tuple[bytes, bytes]] = field(default_factory=list)
    size: int = 0
    digest: bytes = b""
    spans: list[Ref | Hole] = field(default_factory=list)
    restless: bool = False
    target: bytes = b""
    device: tuple[bool, int, int] = (False, 0, 0)


def valid_path(path: bytes) -> bool:
    return b"\0" not in path and all(part not in (b"", b".", b"..") for part in path.split(b"/"))


def sort_key(path: bytes) -> bytes:
    """`/` counts as 0, which no path contains; a prefix sorts first anyway."""
    return path.replace(b"/", b"\0")


def decode_entry(raw) -> Entry:
    require(type(raw) is dict and 1 in raw and 2 in raw, "an entry has no path or kind")
    path = octets(raw[1], None, "an entry's path")
    what = f"entry {os.fsdecode(path)!r}"
    require(valid_path(path), f"{what}: its path is not allowed")
    kind = uint(raw[2], 8, f"kind of {what}")
    require(kind <= DEVICE, f"{what} is of an unknown kind")
    needed = (*range(1, 8), *KIND_FIELDS.get(kind, ()))
    fields_of(raw, what, needed, (8, 12) if kind == FILE else (8,))
    require(uint(raw[3], 32, f"mode of {what}") <= 0o7777, f"{what} has a wrong mode")
    check_source(raw[7], what)
    numbers = (uint(raw[n], 32, f"owner of {what}") for n in (4, 5))
    entry = Entry(path, kind, raw[3], *numbers, time_of(raw[6], f"time of {what}"))
    if 8 in raw:
        entry.attributes = attributes_of(raw[8], what)
    decode_by_kind(entry, raw, what)
    return entry


def decode_by_kind(entry: Entry, raw: dict, what: str) -> None:
    if entry.kind == FILE:
        decode_content(entry, raw, what)
    elif entry.kind in (SYMLINK, HARDLINK):
        entry.target = octets(raw[13], None, f"target of {what}")
    elif entry.kind == DEVICE:
        block, major, minor = array(raw[14], f"device of {what}", 3)
        require(type(block) is bool, f"{what}: its device is neither block nor character")
        entry.device = (block, uint(major, 32, what), uint(minor, 32, what))


def check_source(value, what: str) -> None:
    """What the source said: never restored, but its form counts."""
    device, inode, changed, read = array(value, f"field 7 of {what}", 4)
    uint(device, 64, what)
    uint(inode, 64, what)
    time_of(changed, what)
    time_of(read, what)


def attributes_of(value, what: str) -> list[tuple[bytes, bytes]]:
    pairs = []
    for pair in array(value, f"attributes of {what}"):
        name, content = array(pair, f"attributes of {what}", 2)
        pairs.append((octets(name, None, what), octets(content, None, what)))
    names = [name for name, _ in pairs]
    require(bool(names) and all(a < b for a, b in zip(names, names[1:])), f"attributes of {what} are not in order")
    return pairs


def decode_content(entry: Entry, raw: dict, what: str) -> None:
    entry.size = uint(raw[9], 64, f"size of {what}")
    entry.digest = octets(raw[10], 32, f"digest of {what}")
    entry.restless = raw.get(12, False)
    require(12 not in raw or raw[12] is True, f"field 12 of {what} is not true")
    entry.spans = [span_of(span, what) for span in array(raw[11], f"spans of {what}")]
    neighbours = zip(entry.spans, entry.spans[1:])
    require(
        not any(isinstance(a, Hole) and isinstance(b, Hole) for a, b in neighbours), f"{what}: a hole follows a hole"
    )
    require(sum(span.plain for span in entry.spans) == entry.size, f"{what}: its parts do not add up to its size")


def span_of(value, what: str) -> Ref | Hole:
    if type(value) is list:
        return ref_of(value, f"a span of {what}")
    require(uint(value, 64, f"a hole of {what}") > 0, f"{what} has an empty hole")
    return Hole(value)


class Stream:
    """CBOR maps one after another, out of chunks whose borders mean nothing."""

    def __init__(self, chunks: Iterator[bytes]):
        self.chunks = chunks
        self.buffer = bytearray()
        self.at = 0
        self.ended = False
        self.damage: Finding | None = None

    def __iter__(self) -> Iterator:
        while True:
            try:
                item, end = cbor_item(self.buffer, self.at)
            except Short:
                if self.ended:
                    break
                self.fill()
            else:
                require(end - self.at <= ENTRY_BYTES_MAX, "an entry is larger than 1 GiB")
                self.at = end
                yield item
        if self.damage:
            raise self.damage
        require(self.at == len(self.buffer), "the list of entries is cut short")

    def fill(self) -> None:
        """At least twice the bytes, so that a long entry is not tried again with each chunk."""
        del self.buffer[: self.at]
        self.at = 0
        require(len(self.buffer) <= ENTRY_BYTES_MAX, "an entry is larger than 1 GiB")
        wanted = 2 * len(self.buffer) + 1
        while len(self.buffer) < wanted and not self.ended:
            self.pull()

    def pull(self) -> None:
        try:
            self.buffer += next(self.chunks)
        except StopIteration:
            self.ended = True
        except Finding as finding:
            # What lies before the damage is still good, and comes first.
            self.ended, self.damage = True, finding


class Point:
    """One recovery point, ready to be read."""

    def __init__(self, manifest: Manifest, packs: Packs):
        self.manifest = manifest
        roots = Named(packs, manifest.group, manifest.roots)
        self.roots = roots
        self.named = Named(packs, manifest.group, manifest.roots)

    def load_pack_list(self) -> Finding | None:
        """Takes in the list of packs. If it is damaged its finding is returned, and reading goes on."""
        try:
            joined = b"".join(self.roots.contents(self.manifest.pack_list))
            require(len(joined) % 36 == 0, "the point's list of packs is cut short")
            records = [joined[at : at + 36] for at in range(0, len(joined), 36)]
            names = [record[:32] for record in records]
            lengths = [int.from_bytes(record[32:], "big") for record in records]
            require(all(12 < length <= 1 << 26 for length in lengths), "a pack in the point's list has a wrong length")
            require(all(a < b for a, b in zip(names, names[1:])), "the point's list of packs is not ascending")
            self.named.add(names)
        except Finding as finding:
            self.named.complete = False
            return type(finding)(f"the point's list of packs: {finding}")
        return None

    def entries(self, refused: Callable[[bytes, Finding], None]) -> Iterator[Entry]:
        """Entries in order. One that must be refused goes to `refused`, the next ones still come."""
        last = b""
        for raw in Stream(self.roots.contents(self.manifest.stream)):
            path = raw[1] if type(raw) is dict and type(raw.get(1)) is bytes else b""
            try:
                entry = decode_entry(raw)
                require(not last or sort_key(last) < sort_key(path), f"entry {os.fsdecode(path)!r} is out of order")
            except Damaged as damage:
                refused(path, damage)
                continue
            last = path
            yield entry

    def content(self, entry: Entry) -> Iterator[bytes | Hole]:
        mirror = self.named.packs.mirror
        if mirror is not None and entry.size:
            yield from self.mirrored(mirror, entry)
            return
        for span in entry.spans:
            yield span if isinstance(span, Hole) else self.named.chunk(span)

    def mirrored(self, mirror: str, entry: Entry) -> Iterator[bytes | Hole]:
        """The content of a file that lies here as it is (section 3.1)."""
        packs, what = self.named.packs, f"the file {os.fsdecode(entry.path)!r}"
        name = derive("mirror file", self.manifest.job, entry.digest, entry.path).hex()
        aside = os.path.join(packs.root, "older", name)
        path = aside if os.path.lexists(aside) else os.path.join(mirror, os.fsdecode(entry.path))
        fd, at = open_regular(path, what), 0
        try:
            require(os.fstat(fd).st_size == entry.size, f"{what} has another length than it should")
            for span in entry.spans:
                if isinstance(span, Hole):
                    yield span
                else:
                    plain = read_range(fd, at, span.plain, what)
                    require(packs.keyring.identifies(plain, span.id), f"{what} is not what it was, from {at} on")
                    yield plain
                at += span.plain
        finally:
            os.close(fd)

    def objects(self) -> list[bytes]:
        """The packs that lie here: at a mirror, those with entries and lists only."""
        return (self.roots if self.named.packs.mirror is not None else self.named).all()


# --- Walking a point: restoring it, or only checking -------------------------


@dataclass
class Report:
    """What came of it."""

    files: int = 0
    bytes: int = 0
    entries: int = 0
    problems: list[tuple[bytes | None, Finding]] = field(default_factory=list)
    restless: list[bytes] = field(default_factory=list)

    def add(self, path: bytes | None, finding: Finding) -> None:
        self.problems.append((path, finding))

    def code(self) -> int:
        """Something was done, so what kept one entry back alone makes it "in part", not "nothing"."""
        return exit_code(3 if finding.code == 1 else finding.code for _, finding in self.problems)


class Nowhere:
    """Takes a point apart and keeps nothing: for --check."""

    def put(self, entry: Entry, content: Iterator[bytes | Hole] | None) -> list[Finding]:
        if entry.kind == FILE:
            require_digest(entry, content, lambda part: None)
        return []

    def finish(self) -> list[tuple[bytes, Finding]]:
        return []

    take_finished = finish


def require_digest(entry: Entry, content: Iterator[bytes | Hole], write: Callable[[bytes | Hole], None]) -> None:
    """Hands each part to `write`, then compares the whole digest."""
    hasher = blake3(max_threads=blake3.AUTO)
    for part in content:
        write(part)
        if isinstance(part, Hole):
            hash_zeros(hasher, part.plain)
        else:
            hasher.update(part)
    require(hasher.digest() == entry.digest, "its digest differs from the one taken when it was read")


def hash_zeros(hasher, count: int) -> None:
    while count:
        part = min(count, len(ZEROS))
        hasher.update(ZEROS if part == len(ZEROS) else ZEROS[:part])
        count -= part


class Walk:
    """Puts each entry of a point to a place (a folder, or nowhere) and writes down what is wrong."""

    def __init__(self, point: Point, place, report: Report):
        self.point = point
        self.place = place
        self.report = report
        self.targets: set[bytes] = set()  # of hard links
        self.restored: set[bytes] = set()  # those of them that are there, whole
        self.leaf: bytes | None = None  # the last entry that is no folder

    def run(self) -> None:
        if damage := self.point.load_pack_list():
            self.report.add(None, damage)
        self.find_targets()
        try:
            for entry in self.point.entries(self.report.add):
                self.one(entry)
        except Finding as damage:
            note = f"the list of entries: {damage}; all entries behind {os.fsdecode(self.leaf or b'')!r} are lost"
            self.report.add(None, type(damage)(note))
        else:
            self.compare_totals()
        for path, finding in self.place.finish():
            self.report.add(path, finding)

    def find_targets(self) -> None:
        """A first pass, so that only what hard links point at is remembered in the second."""
        with suppress(Finding):
            for entry in self.point.entries(lambda path, finding: None):
                if entry.kind == HARDLINK:
                    self.targets.add(entry.target)

    def one(self, entry: Entry) -> None:
        self.report.entries += 1
        try:
            require(not self.below_leaf(entry.path), "it lies below an entry that is no folder")
            if entry.kind != FOLDER:
                self.leaf = entry.path
            self.report.files += entry.kind in (FILE, HARDLINK)  # as the manifest counts (9)
            self.report.bytes += entry.size
            if entry.kind == HARDLINK:
                self.require_target(entry)
            self.put(entry)
        except Finding as finding:
            self.report.add(entry.path, finding)
        for path, finding in self.place.take_finished():
            self.report.add(path, finding)

    def below_leaf(self, path: bytes) -> bool:
        return self.leaf is not None and path.startswith(self.leaf + b"/")

    def require_target(self, entry: Entry) -> None:
        """What a hard link is another name of must be there, whole, and sort before it."""
        found = entry.target in self.restored
        require(found, f"{os.fsdecode(entry.target)!r}, which it is another name of, was not restored")

    def put(self, entry: Entry) -> None:
        content = self.point.content(entry) if entry.kind == FILE else None
        for finding in self.place.put(entry, content):
            self.report.add(entry.path, finding)
        if entry.path in self.targets and entry.kind not in (FOLDER, HARDLINK):
            self.restored.add(entry.path)
        if entry.restless:
            self.report.restless.append(entry.path)

    def compare_totals(self) -> None:
        """The manifest's sums. Said only where nothing else is wrong: damage changes them."""
        manifest, report = self.point.manifest, self.report
        if any(isinstance(finding, Damaged) for _, finding in report.problems):
            return
        said, found = (manifest.files, manifest.bytes, manifest.entries), (report.files, report.bytes, report.entries)
        if said != found:
            report.add(None, Damaged(f"the manifest says {said} (files, bytes, entries), there are {found}"))


class OpenFolder(NamedTuple):
    path: bytes
    fd: int
    entry: Entry | None  # None: a parent that the point does not list


DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
ITSELF = os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", 0)


class Folder:
    """Restores below one folder, and never outside of it: every step is taken from the
    open folder above, without following links, and nothing that exists is overwritten."""

    def __init__(self, path: str, owners: bool):
        self.owners = owners
        self.stack = [OpenFolder(b"", open_target(path), None)]
        self.finished: list[tuple[bytes, Finding]] = []

    def put(self, entry: Entry, content: Iterator[bytes | Hole] | None) -> list[Finding]:
        """Makes one entry. Returns what could not be set; raises what kept it from being made."""
        parent, _, name = entry.path.rpartition(b"/")
        try:
            above = self.enter(parent)
            if entry.kind == FOLDER:
                os.mkdir(name, 0o700, dir_fd=above)
                self.push(entry.path, name, entry)
                return []
            if entry.kind == FILE:
                return self.file(above, name, entry, content)
            return self.special(above, name, entry)
        except OSError as error:
            raise Problem(f"can't be made: {error.strerror}") from None

    def enter(self, path: bytes) -> int:
        """The open folder `path`. Leaves (and finishes) folders that it is not in, makes missing ones."""
        while not within(path, self.stack[-1].path):
            self.leave()
        below = path[len(self.stack[-1].path) :].strip(b"/")
        for part in below.split(b"/") if below else ():
            here = self.stack[-1]
            with suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=here.fd)
            self.push(here.path + b"/" + part if here.path else part, part, None)
        return self.stack[-1].fd

    def push(self, path: bytes, name: bytes, entry: Entry | None) -> None:
        fd = os.open(name, DIRECTORY, dir_fd=self.stack[-1].fd)
        self.stack.append(OpenFolder(path, fd, entry))

    def leave(self) -> None:
        """Closes the innermost folder. Its mode and times come now, when nothing is put into it any more."""
        folder = self.stack.pop()
        try:
            if folder.entry:
                self.finished += [(folder.path, finding) for finding in self.settle(folder.fd, folder.entry)]
        finally:
            os.close(folder.fd)

    def take_finished(self) -> list[tuple[bytes, Finding]]:
        findings, self.finished = self.finished, []
        return findings

    def finish(self) -> list[tuple[bytes, Finding]]:
        while self.stack:
            self.leave()
        return self.take_finished()

    def file(self, above: int, name: bytes, entry: Entry, content: Iterator[bytes | Hole]) -> list[Finding]:
        fd = os.open(name, NEW_FILE, 0o600, dir_fd=above)
        try:
            os.ftruncate(fd, entry.size)
            require_digest(entry, content, lambda part: write_part(fd, part))
            return self.settle(fd, entry)
        except BaseException:
            os.unlink(name, dir_fd=above)  # half a file under its own name would deceive
            raise
        finally:
            os.close(fd)

    def special(self, above: int, name: bytes, entry: Entry) -> list[Finding]:
        if entry.kind == HARDLINK:
            self.link(above, name, entry.target)
            return []
        if entry.kind == SYMLINK:
            os.symlink(entry.target, name, dir_fd=above)
        else:
            os.mknod(name, *node_of(entry), dir_fd=above)
        fd = os.open(name, ITSELF, dir_fd=above)
        try:
            return self.settle(fd, entry, by_name=(name, above))
        finally:
            os.close(fd)

    def link(self, above: int, name: bytes, target: bytes) -> None:
        """One more name. The way to the target is walked from the top again, following nothing."""
        *parents, last = target.split(b"/")
        here = os.dup(self.stack[0].fd)
        try:
            for part in parents:
                below = os.open(part, DIRECTORY, dir_fd=here)
                os.close(here)
                here = below
            os.link(last, name, src_dir_fd=here, dst_dir_fd=above, follow_symlinks=False)
        finally:
            os.close(here)

    def settle(self, fd: int, entry: Entry, by_name: tuple[bytes, int] | None = None) -> list[Finding]:
        """Owner, attributes, mode, time: in this order, as each may undo what comes behind it.

        `by_name` is given for what can't be opened itself (links, pipes, sockets, devices):
        `fd` then only marks the place."""
        findings: list[Finding] = []
        mode = entry.mode
        if self.owners:
            attempt(findings, "owner", lambda: set_owner(fd, entry))
        if not is_owned_as(fd, entry):
            mode &= 0o1777  # set-id bits would lend the rights of someone else
        for key, value in entry.attributes:
            label = f"attribute {os.fsdecode(key)}"
            attempt(findings, label, lambda key=key, value=value: set_attribute(fd, key, value, by_name))
        if entry.kind != SYMLINK:
            attempt(findings, "mode", lambda: set_mode(fd, mode, by_name))
        attempt(findings, "time", lambda: set_time(fd, entry.changed.ns(), by_name))
        return findings


def open_target(path: str) -> int:
    """The folder to restore into: made if it is missing, refused if anything is in it."""
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        empty = not os.listdir(fd)
    except OSError as error:
        raise Finding(f"{path} can't be restored into: {error.strerror}") from None
    if not empty:
        raise Finding(f"{path} is not empty", "name a new or an empty folder with --to")
    return fd


def within(path: bytes, folder: bytes) -> bool:
    return not folder or path == folder or path.startswith(folder + b"/")


def write_part(fd: int, part: bytes | Hole) -> None:
    """Bytes at the place where the file stands; a hole is stepped over and stays one."""
    if isinstance(part, Hole):
        os.lseek(fd, part.plain, os.SEEK_CUR)
        return
    view = memoryview(part)
    while view:
        view = view[os.write(fd, view) :]


def node_of(entry: Entry) -> tuple[int, int]:
    """Mode and device number for mknod."""
    if entry.kind == FIFO:
        return stat.S_IFIFO | 0o600, 0
    if entry.kind == SOCKET:
        return stat.S_IFSOCK | 0o600, 0
    block, major, minor = entry.device
    return (stat.S_IFBLK if block else stat.S_IFCHR) | 0o600, os.makedev(major, minor)


def attempt(findings: list[Finding], what: str, action: Callable[[], None]) -> bool:
    try:
        action()
        return True
    except OSError as error:
        findings.append(Problem(f"its {what} can't be set: {error.strerror}"))
    except (OverflowError, ValueError, NotImplementedError, AttributeError) as error:
        findings.append(Problem(f"its {what} can't be set here: {error}"))
    return False


def is_owned_as(fd: int, entry: Entry) -> bool:
    now = os.fstat(fd)
    return (now.st_uid, now.st_gid) == (entry.owner, entry.group)


def set_owner(fd: int, entry: Entry) -> None:
    if is_owned_as(fd, entry):
        return
    if 0xFFFFFFFF in (entry.owner, entry.group):
        raise ValueError("4294967295 is nobody's number")
    os.chown(f"/proc/self/fd/{fd}" if is_path_only(fd) else fd, entry.owner, entry.group)


def is_path_only(fd: int) -> bool:
    """Whether `fd` marks a place only (O_PATH) and is not open for reading or writing."""
    return stat.S_IFMT(os.fstat(fd).st_mode) not in (stat.S_IFREG, stat.S_IFDIR)


def set_attribute(fd: int, key: bytes, value: bytes, by_name: tuple[bytes, int] | None) -> None:
    if by_name is None:
        os.setxattr(fd, key, value)
        return
    name, above = by_name
    os.setxattr(b"/proc/self/fd/%d/%s" % (above, name), key, value, follow_symlinks=False)


def set_mode(fd: int, mode: int, by_name: tuple[bytes, int] | None) -> None:
    os.chmod(fd if by_name is None else f"/proc/self/fd/{fd}", mode)


def set_time(fd: int, ns: int, by_name: tuple[bytes, int] | None) -> None:
    if by_name is None:
        os.utime(fd, ns=(ns, ns))
    else:
        os.utime(by_name[0], ns=(ns, ns), dir_fd=by_name[1], follow_symlinks=False)
    if os.fstat(fd).st_mtime_ns != ns:
        raise ValueError("this file system does not keep it as it was")


# --- Heads (section 12) ------------------------------------------------------

PROOFS = {"none", "present", "complete", "bytes-read", "restored", "opened", "restored-cold"}


class Head(NamedTuple):
    name: str
    epoch: int
    session: int
    begun: Time
    newest: Order | None


def decode_head(raw: dict, what: str) -> tuple[int, int, Time, Order | None]:
    require(type(raw) is dict, f"{what} is no map")
    require(all(n in raw for n in range(1, 13)) and min(raw) == 1, f"{what} lacks fields")
    octets(raw[1], 16, "writer")
    for job, name, group, alarm in rows(raw[6], 4, "jobs"):
        octets(job, 8, "job id"), name_of(name, "job's name"), octets(group, 8, "group id")
        require(alarm is None or type(alarm) is str, "an alarm is no text")
    for number in (7, 12):
        for point in array(raw[number], "points"):
            octets(point, 8, "point id")
    for vault, job, order in rows(raw[8], 3, "eviction marks"):
        octets(vault, 16, "vault id"), octets(job, 8, "job id")
        require(order_or_null(order, "an eviction mark") is not None, "an eviction mark is null")
    for row in rows(raw[9], 5, "media"):
        check_medium(*row)
    for seed, vault, state in rows(raw[10], 3, "seeds"):
        octets(seed, 8, "seed id"), octets(vault, 16, "vault id"), text(state, "state of a seed")
    for vault, point, word, moment in rows(raw[11], 4, "proofs"):
        octets(vault, 16, "vault id"), octets(point, 8, "point id"), time_of(moment, "time of a proof")
        require(text(word, "a proof") in PROOFS, "a proof of an unknown word")
    if 14 in raw:
        folder, content = array(raw[14], "configuration", 2)
        text(folder, "folder of the configuration"), text(content, "configuration")
    return (
        uint(raw[2], 32, "epoch"),
        uint(raw[3], 64, "session"),
        time_of(raw[4], "time of the session"),
        order_or_null(raw[5], "newest point"),
    )


def check_medium(vault, destination, retired, epoch, session) -> None:
    octets(vault, 16, "vault id")
    if destination != "home":
        name_of(destination, "destination")
    require(type(retired) is bool, "field 3 of a medium is neither true nor false")
    uint(epoch, 32, "epoch of a medium")
    uint(session, 64, "session of a medium")


def rows(value, width: int, what: str) -> list[list]:
    return [array(row, what, width) for row in array(value, what)]


def read_head(root: str, match: re.Match, identity: Identity, keyring: Keyring) -> Head:
    what = f"heads/{match[0]}"
    data = read_file(os.path.join(root, what), PLAIN_FILE_BYTES_MAX, what)
    require_digest_name(data, match[3], what)
    header, raw = open_sealed(data, b"OFFSITEH", "head", keyring, what)
    if header.scope != identity.vault:
        raise Foreign(f"{what} is of another vault")
    epoch, session, begun, newest = decode_head(raw, what)
    require((epoch, session) == (int(match[1]), int(match[2])), f"{what} is another head than its name says")
    return Head(match[0], epoch, session, begun, newest)


def read_heads(root: str, identity: Identity, keyring: Keyring) -> tuple[list[Head], list[Finding]]:
    """All heads that can be read, newest first, and what is wrong with the others."""
    heads, findings = [], []
    for match in filter(None, map(HEAD_NAME.fullmatch, names_in(os.path.join(root, "heads")))):
        try:
            heads.append(read_head(root, match, identity, keyring))
        except Finding as finding:
            findings.append(finding)
    return sorted(heads, key=lambda head: (head.epoch, head.session), reverse=True), findings


# --- The vault as a whole ----------------------------------------------------


def vault_of(place: str) -> str:
    """The folder with the vault: of a mirror, the one beside its files (section 3.1)."""
    beside = os.path.join(place, ".offsite")

    def has_vault(folder: str) -> bool:
        return any(os.path.lexists(os.path.join(folder, name)) for name in ("VAULT", "VAULT.copy"))

    return beside if not has_vault(place) and has_vault(beside) else place


class Vault:
    """An opened vault."""

    def __init__(self, place: str, secret: bytes):
        root = self.root = vault_of(place)
        self.notes: list[Finding] = []
        self.identity = read_identity(root, self.notes)
        self.keyring = read_keys(root, self.identity.family, self.notes).open(secret)
        self.packs = Packs(root, self.keyring, mirror=place if root != place else None)
        self.points = list_points(root, self.keyring)
        self.heads, self.head_findings = read_heads(root, self.identity, self.keyring)

    def find(self, wanted: str | None) -> Manifest:
        """The point of an id or the beginning of one, of a job's name, or JOB~1 for the one before."""
        if wanted is None:
            jobs = {point.job for point in self.points}
            if len(jobs) != 1:
                raise Usage(f"there are points of {len(jobs)} jobs here", "say which one with --point")
            return self.readable(self.points, 0)
        name, _, back = wanted.partition("~")
        jobs = {p.job for p in self.points if p.manifest and p.manifest.name == name}
        if jobs and (not back or back.isdecimal()):
            return self.readable([p for p in self.points if p.job in jobs], int(back or 0))
        return self.by_id(wanted)

    def by_id(self, wanted: str) -> Manifest:
        found = [p for p in self.points if p.id.startswith(wanted)] if len(wanted) >= 4 else []
        if len({p.id for p in found}) != 1:
            raise Usage(f"{len(found)} points here are called {wanted!r}", "list them, and give --point an id of one")
        return self.readable(found, 0)

    def readable(self, points: list[Listed], back: int) -> Manifest:
        if back >= len(points):
            raise Usage(f"there are only {len(points)} points")
        chosen = points[back]
        if chosen.manifest:
            return chosen.manifest
        older = next((p.id for p in points[back + 1 :] if p.manifest), None)
        hint = f"the one before it is {older}" if older else ""
        raise type(chosen.finding)(f"point {chosen.id} can't be read: {chosen.finding}", hint)


def check_packs(packs: Packs, names: Iterable[bytes], report: Report) -> int:
    """Reads whole packs and checks all of them. Returns how many."""
    count = 0
    for name in names:
        count += 1
        try:
            packs.get(name).check()
        except Finding as finding:
            report.add(None, finding)
    return count


def check_point(vault: Vault, manifest: Manifest, report: Report) -> Point:
    """Reads every file of a point to its end."""
    point = Point(manifest, vault.packs)
    own = Report()
    Walk(point, Nowhere(), own).run()
    report.files += own.files
    report.bytes += own.bytes
    report.entries += own.entries
    report.problems += own.problems
    return point


def check_copies(vault: Vault, report: Report) -> None:
    """What a restore can do without, and a check must not be silent about."""
    for finding in vault.notes + vault.head_findings:
        report.add(None, finding)
    try:
        first, second = (
            read_file(os.path.join(vault.root, name), PLAIN_FILE_BYTES_MAX, name) for name in ("VAULT", "VAULT.copy")
        )
        require(first == second, "VAULT and VAULT.copy differ")
    except Finding as finding:
        report.add(None, finding)


def check_vault(vault: Vault, report: Report) -> int:
    """All points, all packs, whether named or not, and all small files. Returns the number of packs."""
    check_copies(vault, report)
    names = set(vault.packs.names())
    for listed in vault.points:
        if listed.finding:
            report.add(None, listed.finding)
        else:
            names |= set(check_point(vault, listed.manifest, report).objects())
    return check_packs(vault.packs, sorted(names), report)


# --- Command line ------------------------------------------------------------


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="read_vault.py", description="Lists, checks and restores the recovery points of a vault."
    )
    parser.add_argument("vault", help="the folder that holds VAULT, or a mirror")
    secret = parser.add_mutually_exclusive_group(required=True)
    secret.add_argument("--passphrase-file", metavar="F", help="file with the passphrase")
    secret.add_argument("--sheet", metavar="F", help="file with the recovery sheet")
    parser.add_argument("--list", action="store_true", help="list the points (the default)")
    parser.add_argument("--point", metavar="ID", help="an id, the beginning of one, a job's name, JOB~1")
    parser.add_argument("--to", metavar="DIR", help="restore into this new or empty folder")
    parser.add_argument("--check", action="store_true", help="read and check everything, write nothing")
    parser.add_argument("--no-owner", action="store_true", help="do not set owners")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    chosen = parser.parse_args(words)
    if sum((chosen.list, bool(chosen.to), chosen.check)) > 1:
        parser.error("--list, --to and --check are asked for one at a time")
    return chosen


def read_secret(args: argparse.Namespace) -> bytes:
    path = args.passphrase_file or args.sheet
    try:
        with open(path, "rb") as file:
            content = file.read(1 << 20)
    except OSError as error:
        raise Usage(f"{path} can't be read: {error.strerror}") from None
    if args.sheet:
        return sheet_in_file(content.decode("utf-8", "replace"))
    return passphrase_secret(content)


def say(line: str) -> None:
    print(line.encode("utf-8", "backslashreplace").decode(), file=sys.stderr)


def shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def path_json(path: bytes | None) -> dict:
    """A path that is not UTF-8 has its bytes beside it."""
    if path is None:
        return {}
    try:
        return {"path": path.decode("utf-8")}
    except UnicodeDecodeError:
        return {"path": path.decode("utf-8", "replace"), "path-bytes": base64.b64encode(path).decode()}


def problems_json(report: Report) -> list[dict]:
    kinds = {4: "damage", 3: "not set", 1: "newer"}
    return [
        {**path_json(path), "problem": str(finding), "kind": kinds.get(finding.code, "other")}
        for path, finding in report.problems
    ]


TOLD_OF_A_KIND_MAX = 10


def tell_problems(report: Report) -> None:
    """All damage; of what could not be set only the first few of a kind (as who is not root: all owners)."""
    told: dict[str, int] = {}
    for path, finding in report.problems:
        kind = told[str(finding)] = told.get(str(finding), 0) + 1
        if kind <= TOLD_OF_A_KIND_MAX or not isinstance(finding, Problem):
            say(f"{shown(path)}: {finding}" if path is not None else str(finding))
        elif kind == TOLD_OF_A_KIND_MAX + 1:
            say(f"… and more of the same: {finding}")
    for path in report.restless:
        say(f"note: {shown(path)} changed while it was read into the point")


def point_json(listed: Listed) -> dict:
    row = {"id": listed.id, "epoch": listed.order.epoch, "sequence": listed.order.sequence}
    manifest = listed.manifest
    if manifest is None:
        return {**row, "job-id": listed.job, "problem": str(listed.finding)}
    return {
        **row,
        "job": manifest.name,
        "job-id": listed.job,
        "created": str(manifest.created),
        "files": manifest.files,
        "bytes": manifest.bytes,
        "entries": manifest.entries,
        "stored-bytes": manifest.stored,
        "unread": manifest.unread,
        "protected": manifest.protected,
        "base": list(manifest.base) if manifest.base else None,
    }


def head_json(vault: Vault) -> dict | None:
    if not vault.heads:
        return None
    head = vault.heads[0]
    return {"epoch": head.epoch, "session": head.session, "begun": str(head.begun), "newest-point": head.newest}


def command_list(vault: Vault, args: argparse.Namespace) -> int:
    if args.json:
        document = {
            "family": vault.identity.family.hex(),
            "vault": vault.identity.vault.hex(),
            "newest-head": head_json(vault),
            "points": [point_json(listed) for listed in vault.points],
        }
        print(json.dumps(document, indent=1))
    else:
        print_points(vault)
    for finding in vault.head_findings:
        say(f"note: {finding}")
    return exit_code(3 if isinstance(p.finding, Newer) else p.finding.code for p in vault.points if p.finding)


def print_points(vault: Vault) -> None:
    row = "{:<16}  {:<20}  {:>6}  {:>8}  {:<20}  {:>9}  {:>15}"
    print(row.format("ID", "JOB", "EPOCH", "SEQUENCE", "CREATED", "FILES", "BYTES"))
    for listed in vault.points:
        manifest = listed.manifest
        if manifest is None:
            print(row.format(listed.id, f"({listed.job})", *listed.order, "can't be read", "", "").rstrip())
            say(f"{listed.id}: {listed.finding}")
            continue
        created = str(manifest.created._replace(nanos=0))
        print(row.format(listed.id, manifest.name, *listed.order, created, manifest.files, manifest.bytes))
    print_age(vault)


def print_age(vault: Vault) -> None:
    """Who sees only this place can't know whether it was set back. So its age is told."""
    now = time.time()
    if vault.heads:
        head = vault.heads[0]
        print(f"newest head: epoch {head.epoch}, session {head.session}, begun {head.begun}{age(now, head.begun)}")
    made = [p.manifest.created for p in vault.points if p.manifest]
    if made:
        print(f"newest point: {max(made)}{age(now, max(made))}")


def age(now: float, moment: Time) -> str:
    days = (now - moment.seconds) / 86400
    return f", {days:.1f} days ago" if days >= 0 else ", by its clock in the future"


def command_restore(vault: Vault, args: argparse.Namespace) -> int:
    manifest = vault.find(args.point)
    began, report = time.monotonic(), Report()
    if manifest.base:
        say(f"note: to be of use this point needs the one of (epoch, sequence) {tuple(manifest.base)} too")
    if manifest.unread:
        say(f"note: {manifest.unread} things could not be read when this point was made")
    Walk(Point(manifest, vault.packs), Folder(args.to, not args.no_owner), report).run()
    tell_problems(report)
    seconds = round(time.monotonic() - began, 3)
    tell_result(args, report, {"point": manifest.id, "job": manifest.name, "to": args.to, "seconds": seconds})
    return report.code()


def command_check(vault: Vault, args: argparse.Namespace) -> int:
    began, report = time.monotonic(), Report()
    if args.point:
        point = check_point(vault, vault.find(args.point), report)
        packs = check_packs(vault.packs, point.objects(), report)
    else:
        packs = check_vault(vault, report)
    report.problems = once(report.problems)
    tell_problems(report)
    seconds = round(time.monotonic() - began, 3)
    tell_result(args, report, {"point": args.point, "packs": packs, "seconds": seconds})
    return report.code()


def once(problems: list) -> list:
    """What several points share is told once."""
    return list({(path, str(finding)): (path, finding) for path, finding in problems}.values())


def tell_result(args: argparse.Namespace, report: Report, facts: dict) -> None:
    counts = {"files": report.files, "bytes": report.bytes, "entries": report.entries}
    if args.json:
        print(json.dumps({**facts, **counts, "problems": problems_json(report)}, indent=1))
        return
    told = ", ".join(f"{key} {value}" for key, value in {**facts, **counts}.items() if value is not None)
    print(f"{told}; {len(report.problems)} problems")


def run(args: argparse.Namespace) -> int:
    os.umask(0o077)
    vault = Vault(args.vault, read_secret(args))
    for note in vault.notes:
        say(f"note: {note}")
    if args.to:
        return command_restore(vault, args)
    if args.check:
        return command_check(vault, args)
    return command_list(vault, args)


def raise_limit_of_open_files() -> None:
    """One folder of a deep tree is one open file."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(words: list[str]) -> int:
    args = arguments(words)
    raise_limit_of_open_files()
    try:
        return run(args)
    except Finding as finding:
        if args.json:
            print(json.dumps({"error": {"what": type(finding).__name__, "why": str(finding), "do": finding.do}}))
        say(f"read_vault.py: {finding}" + (f"\n  {finding.do}" if finding.do else ""))
        return finding.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
