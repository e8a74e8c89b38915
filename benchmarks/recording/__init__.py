"""Figures of recording: that times are right, what it costs, how it is looked at again."""

from benchmarks.parts import Parts
from benchmarks.recording import clocks, recorded, replayed

PARTS: Parts = {"clocks": clocks.run, "recorded": recorded.run, "replay": replayed.run}
