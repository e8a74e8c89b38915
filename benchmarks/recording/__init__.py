"""Figures of recording: right times, what it costs, what kills lose, how it is looked at again and verified."""

from benchmarks.parts import Parts
from benchmarks.recording import clocks, kills, recorded, replayed, verify

PARTS: Parts = {
    "clocks": clocks.run,
    "recorded": recorded.run,
    "kills": kills.run,
    "replay": replayed.run,
    "verify": verify.run,
}
