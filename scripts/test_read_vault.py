#!/usr/bin/env python3
"""Holds read_vault.py to the example bytes of engine/FORMAT.md (section 15), and to hostile vaults.

Run: python3 scripts/test_read_vault.py
The examples are read out of the document itself, so that neither can drift from the other.
"""

import io
import json
import os
import re
import stat
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import read_vault as rv
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DOCUMENT = Path(__file__).resolve().parents[1] / "engine" / "FORMAT.md"


def blocks(kind: str) -> dict[str, str]:
    found = re.findall(rf"^```{kind} ?(\S*)\n(.*?)^```", DOCUMENT.read_text(), re.S | re.M)
    return {name: body for name, body in found}


HEX = {name: bytes.fromhex(body) for name, body in blocks("hex").items()}
TEXT = blocks("text")
NAMES = dict(line.split() for line in TEXT["names"].splitlines())
FAMILY, VAULT = b"\xf1" * 16, b"\xf2" * 16
KEYRING = rv.Keyring(FAMILY, {1: HEX["master"]})
SECRET = TEXT["sheet"].strip().replace("-", "").encode()



class Examples(unittest.TestCase):
    """Each step of section 15."""

    def test_identity_file(self):
        identity = rv.decode_identity(HEX["identity-file"])
        self.assertEqual(identity, (FAMILY, VAULT, (1795000000, 0)))

    def test_sheet(self):
        self.assertEqual(rv.sheet_secret(TEXT["sheet"]), SECRET)
        typed = TEXT["sheet"].lower().replace("1", "l").replace("0", "o").replace("-", " ")
        self.assertEqual(rv.sheet_secret(typed), SECRET)
        with self.assertRaises(rv.WrongSecret):
            rv.sheet_secret(TEXT["sheet"].replace("A18N", "A18M"))
        self.assertEqual(rv.sheet_in_file("A page.\n\n    " + TEXT["sheet"] + "\nMore.\n"), SECRET)

    def test_passphrase_loses_one_line_end(self):
        cases = {b"a": b"a", b"a\n": b"a", b"a\r\n": b"a", b"a\n\n": b"a\n", b"a\r": b"a\r", b"\xc3\xbc ": b"\xc3\xbc "}
        for content, secret in cases.items():
            self.assertEqual(rv.passphrase_secret(content), secret)

    def test_slot(self):
        keys = rv.decode_keys(HEX["keys-file"], "keys")
        slot = keys.slots[0]
        stretched = rv.stretch(slot, SECRET)
        self.assertEqual(stretched, HEX["slot-argon2id"])
        self.assertEqual(rv.derive("slot commitment", stretched), HEX["slot-commitment"])
        self.assertEqual(rv.derive("slot wrap", stretched), HEX["slot-key"])
        self.assertEqual(rv.derive("slot wrap nonce", stretched), HEX["slot-nonce-key"])
        self.assertEqual(FAMILY + rv.u32(1) + slot.id, HEX["slot-aad"])
        self.assertEqual(slot.box, HEX["slot-box"])
        self.assertEqual(rv.derive("slot set", HEX["master"], FAMILY), HEX["slots-mac-key"])
        self.assertEqual(keys.open(SECRET).masters, {1: HEX["master"]})

    def test_keys_of_the_family(self):
        self.assertEqual(rv.derive("chunk identity", HEX["master"], FAMILY), HEX["identity-key"])
        self.assertEqual(rv.derive("chunker", HEX["master"], FAMILY), HEX["chunker-key"])

    def test_file_keys(self):
        cases = [
            ("pack-header", b"OFFSITEP", "pack", "chunk"),
            ("pack-header", b"OFFSITEP", "pack footer", "footer"),
            ("manifest-aad", b"OFFSITEM", "manifest", "manifest"),
            ("head-aad", b"OFFSITEH", "head", "head"),
        ]
        for raw, magic, purpose, name in cases:
            header = rv.decode_header(HEX[raw] + b"more", magic, raw)
            self.assertEqual(header.raw, HEX[raw])
            self.assertEqual(KEYRING.key(purpose, header), HEX[f"{name}-key"])
            self.assertEqual(KEYRING.key(purpose + " nonce", header), HEX[f"{name}-nonce-key"])

    def test_boxes_and_their_nonces(self):
        plains = {"slot": "slot-plain", "chunk": "chunk-encoded", "footer": "footer-plain"}
        plains |= {"manifest": "manifest-plain", "head": "head-plain"}
        for name, plain in plains.items():
            box, aad = HEX[f"{name}-box"], HEX[f"{name}-aad"]
            self.assertEqual(rv.open_box(HEX[f"{name}-key"], box, aad, name), HEX[plain])
            self.assertEqual(rv.box_nonce(HEX[f"{name}-nonce-key"], aad, HEX[plain]), box[:12])
            with self.assertRaises(rv.Damaged):
                rv.open_box(HEX[f"{name}-key"], box, aad + b"\0", name)

    def test_chunk(self):
        self.assertEqual(rv.keyed(HEX["identity-key"], HEX["chunk-plain"]), HEX["chunk-id"])
        self.assertEqual(rv.unpack(HEX["chunk-encoded"], 20, "chunk"), HEX["chunk-plain"])
        self.assertEqual(rv.unpack(HEX["zstd-chunk"], 100, "chunk"), b"a" * 100)
        for bad in (HEX["zstd-chunk"][:-1], HEX["zstd-chunk"] + b"\0", HEX["zstd-chunk"] * 2, b"\x02a"):
            with self.assertRaises(rv.Damaged):
                rv.unpack(bad, 100, "chunk")
        with self.assertRaises(rv.Damaged):
            rv.unpack(HEX["zstd-chunk"], 99, "chunk")

    def test_names(self):
        for kind in ("keys", "head"):
            digest = NAMES[f"{kind}-file"].rpartition("-")[2]
            rv.require_digest_name(HEX[f"{kind}-file"], digest, kind)
        for kind in ("data", "tree"):
            self.assertEqual(rv.plain_hash(HEX[f"{kind}-pack-file"]).hex(), NAMES[f"{kind}-pack-file"][-64:])

    def test_entries(self):
        raw = list(rv.Stream(HEX["entries"][at : at + 7] for at in range(0, len(HEX["entries"]), 7)))
        folder, file, link = map(rv.decode_entry, raw)
        self.assertEqual((folder.path, folder.kind, folder.mode), (b"docs", rv.FOLDER, 0o755))
        self.assertEqual((file.path, file.mode, file.size), (b"docs/a.txt", 0o4640, 4096))
        self.assertEqual(file.attributes, [(b"user.note", b"hi")])
        self.assertEqual(file.changed, (-1, 500000000))
        self.assertEqual(file.spans[1], rv.Hole(4076))
        self.assertEqual((link.kind, link.target), (rv.SYMLINK, b"a.txt"))

    def test_manifest(self):
        header, raw = rv.open_sealed(HEX["manifest-file"], b"OFFSITEM", "manifest", KEYRING, "manifest")
        manifest = rv.decode_manifest(raw, header, KEYRING, "manifest")
        self.assertEqual((manifest.name, manifest.protected), ("documents", "folders docs"))
        self.assertEqual((manifest.order, manifest.id), ((1, 12), "d3" * 8))
        self.assertEqual((manifest.files, manifest.bytes, manifest.entries), (1, 4096, 3))
        self.assertEqual([root.hex() for root in manifest.roots], [NAMES["tree-pack-file"][-64:]])

    def test_head(self):
        header, raw = rv.open_sealed(HEX["head-file"], b"OFFSITEH", "head", KEYRING, "head")
        self.assertEqual(header.scope, VAULT)
        self.assertEqual(rv.decode_head(raw, "head")[:2], (1, 7))

    def test_whole_vault_restores(self):
        with tempfile.TemporaryDirectory() as folder:
            root = example_vault(Path(folder) / "vault")
            (Path(folder) / "sheet").write_text(TEXT["sheet"])
            words = [str(root), "--sheet", f"{folder}/sheet"]
            self.assertEqual(call(*words)[0], 0)
            self.assertEqual(call(*words, "--check")[0], 0)
            code, out, err = call(*words, "--to", f"{folder}/out", "--no-owner", "--json")
            self.assertEqual((code, json.loads(out)["problems"]), (0, []), err)
            restored = Path(folder) / "out" / "docs" / "a.txt"
            self.assertEqual(restored.read_bytes(), HEX["chunk-plain"] + bytes(4076))
            self.assertEqual(restored.stat().st_mtime_ns, -500000000)
            self.assertEqual(os.readlink(restored.parent / "link"), "a.txt")
            self.assertEqual(os.stat(restored.parent).st_mode & 0o7777, 0o755)


