"""Figures of recording: that times are right, what it costs, how it is looked at again and how fast it is verified."""

from benchmarks.parts import Parts
from benchmarks.recording import clocks, recorded, replayed, verify

PARTS: Parts = {"clocks": clocks.run, "recorded": recorded.run, "replay": replayed.run, "verify": verify.run}
