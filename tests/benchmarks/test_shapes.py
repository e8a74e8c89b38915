"""Traffic shapes are what their names say, and the recorded trace is what design and figures assume."""

import pytest

from benchmarks import shapes
from benchmarks.load.schedule import packets
from media.rtp.h264 import depacketize, starts_picture


def test_frames_are_thirty_a_second_of_seven_packets() -> None:
    shape = shapes.frames()
    assert shape.packets_per_second == 210
    assert {size for burst in shape.bursts for size in burst.sizes} == {1200}
    assert [burst.keyframe for burst in shape.bursts].count(True) == 1
    assert shape.bitrate_bps == 210 * 1200 * 8


def test_opus_is_fifty_packets_a_second() -> None:
    shape = shapes.opus()
    assert shape.packets_per_second == 50
    assert shape.bursts[1].timestamp == 960


def test_trace_is_chromiums_three_packets_a_frame_at_thirty_frames() -> None:
    shape = shapes.trace()
    frames = sum(burst.starts_frame for burst in shape.bursts)
    assert 15e9 < shape.period_ns < 30e9
    assert frames * 1e9 / shape.period_ns == pytest.approx(30, rel=0.05)
    assert 2 < shape.packets / frames < 4
    assert shape.bursts[0].keyframe
    # What makes it harder than equal packets: most frames are not one run of one size.
    uneven = [burst for burst in shape.bursts if len(set(burst.sizes)) > 1]
    assert len(uneven) > frames / 4


def test_packets_until_a_time_are_those_that_have_left_by_then() -> None:
    shape = shapes.frames()
    frame_ns = 1_000_000_000 // 30
    assert [shape.packets_until(elapsed_ns) for elapsed_ns in (0, 1, frame_ns, frame_ns + 1)] == [0, 7, 7, 14]
    assert shape.packets_until(shape.period_ns) == 420
    assert shape.packets_until(shape.period_ns + 1) == 427


def test_trace_marks_the_end_of_each_frame_once() -> None:
    shape = shapes.trace()
    assert sum(burst.marker for burst in shape.bursts) == sum(burst.starts_frame for burst in shape.bursts)


def test_shape_refuses_bursts_out_of_order_or_period() -> None:
    burst = shapes.Burst(at_ns=5, timestamp=0, sizes=(100,))
    earlier = shapes.Burst(at_ns=1, timestamp=0, sizes=(100,))
    with pytest.raises(ValueError, match="order"):
        shapes.Shape("x", "video", 90000, 100, (burst, earlier))
    with pytest.raises(ValueError, match="outside"):
        shapes.Shape("x", "video", 90000, 5, (burst,))
    with pytest.raises(ValueError, match="without bursts"):
        shapes.Shape("x", "video", 90000, 5, ())


@pytest.mark.parametrize("shape", [shapes.frames(), shapes.opus(), shapes.trace()], ids=lambda shape: shape.kind)
def test_packets_have_the_sizes_of_the_shape(shape: shapes.Shape) -> None:
    made = packets(shape, transport_cc_id=3)
    assert [len(packet) for packet in made] == [size for burst in shape.bursts for size in burst.sizes]
    assert [int.from_bytes(packet[2:4], "big") for packet in made] == list(range(shape.packets))
    if shape.kind == "video":
        assert sum(packet[1] >> 7 for packet in made) == sum(burst.marker for burst in shape.bursts)


def test_keyframe_begins_with_parameter_sets_and_later_frames_with_slices() -> None:
    made = packets(shapes.frames(), transport_cc_id=3)
    kinds = [packet[20] & 31 for packet in made[:8]]
    assert kinds == [24, 28, 28, 28, 28, 28, 28, 28]
    sequence_parameters = made[0][20 + 3 :]
    assert sequence_parameters[0] & 31 == 7
    assert made[6][21] & 0x40 and made[7][21] & 0x80 and made[7][21] & 31 == 1


def test_frames_can_be_put_together() -> None:
    """A recorder refuses a frame whose fragments have no start."""
    made = [packet[20:] for packet in packets(shapes.frames(), transport_cc_id=3)]
    assert [unit[0] & 31 for unit in depacketize(made[:7])] == [7, 8, 5, 5]
    assert [unit[0] & 31 for unit in depacketize(made[7:14])] == [1]
    assert starts_picture(made[0]) and starts_picture(made[7]) and not starts_picture(made[1])
