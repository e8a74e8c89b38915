"""What chains are told can be written, whatever times, senders and names it is about."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from huishang.recording import contents
from huishang.recording.about import with_recordings
from recorder.files import Codec, Facts, Fragment, Label, Track
from recorder.proof import canonical
from recorder.proof.records import Segment
from recorder.tracks import Ended, Evidence, Gap, Why
from recorder.tracks.told import Report

ULID = "01KARR5QKB0000000000000001"
NOW_US = 1_800_000_000_000_000
#: Of a machine that has run for ten years.
NS = st.integers(0, 320_000_000 * 1_000_000_000)
WORD = st.integers(0, (1 << 32) - 1)

endings = st.builds(
    Ended,
    ssrc=WORD,
    rid=st.text(max_size=16),
    offset_ns=NS.map(lambda ns: NOW_US * 1000 - ns),
    error_us=st.integers(0, 1 << 40),
    clock_rate=st.just(90_000),
    gaps=st.tuples(st.builds(Gap, st.sampled_from(Why), st.just(NOW_US), st.just(NOW_US + 5))),
    evidence=st.tuples(st.builds(Evidence, WORD, NS, NS, NS)),
    reports=st.tuples(st.builds(Report, st.integers(0, (1 << 64) - 1), WORD, NS, NS, st.integers(0, 5))),
)


@given(endings, st.dictionaries(st.sampled_from(("source", "name", "person")), st.text(max_size=64)), st.none() | NS)
def test_segment_is_written_and_read_as_one(ended: Ended, about: dict[str, str], utc_error_ns: int | None) -> None:
    track = Track(ULID, Codec.H264, 1280, 720, about=with_recordings(about, ULID, [ULID]))
    label = Label(1, ULID, 7, NOW_US, "video/mp4", track)
    fragment = Fragment(900, 500_000, NOW_US, NOW_US + 4_000_000, 100, (NOW_US,), ())
    facts = Facts(label, label.name, 900, 500_900, "0" * 64, (fragment,))
    content = contents.segment(facts, ended, utc_error_ns)
    told = canonical.decode(canonical.encode(content))
    assert told == content
    segment = msgspec.convert(told, Segment)
    assert (segment.start, segment.end, segment.file) == (NOW_US, NOW_US + 4_000_000, f"tracks/{ULID}/{ULID}.mp4")
    assert told["about"] == about, "a chain names no other session"
