"""Takes away the files of a recording that the timeline says is deleted: the evidence says so first. Shell.

Done again from any point it comes to the same: what the chain does not call deleted yet is called so, what is still
there is taken away. Files are looked at and removed in threads, in portions with pauses, so that nothing else waits.

A file may be another recording's too. Its head names all that it belongs to from its beginning on, also those whose
chains do not name it yet; where the head cannot be read, the chains of all that were recorded about then are asked.
Everything of which a file may be left is in memory (`dispatch.store.loading`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import stat
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

import structlog

from dispatch.keeping import DAY_US
from dispatch.records import Recording
from dispatch.tables import Tables
from huishang.recording.about import names_in, names_of
from huishang.recording.chains import Chains
from recorder.book.evidence import files_named, segments_named
from recorder.files import SegmentDamaged, label_of
from recorder.proof.segments import TRACKS, is_plain_path

_log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Lines of a chain, or files, that are done in one go, some milliseconds; and the pause behind them. An unlink costs a
#: disk some seeks that the recorder wants too.
PORTION: Final = 100
PAUSE_S: Final = 0.05
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Others:
    """The recordings that are not deleted, and so keep their files."""

    recordings: list[Recording]
    _names: dict[str, frozenset[str]] = field(default_factory=dict)
    _files: set[str] | None = None

    def names(self, track: str, source: str) -> frozenset[str]:
        """Return what the heads of a track's files call them; a source's own recording has no other's tracks."""
        found = self._names.get(track)
        if found is None:
            own = f"source:{source}"
            some = (each.id for each in self.recordings if each.of == own or not (source and _is_alone(each)))
            found = self._names[track] = names_of(track, some)
        return found

    def files(self, root: Path, deleted: Recording) -> Collection[str]:
        """Return the files that the chains of those name that ran at about the time of the deleted one. Blocks."""
        if self._files is None:
            from_us, to_us = deleted.begun_us - DAY_US, deleted.ended_us + DAY_US
            self._files = set()
            for each in self.recordings:
                if each.begun_us < to_us and (not each.ended_us or each.ended_us > from_us):
                    with contextlib.suppress(FileNotFoundError):
                        self._files |= files_named(root, each.id)
        return self._files


class Clearing:
    """Clears one root. `telling`: the tracks in which the worker of this process writes."""

    def __init__(self, root: Path, tables: Tables, chains: Chains, telling: Callable[[], Collection[str]]) -> None:
        self._root = root
        self._tables = tables
        self._chains = chains
        self._telling = telling

    async def clear(self, recording: Recording) -> int:
        """Have a deleted recording's chain say so, then remove its files; return how many.

        Raises BookError, ProofError, OSError; then some of it may be done.
        """
        files: dict[int, str] = {}
        called: set[int] = set()
        async for named in _portions(segments_named(self._root, recording.id)):
            for each in named:
                if isinstance(each, tuple):
                    files[each[0]] = each[1]
                else:
                    called.update(each)
        lacking = sorted(files.keys() - called)
        if lacking:
            await self._chains.delete(recording, lacking)
        return await self._remove(recording, sorted({each for each in files.values() if _is_ours(each)}))

    async def _remove(self, recording: Recording, files: list[str]) -> int:
        # Who is deleted from now on asks for these files when its own turn comes.
        others = Others([each for each in self._tables.recordings.rows() if not each.deleted_us])
        removed = 0
        for track, of_track in groupby(files, key=lambda file: file.split("/")[1]):
            names = [file.split("/")[2] for file in of_track]
            for first in range(0, len(names), PORTION):
                part = names[first : first + PORTION]
                removed += await asyncio.to_thread(remove, self._root, recording, track, part, others)
                await asyncio.sleep(PAUSE_S)
            if track not in self._telling():
                await asyncio.to_thread(_settle, self._root, track)
        return removed


def remove(root: Path, deleted: Recording, track: str, names: Collection[str], others: Others) -> int:
    """Remove those files of a track that are of no other recording; return how many. Blocks. Raises OSError."""
    removed = 0
    with contextlib.ExitStack() as ends:
        try:
            folder = _folder(root, track, ends)
        except FileNotFoundError:
            return 0
        for name in names:
            try:
                if not _is_others(root, deleted, track, name, folder, others):
                    os.unlink(name, dir_fd=folder)
                    removed += 1
            except FileNotFoundError:
                continue
        os.fsync(folder)
    return removed


def _is_others(root: Path, deleted: Recording, track: str, name: str, folder: int, others: Others) -> bool:
    """Tell whether a file is another recording's too. Raises OSError."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(None, f"{track}/{name} is no plain file")
        about = label_of(Path(f"/proc/self/fd/{fd}")).track.about
    except (SegmentDamaged, ValueError) as error:
        _log.warning("deleted_file_damaged", file=f"{track}/{name}", reason=str(error))
        return f"{TRACKS}/{track}/{name}" in others.files(root, deleted)
    finally:
        os.close(fd)
    rest = names_in(about) - names_of(track, (deleted.id,))
    return bool(rest) and not rest.isdisjoint(others.names(track, about.get("source", "")))


def _settle(root: Path, track: str) -> None:
    """Remove a track's folder if nothing is in it. Blocks."""
    with contextlib.ExitStack() as ends, contextlib.suppress(OSError):
        tracks = os.open(root / TRACKS, _FOLDER)
        ends.callback(os.close, tracks)
        os.rmdir(track, dir_fd=tracks)
        os.fsync(tracks)


def _folder(root: Path, track: str, ends: contextlib.ExitStack) -> int:
    """Open a track's folder; no link is followed, for the worker that writes there could be taken over."""
    tracks = os.open(root / TRACKS, _FOLDER)
    ends.callback(os.close, tracks)
    folder = os.open(track, _FOLDER, dir_fd=tracks)
    ends.callback(os.close, folder)
    return folder


def _is_alone(recording: Recording) -> bool:
    return recording.of.startswith("source:")


def _is_ours(file: str) -> bool:
    return is_plain_path(file) and file.startswith(f"{TRACKS}/") and file.count("/") == 2


async def _portions(items: Iterator[T]) -> AsyncIterator[list[T]]:
    """Take from an iterator that blocks, some at a time."""
    while part := await asyncio.to_thread(lambda: list(itertools.islice(items, PORTION))):
        yield part
        await asyncio.sleep(PAUSE_S / 5)
