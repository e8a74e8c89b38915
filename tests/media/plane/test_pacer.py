"""The pace at which a viewer's link is filled, in virtual time, and what waits for it, against a plain model."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from huishang.demo.link import NS, Link, Shape
from media.plane.pacer import PACKETS, PacerView
from tests.media.plane.way import SOUND_BYTES, Way, World

LEAST_BYTES = 3000


def bucket_bytes(bps: int) -> float:
    return max(1.2 * bps / 8 * 0.05, LEAST_BYTES)


@settings(max_examples=60, deadline=None)
@given(
    bps=st.integers(50_000, 50_000_000),
    steps=st.lists(
        st.tuples(st.integers(0, 40_000_000), st.lists(st.integers(50, 1500), max_size=12), st.integers(0, 400)),
        max_size=60,
    ),
)
def test_never_more_leaves_than_the_pace_and_one_bucket_and_nothing_waits_for_ever(
    bps: int, steps: list[tuple[int, list[int], int]]
) -> None:
    """Each step: time passes, packets of pictures come, and some bytes of sound that never wait."""
    pacer, sizes, numbers = PacerView(), dict[int, int](), count()
    began = now_ns = NS
    left: list[int] = []
    sound = 0
    pacer.fill(bps, now_ns)
    for passed_ns, pictures, sound_bytes in steps:
        now_ns += passed_ns
        for size in pictures:
            ext = next(numbers)
            sizes[ext] = size
            assert pacer.add(1, ext, size)
        pacer.spend(sound_bytes)
        sound += sound_bytes
        pacer.fill(bps, now_ns)
        left += [ext for _, ext, _ in pacer.leave()]
        sent = sum(sizes[ext] for ext in left)
        assert sent <= bucket_bytes(bps) + 1.2 * bps / 8 * (now_ns - began) / NS + 1500
        assert pacer.waiting_bytes == sum(sizes.values()) - sent
    for _ in range(12 + round(8 * (sum(sizes.values()) + sound) / bps / 0.05)):
        now_ns += NS // 20
        pacer.fill(bps, now_ns)
        left += [ext for _, ext, _ in pacer.leave()]
    assert left == list(sizes)
    assert pacer.waiting_bytes == 0


def test_what_leaves_while_others_wait_leaves_three_together_so_that_the_link_shows_its_rate() -> None:
    pacer = PacerView()
    for ext in range(40):
        pacer.add(1, ext, 1200)
    together, now_ns = [], NS
    while pacer.waiting_bytes:
        pacer.fill(400_000, now_ns)
        together.append(len(pacer.leave()))
        now_ns += 5_000_000
    trains = [packets for packets in together if packets]
    assert trains[0] == 3  # the bucket was full
    assert set(trains[1:-1]) == {3}


def test_sound_never_waits_and_pictures_pay_for_it() -> None:
    pacer = PacerView()
    pacer.fill(80_000, NS)
    pacer.spend(LEAST_BYTES + 5_000)
    pacer.add(1, 0, 1000)
    # 12,000 bytes a second: 6,000 of the missing 5,000 came.
    pacer.fill(80_000, NS + NS // 2)
    assert pacer.leave() == [(1, 0, False)]
    pacer.add(1, 1, 1000)
    pacer.spend(1_000_000)
    pacer.fill(80_000, NS + NS // 2 + 1)
    assert pacer.leave() == []
    # What was taken long ago has left the link.
    pacer.fill(80_000, NS + NS // 2 + round(0.6 * NS))
    assert pacer.leave() == [(1, 1, False)]


def test_while_the_links_queue_drains_no_more_leaves_than_the_estimate() -> None:
    pacer = PacerView()
    pacer.fill(80_000, NS)
    for drains, bytes_a_second in ((False, 12_000), (True, 10_000)):
        pacer.spend(LEAST_BYTES)
        pacer.fill(80_000, 2 * NS if drains else NS + NS // 2, drains)
        assert pacer.room_bytes == min(bytes_a_second // 2, LEAST_BYTES)


def test_a_clock_that_stands_or_steps_back_fills_nothing() -> None:
    pacer = PacerView()
    pacer.fill(1_000_000, 10 * NS)
    pacer.spend(5000)
    for now_ns in (10 * NS, 9 * NS):
        pacer.fill(1_000_000, now_ns)
        assert pacer.room_bytes == bucket_bytes(1_000_000) - 5000


@dataclass
class Model:
    """What waits, in order: (route, stream, ext, timestamp, keyframe), and whose numbers begin anew."""

    waiting: list[tuple[int, int, int, int, bool]] = field(default_factory=list)
    anew: set[int] = field(default_factory=set)

    def forget(self, route: int, stream: int) -> int:
        kept = [packet for packet in self.waiting if packet[0] != route or (stream and packet[1] != stream)]
        gone, self.waiting = len(self.waiting) - len(kept), kept
        return gone

    def skip(self, route: int, timestamp: int) -> tuple[int, bool]:
        for at, (other, _, ext, stamp, key) in enumerate(self.waiting):
            if other == route and key and stamp != timestamp:
                self.anew.add(ext)
                kept = [packet for packet in self.waiting[:at] if packet[0] != route] + self.waiting[at:]
                gone, self.waiting = len(self.waiting) - len(kept), kept
                return gone, True
        return self.forget(route, 0), False


routes, streams = st.integers(1, 3), st.integers(1, 2)
ACTS = st.one_of(
    st.tuples(st.just("add"), routes, streams, st.integers(1, 6), st.booleans()),
    st.tuples(st.just("forget"), routes, st.integers(0, 2)),
    st.tuples(st.just("skip"), routes, st.integers(0, 6)),
    st.tuples(st.just("leave"), st.integers(1, 6000)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTS, max_size=80))
def test_what_is_given_up_is_what_the_model_gives_up_and_the_rest_leaves_in_order(
    acts: list[tuple[object, ...]],
) -> None:
    pacer, model, numbers = PacerView(), Model(), count()
    now_ns = NS
    for kind, *what in acts:
        if kind == "add":
            route, stream, timestamp, key = what
            ext = next(numbers)
            assert pacer.add(route, ext, 100, stream=stream, timestamp=timestamp, starts_keyframe=key)  # type: ignore[arg-type]
            model.waiting.append((route, stream, ext, timestamp, key))  # type: ignore[arg-type]
        elif kind == "forget":
            assert pacer.forget(*what) == model.forget(*what)  # type: ignore[arg-type]
        elif kind == "skip":
            assert pacer.skip(*what) == model.skip(*what)  # type: ignore[arg-type]
        else:
            now_ns += what[0] * 100_000  # type: ignore[operator]
            pacer.fill(100_000, now_ns)
            left = pacer.leave()
            assert left == [(route, ext, ext in model.anew) for route, _, ext, _, _ in model.waiting[: len(left)]]
            del model.waiting[: len(left)]
        assert pacer.waiting_bytes == 100 * len(model.waiting)


def test_a_full_ring_takes_no_more_until_something_has_left() -> None:
    pacer = PacerView()
    for ext in range(PACKETS):
        assert pacer.add(1, ext, 1000)
    assert not pacer.add(2, 9999, 1000)
    pacer.fill(100_000, NS)
    assert [ext for _, ext, _ in pacer.leave()] == list(range(3))
    assert pacer.add(2, 9999, 1000)
    assert pacer.forget(1) == PACKETS - 3
    pacer.fill(100_000, 2 * NS)
    assert pacer.leave() == [(2, 9999, False)]


class PacedWay(Way):
    """Its pictures wait for room once the link was full, and every four seconds one is a keyframe."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pacer: PacerView | None = None
        self.sizes: list[int] = []
        self.world.every(NS // 200, self._leave)
        self.world.every(4 * NS, self._keyframe)

    def _keyframe(self) -> None:
        self._owed += 30_000

    def _send(self, size_bytes: int) -> None:
        if self.pacer is None and self.paces and self.estimator.facts["capacity_bps"]:
            self.pacer = PacerView()
        if self.pacer is None or size_bytes == SOUND_BYTES:
            super()._send(size_bytes)
            if self.pacer is not None:
                self.pacer.spend(size_bytes)
            return
        self.pacer.add(1, len(self.sizes), size_bytes)
        self.sizes.append(size_bytes)
        self._leave()

    def _leave(self) -> None:
        if self.pacer is not None:
            self.pacer.fill(self.estimator.bps, self.world.now_ns, self.estimator.facts["draining"] > 0)
            for _, number, _ in self.pacer.leave():
                super()._send(self.sizes[number])

    paces = True


class Unpaced(PacedWay):
    paces = False


def test_what_is_paced_waits_less_in_the_link_and_the_estimate_is_none_the_worse() -> None:
    """1.5 Mb/s, then 400 kb/s, then 1.5 Mb/s: what 19 packets of 20 wait at most, and what is used."""
    made = []
    for kind in (PacedWay, Unpaced):
        world, shape = World(), Shape(((0.0, 1.5e6), (20.0, 4e5), (40.0, 1.5e6)), 0.03, 0.6)
        made.append(kind(world, Link(shape, 1, world.now_ns), Link(Shape(delay_s=0.03))))
        world.run(52.0)
    paced, unpaced = made
    assert paced.queue_s(11, 20) < 0.7 * unpaced.queue_s(11, 20)
    assert paced.queue_s(24, 41) < 0.6 * unpaced.queue_s(24, 41)
    for since, until in ((11, 20), (24, 41), (47, 51)):
        assert paced.rate_bps(since, until) > 0.95 * unpaced.rate_bps(since, until)
