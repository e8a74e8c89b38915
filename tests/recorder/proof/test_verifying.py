"""Everything together: what is whole is accepted, and every change to any file of it is named."""

import base64
import random
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recorder.proof import lines
from recorder.proof.chain import Chain
from recorder.proof.digests import SHA256_ONLY, WITH_SM3, Algorithm
from recorder.proof.findings import Finding, is_sound, worst
from recorder.proof.ledger import response_digest
from recorder.proof.signing import Ed25519Signer, name_of
from tests.recorder.proof import independent
from tests.recorder.proof import server as made
from tests.recorder.proof.authority import Authority
from tests.recorder.proof.server import NOW, SESSIONS, Files, Server, findings_of, lines_of
from tests.recorder.proof.sessions import BEGIN, OLD, SECOND, SIGNERS, record


class World(NamedTuple):
    """Evidence of one server, a bundle of its first session, evidence of another server, and whom to believe."""

    server: Server
    whole: Files
    bundle: Files
    other: Files
    authorities: list[Authority]

    def verify(self, files: Files, **more: object) -> list[Finding]:
        roots = [authority.root for authority in self.authorities]
        return findings_of(files, roots, **{"first_key": name_of(OLD), **more})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("tsa")
    century = timedelta(days=40_000)
    authorities = [Authority(folder / name, name, century) for name in ("one", "two")]
    server, whole = made.make(authorities)
    _, other = made.make(authorities, Server(Ed25519Signer.generate(), Ed25519Signer.generate()))
    return World(server, whole, made.bundle(server, whole, SESSIONS[0]), other, authorities)


def codes(findings: list[Finding], *states: str) -> set[str]:
    return {finding.code for finding in findings if not states or finding.state in states}


def test_what_is_whole_is_accepted_and_says_who_saw_what_when(world: World) -> None:
    findings = world.verify(world.whole)
    assert is_sound(findings)
    assert codes(findings, "unknown") == {"before-witness", "after-witness", "older-copy"}
    assert codes(findings, "intact") == {"chain-intact", "files-intact", "ledger-intact", "log-intact"}
    deleted = [finding for finding in findings if finding.state == "deleted"]
    assert [(f.file[-5:], f.detail) for f in deleted] == [("2.mp4", "30 days")] * 2
    stamped = [finding for finding in findings if finding.code == "stamped"]
    assert len(stamped) == 4 and {finding.authority for finding in stamped} <= {"CN=one", "CN=two"}
    assert findings == world.verify(world.whole, piece=7)


def test_a_bundle_is_accepted_by_itself_and_names_no_other_session(world: World) -> None:
    findings = world.verify(world.bundle)
    assert is_sound(findings)
    assert codes(findings, "unknown") == {"before-witness", "after-witness", "ledger-excerpt"}
    whole = {(f.record, f.at) for f in world.verify(world.whole) if f.code == "stamped" and f.session == SESSIONS[0]}
    assert {(f.record, f.at) for f in findings if f.code == "stamped"} == whole
    assert all(SESSIONS[1].encode() not in data for data in world.bundle.values())


def flip(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ chance.randrange(1, 256)]) + data[at + 1 :]


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def remove(data: bytes, chance: random.Random) -> bytes:
    parts = lines_of(data)
    del parts[chance.randrange(len(parts))]
    return b"".join(parts)


def swap(data: bytes, chance: random.Random) -> bytes:
    parts = lines_of(data)
    one, two = chance.sample(range(len(parts)), 2)
    parts[one], parts[two] = parts[two], parts[one]
    return b"".join(parts)


def replay(data: bytes, chance: random.Random) -> bytes:
    parts = lines_of(data)
    parts.insert(chance.randrange(len(parts) + 1), parts[chance.randrange(len(parts))])
    return b"".join(parts)


MUTATIONS = {"flip": flip, "cut": cut, "remove": remove, "swap": swap, "replay": replay}
#: What may be so in a bundle, with less proved than before: lines that it lacks.
ONLY_TOLD = {("cut", "ledger"), ("remove", "ledger"), ("cut", "proofs"), ("remove", "proofs")}


