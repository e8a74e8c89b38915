"""A chain: what is whole is accepted, and every change is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.proof.chain import Chain
from recorder.proof.chain_reading import ChainRead, read_chain
from recorder.proof.digests import SHA256_ONLY, WITH_SM3, Algorithm
from recorder.proof.errors import ChainDamaged, KeyRefused, NotARecord
from recorder.proof.findings import Finding, worst
from recorder.proof.ledger_reading import read_ledger
from recorder.proof.records import RecordedLine, parse, withheld
from recorder.proof.signing import name_of
from tests.recorder.proof.sessions import BEGIN, OLD, SESSION, SIGNERS, ledger_lines, record

KEYS = read_ledger(ledger_lines()[1]).keys
WHOLE = record()
OTHER = record("01HF00000000000000000000BB")


def read(lines: list[bytes] | bytes, session: str = SESSION) -> ChainRead:
    return read_chain(session, lines if isinstance(lines, list) else [lines], KEYS)


def codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings}


@pytest.mark.parametrize("algorithms", [SHA256_ONLY, WITH_SM3])
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_a_whole_chain_is_intact_however_it_is_read(algorithms: tuple[Algorithm, ...], piece: int) -> None:
    text = record(algorithms=algorithms).text
    found = read([text[at : at + piece] for at in range(0, len(text), piece)])
    assert codes(found.findings) == {"chain-intact"}
    assert len(found.segments) == 4 and found.deleted == {8: "30 days"} and found.closed_at is not None


@given(st.data())
def test_every_flipped_byte_is_named(data: st.DataObject) -> None:
    text = bytearray(WHOLE.text)
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= data.draw(st.integers(1, 255))
    findings = read(bytes(text)).findings
    number = bytes(WHOLE.text[:at]).count(b"\n")
    if at == len(text) - 1:
        assert "line-torn" in codes(findings)
    else:
        assert worst(findings) == "altered"
        named = [f.record for f in findings if f.state == "altered" and isinstance(f.record, int)]
        assert min(named) in (number, number + 1)


@given(st.integers(0, len(WHOLE.text) - 1))
def test_every_cut_is_named_as_incomplete(length: int) -> None:
    findings = read(WHOLE.text[:length]).findings
    deleted = len(WHOLE.text) - len(b"".join(WHOLE.lines[-2:]))
    # Cut behind a head that follows the closure: the segments' files and the log tell, the chain cannot.
    assert worst(findings) == ("intact" if length == deleted else "incomplete")


@given(st.data())
def test_lines_removed_swapped_replayed_or_another_sessions_are_named(data: st.DataObject) -> None:
    lines = list(WHOLE.lines)
    place = st.integers(0, len(lines) - 3)
    at = data.draw(place)
    match data.draw(st.sampled_from(["remove", "swap", "replay", "foreign"])):
        case "remove":
            del lines[at]
        case "swap":
            other = data.draw(place.filter(lambda other: other != at))
            lines[at], lines[other] = lines[other], lines[at]
        case "replay":
            lines.insert(data.draw(st.integers(at + 1, len(lines))), lines[at])
        case _:
            lines[at] = OTHER.lines[at]
    assert worst(read(lines).findings) in ("altered", "missing")


def test_withheld_contents_leave_the_chain_whole_and_are_counted() -> None:
    lines = [withheld(line[:-1]) + b"\n" if b'"event"' in line else line for line in WHOLE.lines]
    findings = read(lines).findings
    assert codes(findings) == {"withheld", "chain-intact"}
    assert next(f.count for f in findings if f.code == "withheld") == 4
    assert b"sound.off" not in b"".join(lines)


def test_same_contents_do_not_give_same_digests() -> None:
    chain = Chain(SESSION, OLD)
    chain.append("opening", {"at": BEGIN})
    lines = [parse(chain.append("mark", {"text": "火"})[:-1]) for _ in range(2)]
    assert len({line.record.digest for line in lines if isinstance(line, RecordedLine)}) == 2


def test_a_key_that_was_handed_over_signs_no_more() -> None:
    chain, _ = Chain.resume(SESSION, SIGNERS, [WHOLE.text])
    chain._signer = OLD
    assert "key-unknown" in codes(read([*WHOLE.lines, chain.head(BEGIN)]).findings)


def test_a_chain_goes_on_behind_its_last_head_after_a_crash() -> None:
    whole = record(closed=False)
    for torn in range(0, 200, 7):
        unsigned = Chain.resume(SESSION, SIGNERS, whole.lines)[0].append("event", {"at": 1})
        text = whole.text + unsigned + unsigned[: min(torn, len(unsigned) - 1)]
        chain, length = Chain.resume(SESSION, SIGNERS, [text])
        assert length == len(whole.text)
        ends = [chain.append("closure", {"at": BEGIN}), chain.head(BEGIN)]
        assert codes(read([text[:length], *ends]).findings) == {"chain-intact"}


def test_a_damaged_chain_is_not_gone_on_with_nor_by_a_key_not_in_force() -> None:
    with pytest.raises(ChainDamaged):
        Chain.resume(SESSION, SIGNERS, [*WHOLE.lines[:3], *WHOLE.lines[4:]])
    with pytest.raises(ChainDamaged):
        Chain.resume(SESSION, SIGNERS, [WHOLE.lines[0]])
    with pytest.raises(KeyRefused):
        Chain.resume(SESSION, {name_of(OLD): OLD}, WHOLE.lines)
    assert Chain.resume(SESSION, SIGNERS, WHOLE.lines[:4])[0].key == name_of(OLD)
    with pytest.raises(NotARecord):
        Chain("../other", OLD)


def test_what_no_head_vouches_for_does_not_count() -> None:
    chain, _ = Chain.resume(SESSION, SIGNERS, WHOLE.lines)
    forged = chain.append("deletion", {"at": 1, "policy": "none", "records": [1]})
    found = read([*WHOLE.lines, forged])
    assert found.deleted == {8: "30 days"} and "unsigned-end" in codes(found.findings)
    begun = Chain.resume(SESSION, SIGNERS, record(closed=False).lines)[0]
    unsigned = [begun.append("segment", {"bytes": 1}), begun.append("closure", {"at": 1})]
    found = read([*record(closed=False).lines, *unsigned])
    assert found.closed_at is None and "not-closed" in codes(found.findings)


def test_damage_costs_no_more_than_what_stands_between_two_heads() -> None:
    lines = list(WHOLE.lines)
    lines[5] = b"x" + lines[5]  # an event behind the second segment, before its head
    found = read(lines)
    assert [n for n, _ in found.unvouched] == [4] and sorted(found.segments) == [1, 8, 11]


def test_a_file_of_noise_has_a_bounded_number_of_findings() -> None:
    findings = read(b"x\n" * 5_000).findings
    assert len(findings) < 1_010 and findings[-1].code == "more"
