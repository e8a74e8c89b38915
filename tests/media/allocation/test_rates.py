"""What layers cost, from their counters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.allocation.demand import DemandError, Layer
from media.allocation.rates import PACKET_BITS, SILENT_US, WINDOW_US, Counts, LayerRates, RungCounts

STEP = 200_000
NOTHING = Counts((RungCounts(0, 0, 0),), 0, 0, 0)


def sent(
    at_us: int, bits: int, *, frames: float = 15.0, size: tuple[int, int] = (640, 360), from_us: int = 0
) -> Counts:
    """Count what a steady layer has sent since `from_us`, a packet of 1,000 bytes at a time."""
    came = of_one(max(0, at_us - from_us) / 1e6, bits, frames)
    return Counts((came,), *size, at_us) if came.packets else NOTHING


def of_one(passed_s: float, bits: int, frames: float) -> RungCounts:
    packets = int(bits * passed_s / (8_000 + PACKET_BITS))
    return RungCounts(packets, packets * 1000, int(frames * passed_s))


def run(rates: LayerRates, until_us: int, count: Callable[[int], list[Counts]], *, start_us: int = STEP) -> None:
    for now_us in range(start_us, until_us + 1, STEP):
        rates.note(now_us, count(now_us))


@given(st.integers(50_000, 8_000_000), st.floats(1, 60))
def test_a_steady_layer_costs_what_it_sends_with_all_headers(bits: int, frames: float) -> None:
    rates = LayerRates()
    run(rates, 4_000_000, lambda now: [sent(now, bits, frames=frames)])
    (layer,) = rates.layers(4_000_000)
    assert layer.rungs[0].bits == pytest.approx(bits, rel=0.02, abs=8_400)
    assert layer.rungs[0].frames == pytest.approx(frames, abs=0.6)
    assert (layer.number, layer.width, layer.height) == (0, 640, 360)


def test_a_keyframe_each_four_seconds_moves_the_cost_little() -> None:
    rates, costs = LayerRates(), []
    for now in range(STEP, 30_000_000, STEP):
        steady, keyframes = sent(now, 1_000_000), now // 4_000_000
        (came,) = steady.rungs
        rates.note(now, [steady._replace(rungs=(came._replace(octets=came.octets + 60_000 * keyframes),))])
        if now > 10_000_000:
            costs.append(rates.layers(now)[0].rungs[0].bits)
    assert max(costs) < 1.15 * min(costs)


def test_layers_stand_in_the_order_of_their_size_and_those_not_heard_are_none() -> None:
    rates = LayerRates()

    def three(now: int) -> list[Counts]:
        return [sent(now, 1_500_000, size=(1280, 720)), sent(now, 150_000, size=(320, 180)), NOTHING]

    assert rates.layers(0) == ()
    run(rates, 2_000_000, three)
    assert [layer.number for layer in rates.layers(2_000_000)] == [1, 0]


def test_a_layer_that_falls_silent_is_gone_unless_it_was_asked_to_stop_and_keeps_its_price() -> None:
    rates = LayerRates()
    stop = 3_000_000

    def two(now: int) -> list[Counts]:
        return [sent(now, 150_000, size=(320, 180)), sent(min(now, stop), 1_000_000)]

    run(rates, stop, two)
    before = rates.layers(stop)
    late = stop + SILENT_US + 1_000_000
    run(rates, late, two, start_us=stop + STEP)
    assert numbers(rates.layers(late)) == [0]
    assert numbers(rates.layers(late, {1})) == [0, 1]
    assert rates.layers(late, {1})[1].rungs[0].bits > 0.6 * before[1].rungs[0].bits


def test_the_only_layer_is_not_gone_when_its_picture_stands_still() -> None:
    rates = LayerRates()
    run(rates, 10_000_000, lambda now: [sent(min(now, 2_000_000), 400_000)])
    assert numbers(rates.layers(10_000_000)) == [0]


def test_counters_that_begin_anew_or_were_not_read_for_long_give_no_wild_rate() -> None:
    rates = LayerRates()
    run(rates, 2_000_000, lambda now: [sent(now, 500_000)])
    rates.note(2_200_000, [Counts((RungCounts(1, 100, 1),), 640, 360, 2_200_000)])
    assert rates.layers(2_200_000)[0].rungs[0].bits == pytest.approx(500_000, rel=0.03)
    later = 2_200_000 + 10 * WINDOW_US
    rates.note(later, [sent(later, 500_000)])
    assert rates.layers(later)[0].rungs[0].bits == pytest.approx(500_000, rel=0.03)


#: Bits/s and frames/s of each temporal id by itself.
apart = st.lists(st.tuples(st.integers(20_000, 2_000_000), st.floats(2, 30)), min_size=1, max_size=4)


@given(apart)
def test_each_rung_costs_what_it_and_those_below_it_send(steady: list[tuple[int, float]]) -> None:
    rates = LayerRates()
    run(rates, 8_000_000, lambda now: [Counts(tuple(of_one(now / 1e6, *one) for one in steady), 640, 360, now)])
    (layer,) = rates.layers(8_000_000)
    assert len(layer.rungs) == len(steady)
    for temporal, rung in enumerate(layer.rungs):
        so_far = steady[: temporal + 1]
        assert rung.bits == pytest.approx(sum(bits for bits, _ in so_far), rel=0.02, abs=4 * 8_600 / 5)
        assert rung.frames == pytest.approx(sum(frames for _, frames in so_far), abs=4 / 5)
    assert rates.bits == layer.rungs[-1].bits


def test_an_upper_rung_is_gone_when_nothing_of_it_comes_any_more_and_there_again_when_it_does() -> None:
    rates = LayerRates()
    stop, again = 6_000_000, 14_000_000

    def two(now: int) -> list[Counts]:
        sent_s = (min(now, stop) + max(0, now - again)) / 1e6
        return [Counts((of_one(now / 1e6, 100_000, 7.5), of_one(sent_s, 50_000, 7.5)), 640, 360, now)]

    run(rates, stop, two)
    assert [rung.bits for rung in rates.layers(stop)[0].rungs] == pytest.approx([100_000, 150_000], rel=0.03)
    late = stop + WINDOW_US + 2 * STEP
    run(rates, late, two, start_us=stop + STEP)
    assert [rung.bits for rung in rates.layers(late)[0].rungs] == pytest.approx([100_000], rel=0.03)
    run(rates, again + WINDOW_US + STEP, two, start_us=late + STEP)
    assert len(rates.layers(again + WINDOW_US)[0].rungs) == 2


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3_000_000),
            st.lists(st.builds(RungCounts, *[st.integers(0, 2**63)] * 3), min_size=1, max_size=6),
        ),
        max_size=8,
    )
)
def test_whatever_is_counted_rungs_rise(history: list[tuple[int, list[RungCounts]]]) -> None:
    rates, now = LayerRates(), 0
    for after, counted in history:
        now += after
        try:
            rates.note(now, [Counts(tuple(counted), 640, 360, now)])
        except DemandError:
            continue  # a rate that no stream has
        for layer in rates.layers(now):
            assert list(layer.rungs) == sorted(layer.rungs, key=lambda rung: rung.bits)


def numbers(layers: tuple[Layer, ...]) -> list[int]:
    return [layer.number for layer in layers]
