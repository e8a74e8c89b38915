"""The clocks as they are read here, held to Python's own."""

import time

from recorder.utc import UtcLine
from recorder.utc.reading import read_clocks


def test_clocks_are_read_together_and_the_kernels_bound_is_one() -> None:
    before_ns, utc_ns = time.monotonic_ns(), time.time_ns()
    first, second = read_clocks(), read_clocks()
    assert before_ns <= first.monotonic_ns < second.monotonic_ns <= time.monotonic_ns()
    assert utc_ns <= first.utc_ns <= second.utc_ns <= time.time_ns()
    assert first.raw_ns < second.raw_ns
    assert first.error_ns is None or 0 <= first.error_ns < 16_000_000_000
    line = UtcLine(first)
    assert line.take(second, recorded=True) is None, "nobody sets the clock of a machine that tests run on"
