"""What a process asks of the operating system below one folder, in its order, and what a disk holds if power fails.

Names are on disk when their folder is synced, bytes when their file is; of what was not, each folder keeps some of the
first changes, and each file any of its sectors (`tests.dispatch.journal.power_loss`).
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.dispatch.journal import power_loss


class Step(NamedTuple):
    """`path` is below the folder; files are numbered, and keep their numbers when they are named otherwise."""

    what: str
    path: str = ""
    to: str = ""
    file: int = 0
    offset: int = 0
    data: bytes = b""


class Noted:
    """Notes while it is patched in; calls of several threads one after another, as they returned."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.steps: list[Step] = []
        self._root = root
        self._lock = threading.RLock()
        self._folders: dict[int, str] = {}
        self._files: dict[int, int] = {}
        self._named: dict[str, int] = {}
        for name in ("open", "close", "pwrite", "ftruncate", "fdatasync", "fsync", "rename", "replace", "unlink"):
            patch.setattr(os, name, self._noting(getattr(os, name), getattr(self, f"_{name}")))
        patch.setattr(os, "mkdir", self._noting(os.mkdir, self._mkdir))

    def _noting(self, call: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
        def both(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                answer = call(*arguments, **named)
                note(answer, *arguments, **named)
                return answer

        return both

    def _below(self, path: Any) -> str | None:
        if isinstance(path, int):
            return None
        given = Path(os.fsdecode(path))
        return given.relative_to(self._root).as_posix() if given.is_relative_to(self._root) else None

    def _open(self, fd: int, path: Any, flags: int, *_: Any, **__: Any) -> None:
        name = self._below(path)
        if name is None:
            return
        if flags & os.O_DIRECTORY:
            self._folders[fd] = name
            return
        if name not in self._named:
            assert flags & os.O_CREAT, name
            self._named[name] = len(self.steps)
            self.steps.append(Step("create", name, file=self._named[name]))
        self._files[fd] = self._named[name]

    def _close(self, _: None, fd: int) -> None:
        self._files.pop(fd, None)
        self._folders.pop(fd, None)

    def _pwrite(self, count: int, fd: int, data: Any, offset: int) -> None:
        if fd in self._files:
            self.steps.append(Step("write", file=self._files[fd], offset=offset, data=bytes(data[:count])))

    def _ftruncate(self, _: None, fd: int, size: int) -> None:
        if fd in self._files:
            self.steps.append(Step("size", file=self._files[fd], offset=size))

    def _fdatasync(self, _: None, fd: int) -> None:
        if fd in self._files:
            self.steps.append(Step("sync", file=self._files[fd]))

    def _fsync(self, _: None, fd: int) -> None:
        self._fdatasync(None, fd)
        if fd in self._folders:
            self.steps.append(Step("sync_folder", self._folders[fd]))

    def _rename(self, _: None, before: Any, after: Any, **__: Any) -> None:
        old, new = self._below(before), self._below(after)
        if old is not None and new is not None:
            self._named[new] = self._named.pop(old)
            self.steps.append(Step("rename", old, new))

    _replace = _rename

    def _unlink(self, _: None, path: Any, **__: Any) -> None:
        name = self._below(path)
        if name is not None and self._named.pop(name, None) is not None:
            self.steps.append(Step("unlink", name))

    def _mkdir(self, _: None, path: Any, *__: Any, **___: Any) -> None:
        name = self._below(path)
        if name is not None and name != ".":
            self.steps.append(Step("mkdir", name))


def leave_behind(steps: list[Step], root: Path, source: random.Random) -> None:
    """Make the folder as a disk may hold it if the power fails after these steps; its own name is there."""
    folders: dict[str, power_loss._Pending] = {}
    files: dict[int, power_loss._Pending] = {}
    for step in steps:
        if step.what == "sync":
            files[step.file].sync()
        elif step.what == "sync_folder":
            folders.setdefault(step.path, power_loss._Pending()).sync()
        elif step.what in ("write", "size"):
            files[step.file].since.append((step.what, 0, step.offset, step.data))
        else:
            if step.what == "create":
                files[step.file] = power_loss._Pending()
            parent = str(Path(step.path).parent)
            folders.setdefault(parent, power_loss._Pending()).since.append(step)  # type: ignore[arg-type]
    _make(".", root, folders, files, source)


def _make(
    folder: str,
    place: Path,
    folders: dict[str, power_loss._Pending],
    files: dict[int, power_loss._Pending],
    source: random.Random,
) -> None:
    place.mkdir()
    pending = folders.get(folder, power_loss._Pending())
    named: dict[str, int | None] = {}
    kept: list[Any] = [*pending.sure, *pending.since[: source.randint(0, len(pending.since))]]
    for step in kept:
        if step.what == "rename":
            named[step.to] = named.pop(step.path)
        elif step.what == "unlink":
            del named[step.path]
        else:
            named[step.path] = step.file if step.what == "create" else None
    # In the order of their names: a start looks at times of folders, and chains are older than what they name.
    for path, file in sorted(named.items()):
        if file is None:
            _make(path, place / Path(path).name, folders, files, source)
        else:
            (place / Path(path).name).write_bytes(power_loss._content(files[file], source))


def sure_of(steps: list[Step]) -> dict[int, int]:
    """Give how many bytes of each file are on disk for sure, its name as well."""
    lengths: dict[int, int] = {}
    synced: dict[int, int] = {}
    for step in steps:
        if step.what == "write":
            lengths[step.file] = max(lengths.get(step.file, 0), step.offset + len(step.data))
        elif step.what == "size":
            lengths[step.file] = step.offset
        elif step.what == "sync":
            synced[step.file] = lengths.get(step.file, 0)
    return synced
