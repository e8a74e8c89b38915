"""Tracks in the time of their packets: where segments begin and end, and what is told of what is missing."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.tap import ClockBasis, RoundTripSource, TapClock, TapKind, TapRecord
from recorder.files import Codec
from recorder.tracks import Report
from tests.recorder.files.frames import decoded
from tests.recorder.tracks.recording import OFFSET_US, Recording
from tests.recorder.tracks.sender import Sender

START = 1_000_000
SECOND = 1_000_000


def send(recording: Recording, sender: Sender, from_us: int, to_us: int, way_us: int = 0) -> None:
    """Capture frames and have them arrive."""
    for at_us in range(from_us, to_us, sender.step_us):
        recording.take(sender.next(at_us, (at_us + way_us) * 1000))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8, Codec.VP9, Codec.AV1, Codec.OPUS])
def test_every_frame_is_in_a_segment_at_its_time(codec: Codec, tmp_path: Path) -> None:
    recording, sender = Recording(tmp_path), Sender(codec)
    send(recording, sender, START, START + 11 * SECOND)
    assert recording.finish((START + 11 * SECOND) * 1000) == ()
    assert not recording.gaps and not recording.requests
    lasts = 4 * SECOND if codec.is_picture else 5 * SECOND
    assert [begin for begin, _ in recording.segments] == [START, START + lasts, START + 2 * lasts]
    assert [end for _, end in recording.segments[:-1]] == [START + lasts, START + 2 * lasts]
    assert [facts.label.number for facts, _ in recording.files.closed] == [1, 2, 3]
    assert sum(facts.frames for facts, _ in recording.files.closed) == len(sender.captured)
    for facts, ended in recording.files.closed:
        assert decoded(tmp_path / facts.name) >= facts.frames
        assert all(abs(each.capture_ns - each.arrival_ns) <= each.error_ns for each in ended.evidence)
        assert ended.error_us == 500_000 and len(ended.evidence) >= 2


def test_without_keyframes_a_segment_goes_on_and_one_is_asked_for_every_ten_seconds(tmp_path: Path) -> None:
    recording, sender = Recording(tmp_path), Sender(Codec.H264, rests=True)
    send(recording, sender, START, START + 25 * SECOND)
    assert [round((at - START) / SECOND) for at in recording.requests] == [10, 20]
    sender.rests = False
    sender.want_keyframe()
    send(recording, sender, START + 25 * SECOND, START + 26 * SECOND)
    recording.finish((START + 26 * SECOND) * 1000)
    assert recording.segments == [(START, START + 25 * SECOND), (START + 25 * SECOND, START + 26 * SECOND)]


@pytest.mark.parametrize("comes_by_itself", [False, True])
def test_loss_is_told_what_refers_to_it_is_kept_and_the_next_keyframe_begins_a_segment(
    comes_by_itself: bool, tmp_path: Path
) -> None:
    recording, sender = Recording(tmp_path), Sender(Codec.H264, rests=not comes_by_itself)
    send(recording, sender, START, START + 600_000)
    sender.next(START + 600_000)
    end = START + (1_800_000 if comes_by_itself else 5 * SECOND)
    send(recording, sender, START + 650_000, end)
    if not comes_by_itself:
        # Half a second after the loss, or when the hole is given up if that is later; once.
        assert recording.requests == [pytest.approx(START + 1_650_000, abs=100_000)]
        sender.rests = False
        sender.want_keyframe()
        send(recording, sender, end, end + SECOND)
    recording.finish((end + SECOND) * 1000)
    key_us = START + SECOND if comes_by_itself else end
    lost, doubted = recording.gaps
    assert lost == ("lost", START + 550_000, START + 650_000)
    assert doubted == ("undecodable", START + 650_000, key_us)
    assert [begin for begin, _ in recording.segments] == [START, key_us]
    assert sum(facts.frames for facts, _ in recording.files.closed) == len(sender.captured) - 1
    assert comes_by_itself is (recording.requests == [])


def test_what_comes_before_the_first_keyframe_is_a_gap_and_one_is_asked_for_at_once(tmp_path: Path) -> None:
    recording, sender = Recording(tmp_path), Sender(Codec.VP8)
    sender.next(START - sender.step_us)
    send(recording, sender, START, START + 200_000)
    assert recording.requests == [START + 100_000]
    sender.want_keyframe()
    send(recording, sender, START + 200_000, START + SECOND)
    recording.finish((START + SECOND) * 1000)
    assert recording.gaps == [("no-keyframe", START, START + 200_000)]
    assert recording.requests == [START + 100_000]


def test_hold_ends_the_segment_and_tells_from_when_to_when(tmp_path: Path) -> None:
    recording, sender = Recording(tmp_path), Sender(Codec.OPUS)
    send(recording, sender, START, START + SECOND)
    recording.track.hold()
    send(recording, sender, START + SECOND, START + 3 * SECOND)
    recording.track.go_on()
    send(recording, sender, START + 3 * SECOND, START + 4 * SECOND)
    recording.track.hold()
    (last,) = recording.finish((START + 5 * SECOND) * 1000)
    assert recording.gaps == [("held", START + SECOND, START + 3 * SECOND)]
    assert (last.why, last.t0 - OFFSET_US, last.t1 - OFFSET_US) == ("held", START + 4 * SECOND, START + 5 * SECOND)


def test_silence_is_filled_told_and_after_ten_seconds_another_segment(tmp_path: Path) -> None:
    recording, sender = Recording(tmp_path), Sender(Codec.OPUS)
    send(recording, sender, START, START + SECOND)
    send(recording, sender, START + 2 * SECOND, START + 3 * SECOND)
    recording.wait((START + 14 * SECOND) * 1000)
    assert len(recording.files.closed) == 1
    send(recording, sender, START + 20 * SECOND, START + 21 * SECOND)
    recording.finish((START + 21 * SECOND) * 1000)
    assert recording.gaps == [
        ("silent", START + SECOND, START + 2 * SECOND),
        ("silent", START + 3 * SECOND, START + 20 * SECOND),
    ]
    assert recording.segments == [(START, START + 3 * SECOND), (START + 20 * SECOND, START + 21 * SECOND)]
    assert sum(fill.t1 - fill.t0 for fill in recording.files.closed[0][0].fills) == SECOND


def test_pictures_after_a_long_pause_wait_for_a_keyframe_to_begin_a_segment_and_one_is_asked_for(
    tmp_path: Path,
) -> None:
    recording, sender = Recording(tmp_path), Sender(Codec.H264)
    send(recording, sender, START, START + 600_000)
    send(recording, sender, START + 3_600_000, START + 3_800_000)
    assert recording.requests == [START + 3_700_000]
    recording.finish((START + 4 * SECOND) * 1000)
    assert recording.gaps == [("silent", START + 550_000, START + 3_600_000)]


def test_keyframe_right_behind_a_long_pause_begins_a_segment(tmp_path: Path) -> None:
    recording, sender = Recording(tmp_path), Sender(Codec.VP8)
    send(recording, sender, START, START + 500_000)
    sender.want_keyframe()
    send(recording, sender, START + 2_500_000, START + 3 * SECOND)
    recording.finish((START + 3 * SECOND) * 1000)
    assert [begin for begin, _ in recording.segments] == [START, START + 2_500_000]
    assert recording.gaps == [("silent", START + 450_000, START + 2_500_000)]


def test_of_layers_side_by_side_the_largest_is_recorded_and_a_smaller_one_from_its_last_keyframe_on(
    tmp_path: Path,
) -> None:
    recording = Recording(tmp_path)
    small, large = Sender(Codec.VP8, ssrc=1, rid="q"), Sender(Codec.H264, ssrc=2, rid="h")
    send(recording, small, START, START + SECOND)
    # Another size: the same pictures, told to be of a layer by their SSRC only, do not take over while it is live.
    for at_us in range(START + SECOND, START + 3 * SECOND, small.step_us):
        recording.take(small.next(at_us))
        recording.take(large.next(at_us))
    send(recording, large, START + 3 * SECOND, START + 4 * SECOND)
    recording.finish((START + 4 * SECOND) * 1000)
    first, second = recording.files.closed
    assert [ended.rid for _, ended in recording.files.closed] == ["q", "h"]
    assert first[0].label.track.codec is Codec.VP8 and second[0].label.track.codec is Codec.H264
    # The one fell silent at 3 s, which shows half a second later; the other had a keyframe then.
    assert [begin for begin, _ in recording.segments] == [START, START + 3 * SECOND]


@pytest.mark.parametrize(("later_us", "jumps"), [(60_000, False), (400_000, True)])
def test_longer_way_moves_times_slowly_or_begins_a_segment(later_us: int, jumps: bool, tmp_path: Path) -> None:
    recording, sender = Recording(tmp_path), Sender(Codec.OPUS)
    send(recording, sender, START, START + 4 * SECOND, 20_000)
    send(recording, sender, START + 4 * SECOND, START + 24 * SECOND, 20_000 + later_us)
    recording.finish((START + 25 * SECOND) * 1000)
    assert ("clock" in [why for why, _, _ in recording.gaps]) is jumps
    begins = [begin for begin, _ in recording.segments]
    steps = [abs(later - earlier - 5 * SECOND) for earlier, later in itertools.pairwise(begins)]
    assert max(steps) < 30_000 if not jumps else max(steps) > 300_000


def test_full_disk_is_a_gap(tmp_path: Path) -> None:
    recording, sender = Recording(tmp_path), Sender(Codec.OPUS)
    send(recording, sender, START, START + SECOND)
    recording.files.has_room = False
    send(recording, sender, START + SECOND, START + 2 * SECOND)
    recording.files.has_room = True
    send(recording, sender, START + 2 * SECOND, START + 3 * SECOND)
    recording.finish((START + 3 * SECOND) * 1000)
    assert recording.gaps == [("disk", START + SECOND, START + 2 * SECOND)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(codec=st.sampled_from([Codec.H264, Codec.VP8, Codec.OPUS]), seed=st.integers(0, 1 << 32))
def test_whatever_a_network_does_each_frame_is_in_a_file_or_in_a_gap(
    codec: Codec, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chance = random.Random(seed)
    recording, sender = Recording(tmp_path_factory.mktemp("track")), Sender(codec)
    coming: list[tuple[int, int, TapRecord]] = []
    for number, at_us in enumerate(range(START, START + 9 * SECOND, sender.step_us)):
        if chance.random() < 0.004:
            sender.ssrc += 1
            sender.sequence = chance.randrange(1 << 16)
        for record in sender.next(at_us):
            if chance.random() < 0.99:
                late_us = 300_000 if chance.random() < 0.01 else chance.randrange(5000)
                coming.append(((at_us + late_us) * 1000, number, record))
    last_ns = 0
    for arrival_ns, _, record in sorted(coming, key=lambda each: each[:2]):
        last_ns = arrival_ns
        recording.take([_arrived(record, arrival_ns)])
    told = recording.gaps + [
        (gap.why.value, gap.t0 - OFFSET_US, gap.t1 - OFFSET_US) for gap in recording.finish(last_ns + 1_000_000)
    ]
    kept = recording.segments
    told += [each for each in recording.gaps if each not in told]
    near = 120_000  # of arrivals that were late, and of a last frame's length
    for at_us in sender.captured[10:-60]:
        assert any(begin - near <= at_us <= end + near for begin, end in kept) or any(
            t0 - near <= at_us <= t1 + near for _, t0, t1 in told
        ), at_us - START


def _arrived(record: TapRecord, arrival_ns: int) -> TapRecord:
    return TapRecord(
        record.kind,
        0,
        0,
        record.route,
        arrival_ns,
        arrival_ns,
        record.ssrc,
        record.sequence,
        record.rid,
        0,
        record.packet,
    )


@pytest.mark.parametrize("codec", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0])
def test_garbage_is_refused_and_what_follows_is_recorded(codec: int, tmp_path: Path) -> None:
    recording, chance = Recording(tmp_path), random.Random(codec)
    for number in range(1500):
        packet = bytes((0x80, chance.choice((0, 128)) | codec)) + number.to_bytes(2, "big")
        packet += (number // 3 * 3000).to_bytes(4, "big") + bytes(4) + chance.randbytes(chance.randrange(60))
        ns = START * 1000 + number * 1_000_000
        recording.take([TapRecord(TapKind.RTP, 0, 0, 1, ns, ns, 0, 0, "", 0, packet[: chance.randrange(4, 80)])])
    assert len(recording.files.closed) <= 10  # it does not fill the disk with files either
    good = Sender(Codec.OPUS, ssrc=9)
    send(recording, good, START + 14 * SECOND, START + 15 * SECOND)
    recording.finish((START + 16 * SECOND) * 1000)
    facts, ended = recording.files.closed[-1]
    assert ended.ssrc == 9 and facts.frames == 50


def test_nothing_is_written_while_held_whatever_still_waits_for_repair(tmp_path: Path) -> None:
    recording, large, small = Recording(tmp_path), Sender(Codec.H264, ssrc=1), Sender(Codec.VP8, ssrc=2)
    send(recording, large, START, START + 500_000)
    for at_us in range(START + 500_000, START + 1_540_000, small.step_us):
        # The second is missing, so the keyframe of 1.5 s would begin a segment when that is given up, at 1.6 s.
        records = small.next(at_us)
        if at_us != START + 550_000:
            recording.take(records)
        if at_us < START + 900_000:
            recording.take(large.next(at_us))
    recording.track.hold()
    recording.finish((START + 5 * SECOND) * 1000)
    assert [ended.ssrc for _, ended in recording.files.closed] == [1]


def test_word_of_the_plane_holds_for_streams_that_begin_later_and_after_a_hold(tmp_path: Path) -> None:
    recording, sender = Recording(tmp_path), Sender(Codec.OPUS)
    timestamp = sender.timestamp0 + START * 48_000 // SECOND & 0xFFFFFFFF
    clock = TapClock(
        sender.ssrc, timestamp, START * 1000, 3_000_000, 20_000_000, 9 << 32, START * 1000 + 1, 5, 48_000, 0,
        ClockBasis.REPORT, RoundTripSource.XR, False,
    )  # fmt: skip
    recording.track.tell(clock)
    for ssrc in range(100, 107):
        recording.track.tell(msgspec.structs.replace(clock, ssrc=ssrc))
    send(recording, sender, START, START + SECOND, way_us=80_000)
    recording.track.hold()
    recording.track.go_on()
    send(recording, sender, START + 2 * SECOND, START + 3 * SECOND, way_us=80_000)
    recording.finish((START + 4 * SECOND) * 1000)
    assert recording.segments == [(START, START + SECOND), (START + 2 * SECOND, START + 3 * SECOND)]
    assert all(3000 <= ended.error_us < 6000 for _, ended in recording.files.closed)
    report = Report(9 << 32, 5, START * 1000 + 1, 20_000_000, RoundTripSource.XR)
    assert all(ended.reports == (report,) for _, ended in recording.files.closed)
