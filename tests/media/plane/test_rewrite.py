"""Continuity of an outgoing stream: no number twice, each traceable, timestamps and picture ids unbroken."""

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from media.plane.rewrite import RewriteView
from tests.media.plane.payloads import encoded

MS = 1_000_000
SECOND = 1000 * MS
EDGES = [0, 1, 2, 255, 32767, 32768, 65533, 65534, 65535]
TIMESTAMP_EDGES = [0, 1, 2**31 - 1, 2**31, 2**32 - 3001, 2**32 - 1]
at_every_edge = pytest.mark.parametrize("first", EDGES)


class ReceiverIndex:
    """What a receiver and SRTP make of 16-bit numbers (RFC 3711 section 3.3.1 and appendix A)."""

    def __init__(self, first: int) -> None:
        self.highest = 65536 + first - 1

    def extend(self, sequence: int) -> int:
        cycle, last = self.highest >> 16, self.highest & 0xFFFF
        if last < 32768:
            cycle -= sequence - last > 32768
        else:
            cycle += last - 32768 > sequence
        ext = cycle << 16 | sequence
        self.highest = max(self.highest, ext)
        return ext


class Continuity(RuleBasedStateMachine):
    """Three inputs, losses, reordering, switches, pauses and restarts of one route."""

    @initialize(
        first=st.sampled_from(EDGES),
        timestamp=st.sampled_from(TIMESTAMP_EDGES),
        starts=st.lists(st.sampled_from(EDGES), min_size=3, max_size=3),
    )
    def begin(self, first: int, timestamp: int, starts: list[int]) -> None:
        self.view = RewriteView(first, timestamp, 90000)
        self.receiver = ReceiverIndex(first)
        self.next_ext = [65536 + start for start in starts]
        self.held: list[tuple[int, int]] = []
        self.sent: dict[int, tuple[int, int]] = {}
        self.timestamps: dict[int, int] = {}
        self.stretches: list[int] = []
        self.latest_timestamp: int | None = None
        self.now_ns = 0

    def timestamp_of(self, key: int, ext: int) -> int:
        return (ext * 3000 + key * 0x5000_0000) & 0xFFFFFFFF

    def give(self, key: int, ext: int) -> str:
        result, sequence, timestamp = self.view.packet(key, ext, self.timestamp_of(key, ext), self.now_ns)
        if result != "ok":
            return result
        out = self.receiver.extend(sequence)
        assert out not in self.sent, "one number for two packets"
        self.sent[out] = (key, ext)
        self.timestamps[out] = timestamp
        assert self.view.last_out_ext == max(self.sent), "our extended numbers are the receiver's"
        assert self.view.find(sequence) == (key, ext)
        assert self.view.find_timestamp(sequence, self.timestamp_of(key, ext)) == timestamp
        if self.latest_timestamp is None or (timestamp - self.latest_timestamp) & 0xFFFFFFFF < 2**31:
            self.latest_timestamp = timestamp
        return result

    def switch(self, key: int, ext: int) -> None:
        self.view.switch(key, ext, self.timestamp_of(key, ext), self.now_ns)
        self.stretches.append(max(self.sent, default=-1) + 1)

    @rule(elapsed_ms=st.integers(0, 100_000))
    def wait(self, elapsed_ms: int) -> None:
        self.now_ns += elapsed_ms * MS

    @rule(key=st.integers(0, 2), count=st.sampled_from([1, 2, 3, 700]), lost=st.sampled_from([0, 0, 1, 2998]))
    def stream_runs(self, key: int, count: int, lost: int) -> None:
        self.next_ext[key] += lost
        for _ in range(count):
            self.give(key, self.next_ext[key])
            self.next_ext[key] += 1

    @rule(key=st.integers(0, 2), count=st.integers(1, 5))
    def packets_are_delayed(self, key: int, count: int) -> None:
        self.held += [(key, self.next_ext[key] + number) for number in range(count)]
        self.next_ext[key] += count

    @rule(choice=st.integers(0, 1000))
    def a_delayed_packet_comes(self, choice: int) -> None:
        if self.held:
            self.give(*self.held.pop(choice % len(self.held)))

    @rule(key=st.integers(0, 2))
    def the_route_switches(self, key: int) -> None:
        self.switch(key, self.next_ext[key])
        before = self.latest_timestamp
        assert self.give(key, self.next_ext[key]) == "ok"
        self.next_ext[key] += 1
        out = max(self.sent)
        assert len(self.sent) == 1 or out - 1 in self.sent or self.view.find(out - 1 & 0xFFFF) is not None
        if before is not None:
            assert 1 <= (self.timestamps[out] - before) & 0xFFFFFFFF < 2**31, "time never goes backwards"

    @rule(key=st.integers(0, 2), back=st.integers(0, 50))
    def the_route_switches_and_its_first_packet_is_late(self, key: int, back: int) -> None:
        self.switch(key, self.next_ext[key] - back)

    @rule(key=st.integers(0, 2), count=st.integers(1, 70_000))
    def the_stream_runs_while_the_route_pauses(self, key: int, count: int) -> None:
        self.next_ext[key] += count

    @rule(key=st.integers(0, 2))
    def the_publisher_restarts(self, key: int) -> None:
        self.next_ext[key] = ((self.next_ext[key] >> 16) + 2) << 16 | (self.next_ext[key] * 7 & 0xFFFF)

    @invariant()
    def recent_numbers_are_traceable(self) -> None:
        if not getattr(self, "sent", None):
            return
        # A number of the last six stretches, also of a packet that came later; what is older may be forgotten.
        recent = sorted(out for out in self.sent if out >= self.stretches[-6:][0])
        for out in {*recent[:: max(1, len(recent) // 20)], *recent[-3:]}:
            if max(self.sent) - out <= 16384:
                assert self.view.find(out & 0xFFFF) == self.sent[out]
                assert (
                    self.view.find_timestamp(out & 0xFFFF, self.timestamp_of(*self.sent[out])) == self.timestamps[out]
                )
        for out in list(self.sent)[:: max(1, len(self.sent) // 20)]:
            if max(self.sent) - out <= 16384:
                assert self.view.find(out & 0xFFFF) in (self.sent[out], None)


TestContinuity = Continuity.TestCase
TestContinuity.settings = settings(max_examples=100, stateful_step_count=50)


def start(first: int = 100, timestamp: int = 5000, key: int = 1) -> RewriteView:
    view = RewriteView(first, timestamp, 90000)
    view.switch(key, 1000, 77, 0)
    return view


@at_every_edge
def test_the_first_packet_gets_the_first_number_and_timestamp(first: int) -> None:
    view = start(first)
    assert view.packet(1, 1000, 77, 0) == ("ok", first, 5000)
    assert view.packet(1, 1001, 77 + 3000, 0) == ("ok", first + 1 & 0xFFFF, 8000)
    assert view.timestamp(77 + 6000) == 11000


def test_nothing_passes_before_the_first_switch() -> None:
    view = RewriteView(5, 5, 90000)
    assert view.packet(0, 1000, 0, 0)[0] == "other_stream"
    assert view.find(4) is None and view.find(5) is None


@at_every_edge
def test_a_switch_continues_contiguously_and_holes_stay(first: int) -> None:
    view = start(first)
    view.packet(1, 1000, 77, 0)
    view.packet(1, 1003, 77, 0)
    view.switch(2, 65536 + first, 0xFFFFFFFF, 40 * MS)
    result, sequence, timestamp = view.packet(2, 65536 + first, 0xFFFFFFFF, 40 * MS)
    assert (result, sequence, timestamp) == ("ok", first + 4 & 0xFFFF, 5000 + 3600)
    assert view.find(first + 2 & 0xFFFF) == (1, 1002), "a viewer asks for what never came"
    assert view.packet(1, 1002, 77, 50 * MS) == ("ok", first + 2 & 0xFFFF, 5000), "and gets it"
    assert view.packet(1, 1004, 77, 50 * MS)[0] == "other_stream"
    assert view.packet(1, 999, 77, 50 * MS)[0] == "other_stream"
    assert view.packet(2, 65535 + first, 0, 50 * MS)[0] == "other_stream"


@pytest.mark.parametrize(
    ("elapsed_ns", "ticks"), [(0, 1), (-SECOND, 1), (1, 1), (MS, 90), (3600 * SECOND, 324_000_000)]
)
@pytest.mark.parametrize("timestamp", TIMESTAMP_EDGES)
def test_the_timestamp_moves_by_the_time_between_arrivals(timestamp: int, elapsed_ns: int, ticks: int) -> None:
    view = RewriteView(0, timestamp, 90000)
    view.switch(1, 10, 0, SECOND)
    view.packet(1, 10, 0, SECOND)
    view.packet(1, 11, 0, SECOND + 30 * MS)
    view.switch(2, 10, 123456, SECOND + elapsed_ns)
    assert view.packet(2, 10, 123456, SECOND + elapsed_ns)[2] == (timestamp + ticks) & 0xFFFFFFFF


def test_a_pause_longer_than_the_timestamp_can_tell_still_goes_forwards() -> None:
    view = start()
    view.packet(1, 1000, 77, 0)
    view.switch(1, 2000, 0, 10 * 3600 * SECOND)
    assert view.packet(1, 2000, 0, 0)[2] == 5000 + 2**31 - 1
    view.switch(1, 3000, 0, 2**63 - 1)
    assert view.packet(1, 3000, 0, 0)[2] == 4998


def test_pictures_out_of_display_order_do_not_pull_the_timestamp_back() -> None:
    view = start()
    for number, display in enumerate([0, 3, 1, 2]):
        view.packet(1, 1000 + number, 77 + display * 3000, number * 33 * MS)
    view.switch(2, 5, 0, 133 * MS)
    assert view.packet(2, 5, 0, 133 * MS)[2] == 5000 + 9000 + 9000


def test_switches_without_packets_leave_no_trace() -> None:
    view = start()
    view.packet(1, 1000, 77, 0)
    for number in range(50):
        view.switch(2, number, 0, number * MS)
    assert view.packet(2, 49, 0, 50 * MS)[1:] == (101, 5000 + 49 * 90)
    assert view.find(100) == (1, 1000)


@at_every_edge
def test_history_reaches_64_segments_back(first: int) -> None:
    view = start(first)
    for key in range(65):
        view.switch(key, 500, 0, 0)
        assert view.packet(key, 500, 0, 0)[:2] == ("ok", first + key & 0xFFFF)
    assert view.find(first & 0xFFFF) is None
    assert view.find_timestamp(first & 0xFFFF, 0) is None
    assert [view.find(first + key & 0xFFFF) for key in range(1, 65)] == [(key, 500) for key in range(1, 65)]
    assert view.packet(0, 500, 0, 0)[0] == "other_stream"


def test_numbers_not_yet_given_out_are_not_found() -> None:
    view = start(65535)
    view.packet(1, 1000, 77, 0)
    assert view.find(65535) == (1, 1000)
    assert all(view.find(sequence) is None for sequence in (0, 1, 16383, 32768, 49000, 65534))


@at_every_edge
def test_a_jump_srtp_could_misread_is_refused_until_the_owner_switches(first: int) -> None:
    view = start(first)
    view.packet(1, 1000, 77, 0)
    assert view.packet(1, 1000 + 16385, 77, 0)[0] == "jump"
    assert view.packet(1, 1000 + 16384, 77, 0)[:2] == ("ok", first + 16384 & 0xFFFF)
    assert view.packet(1, 1000 + 16385, 77, 0)[0] == "ok"
    assert view.packet(1, 1000, 77, 0)[0] == "too_old"
    view.switch(1, 200_000, 0, 0)
    assert view.packet(1, 200_000, 0, 0)[:2] == ("ok", first + 16386 & 0xFFFF)


def test_an_old_segments_hole_far_behind_is_not_filled() -> None:
    view = start()
    view.packet(1, 1000, 77, 0)
    view.packet(1, 1002, 77, 0)
    view.switch(2, 0, 0, 0)
    view.packet(2, 16382, 0, 0)
    assert view.packet(1, 1001, 77, 0) == ("ok", 101, 5000)
    view.packet(2, 16383, 0, 0)
    assert view.packet(1, 1001, 77, 0)[0] == "too_old"


def test_ten_million_packets_keep_their_distance() -> None:
    view = start(65000)
    assert view.run(1, 1000, 10_000_000) == (65000 + 9_999_999) & 0xFFFF
    assert view.find((65000 + 9_999_999) & 0xFFFF) == (1, 1000 + 9_999_999)


# VP8


def vp8_payload(picture: int | None, tl0: int | None, body: bytes = b"body", wide: bool = True) -> bytes:
    flags = 0x80 * (picture is not None) | 0x40 * (tl0 is not None) | 0x20
    out = bytearray([0x90, flags])
    if picture is not None:
        out += bytes([0x80 | picture >> 8, picture & 0xFF]) if wide else bytes([picture])
    if tl0 is not None:
        out.append(tl0)
    return bytes(out) + b"\x40" + body


def read_vp8(payload: bytes | None) -> tuple[int | None, int | None, bytes]:
    assert payload is not None
    descriptor, rest = VpxPayloadDescriptor.parse(payload)
    return descriptor.picture_id, descriptor.tl0picidx, rest


@pytest.mark.parametrize("last", [0, 1, 127, 128, 255, 32766, 32767])
@pytest.mark.parametrize("other", [0, 5, 127, 128, 32767])
def test_vp8_picture_ids_continue_across_a_switch(last: int, other: int) -> None:
    view = start()
    view.packet(1, 1000, 77, 0)
    assert read_vp8(view.vp8(vp8_payload(last, last & 0xFF))) == (last, last & 0xFF, b"body")
    view.switch(2, 50, 0, 0)
    for step in range(3):
        view.packet(2, 50 + step, step * 3000, 0)
        assert read_vp8(view.vp8(vp8_payload(other + step & 0x7FFF, other + step & 0xFF))) == (
            last + 1 + step & 0x7FFF,
            last + 1 + step & 0xFF,
            b"body",
        )


def test_vp8_pictures_continue_over_more_switches_than_history_holds() -> None:
    view = start()
    for number in range(30):
        view.switch(number % 3, 1000 + number, 0, 0)
        view.packet(number % 3, 1000 + number, 0, 0)
        rewritten = view.vp8(vp8_payload(500 * (number % 3), number % 3))
        assert read_vp8(rewritten)[:2] == (number, number)


def test_vp8_hole_of_an_older_segment_is_filled_in_that_segments_numbering() -> None:
    view = start()
    view.packet(1, 1000, 77, 0)
    view.vp8(vp8_payload(10, 20))
    view.packet(1, 1002, 77, 0)
    view.vp8(vp8_payload(12, 22))
    view.switch(2, 50, 0, 0)
    view.packet(2, 50, 0, 0)
    assert read_vp8(view.vp8(vp8_payload(700, 70)))[:2] == (13, 23)
    assert view.packet(1, 1001, 77, 0)[1] == 101
    assert read_vp8(view.vp8(vp8_payload(11, 21)))[:2] == (11, 21)
    view.packet(2, 51, 0, 0)
    assert read_vp8(view.vp8(vp8_payload(701, 71)))[:2] == (14, 24)
    assert view.packet(1, 1001, 77, 0)[1] == 101
    assert read_vp8(view.vp8(vp8_payload(400, 90)))[:2] == (400, 90), "an older segment's numbers"
    view.switch(3, 9, 0, 0)
    view.packet(3, 9, 0, 0)
    assert read_vp8(view.vp8(vp8_payload(0, 0)))[:2] == (15, 25), "do not move the newest ones"


@pytest.mark.parametrize("last", [0, 126, 127])
def test_vp8_seven_bit_picture_ids_continue_across_a_switch(last: int) -> None:
    view = start()
    view.packet(1, 1000, 77, 0)
    assert view.vp8(vp8_payload(last, None, wide=False)) == vp8_payload(last, None, wide=False)
    for key in (2, 3):
        view.switch(key, 50, 0, 0)
        for step in range(2):
            view.packet(key, 50 + step, 0, 0)
            expected = last + (key - 2) * 2 + 1 + step & 0x7F
            rewritten = view.vp8(vp8_payload(127 + step & 0x7F, None, wide=False))
            assert rewritten == vp8_payload(expected, None, wide=False)


def test_vp8_packets_of_one_picture_and_reordered_ones_keep_together() -> None:
    view = start()
    for picture in (10, 10, 12, 11):
        view.packet(1, 1000, 77, 0)
        view.vp8(vp8_payload(picture, 1))
    view.switch(2, 50, 0, 0)
    given_ids = []
    for number, picture in enumerate((700, 700, 699, 701)):
        view.packet(2, 50 + number, 0, 0)
        given_ids.append(read_vp8(view.vp8(vp8_payload(picture, 5)))[0])
    assert given_ids == [13, 13, 12, 14]


def test_vp8_without_ids_padding_and_malformed_descriptors() -> None:
    view = start()
    view.packet(1, 1000, 77, 0)
    assert view.vp8(b"\x10\x00\x01") == b"\x10\x00\x01"
    assert view.vp8(b"") == b"" and view.find_vp8(100, b"") == b""
    assert view.vp8(b"\x90\x80\x81") is None and view.find_vp8(100, b"\x90\x80\x81") is None


def retransmissions_are_identical(
    view: RewriteView, inputs: list[tuple[int, int, bytes]], switches: set[int]
) -> list[tuple[int, bytes]]:
    """Send the inputs, switching at some; afterwards, and in between, repeat every one from its number."""
    sent: list[tuple[int, int, bytes, bytes]] = []
    for number, (key, ext, payload) in enumerate(inputs):
        if number in switches:
            view.switch(key, ext, ext * 3000 & 0xFFFFFFFF, number * MS)
        result, sequence, timestamp = view.packet(key, ext, ext * 3000 & 0xFFFFFFFF, number * MS)
        assert result == "ok"
        rewritten = view.vp8(payload)
        assert rewritten is not None
        sent.append((sequence, timestamp, payload, rewritten))
        for sequence, timestamp, payload, rewritten in sent[-40:]:
            found = view.find(sequence)
            assert found is not None
            assert view.find_timestamp(sequence, found[1] * 3000 & 0xFFFFFFFF) == timestamp
            assert view.find_vp8(sequence, payload) == rewritten
    return [(sequence, rewritten) for sequence, _, _, rewritten in sent]


@given(
    st.sampled_from(EDGES),
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.booleans(), st.booleans()), min_size=1, max_size=6),
    st.lists(st.sampled_from([0, 126, 127, 254, 32766, 32767]), min_size=3, max_size=3),
)
def test_vp8_retransmission_of_older_segments_is_byte_identical(
    first: int, stretches: list[tuple[int, int, bool, bool]], pictures: list[int]
) -> None:
    view = RewriteView(first, 0, 90000)
    exts = [65536, 70000, 2**33]
    inputs: list[tuple[int, int, bytes]] = []
    switches = set()
    for key, length, wide, has_tl0 in stretches:
        switches.add(len(inputs))
        for _ in range(length):
            picture = pictures[key] & (0x7FFF if wide else 0x7F)
            payload = vp8_payload(picture, pictures[key] & 0xFF if has_tl0 else None, bytes([len(inputs)]), wide)
            inputs.append((key, exts[key], payload))
            exts[key] += 1
            pictures[key] += 1
        exts[key] += 100
    out = retransmissions_are_identical(view, inputs, switches)
    assert [sequence for sequence, _ in out] == [first + number & 0xFFFF for number in range(len(out))]


def test_real_vp8_stream_switched_every_picture_stays_continuous() -> None:
    view = RewriteView(65000, 0, 90000)
    inputs: list[tuple[int, int, bytes]] = []
    switches = set()
    for key, picture in enumerate(encoded("VP8")):
        switches.add(len(inputs))
        inputs += [(key, 90_000 + number, payload) for number, payload in enumerate(picture.payloads)]
    ids = []
    source_bodies = [VpxPayloadDescriptor.parse(payload)[1] for _, _, payload in inputs]
    for (_, rewritten), body in zip(retransmissions_are_identical(view, inputs, switches), source_bodies, strict=True):
        picture_id, _, rest = read_vp8(rewritten)
        assert rest == body
        ids.append(picture_id)
    assert list(dict.fromkeys(ids)) == [32767, 0, 1, 2, 3, 4, 5]
