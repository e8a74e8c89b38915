"""Whatever a title holds, a file's name is one that every system takes, and nothing else."""

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from huishang.recording.exportnames import file_name

T0 = 1_763_900_000_123_457


def test_name_tells_title_source_time_and_kind() -> None:
    name = file_name("clip", "防汛/会商", " 大坝 北侧 ", (T0, T0 + 90_000_000), ".mp4", "zh")
    assert name == "防汛_会商_大坝_北侧_20251123-201320-201450_片段.mp4"
    assert file_name("bundle", "..", "", (0, 0), ".zip", "en") == "recording_evidence.zip"


@given(title=st.text(max_size=400), source=st.text(max_size=400))
def test_name_is_plain_whatever_it_is_made_of(title: str, source: str) -> None:
    name = file_name("composed", title, source, (T0, T0 + 1), ".mp4", "zh")
    assert len(name.encode()) <= 250 and name.endswith("_合成.mp4") and not name.startswith(".")
    assert not re.search(r'[/\\:*?"<>|\s]', name)
    assert not [char for char in name if unicodedata.category(char)[0] == "C"]
