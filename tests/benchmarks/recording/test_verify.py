"""What the benchmark of verification measures is a sound root, and its limit is a bound on time."""

from pathlib import Path

from benchmarks.recording.verify import TRACK, prove, segments, tell
from benchmarks.report import Report
from recorder.proof.digests import SHA256_ONLY, WITH_SM3
from recorder.proof.findings import is_sound
from tests.recorder.book.books import findings_at


def test_roots_are_sound_by_the_digests_that_are_measured(tmp_path: Path) -> None:
    folder = tmp_path / "tracks" / TRACK.track
    folder.mkdir(parents=True)
    files = list(segments(folder, 1 << 20))
    for algorithms, said in ((SHA256_ONLY, "SHA-256"), (WITH_SM3, "SHA-256, SM3")):
        root = tmp_path / said
        (root / "tracks").mkdir(parents=True)
        folder.rename(root / "tracks" / TRACK.track)
        prove(root, files, algorithms)
        findings = findings_at(root)
        assert is_sound(findings)
        assert [f.detail for f in findings if f.code == "files-intact"] == [said]
        (root / "tracks" / TRACK.track).rename(folder)


def test_seven_tenths_of_openssls_speed_holds_and_less_does_not() -> None:
    for ours, holds in ((1.42, True), (1.44, False)):
        report = Report("")
        taken = {"ours": [ours], "openssl": [1.0], "ours, SM3 too": [3.0], "openssl, SM3 too": [2.0]}
        tell(report, 1 << 30, 1, taken)
        assert report.figures[0].holds is holds
