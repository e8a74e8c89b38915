"""What a failing disk does to a segment, shown where the C library is asked."""

from __future__ import annotations

from pathlib import Path

from tests.media.preloaded import run_preloaded


def test_after_an_error_nothing_is_taken_and_what_was_written_is_whole(tmp_path: Path) -> None:
    source = "tests/dispatch/journal/failing_disk.c"
    found = run_preloaded("tests.recorder.files.failing_disk", source, tmp_path, str(tmp_path))
    kept = {"kept": True, "read": True}
    broken = {"later": "segment-broken", "closed": "segment-broken", **kept}
    assert found["write"] == {
        "while failing": ["segment-broken"],
        "synced": "segment-broken",
        "longer": False,
        **broken,
    }
    assert found["sync"] == {"while failing": [], "synced": "segment-broken", "longer": True, **broken}
    full = {"later": "segment-full", "closed": "whole", "longer": False, **kept}
    assert found["no room"] == {"while failing": ["segment-full"], "synced": None, **full}
