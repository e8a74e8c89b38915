"""Files made to exhaust who verifies them: memory stays bounded, and they are named, not followed."""

import tracemalloc
from collections.abc import Iterator

import pytest

from recorder.proof import lines
from recorder.proof.chain_reading import MAX_FINDINGS, read_chain
from recorder.proof.findings import is_sound
from recorder.proof.ledger_reading import read_ledger
from recorder.proof.log import read_proofs, read_whole
from tests.recorder.proof.sessions import SESSION

MIB = 1 << 20
DEEP = b"[" * 200_000, b'{"a":' * 40_000, b'{"record":' + b"[" * 2_000 + b"]" * 2_000 + b"}"


def endless(count: int) -> Iterator[bytes]:
    piece = b"x" * MIB
    for _ in range(count):
        yield piece
    yield b"\n{}\n"


def test_a_line_without_an_end_takes_no_memory() -> None:
    tracemalloc.start()
    first, second = lines.split(endless(1_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB
    assert len(first.text) == lines.MAX_LINE_BYTES + 1 and not first.torn
    assert (second.text, second.end) == (b"{}", 1_000 * MIB + 4)


@pytest.mark.parametrize("text", DEEP)
def test_what_is_nested_deep_is_unreadable_and_nothing_else(text: bytes) -> None:
    for findings in (
        read_chain(SESSION, [text, b"\n"], {}).findings,
        read_ledger([text, b"\n"]).findings,
        read_whole([text, b"\n"], {}).findings,
        read_proofs([text, b"\n"], {}).findings,
    ):
        assert not is_sound(findings) and findings[0].code in ("line-unreadable", "proof-wrong")


def test_findings_are_bounded_whatever_comes() -> None:
    text = [b"{}\n" * 1_000] * 50
    for findings in (
        read_chain(SESSION, text, {}).findings,
        read_ledger(text).findings,
        read_whole(text, {}).findings,
        read_proofs(text, {}).findings,
    ):
        assert MAX_FINDINGS <= len(findings) <= MAX_FINDINGS + 5