def example_vault(root: Path) -> Path:
    for kind, name in NAMES.items():
        write(root / name, HEX[kind])
    write(root / "VAULT.copy", HEX["identity-file"])
    return root


class Mirror(unittest.TestCase):
    """The example's point as it lies at a mirror (section 3.1)."""

    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.top, self.to = Path(held.name) / "mirror", Path(held.name) / "to"
        vault = example_vault(self.top)
        (self.top / ".offsite").mkdir()
        for name in os.listdir(vault):
            if name != ".offsite":
                os.rename(vault / name, self.top / ".offsite" / name)
        keyring = rv.Keyring(FAMILY, {1: HEX["master"]})
        packs = rv.Packs(str(self.top / ".offsite"), keyring)
        listed = rv.list_points(packs.root, keyring)[0].manifest
        point = rv.Point(listed, packs)
        point.load_pack_list()
        self.entry = next(e for e in point.entries(lambda path, finding: None) if e.kind == rv.FILE)
        self.content = HEX["chunk-plain"] + bytes(4076)
        self.file = self.top / os.fsdecode(self.entry.path)
        write(self.file, self.content)
        for name in set(point.named.all()) - set(point.roots.all()):
            os.unlink(self.top / ".offsite" / "packs" / name.hex()[:2] / name.hex())
        self.job = listed.job

    def call(self, *words: str):
        secret = self.top.parent / "sheet"
        secret.write_text(TEXT["sheet"])
        return call(str(self.top), "--sheet", str(secret), *words)

    def test_files_are_read_where_they_lie(self):
        code, out, err = self.call("--check")
        self.assertEqual((code, "0 problems" in out), (0, True), out + err)
        self.call("--to", str(self.to))
        self.assertEqual((self.to / os.fsdecode(self.entry.path)).read_bytes(), self.content)

    def test_what_was_set_aside_is_the_points_own(self):
        name = rv.derive("mirror file", self.job, self.entry.digest, self.entry.path).hex()
        write(self.top / ".offsite" / "older" / name, self.content)
        self.file.write_bytes(b"of a newer point")
        self.assertEqual(self.call("--check")[0], 0)

    def test_a_changed_byte_is_damage(self):
        self.file.write_bytes(bytes([self.content[0] ^ 1]) + self.content[1:])
        self.assertEqual(self.call("--check")[0], 4)


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def call(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = rv.main(list(words))
        except SystemExit as left:
            code = left.code
    return code, out.getvalue(), err.getvalue()


# --- A small writer, for vaults that no honest writer makes -------------------


def cbor(value) -> bytes:
    """Deterministic CBOR of numbers, bytes, text, lists, maps, true, false, null."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        return cbor_number(0, value) if value >= 0 else cbor_number(1, -1 - value)
    if isinstance(value, (bytes, str)):
        data = value if isinstance(value, bytes) else value.encode()
        return cbor_number(2 if isinstance(value, bytes) else 3, len(data)) + data
    if isinstance(value, dict):
        return cbor_number(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in sorted(value.items()))
    return cbor_number(4, len(value)) + b"".join(map(cbor, value))


def cbor_number(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for low, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * width:
            return bytes([major << 5 | low]) + number.to_bytes(width, "big")
    raise ValueError(number)


JOB, GROUP, POINT, SALT = b"\xd1" * 8, b"\xd2" * 8, b"\xd3" * 8, b"\xa5" * 32
NOW = [1794000000, 0]


def header(magic: bytes, scope: bytes, **other) -> bytes:
    fields = {1: 1, 2: FAMILY, 3: scope, 4: 1, 5: SALT, 6: 0, 7: 0} | {int(k[1:]): v for k, v in other.items()}
    start = magic + cbor(fields)
    return start + rv.plain_hash(start)[:8]


def seal(purpose: str, head: bytes, plain: bytes, more: bytes = b"") -> bytes:
    scope = rv.cbor_item(head, 8)[0][3]
    parts = (HEX["master"], FAMILY, scope, rv.u32(1), SALT)
    nonce = rv.box_nonce(rv.derive(purpose + " nonce", *parts), head + more, plain)
    return nonce + AESGCM(rv.derive(purpose, *parts)).encrypt(nonce, plain, head + more)


def pack(contents: list[bytes]) -> tuple[bytes, list[list]]:
    """A pack of these chunks, and their refs (without the pack's short id)."""
    head = header(b"OFFSITEP", GROUP + bytes(8))
    data, rows = head, []
    for index, content in enumerate(contents):
        identity, stored = rv.keyed(HEX["identity-key"], content), len(content) + 33
        more = rv.u32(index) + rv.u32(len(data)) + rv.u32(stored) + identity
        rows.append([len(data), stored, len(content), identity])
        data += rv.u32(index) + seal("pack", head, b"\0" + content, more)
    footer = seal("pack footer", head, cbor(rows), rv.u32(len(data)))
    return data + footer + rv.u32(len(footer)) + b"OFFSITEp", rows


def entry(path: bytes, kind: int, **other) -> dict:
    fields = {1: path, 2: kind, 3: 0o755, 4: os.getuid(), 5: os.getgid(), 6: NOW, 7: [0, 0, NOW, NOW]}
    return fields | {int(k[1:]): v for k, v in other.items()}


def empty_file(path: bytes, **other) -> dict:
    return entry(path, 0, f9=0, f10=rv.plain_hash(b""), f11=[], **other)


class Hostile(unittest.TestCase):
    """What is sealed with the right keys and wrong all the same, or altered afterwards."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.vault = self.folder / "vault"
        self.out = self.folder / "out"
        write(self.folder / "sheet", TEXT["sheet"].encode())
        for kind in ("identity-file", "keys-file"):
            write(self.vault / NAMES[kind], HEX[kind])
        write(self.vault / "VAULT.copy", HEX["identity-file"])

    def point(self, stream: bytes, totals=(0, 0, 0), **other) -> None:
        self.data, rows = pack([stream] if stream else [b"-"])
        name = rv.plain_hash(self.data)
        write(self.vault / "packs" / name.hex()[:2] / name.hex(), self.data)
        refs = [[name[:8], *row] for row in rows] if stream else []
        plain = {1: FAMILY, 2: JOB, 3: GROUP, 4: [1, 1, POINT], 5: b"w" * 16, 6: 1, 7: NOW, 8: None, 9: "odd"}
        plain |= {10: "test", 11: [*totals, 0, 0], 12: [name], 13: refs, 14: [], 15: []}
        plain |= {int(k[1:]): v for k, v in other.items()}
        head = header(b"OFFSITEM", JOB + bytes(8))
        manifest = head + seal("manifest", head, cbor(plain))
        write(self.vault / "points" / JOB.hex() / f"00000001-000000000001-{POINT.hex()}", manifest)

    def entries(self, *entries: dict) -> None:
        files = sum(e[2] in (0, 3) for e in entries)
        self.point(b"".join(map(cbor, entries)), (files, 0, len(entries)))

    def call(self, *words: str):
        return call(str(self.vault), "--sheet", str(self.folder / "sheet"), *words)

    def restore(self):
        return self.call("--to", str(self.out))

    def test_an_empty_point_restores_to_nothing(self):
        self.point(b"")
        self.assertEqual(self.restore()[0], 0)
        self.assertEqual(os.listdir(self.out), [])

    def test_paths_that_leave_are_refused_and_the_rest_is_restored(self):
        for path in (b"../evil", b"/evil", b"a/../../evil", b"a//b", b"a/", b".", b"", b"a\0b"):
            with self.subTest(path=path):
                self.out = Path(tempfile.mkdtemp(dir=self.folder))
                self.entries(empty_file(path), empty_file(b"good"))
                self.assertEqual(self.restore()[0], 4)
                self.assertEqual(os.listdir(self.out), ["good"])
        self.assertFalse((self.folder / "evil").exists())

    def test_a_link_planted_earlier_is_not_followed(self):
        outside = self.folder / "outside"
        outside.mkdir()
        link = entry(b"a", 2, f13=os.fsencode(outside))
        self.entries(link, empty_file(b"a/evil"), empty_file(b"b"))
        self.assertEqual(self.restore()[0], 4)
        self.assertEqual(os.listdir(outside), [])
        self.assertTrue((self.out / "b").exists())

    def test_a_hard_link_must_point_at_an_earlier_entry(self):
        for target in (b"nothing", b"z", b"dir", b"../../etc/passwd", b"h"):
            with self.subTest(target=target):
                self.out = Path(tempfile.mkdtemp(dir=self.folder))
                self.entries(entry(b"dir", 1), entry(b"h", 3, f13=target), empty_file(b"z"))
                self.assertEqual(self.restore()[0], 4)
                self.assertEqual(sorted(os.listdir(self.out)), ["dir", "z"])

    def test_order_kinds_and_fields_are_held_to(self):
        good = empty_file(b"a")
        for bad in (
            empty_file(b"a"),
            empty_file(b"A"),
            entry(b"b", 7),
            entry(b"b", 1, f15=1),
            entry(b"b", 1, f8=[]),
            entry(b"b", 1, f3=0o10000),
            entry(b"b", 1, f6=[0, 10**9]),
            empty_file(b"b", f12=False),
            entry(b"b", 0, f9=5, f10=bytes(32), f11=[2, 3]),
            entry(b"b", 0, f9=5, f10=bytes(32), f11=[4]),
        ):
            with self.subTest(bad=bad):
                self.out = Path(tempfile.mkdtemp(dir=self.folder))
                self.entries(good, bad, empty_file(b"c"))
                self.assertEqual(self.restore()[0], 4)
                self.assertEqual(sorted(os.listdir(self.out)), ["a", "c"])

    def test_a_folder_sorts_before_all_below_it_and_then_its_neighbours(self):
        self.entries(entry(b"f", 1), empty_file(b"f/z"), empty_file(b"f!"), empty_file(b"f.txt"))
        code, _, err = self.restore()
        self.assertEqual(code, 0, err)

    def test_parents_need_not_be_listed(self):
        self.entries(empty_file(b"x/y/z"))
        self.assertEqual(self.restore()[0], 0)
        self.assertEqual(stat.S_IMODE((self.out / "x").stat().st_mode), 0o700)

    def test_a_wrong_digest_leaves_no_file(self):
        self.entries(entry(b"a", 0, f9=9, f10=bytes(32), f11=[9]), empty_file(b"b"))
        self.assertEqual(self.restore()[0], 4)
        self.assertEqual(os.listdir(self.out), ["b"])

    def test_a_stream_that_is_cut_keeps_what_was_before(self):
        self.point(cbor(empty_file(b"a")) + cbor(empty_file(b"b"))[:-3])
        self.assertEqual(self.restore()[0], 4)
        self.assertEqual(os.listdir(self.out), ["a"])

    def test_totals_that_differ_are_told(self):
        self.point(cbor(empty_file(b"a")), (2, 0, 1))
        code, _, err = self.restore()
        self.assertEqual(code, 4)
        self.assertIn("the manifest says", err)

    def test_what_a_newer_release_uses_is_newer_not_damaged(self):
        self.point(cbor(empty_file(b"a")), (1, 0, 1), f15=[1])
        code, _, err = self.restore()
        self.assertEqual(code, 1)
        self.assertIn("newer release", err)
        for room in ({"f1": 2}, {"f6": 1}, {"f7": 1}, {"f1": 2, "f9": "?"}):
            with self.assertRaises(rv.Newer):
                rv.decode_header(header(b"OFFSITEP", GROUP + bytes(8), **room), b"OFFSITEP", "pack")
        with self.assertRaises(rv.Damaged):
            rv.decode_header(header(b"OFFSITEP", GROUP + bytes(8), f1=0), b"OFFSITEP", "pack")

    def test_a_newer_vault_is_refused_and_the_copy_is_not_asked(self):
        start = b"OFFSITEV" + cbor({1: 2, 9: "?"})
        write(self.vault / "VAULT", start + rv.plain_hash(start))
        code, _, err = self.call()
        self.assertEqual(code, 1)
        self.assertIn("version 2", err)

    def test_a_manifest_under_another_name_is_refused(self):
        self.entries(empty_file(b"a"))
        folder = self.vault / "points" / JOB.hex()
        (old,) = folder.iterdir()
        for name in (f"00000001-000000000002-{POINT.hex()}", f"00000001-000000000001-{'d4' * 8}"):
            old = old.rename(folder / name)
            self.assertEqual(self.call()[0], 4)
        old.rename(folder / "1-1-d4")  # not ours: ignored
        self.assertEqual(self.call()[0], 0)

    def test_slots_that_were_altered_are_refused(self):
        raw = rv.cbor_whole(HEX["keys-file"][8:-32], "keys")
        raw[6][0][10] = "another label"
        start = b"OFFSITEK" + cbor(raw)
        data = start + rv.plain_hash(start)
        (self.vault / NAMES["keys-file"]).unlink()
        write(self.vault / "keys" / f"00000001-{rv.plain_hash(data)[:8].hex()}", data)
        code, _, err = self.call()
        self.assertEqual(code, 4)
        self.assertIn("altered", err)

    def test_argon2id_out_of_bounds_is_refused_before_it_runs(self):
        raw = rv.cbor_whole(HEX["keys-file"][8:-32], "keys")
        raw[6][0][3] = 1 << 31
        with self.assertRaises(rv.Damaged):
            rv.slot_of(raw[6][0])

    def test_a_wrong_secret_is_said_to_be_one(self):
        (self.folder / "pass").write_text("no\n")
        code, _, err = call(str(self.vault), "--passphrase-file", str(self.folder / "pass"))
        self.assertEqual(code, 1)
        self.assertIn("wrong passphrase", err)

    def test_no_vault(self):
        (self.folder / "pass").write_text("no\n")
        code, out, _ = call(str(self.folder), "--passphrase-file", str(self.folder / "pass"), "--json")
        self.assertEqual((code, json.loads(out)["error"]["what"]), (1, "NoVault"))

    def test_every_flipped_byte_of_a_pack_is_found_by_check(self):
        self.entries(empty_file(b"a"))
        self.assertEqual(self.call("--check")[0], 0)
        name = rv.plain_hash(self.data).hex()
        for at in range(0, len(self.data), 7):
            flipped = bytearray(self.data)
            flipped[at] ^= 1
            write(self.vault / "packs" / name[:2] / name, bytes(flipped))
            self.assertEqual(self.call("--check")[0], 4, at)


class Encoding(unittest.TestCase):
    def test_other_forms_are_refused(self):
        bad = ["1817", "190017", "1a00000017", "1b0000000000000017", "5f4100ff", "9fff", "bfff", "c000", "f7", "f0"]
        bad += ["f818", "f90000", "fa00000000", "fb0000000000000000", "61ff", "a2020001 00", "a201000100", "a16161 00"]
        for case in bad + ["0000", "82" * 40 + "00" * 41, "1c", "ff"]:
            with self.subTest(case=case), self.assertRaises(rv.Damaged):
                rv.cbor_whole(bytes.fromhex(case), "item")

    def test_what_is_cut_is_damaged_and_costs_no_memory(self):
        for case in ("", "18", "5bffffffffffffffff", "9bffffffffffffffff", "bb00000000ffffffff00"):
            with self.subTest(case=case), self.assertRaises(rv.Damaged):
                rv.cbor_whole(bytes.fromhex(case), "item")

    def test_times_before_1970(self):
        self.assertEqual(rv.time_of([-1, 500000000], "time").ns(), -500000000)
        self.assertEqual(str(rv.Time(-1, 500000000)), "1969-12-31T23:59:59.5Z")

    def test_numbers_in_names(self):
        good = ["00000001-" + "0" * 16, "123456789-" + "0" * 16]
        bad = ["0000001-" + "0" * 16, "000000001-" + "0" * 16, "00000001-" + "A" * 16, "+0000001-" + "0" * 16]
        self.assertTrue(all(map(rv.KEYS_NAME.fullmatch, good)))
        self.assertFalse(any(map(rv.KEYS_NAME.fullmatch, bad)))


if __name__ == "__main__":
    unittest.main()
