"""Mutated descriptions into the SDP parser and both negotiations.

Whatever comes, only SdpError may be raised; what is read must be written and read back the same; an answer
must be readable and have the offer's lines.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter

import pytest

from signaling.sdp.accepted import Accepted
from signaling.sdp.errors import SdpError
from signaling.sdp.model import SessionDescription
from signaling.sdp.offer import read_answer
from signaling.sdp.parse import parse
from signaling.sdp.trickle import parse_fragment, write_fragment
from signaling.sdp.webrtc import accept_publish, accept_view
from signaling.sdp.write import write
from tests.fuzz.effort import SEED, rounds
from tests.signaling.sdp.samples import LOCAL, NAMES, audio_track, raw, video_track

pytestmark = pytest.mark.fuzz

TOKENS = [
    b"a=",
    b"m=video 9 UDP/TLS/RTP/SAVPF 96",
    b"m=audio 0 RTP/AVP 0",
    b"a=rid:x send",
    b"a=simulcast:send x;~y,z",
    b"a=mid:0",
    b"a=group:BUNDLE 0 1",
    b"a=setup:holdconn",
    b"a=ice-lite",
    b"a=rtcp-fb:* nack",
    b"a=bundle-only",
    b"a=rtpmap:96 H264/90000",
    b"a=fmtp:96 apt=96",
    b"a=ssrc-group:FID 1 1",
    b"a=ssrc-group:SIM 1 2 3",
    b"a=candidate:1 1 udp 1 ::1 9 typ host raddr x rport y",
    b"a=extmap:15 urn:x",
    b"y=0100000001",
    b"t=",
    b"\xff\xfe",
    b"\r",
    b"\x00",
    b"\x85",
    b"\xe2\x80\xa8",
    b"99999999999999999999",
    b"-1",
    b" ",
    b":",
    b";",
    b"=",
    b"/",
    b"~",
    b"*",
]


def fuzz_sdp(data: bytes) -> set[str]:
    """Feed one description to everything that reads one; tell what was done with it."""
    done = set()
    try:
        fragment = parse_fragment(data)
    except SdpError:
        pass
    else:
        assert parse_fragment(write_fragment(fragment)) == fragment
        done.add("fragment")
    try:
        description = parse(data)
    except SdpError:
        return done | {"refused"}
    assert parse(write(description), max_bytes=1 << 20) == description
    with contextlib.suppress(SdpError):
        check(description, accept_publish(description, LOCAL, allow_dtls_client=True))
        done.add("published")
    with contextlib.suppress(SdpError):
        check(description, accept_view(description, [video_track(), audio_track(None)], LOCAL))
        done.add("viewed")
    with contextlib.suppress(SdpError):
        read_answer(description)
        done.add("answer")
    return done


def check(offer: SessionDescription, accepted: Accepted) -> None:
    """An answer has the offer's lines and can be read; an SdpError about it is a failure."""
    assert len(accepted.answer.media) == len(accepted.media) == len(offer.media)
    try:
        assert parse(write(accepted.answer), max_bytes=1 << 20) == accepted.answer
        assert len(read_answer(accepted.answer, offer).media) == len(accepted.media)
    except SdpError as error:
        raise AssertionError(f"our own answer is refused: {error}") from error


def mutated(source: random.Random, seeds: list[bytes]) -> bytes:
    lines = source.choice(seeds).split(b"\n")
    for _ in range(source.choice((1, 1, 2, 3, 8, 30))):
        at = source.randrange(len(lines)) if lines else 0
        verb = source.randrange(8)
        if verb == 0 and lines:
            del lines[at]
        elif verb == 1:
            lines.insert(at, source.choice(source.choice(seeds).split(b"\n")))
        elif verb == 2:
            lines.insert(at, source.choice(TOKENS))
        elif verb == 3 and lines:
            lines[at:at] = [lines[at]] * source.choice((1, 2, 70, 300))
        elif verb == 4 and lines:
            other = source.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif lines:
            line = bytearray(lines[at])
            place = source.randrange(len(line) + 1)
            if verb == 5:
                line[place:place] = source.choice(TOKENS)
            elif verb == 6:
                del line[place : place + source.randrange(9)]
            else:
                line[place : place + 1] = source.randbytes(1)
            lines[at] = bytes(line)
    return b"\n".join(lines)


def test_only_documented_errors_come_of_mutated_descriptions() -> None:
    source = random.Random(SEED)
    seeds = [raw(name) for name in NAMES]
    done: Counter[str] = Counter()
    for _ in rounds(200):
        data = mutated(source, seeds)
        try:
            done.update(fuzz_sdp(data))
        except Exception as error:
            error.add_note(f"FUZZ_SEED={SEED}: {data!r}")
            raise
    assert done.keys() >= {"refused", "published", "viewed", "answer"}, done
