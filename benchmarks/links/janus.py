"""The steps of `step` with Janus 1.1.2 in our place: VideoRoom with simulcast, the same camera, viewer and links.

Fair to it: the subscriber asks for what the demonstration page asks for, which is the largest layer always; it is told
of no estimate that could ask for less, for VideoRoom has none (`room`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from benchmarks.links.room import Rooms
from benchmarks.links.step import CASES, SETTLE_S, STEP_S, Case, measure_all
from benchmarks.peers import janus
from benchmarks.peers.model import PeerError
from benchmarks.report import Report


def run(report: Report, *, cases: Sequence[Case] = CASES, step_s: float = STEP_S, settle_s: float = SETTLE_S) -> None:
    """Measure into `report`. Raises PeerError where there is no Janus."""
    if not janus.available():
        raise PeerError("Janus is not installed")
    with closing(Rooms()) as site:
        measure_all(report, site, cases, step_s, settle_s, "Janus")
