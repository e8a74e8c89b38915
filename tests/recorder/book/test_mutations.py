"""Whole roots and bundles on disk, changed at random: every change is named where it is, what is whole is accepted.

What is not evidence is listed: `BESIDE`. What nobody can know is told: lines that a bundle lacks make it prove less
(`ONLY_TOLD`), and an older copy of everything is whole.
"""

import json
import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import event as noted
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from recorder.book.book import Book
from recorder.book.evidence import NoEvidence, certificate_name, certificates_below
from recorder.book.layout import Layout
from recorder.book.orders import Append, KeepToken, Rotate
from recorder.export.archive import write_folder
from recorder.export.bundle import bundle_of
from recorder.proof import tokens
from recorder.proof.chain import Chain
from recorder.proof.digests import WITH_SM3
from recorder.proof.findings import Finding, is_sound
from recorder.proof.ledger_reading import read_ledger
from recorder.proof.signing import Ed25519Signer
from recorder.proof.verifying import ON_ITS_WAY_US
from tests.recorder.book.books import NOW, closure, event, findings_at, open_book, opening, segment
from tests.recorder.proof.authority import Authority

SHARED, OWN, THEIRS = "shared", "only-a", "only-b"
#: No evidence: made anew from the leaves, secret, or copies for people and other programs. Verification tells of them.
BESIDE = ("proof/nodes.bin", "proof/keys/", "README.txt", "SHA256SUMS", "SM3SUMS", "proof/stamps/")
#: A bundle with fewer of these lines is one that proves less, as its owner may hand out.
ONLY_TOLD = ("proof/ledger.jsonl", "proof/proofs.jsonl")
LINES = (".jsonl",)
SERVER = ("ledger", "log", "proofs")


@dataclass(frozen=True, slots=True)
class World:
    """A root, the same at an earlier time, and a bundle of its first session; by what they say when nobody changed
    them.
    """

    folder: Path
    roots: tuple[x509.Certificate, ...]
    whole: dict[str, list[Finding]]