@settings(max_examples=200)
@given(st.booleans(), st.randoms(use_true_random=False))
def test_every_change_at_random_is_named(world: World, is_bundle: bool, chance: random.Random) -> None:
    files = world.bundle if is_bundle else world.whole
    path = chance.choice(sorted(files))
    what = chance.choice(["flip", "cut"] if path.startswith("tracks/") else sorted(MUTATIONS))
    changed = MUTATIONS[what](files[path], chance)
    # Proofs prove the same in any order.
    assume(changed != files[path] and (path != "proofs" or set(lines_of(changed)) != set(lines_of(files[path]))))
    findings = world.verify(files | {path: changed})
    if is_bundle and (what, path) in ONLY_TOLD:
        assert findings != world.verify(files)
    else:
        assert not is_sound(findings), (what, path)


def test_every_file_that_is_taken_away_or_put_there_is_named(world: World) -> None:
    for files in (world.whole, world.bundle):
        for path in files:
            findings = world.verify({name: data for name, data in files.items() if name != path})
            assert not is_sound(findings), path
    put = {"tracks/t9/more.mp4": b"x", "tracks/none.mp4": b"x", "tracks/t9/now.mp4.open": b"x"}
    findings = [finding for finding in world.verify(world.whole | put) if finding.file in put]
    assert [(f.code, f.session, f.track) for f in findings] == [
        ("file-unrecorded", "", ""),
        ("file-unrecorded", "", "t9"),
        ("file-open", "", "t9"),
    ]


@pytest.mark.parametrize("path", ["ledger", "leaves", f"chain/{SESSIONS[0]}"])
def test_every_line_of_another_server_is_named(world: World, path: str) -> None:
    own, foreign = lines_of(world.whole[path]), lines_of(world.other[path])
    for at in range(len(own)):
        changed = b"".join([*own[:at], foreign[at], *own[at + 1 :]])
        assert worst(world.verify(world.whole | {path: changed})) == "altered", at


def test_another_server_is_whole_but_not_the_one_that_was_named(world: World) -> None:
    assert is_sound(world.verify(world.other, first_key=None))
    assert "key-unpinned" in codes(world.verify(world.other, first_key=None), "unknown")
    assert codes(world.verify(world.other), "altered") == {"key-not-pinned-one"}


def test_a_changed_file_is_named_with_track_and_time(world: World) -> None:
    path = f"tracks/t1{SESSIONS[1]}/1.mp4"
    findings = world.verify(world.whole | {path: world.whole[path] + b"x"})
    (finding,) = [finding for finding in findings if finding.state == "altered"]
    begin = BEGIN + 5 * SECOND
    assert (finding.code, finding.track, finding.file) == ("file-altered", f"t1{SESSIONS[1]}", path)
    assert (finding.start, finding.end, finding.session) == (begin, begin + 5 * SECOND, SESSIONS[1])


def test_a_session_made_anew_with_the_same_keys_is_named_where_the_log_had_seen_it(world: World) -> None:
    anew = record(SESSIONS[0]).text
    assert "log-differs" in codes(world.verify(world.whole | {f"chain/{SESSIONS[0]}": anew}), "altered")


def test_an_end_cut_by_who_has_the_key_is_named_where_the_log_had_seen_it(world: World) -> None:
    own = lines_of(world.whole[f"chain/{SESSIONS[0]}"])
    chain, length = Chain.resume(SESSIONS[0], SIGNERS, own[:4])
    cut_short = b"".join(own)[:length] + chain.append("closure", {"at": 1}) + chain.head(1)
    findings = world.verify(world.whole | {f"chain/{SESSIONS[0]}": cut_short})
    assert codes(findings, "missing") == {"records-absent"}


def test_a_token_of_another_checkpoint_is_refused_even_if_the_server_signed_for_it(world: World) -> None:
    server = Server()
    stamped = server.checkpoint()
    server.ledger += server.writer.token(stamped, world.server.responses[0], server.at)
    findings = world.verify({"ledger": bytes(server.ledger), "leaves": b""})
    assert "token-wrong" in codes(findings, "altered")


def test_a_file_whose_record_nothing_signed_is_no_proof(world: World) -> None:
    path = f"chain/{SESSIONS[0]}"
    own = lines_of(world.whole[path])
    own[6] = b"x" + own[6]  # the head of the second group
    findings = world.verify(world.whole | {path: b"".join(own)})
    assert [f.file[-5:] for f in findings if f.code == "file-unvouched"] == ["1.mp4"]
    assert [f.count for f in findings if f.code == "files-intact"] == [2, 3]


