"""A copy of all that a node keeps, in one file, and the way back. The node may run meanwhile.

The database is left out: it is a projection of the journal, made anew at the first start. A journal that is written
while it is copied may end in the middle of an entry; opening it cuts that off, as after a power failure.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from huishang.errors import StartError

VERSION = 1
MANIFEST = "manifest.json"
#: Of recordings' proof (`recorder.book.layout`).
LEDGER = "ledger.jsonl"
_KEYS = "proof/keys/*.pem"
_FOLDER = "data"
_BLOCK = 1 << 20
_MAX_MANIFEST_BYTES = 64 << 20
#: Of this process only, not yet what it will be, or nothing but room.
_LEFT_OUT = (".lock", ".new", ".reserve")
#: Folders of what is made anew when somebody asks.
_MADE_ANEW = ("copies",)
#: What SQLite keeps beside a database, and the database itself.
_OF_DATABASE = ("", "-wal", "-shm", "-journal")

#: Is told how many bytes are done, and of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """What a backup holds, or a restore has put back."""

    files: int
    octets: int


def backup(
    folder: Path,
    target: Path,
    node: str,
    now_us: int,
    progress: Progress,
    *,
    database: Path | None,
    media: Path | None = None,
) -> Copied:
    """Copy a data folder without the file of its database into the new file `target`, whole or not at all.

    What lies below `media` is left out: recorded pictures and sounds are too much for one file.

    Raises StartError.
    """
    if target.exists():
        raise StartError(f"{target}: 已存在，请换一个名字 / is there already, choose another name")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
            unfinished = Path(beside) / target.name
            files = list(_files(folder, database, media))
            done = _write(files, _late_keys(folder, media, files), folder, unfinished, node, now_us, progress)
            os.replace(unfinished, target)
            _sync(target.parent)
    except OSError as error:
        raise StartError(f"{error.filename or target}: {error.strerror or error}") from None
    return done


def restore(source: Path, folder: Path, progress: Progress) -> Copied:
    """Put a backup back into `folder`, which must be empty or not there. Raises StartError; nothing is left then."""
    if folder.exists() and any(folder.iterdir()):
        raise StartError(f"{folder}: 不是空目录，不会覆盖 / is not empty and is not written over")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            done = _read(source, beside, progress)
            if folder.exists():
                folder.rmdir()
            os.replace(beside / _FOLDER, folder)
            _sync(folder.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except (OSError, tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StartError(f"{source}: 无法恢复 / cannot be restored: {reason}") from None
    return done


def _write(
    files: list[Path],
    late: Iterator[Path],
    folder: Path,
    target: Path,
    node: str,
    now_us: int,
    progress: Progress,
) -> Copied:
    """`late` is asked when all `files` are copied."""
    total = sum(_size(path) for path in files)
    listed: dict[str, dict[str, Any]] = {}
    done = 0
    with target.open("xb") as raw:
        os.fchmod(raw.fileno(), 0o600)  # keys and passwords' hashes are in it
        with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=1) as archive:
            for path in itertools.chain(files, late):
                name = path.relative_to(folder).as_posix()
                with contextlib.ExitStack() as opened:
                    try:
                        file = opened.enter_context(path.open("rb"))
                    except FileNotFoundError:
                        continue  # the running node has replaced or removed it since
                    # As long as it was when it was opened: the journal goes on growing.
                    info = archive.gettarinfo(arcname=f"{_FOLDER}/{name}", fileobj=file)
                    counted = _Counted(file, info.size)
                    archive.addfile(info, counted)
                listed[name] = {"bytes": info.size, "sha256": counted.digest.hexdigest()}
                done += info.size
                progress(done, max(total, done))
            manifest = {"v": VERSION, "node": node, "at_us": now_us, "files": listed}
            text = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
            info = tarfile.TarInfo(MANIFEST)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
        raw.flush()
        os.fsync(raw.fileno())
    return Copied(len(listed), done)


def _read(source: Path, target: Path, progress: Progress) -> Copied:
    """Unpack, and hold every file to the manifest, which comes last."""
    total = source.stat().st_size
    found: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    (target / _FOLDER).mkdir(mode=0o700)
    with source.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:gz") as archive:
        for info in archive:
            content = archive.extractfile(info) if info.isreg() else None
            if content is None:
                raise ValueError(f"{info.name} is no file")
            if info.name == MANIFEST:
                manifest = json.loads(content.read(_MAX_MANIFEST_BYTES))
                continue
            name = _inside(info.name)
            found[name] = _unpack(content, target / _FOLDER / name, info)
            progress(raw.tell(), total)
    if manifest is None:
        raise ValueError("its end is missing")
    if manifest["v"] != VERSION:
        raise ValueError(f"it is of version {manifest['v']}, this program knows {VERSION}")
    if manifest["files"] != found:
        wrong = sorted(
            {*manifest["files"], *found} - {name for name in found if manifest["files"].get(name) == found[name]}
        )
        raise ValueError(f"damaged: {', '.join(wrong[:5])}")
    return Copied(len(found), sum(item["bytes"] for item in found.values()))


def _unpack(content: IO[bytes], path: Path, info: tarfile.TarInfo) -> dict[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    counted = _Counted(content, info.size)
    with path.open("xb") as file:
        os.fchmod(file.fileno(), info.mode & 0o700 | (info.mode & 0o044))
        while block := counted.read(_BLOCK):
            file.write(block)
        file.flush()
        os.utime(file.fileno(), (info.mtime, info.mtime))  # the order in which keys were made, for one
        os.fsync(file.fileno())
    return {"bytes": info.size, "sha256": counted.digest.hexdigest()}


def _inside(name: str) -> str:
    """Return the path below the data folder. Raises ValueError for one that leads out of it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[0] != _FOLDER or len(path.parts) < 2:
        raise ValueError(f"{name} lies outside the data folder")
    return path.relative_to(_FOLDER).as_posix()


def _files(folder: Path, database: Path | None, media: Path | None) -> Iterator[Path]:
    left_out = {_place(database.with_name(database.name + suffix)) for suffix in _OF_DATABASE} if database else set()
    # What vouches for other files is copied before them: they may grow meanwhile, and it would say more than there is.
    for path in sorted(folder.rglob("*"), key=lambda path: (path.name != LEDGER, path)):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.name.endswith(_LEFT_OUT) or _place(path) in left_out:
            continue
        if path.relative_to(folder).parts[0] in _MADE_ANEW:
            continue
        if media is not None and path.is_relative_to(media):
            continue
        if path.is_symlink():
            # What it leads to would be missing, perhaps the journal, and nobody would notice before the restore.
            raise StartError(f"{path}: 是符号链接，不会备份 / is a symbolic link, and what it leads to is not copied")
        if path.is_file():
            yield path


def _late_keys(folder: Path, media: Path | None, files: Collection[Path]) -> Iterator[Path]:
    """Give the keys that were made while the files were copied: chains that came later may have gone over to them."""
    if media is not None and media.is_relative_to(folder):
        known = set(files)
        yield from (path for path in sorted(media.parent.glob(_KEYS)) if path not in known)


def _place(path: Path) -> Path:
    """Return where a name stands, whatever way leads there; of a link the link itself."""
    return path.parent.resolve() / path.name


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


class _Counted:
    """Reads at most so many bytes, filled up with zeros should the file have become shorter, and keeps their digest."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.digest = hashlib.sha256()
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        block = self._file.read(wanted).ljust(wanted, b"\0")
        self._left -= len(block)
        self.digest.update(block)
        return block


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
