"""How far a receiver was told outlives a restart; what cannot be used is told apart from nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from signaling.webhooks.position import PositionDamagedError, PositionFile

URL = "https://a.example/x"


def test_what_was_noted_last_is_read_and_others_have_files_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "webhooks"
    mine, other = PositionFile(folder, URL), PositionFile(folder, URL + "y")
    assert mine.read() is None
    for position in (0, 5, 4):
        mine.write(position)
        assert PositionFile(folder, URL).read() == position
    assert other.read() is None
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b'{"v":2,"url":"https://a.example/x","position":1}',
        b'{"v":1,"url":"b","position":1}',
        b'{"v":1,"url":"https://a.example/x","position":-1}',
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_file_that_cannot_be_used_is_damaged(tmp_path: Path, content: bytes) -> None:
    file = PositionFile(tmp_path, URL)
    file.write(3)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    with pytest.raises(PositionDamagedError):
        file.read()
    file.write(4)
    assert file.read() == 4
