"""media.rtp.reorder: packets come out in order, each number once or named as missing, whatever comes in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.rtp.reorder import (
    FAR_RUN,
    HOLD_NS,
    MOST_AHEAD,
    MOST_HELD,
    MOST_HELD_BYTES,
    NEAR_RUN,
    SILENCE_NS,
    Missing,
    Packet,
    ReorderBuffer,
)

STEP_NS = 10_000_000
STARTS = st.sampled_from([0, 1, 100, 65_500, 65_535]) | st.integers(0, 65_535)


def take(buffer: ReorderBuffer, sequence: int, now_ns: int = 0, payload: bytes = b"x") -> list[Packet | Missing]:
    return buffer.receive(sequence & 0xFFFF, 0, False, payload, now_ns)


def numbers(found: list[Packet | Missing]) -> list[int | tuple[int, int]]:
    return [item.sequence if isinstance(item, Packet) else (item.first, item.last) for item in found]


@given(
    STARTS,
    st.lists(st.tuples(st.sampled_from(["sent"] * 4 + ["lost", "twice"]), st.integers(0, HOLD_NS - 1)), max_size=150),
)
def test_what_comes_within_the_time_is_in_order_and_what_does_not_come_is_named(
    start: int, fates: list[tuple[str, int]]
) -> None:
    arriving = [(0, 0)]
    lost = set()
    for place, (fate, delay_ns) in enumerate(fates, 1):
        if fate == "lost":
            lost.add(place)
            continue
        arriving.append((place * STEP_NS + delay_ns, place))
        if fate == "twice":
            arriving.append((place * STEP_NS + delay_ns // 2, place))
    buffer = ReorderBuffer()
    found: list[Packet | Missing] = []
    for now_ns, place in sorted(arriving):
        found += take(buffer, start + place, now_ns, b"%d" % place)
    found += buffer.finish()
    came = [item for item in found if isinstance(item, Packet)]
    kept = [place for place in range(len(fates) + 1) if place not in lost]
    assert [packet.sequence - start for packet in came] == kept
    assert [packet.payload for packet in came] == [b"%d" % place for place in kept]
    named = {
        number - start for hole in found if isinstance(hole, Missing) for number in range(hole.first, hole.last + 1)
    }
    assert named == {place for place in lost if place < kept[-1]}
    assert buffer.counts.duplicates == len(arriving) - len(kept)
    assert buffer.counts.missing == len(named) and buffer.counts.late == buffer.counts.restarts == 0


near = st.integers(-40, 40)
jumps = st.integers(0, 65_535)
arrivals = st.lists(
    st.tuples(
        st.sampled_from([near, near, jumps]).flatmap(lambda kind: kind), st.sampled_from([0, STEP_NS, SILENCE_NS])
    ),
    max_size=200,
)


@given(STARTS, arrivals)
def test_every_number_from_the_first_on_comes_once_or_is_missing_whatever_comes_in(
    start: int, steps: list[tuple[int, int]]
) -> None:
    buffer = ReorderBuffer()
    now_ns, sequence, given_out = 0, start, 0
    expected = start
    for step, wait_ns in [(0, 0), *steps, (0, HOLD_NS)]:
        now_ns, sequence = now_ns + wait_ns, (sequence + step) & 0xFFFF
        found = take(buffer, sequence, now_ns) + buffer.handle_timer(now_ns)
        timer = buffer.get_timer()
        assert timer is None or now_ns < timer <= now_ns + HOLD_NS
        for item in found:
            first, last = (item.sequence, item.sequence) if isinstance(item, Packet) else (item.first, item.last)
            assert first == expected and last >= first
            expected = last + 1
            given_out += isinstance(item, Packet)
    given_out += sum(isinstance(item, Packet) for item in buffer.finish())
    counts = buffer.counts
    # The first packet of another numbering is counted as stray or late before it is believed.
    assert counts.received - counts.duplicates - counts.late - counts.stray <= given_out <= counts.received


def test_hole_is_given_up_when_its_own_time_is_over_and_a_late_packet_is_told_from_a_copy() -> None:
    buffer = ReorderBuffer(hold_ns=100)
    assert numbers(take(buffer, 65_534)) == [65_534]
    assert take(buffer, 65_536, 10) == take(buffer, 65_538, 50) == []
    assert buffer.get_timer() == 110
    assert buffer.handle_timer(109) == []
    assert numbers(buffer.handle_timer(110)) == [(65_535, 65_535), 65_536]
    assert buffer.get_timer() == 150
    assert numbers(take(buffer, 65_539, 150)) == [(65_537, 65_537), 65_538, 65_539]
    assert take(buffer, 65_535, 160) == take(buffer, 65_538, 160) == []
    assert (buffer.counts.late, buffer.counts.duplicates, buffer.counts.missing) == (1, 1, 2)


def test_what_is_held_is_bounded_in_number_and_in_bytes() -> None:
    many, large = ReorderBuffer(), ReorderBuffer()
    take(many, 0), take(large, 0)
    found = [item for place in range(MOST_HELD + 1) for item in take(many, 2 + place)]
    assert numbers(found) == [(1, 1), *range(2, MOST_HELD + 3)]
    piece = bytes(60_000)
    held = 0
    while not (found := take(large, 2 + 2 * held, payload=piece)):
        held += 1
    assert held == MOST_HELD_BYTES // len(piece) and numbers(found) == [(1, 1), 2]


def test_stray_packet_changes_nothing_and_two_that_fit_begin_another_numbering() -> None:
    buffer = ReorderBuffer()
    take(buffer, 10)
    assert take(buffer, 10 + MOST_AHEAD + 2) == []
    assert numbers(take(buffer, 11)) == [11]
    assert take(buffer, 10 + MOST_AHEAD + 3) == []  # does not count with the one before 11
    assert numbers(take(buffer, 10 + MOST_AHEAD + 4)) == [(12, MOST_AHEAD + 12), MOST_AHEAD + 13, MOST_AHEAD + 14]
    assert (buffer.counts.stray, buffer.counts.restarts, FAR_RUN) == (2, 1, 2)


def test_lower_numbers_after_a_restart_become_greater_ones_and_what_waited_is_given_out_first() -> None:
    buffer = ReorderBuffer()
    take(buffer, 40_000), take(buffer, 40_002)
    take(buffer, 5)
    found = take(buffer, 6)
    assert numbers(found) == [(40_001, 40_001), 40_002, (40_003, 65_540), 65_541, 65_542]
    restart = found[2]
    assert isinstance(restart, Missing) and restart.restarted and found[0] == Missing(40_001, 40_001)


def test_restart_just_behind_is_believed_after_so_many_as_no_reordering_makes() -> None:
    buffer = ReorderBuffer()
    take(buffer, 1000)
    found = [item for place in range(NEAR_RUN) for item in take(buffer, 900 + place)]
    assert numbers(found)[1:] == [65_536 + 900 + NEAR_RUN - 2, 65_536 + 900 + NEAR_RUN - 1]
    assert buffer.counts.restarts == 1


def test_after_a_long_silence_any_number_is_believed_and_few_ahead_are_still_a_loss() -> None:
    buffer = ReorderBuffer()
    take(buffer, 1000)
    (restart, packet) = take(buffer, 990, SILENCE_NS + 1)
    assert isinstance(restart, Missing) and restart.restarted and numbers([packet]) == [66_526]
    assert take(buffer, 1000, 3 * SILENCE_NS) == []
    assert numbers(buffer.finish()) == [(66_527, 66_535), 66_536]
    assert buffer.counts.restarts == 1


def test_numbers_never_repeat_however_often_they_wrap() -> None:
    buffer = ReorderBuffer()
    found = [number for place in range(0, 65_536 * 4, 2900) for number in numbers(take(buffer, place, place * HOLD_NS))]
    packets = [number for number in found if isinstance(number, int)]
    assert packets == sorted(set(packets)) and [number & 0xFFFF for number in packets[:3]] == [0, 2900, 5800]
