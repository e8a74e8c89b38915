"""Contents of chains are anybody's: each becomes a row that a database takes, or is refused."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch.store.segments import Deletion, SegmentRow
from huishang.recording.chainrows import row_of
from recorder.proof.canonical import MAX_INTEGER
from recorder.proof.digests import Digests
from recorder.proof.errors import NotARecord
from recorder.proof.records import Recorded, RecordedLine
from recorder.proof.segments import is_plain_path
from tests.huishang.recording.chains import SESSION, content

DIGEST = Digests(sha256="0" * 64)
_plain = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text(max_size=9)
_values = st.recursive(
    _plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
_GOOD = content(1, 1)
_changes = st.dictionaries(st.sampled_from(sorted(_GOOD)), _values, max_size=2)
_paths = st.lists(st.sampled_from(["tracks", "..", ".", "", "a", "a.mp4", "C:", "\\", "\n"]), max_size=5).map("/".join)


def line(kind: Any, told: dict[str, Any]) -> RecordedLine:
    record = Recorded(n=3, session=SESSION, kind=kind, digest=DIGEST, prev=DIGEST)
    return RecordedLine(record=record, content=told, salt="0" * 64)


@given(_changes, st.none() | _paths)
def test_segment_is_a_row_below_the_tracks_or_refused(changes: dict[str, Any], path: str | None) -> None:
    told = _GOOD | changes | ({} if path is None else {"file": path})
    try:
        row = row_of(line("segment", told))
    except NotARecord:
        assert changes or path is not None
        return
    assert isinstance(row, SegmentRow)
    assert row.file.startswith("tracks/") and is_plain_path(row.file) and row.t0_us <= row.t1_us
    numbers = [value for name in SegmentRow.__struct_fields__ if isinstance(value := getattr(row, name), int)]
    assert all(0 <= number < 1 << 63 for number in numbers)
    assert (row.source, row.person, row.details["name"]) == ("source-0", "person-0", "乡镇 0") or "about" in changes


@given(_values.filter(lambda value: isinstance(value, dict)))
def test_deletion_is_one_or_refused_and_all_else_is_nothing(told: Any) -> None:
    with contextlib.suppress(NotARecord):
        assert isinstance(row_of(line("deletion", told)), Deletion)
    for kind in ("event", "mark", "pause", "resume", "closure"):
        assert row_of(line(kind, told)) is None
