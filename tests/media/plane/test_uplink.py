"""A publisher that obeys REMB behind a thin uplink, in virtual time: it comes to what the link carries."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huishang.demo.link import NS, Link, Loss, Shape
from media.plane import uplink
from media.plane.uplink import UplinkMeter
from tests.media.plane.way import PACKET_BYTES, SOUND_BYTES, World

LEAST, MOST = 50_000, 1_000_000_000
#: The publisher's clock began elsewhere.
SENDER_NS = 5_000 * NS


def send_time(sender_ns: int) -> int:
    """The abs-send-time of a moment of the publisher's clock: 24 bits of 2**-18 s."""
    return (sender_ns * 2**18 // NS) & 0xFFFFFF


@dataclass
class Camera:
    """Sends pictures at what it wants until a REMB arrives, and then at what that says, behind `up`."""

    world: World
    up: Link
    wants_bps: float
    back_s: float = 0.03
    frames: int = 25
    meter: UplinkMeter = field(default_factory=UplinkMeter)
    said: list[tuple[float, int]] = field(default_factory=list)
    queues: list[tuple[float, float]] = field(default_factory=list)
    rates: list[tuple[float, float]] = field(default_factory=list)
    _owed: float = 0.0

    def __post_init__(self) -> None:
        self.allowed_bps = self.wants_bps
        self.world.every(NS // 50, lambda: self._send(SOUND_BYTES))
        self.world.every(NS // self.frames, self._frame)
        self.world.every(NS // 50, self._look)
        self.world.every(NS, self._say)

    @property
    def now(self) -> float:
        return self.world.now_ns / NS

    def _send(self, size_bytes: int) -> None:
        now_ns = self.world.now_ns
        told = send_time(now_ns + SENDER_NS)
        self.queues.append((self.now, self.up.queued_s(now_ns)))
        for at_ns in self.up.send(now_ns, size_bytes):
            self.world.at(at_ns, lambda: self.meter.packet(told, size_bytes, self.world.now_ns))

    def _frame(self) -> None:
        bps = min(self.allowed_bps, self.wants_bps)
        self.rates.append((self.now, bps))
        self._owed += max(bps - SOUND_BYTES * 8 * 50, 0) / 8 / self.frames
        while self._owed >= PACKET_BYTES:
            self._owed -= PACKET_BYTES
            self._send(PACKET_BYTES)

    def _look(self) -> None:
        if self.meter.lost(self.up.lost + self.up.dropped, round(2 * self.back_s * NS), self.world.now_ns):
            self._say()

    def _say(self) -> None:
        bps = self.meter.say()
        if bps:
            self.said.append((self.now, bps))
            self.world.at(self.world.now_ns + round(self.back_s * NS), lambda: self._obey(bps))

    def _obey(self, bps: int) -> None:
        self.allowed_bps = bps

    def mean_bps(self, since: float, until: float) -> float:
        some = [bps for at, bps in self.rates if since <= at < until]
        return sum(some) / len(some)

    def queue_s(self, since: float, until: float) -> float:
        """How long nineteen packets of twenty waited at most."""
        some = sorted(waited for at, waited in self.queues if since <= at < until)
        return some[int(len(some) * 0.95) - 1]


def after(shape: Shape, seconds: float, wants_bps: float, seed: int = 1) -> Camera:
    world = World()
    made = Camera(world, Link(shape, seed, world.now_ns), wants_bps, max(shape.delay_s, 0.001))
    world.run(seconds)
    return made


def test_an_uplink_fits_its_budget() -> None:
    assert uplink.UPLINK_BYTES <= 8192


@settings(max_examples=20, deadline=None)
@given(
    rate=st.floats(3e5, 3e6),
    more=st.floats(1.3, 4.0),
    rtt=st.sampled_from([0.02, 0.06, 0.2, 0.6]),
    loss=st.sampled_from([0.0, 0.02, 0.05]),
    seed=st.integers(0, 2**32),
)
def test_a_camera_that_sends_too_much_comes_to_what_its_uplink_carries(
    rate: float, more: float, rtt: float, loss: float, seed: int
) -> None:
    made = after(Shape(((0.0, rate),), rtt / 2, 1.0, Loss(loss)), 40.0, more * rate, seed)
    assert 0.75 * rate <= made.mean_bps(21, 41) <= 1.25 * rate
    assert made.queue_s(21, 41) <= 0.3


@pytest.mark.parametrize("rtt", [0.02, 0.6])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_camera_that_its_uplink_carries_is_told_nothing(rtt: float, loss: float) -> None:
    assert after(Shape(((0.0, 3e6),), rtt / 2, 1.0, Loss(loss)), 40.0, 1e6).said == []


def test_it_follows_an_uplink_that_becomes_thin_and_wide_again() -> None:
    made = after(Shape(((0.0, 2e6), (20.0, 4e5), (40.0, 2e6)), 0.03, 0.5), 70.0, 1.2e6)
    assert made.mean_bps(11, 21) == 1.2e6
    assert 0.65 * 4e5 <= made.mean_bps(26, 41) <= 1.2 * 4e5
    assert made.mean_bps(61, 71) >= 0.9e6


def test_a_fall_is_said_at_once_and_no_far_too_low_rate_ever() -> None:
    made = after(Shape(((0.0, 2e6), (20.2, 4e5)), 0.03, 2.0), 30.0, 1.2e6)
    assert 21.2 < made.said[0][0] < 21.7
    assert min(bps for _, bps in made.said) >= 0.4 * 4e5


@settings(max_examples=20, deadline=None)
@given(rate=st.floats(3e5, 3e6), more=st.floats(1.1, 3.0), rtt=st.sampled_from([0.02, 0.06, 0.2, 0.6]))
def test_a_camera_that_begins_too_fast_is_not_told_far_too_little(rate: float, more: float, rtt: float) -> None:
    made = after(Shape(((0.0, rate),), rtt / 2, 2.0), 10.0, more * rate)
    assert made.said
    # The queue that it has made must go, too; without that first second a fifth was told.
    assert min(bps for _, bps in made.said) >= 0.25 * rate


def test_resends_with_the_time_of_their_first_sending_are_not_taken_for_a_queue() -> None:
    meter, now_ns = UplinkMeter(), NS
    for number in range(2_000):
        now_ns += NS // 100
        late = number % 10 == 0
        meter.packet(send_time(now_ns - (NS if late else 0)), 500, now_ns, late)
        assert not meter.lost(0, NS // 20, now_ns)
    assert meter.say() == 0


def test_the_senders_clock_may_wrap_and_be_set() -> None:
    meter, now_ns = UplinkMeter(), NS
    for set_ns in (0, 40 * NS, -10 * NS, 3_600 * NS):
        for _ in range(70 * 25):
            now_ns += NS // 25
            meter.packet(send_time(now_ns + SENDER_NS + set_ns), 1_200, now_ns)
            assert not meter.lost(0, NS // 20, now_ns)
    assert meter.say() == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 400),
            st.integers(0, 2**24 - 1),
            st.integers(0, 2**24 - 1),
            st.integers(0, 1600),
            st.integers(-(2**40), 2**40),
            st.integers(0, 10**10),
        ),
        max_size=60,
    )
)
def test_whatever_is_claimed_a_remb_stays_within_its_bounds(claims: list[tuple[int, int, int, int, int, int]]) -> None:
    meter, now_ns = UplinkMeter(LEAST, MOST), NS
    for count, told, step, size_bytes, lost, passed_ns in claims:
        for number in range(count):
            meter.packet((told + number * step) & 0xFFFFFF, size_bytes, now_ns, number % 7 == 1)
        now_ns += passed_ns
        meter.lost(lost, passed_ns - 10**9, now_ns)
        assert meter.say() == 0 or LEAST <= meter.say() <= MOST
