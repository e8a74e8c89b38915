"""What a crash left: chains that nobody closed, and files that their chains do not name. Shell, reading only."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import structlog

from huishang.recording.about import recordings_of
from huishang.recording.chainsteps import sessions_of
from recorder.book.evidence import files_named, is_closed
from recorder.book.layout import Layout
from recorder.files import Facts, SegmentDamaged, facts_of, label_of
from recorder.files.facts import OPEN, closed_name

_log = structlog.get_logger(__name__)

#: A file that was closed so long ago has been told; the worker's answers take milliseconds.
TOLD_S: Final = 30.0


def unclosed(root: Path) -> set[str]:
    """Return the sessions whose chains have no closure. Blocks.

    A folder without a chain is none: a crash came before its opening was on disk.
    """
    layout = Layout(root)
    return {session for session in sessions_of(layout) or () if not is_closed(root, session)}


def unnamed(
    root: Path, sessions: Collection[str], telling: Collection[str], now_s: float
) -> Iterator[tuple[str, Facts]]:
    """Find the closed files of sessions that their chains do not name. Blocks, file by file.

    `telling` are tracks whose files are told by the worker: of those only what was told long ago counts, `now_s` is
    the time of the system. Folders in which nothing was closed since the newest chain was begun are passed over.
    """
    chains = {session: _named(root, session) for session in sessions}
    oldest_s = min((_begun_s(root, session) for session in sessions), default=now_s)
    tracks = Layout(root).tracks
    if not chains or not tracks.is_dir():
        return
    for folder in sorted(tracks.iterdir()):
        if not folder.is_dir() or folder.stat().st_mtime < oldest_s:
            continue
        for path in sorted(folder.iterdir()):
            name = f"{tracks.name}/{folder.name}/{path.name}"
            if path.name.endswith(OPEN) or all(name in named for named in chains.values()):
                continue
            if folder.name in telling and path.stat().st_mtime > now_s - TOLD_S:
                continue
            try:
                closed_name(path)
                about = label_of(path).track.about
                lacking = [each for each in recordings_of(about, folder.name, chains) if name not in chains[each]]
                if not lacking:
                    continue
                facts = facts_of(path)
            except (SegmentDamaged, OSError, ValueError) as error:
                _log.error("recorded_file_damaged", file=name, reason=str(error))
                continue
            for session in lacking:
                yield session, facts


def _named(root: Path, session: str) -> set[str]:
    try:
        return files_named(root, session)
    except FileNotFoundError:
        return set()


def _begun_s(root: Path, session: str) -> float:
    try:
        return os.stat(Layout(root).sessions / session).st_ctime
    except FileNotFoundError:
        return 0.0
