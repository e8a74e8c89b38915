"""Figures of recording: that times are right."""

from benchmarks.parts import Parts
from benchmarks.recording import clocks

PARTS: Parts = {"clocks": clocks.run}
