"""Figures of recording: that times are right, and what it costs."""

from benchmarks.parts import Parts
from benchmarks.recording import clocks, recorded

PARTS: Parts = {"clocks": clocks.run, "recorded": recorded.run}
