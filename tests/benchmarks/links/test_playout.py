"""Frames wait for one another as long as they lately had to, and those that come late wait no longer."""

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.links.playout import Frame, decoded_ns

MS = 1_000_000
EVERY_MS = 1000 / 15
FIRST = 0xFFFFF000


def stream(delays_ms: list[float], sizes: list[int] | None = None) -> list[Frame]:
    """Frames that took so long, each once those before it were there."""
    frames: list[Frame] = []
    ready_ns = 0
    for number, delay_ms in enumerate(delays_ms):
        came_ns = round((1000 + number * EVERY_MS + delay_ms) * MS)
        ready_ns = max(ready_ns, came_ns)
        size = sizes[number] if sizes else 4_000
        frames.append(Frame((FIRST + number * 6_000) & 0xFFFFFFFF, size, came_ns, ready_ns, False))
    return frames


def intervals_ms(moments: list[int]) -> list[float]:
    return [(after - before) / MS for before, after in pairwise(moments)]


def test_a_steady_stream_stays_one_and_waits_little() -> None:
    frames = stream([30.0] * 100)
    moments = decoded_ns(frames)
    assert all(abs(interval - EVERY_MS) < 1 for interval in intervals_ms(moments[5:]))
    assert (moments[-1] - frames[-1].decodable_ns) / MS < 20


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_no_frame_is_early_and_none_overtakes(delays_ms: list[float], chance: random.Random) -> None:
    frames = stream(delays_ms, [chance.randrange(100, 50_000) for _ in delays_ms])
    moments = decoded_ns(frames)
    assert moments == sorted(moments)
    # In microseconds: moments are computed in milliseconds.
    assert all(at_ns >= frame.decodable_ns - 1_000 for at_ns, frame in zip(moments, frames, strict=True))


def test_jitter_that_goes_on_is_waited_out() -> None:
    chance = random.Random(1)
    frames = stream([chance.uniform(0, 120) for _ in range(600)])
    smooth = intervals_ms(decoded_ns(frames))[300:]
    rough = intervals_ms([frame.decodable_ns for frame in frames])[300:]
    assert max(smooth) < 100 < 150 < max(rough)


def test_a_delay_that_stays_becomes_the_usual_one() -> None:
    frames = stream([30.0] * 100 + [530.0] * 600)
    moments = decoded_ns(frames)
    assert (moments[-1] - frames[-1].decodable_ns) / MS < 150


def test_frames_that_were_asked_for_change_no_estimate() -> None:
    frames = stream([30.0] * 200)
    plain = decoded_ns(frames)
    for place in range(50, 150, 10):
        late = frames[place]
        came_ns = late.received_ns + 50 * MS
        frames[place] = Frame(late.timestamp, late.size_bytes, came_ns, came_ns, True)
    # Not even by a millisecond.
    assert all(abs(one - other) < MS for one, other in zip(decoded_ns(frames)[160:], plain[160:], strict=True))
