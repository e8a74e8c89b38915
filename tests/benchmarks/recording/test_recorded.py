"""Everything is recorded while it is measured, ours and the peer's, and what is missing would show."""

import itertools
import os
from math import isfinite
from pathlib import Path

import pytest

from benchmarks.recording import PARTS, kept, recorded
from benchmarks.report import Report
from recorder.book.layout import Layout
from recorder.proof.chain import Chain
from tests.huishang.recording.chains import SESSION, content, opening
from tests.recorder.proof.sessions import BEGIN, OLD, SECOND


def test_every_part_can_be_asked_for() -> None:
    assert PARTS.keys() == {"clocks", "recorded", "kills", "replay", "verify"}


def test_three_sources_are_recorded_and_relayed_beside_janus() -> None:
    report, affinity = Report("recording"), os.sched_getaffinity(0)
    try:
        recorded.run(report, sources=3, viewers=2, alone=0, rounds=1, seconds=3.0)
    finally:
        os.sched_setaffinity(0, affinity)
    assert not [note for note in report.notes if "not measured" in note and "disturbed" not in note], report.notes
    for figure in report.figures:
        assert isfinite(figure.value), figure
    by_name = {figure.name.rpartition(": ")[2]: figure for figure in report.figures}
    assert by_name["tracks not recorded"].unit == "of 12", "two recordings of each source, with picture and sound"
    assert by_name["tracks not recorded"].value == 0
    assert by_name["bytes in the files differ from those sent"].holds
    assert by_name["the recorder"].value > 0
    assert {"all that recording costs", "all that recording costs, janus"} <= by_name.keys()


@pytest.mark.parametrize("missing", [None, 1, 4])
def test_what_is_missing_in_the_files_shows(tmp_path: Path, missing: int | None) -> None:
    shape = recorded.shape_of()
    chain, path = Chain(SESSION, OLD), Layout(tmp_path).chain(SESSION)
    lines = [chain.append("opening", dict(opening().content))]
    for number, track in itertools.product(range(5), range(2)):
        if number != missing:
            octets = int(kept.payload_bps(shape["audio" if track else "video"]) * 4)
            gaps = [["ring", BEGIN, BEGIN + SECOND]] if missing and number > missing else []
            lines.append(chain.append("segment", content(track, number, bytes=octets, gaps=gaps)))
    lines.append(chain.append("closure", {"at": BEGIN + 20 * SECOND, "by": ""}))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(lines))
    found = kept.read(tmp_path, shape)
    assert (found.recordings, found.tracks) == (1, 2)
    if missing is None:
        assert found.off < 0.001
        assert not found.gaps
    else:
        assert found.off == pytest.approx(0.2, abs=0.001)
        assert found.gaps["ring"] == (6 if missing == 1 else 0)