def test_a_record_from_after_its_witness_is_named(world: World) -> None:
    server = Server()
    recording = record(SESSIONS[0])
    chain, _ = Chain.resume(SESSIONS[0], SIGNERS, [recording.text])
    recording.lines.append(chain.head(NOW))
    for leaf in made.signed_in(recording):
        server.log(leaf)
    server.stamp(*world.authorities)
    files = {name: data for name, data in world.whole.items() if SESSIONS[0] in name}
    files |= {f"chain/{SESSIONS[0]}": recording.text, "ledger": bytes(server.ledger), "leaves": bytes(server.leaves)}
    findings = [finding for finding in world.verify(files) if finding.code == "time-contradicted"]
    assert [finding.start for finding in findings] == [NOW]


def test_without_roots_from_elsewhere_authorities_are_told_as_unknown(world: World) -> None:
    roots = [authority.root for authority in world.authorities]
    findings = findings_of(world.whole, [], carried=roots, first_key=name_of(OLD))
    assert is_sound(findings) and "authority-unpinned" in codes(findings, "unknown")
    assert not codes(findings, "stamped")
    nobody = findings_of(world.whole, [], first_key=name_of(OLD))
    assert {"token-unchecked", "no-witness"} <= codes(nobody, "unknown")
    lacking = findings_of(world.whole, roots[:1], first_key=name_of(OLD))
    assert is_sound(lacking) and {"stamped", "token-unchecked"} <= codes(lacking), "one root is not there"


def test_an_ended_certificate_counts_where_a_later_token_covers_its_token(tmp_path: Path) -> None:
    short, long = Authority(tmp_path / "short", "short"), Authority(tmp_path / "long", "long", timedelta(days=40_000))
    _, unrenewed = made.make([short])
    findings = findings_of(unrenewed, [short.root], first_key=name_of(OLD), now=NOW)
    assert is_sound(findings) and {"token-expired", "no-witness"} <= codes(findings, "unknown")
    server, files = made.make([short])
    server.stamp(long)
    renewed = files | {"ledger": bytes(server.ledger), "leaves": bytes(server.leaves)}
    for evidence in (renewed, made.bundle(server, renewed, SESSIONS[0])):
        findings = findings_of(evidence, [short.root, long.root], first_key=name_of(OLD), now=NOW)
        assert is_sound(findings) and "token-expired" not in codes(findings)
        assert "CN=short" in {finding.authority for finding in findings if finding.code == "stamped"}


@pytest.mark.parametrize("algorithms", [SHA256_ONLY, WITH_SM3])
def test_a_verifier_written_from_the_descriptions_accepts_the_same(
    world: World, algorithms: tuple[Algorithm, ...]
) -> None:
    server = Server()
    recording = record(SESSIONS[0], algorithms)
    for leaf in made.signed_in(recording):
        server.log(leaf)
    server.stamp(world.authorities[0])
    keys, roots = independent.verify_ledger(bytes(server.ledger))
    heads = independent.verify_chain(SESSIONS[0], recording.text, keys, recording.files)
    independent.verify_log(bytes(server.leaves), roots, {SESSIONS[0]: heads})
    files = recording.files | {
        f"chain/{SESSIONS[0]}": recording.text,
        "ledger": bytes(server.ledger),
        "leaves": bytes(server.leaves),
    }
    assert is_sound(world.verify(files))


def test_what_the_server_keeps_is_what_openssl_verifies(world: World) -> None:
    checked = 0
    parsed = [lines.fields(line[:-1])["record"] for line in lines_of(world.whole["ledger"])]
    stamped = {response_digest(line[:-1]): line[:-1] for line in lines_of(world.whole["ledger"])}
    for entry in parsed:
        if entry["kind"] == "token":
            response = base64.b64decode(entry["response"])
            accepted = [a for a in world.authorities if a.is_accepted(response, stamped[entry["checkpoint"]])]
            assert len(accepted) == 1
            checked += 1
    assert checked == len(world.server.responses)