def stamp(book: Book, *authorities: Authority) -> None:
    assert book.to_stamp is not None
    stamped = book.to_stamp.stamped
    replies = [authority.reply(tokens.request(stamped).as_bytes()) for authority in authorities]
    book.commit([KeepToken(stamped, reply) for reply in replies], NOW)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Session A by SHA-256, B by SM3 too; a track of both; a key that follows another; a file deleted by policy."""
    folder = tmp_path_factory.mktemp("made")
    root = folder / "root"
    authorities = [Authority(folder / name, name) for name in ("one", "two")]
    certificates = Layout(root).certificates
    certificates.mkdir(parents=True)
    for authority in authorities:
        (certificates / certificate_name(authority.root)).write_bytes(authority.root_pem)
    book = open_book(root)
    book.commit([opening("A"), *segment(root, OWN, 0, "A"), *segment(root, OWN, 1, "A"), event("A", 1)], NOW)
    stamp(book, *authorities)
    book.close()
    book = open_book(root, algorithms=WITH_SM3)
    book.commit([opening("B"), *segment(root, SHARED, 0, "A", "B", algorithms=WITH_SM3)], NOW)
    shutil.copytree(root, folder / "older")
    book.commit([Rotate(), *segment(root, SHARED, 1, "A", "B", algorithms=WITH_SM3), event("B", 7)], NOW)
    book.commit([*segment(root, THEIRS, 0, "B", algorithms=WITH_SM3), closure("A"), closure("B")], NOW)
    book.commit([Append("A", "deletion", {"at": NOW, "policy": "30 days", "records": [1]})], NOW)
    (root / "tracks" / OWN / "0.mp4").unlink()
    stamp(book, *authorities)
    book.close()
    write_folder(bundle_of(root, "A"), folder / "bundle")
    roots = tuple(authority.root for authority in authorities)
    return World(folder, roots, {kind: findings_at(folder / kind, roots) for kind in ("root", "bundle")})


def test_what_is_whole_is_accepted_and_says_by_which_digests(world: World) -> None:
    for kind, findings in world.whole.items():
        assert is_sound(findings), kind
        deleted = [(finding.file, finding.detail) for finding in findings if finding.state == "deleted"]
        assert deleted == [(f"tracks/{OWN}/0.mp4", "30 days")]
    chains = {f.session: f.detail for f in world.whole["root"] if f.code == "chain-intact"}
    assert chains == {"A": "SHA-256", "B": "SHA-256, SM3"}
    files = {(f.session, f.detail, f.count) for f in world.whole["root"] if f.code == "files-intact"}
    assert files == {("A", "SHA-256", 1), ("A", "SHA-256, SM3", 2), ("B", "SHA-256, SM3", 3)}
    beside = {f.file for f in world.whole["root"] if f.code == "file-beside"}
    assert len(beside) == 3 and all(file.startswith(BESIDE) for file in beside)


def of_lines(data: bytes, chance: random.Random) -> bytes:
    """Drop a line, have one twice, swap two, write one otherwise."""
    parts = data.splitlines(keepends=True)
    one, two = (chance.randrange(len(parts)) for _ in range(2))
    match chance.choice(("drop", "twice", "swap", "otherwise")):
        case "drop":
            del parts[one]
        case "twice":
            parts.insert(two, parts[one])
        case "swap":
            parts[one], parts[two] = parts[two], parts[one]
        case "otherwise":
            told = json.loads(parts[one])
            spaced = json.dumps(told, ensure_ascii=chance.random() < 0.5, sort_keys=chance.random() < 0.5)
            parts[one] = spaced.encode() + b"\n"
    return b"".join(parts)


def of_bytes(data: bytes, chance: random.Random) -> bytes:
    """Flip a bit, put another byte, cut the end, add something, take a piece out."""
    at, end = sorted(chance.randrange(len(data)) for _ in range(2))
    match chance.choice(("bit", "byte", "cut", "add", "take")):
        case "bit":
            return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        case "byte":
            return data[:at] + bytes([data[at] ^ chance.randrange(1, 256)]) + data[at + 1 :]
        case "cut":
            return data[:at]
        case "add":
            return data + chance.choice((b"\0", b"\n", b"{}\n", b"x" * 700, data[at:]))
        case _:
            return data[:at] + data[end + 1 :]


def mutate(place: Path, path: Path, older: Path, chance: random.Random) -> set[Path]:
    """Change something about a file; give the files that are concerned."""
    data = path.read_bytes()
    name = path.relative_to(place)
    what = chance.choice(("bytes", "bytes", "lines", "delete", "rename", "put", "swap", "older", "link", "plant"))
    noted(what)
    other = chance.choice([each for each in sorted(place.rglob("*")) if each.is_file() and each != path])
    if what == "bytes" or (what == "lines" and path.suffix not in LINES):
        path.write_bytes(of_bytes(data, chance))
    elif what == "lines":
        path.write_bytes(of_lines(data, chance))
    elif what == "delete":
        path.unlink()
    elif what == "rename":
        path.rename(path.with_name(path.name + ".old"))
    elif what == "put":
        path.write_bytes(other.read_bytes())
    elif what == "swap":
        path.write_bytes(other.read_bytes())
        other.write_bytes(data)
        return {path, other}
    elif what == "older" and (older / name).exists():
        shutil.copyfile(older / name, path)
    elif what == "link":
        path.rename(place.parent / "away")
        path.symlink_to(place.parent / "away")
    elif what == "plant":
        path.with_name("0" + path.name).write_bytes(data)
        return {path.with_name("0" + path.name)}
    return {path}


def is_named(told: list[Finding], whole: list[Finding], name: str, *, is_bundle: bool, has_times: bool) -> bool:
    """Tell whether findings say that something is wrong with this file, or with what it was."""
    wrong = [finding for finding in told if not is_sound([finding])]
    top, _, rest = name.partition("/")
    if top == "tracks":
        track = rest.partition("/")[0]
        of_file = [f for f in wrong if f.file == name]
        return any(f.track == track and (f.start is not UNSET) >= has_times for f in of_file)
    if top == "sessions":
        session, _, file = rest.partition("/")
        # A second file beside a chain is nobody's.
        return any(f.session == session for f in wrong) or any(f.file == name for f in told if file != "chain.jsonl")
    if name.startswith("proof/certificates/"):
        return told != whole
    if is_bundle and name in ONLY_TOLD:
        return told != whole
    if name in ("proof/ledger.jsonl", "proof/leaves.jsonl", "proof/proofs.jsonl"):
        return any(f.place in SERVER for f in wrong)
    return any(f.file == name for f in told)


@settings(max_examples=120)
@given(st.booleans(), st.randoms(use_true_random=False))
def test_every_change_at_random_is_named(world: World, is_bundle: bool, chance: random.Random) -> None:
    kind = "bundle" if is_bundle else "root"
    with tempfile.TemporaryDirectory() as name:
        place = Path(shutil.copytree(world.folder / kind, Path(name, kind)))
        before = {path: path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}
        certificates = set(certificates_below(place))
        # Few files are evidence of the server, and each is as likely as all of the rest.
        chosen = chance.choice(
            (chance.choice(sorted(before)), chance.choice(sorted((place / "proof").glob("*.jsonl"))))
        )
        concerned = mutate(place, chosen, world.folder / "older", chance)
        # Where the root comes from elsewhere, certificates that came along do not matter; so here it does not.
        roots = () if any("certificates" in path.parts for path in concerned) else world.roots
        whole = world.whole[kind] if roots else findings_at(world.folder / kind)
        try:
            told = findings_at(place, roots)
        except (NoEvidence, OSError):
            return  # the command ends with another status, and says which file
        for path in concerned:
            own = path.relative_to(place).as_posix()
            is_same = not path.is_symlink() and path.exists() and before.get(path) == path.read_bytes()
            is_same = is_same or ("certificates" in path.parts and set(certificates_below(place)) == certificates)
            is_same = is_same or (own == "proof/proofs.jsonl" and path.exists() and same_lines(path, before[path]))
            if is_same:
                continue
            if own.startswith(BESIDE):
                assert is_sound(told) or len(concerned) > 1, own
                assert not path.exists() or any(f.file == own for f in told), own
            else:
                has_times = path in before and len(concerned) == 1
                assert is_named(told, whole, own, is_bundle=is_bundle, has_times=has_times), own


def same_lines(path: Path, before: bytes) -> bool:
    """Proofs prove the same in any order, and twice."""
    return set(path.read_bytes().splitlines(keepends=True)) == set(before.splitlines(keepends=True))


def test_an_older_copy_of_everything_is_told_as_what_it_may_be(world: World) -> None:
    (told,) = [finding for finding in world.whole["root"] if finding.code == "older-copy"]
    assert told.at == NOW and told.detail
    findings = findings_at(world.folder / "older", world.roots)
    assert {f.code for f in findings if not is_sound([f])} == {"not-closed"}
    assert "older-copy" in {finding.code for finding in findings}, "nobody can know"
    for kind, codes in (("root", set()), ("older", {"checkpoint-absent"})):
        found = findings_at(world.folder / kind, world.roots, seen=(told.detail,))
        assert {f.code for f in found if f.code == "checkpoint-absent"} == codes, "who has seen a later one knows"


def test_a_session_that_a_bundle_does_not_hold_any_more_is_missed(world: World, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(world.folder / "bundle", tmp_path / "bundle"))
    shutil.rmtree(bundle / "sessions" / "A")
    shutil.rmtree(bundle / "tracks")
    assert {(f.code, f.session) for f in findings_at(bundle) if f.state == "missing"} == {("records-absent", "A")}


def test_a_session_that_who_has_an_old_key_made_is_not_sound(world: World, tmp_path: Path) -> None:
    """A key that another one has followed is worth nothing without the log."""
    root, bundle = (Path(shutil.copytree(world.folder / kind, tmp_path / kind)) for kind in ("root", "bundle"))
    (first, _) = read_ledger([(root / "proof" / "ledger.jsonl").read_bytes()]).keys
    stolen = Ed25519Signer.from_pem((root / "proof" / "keys" / f"{first}.pem").read_bytes())

    def forged(session: str) -> bytes:
        chain = Chain(session, stolen)
        at = NOW - ON_ITS_WAY_US
        return chain.append("opening", {"at": at}) + chain.append("closure", {"at": at}) + chain.head(at)

    ledger = (bundle / "proof" / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    keys_only = b"".join(line for line in ledger if b'"kind":"key"' in line)
    shutil.rmtree(bundle / "tracks")
    (bundle / "sessions" / "A" / "chain.jsonl").write_bytes(forged("A"))
    (bundle / "proof" / "ledger.jsonl").write_bytes(keys_only)
    (bundle / "proof" / "proofs.jsonl").write_bytes(b"")
    (root / "sessions" / "C").mkdir()
    (root / "sessions" / "C" / "chain.jsonl").write_bytes(forged("C"))
    for place, session in ((root, "C"), (bundle, "A")):
        wrong = [f for f in findings_at(place, world.roots) if not is_sound([f])]
        assert [(f.code, f.session) for f in wrong] == [("unlogged", session)]
