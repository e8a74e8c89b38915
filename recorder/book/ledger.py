"""The server's ledger on disk, and the keys that sign.

Shell over `proof.ledger` and `proof.keys`. A key is on disk before the line that names it, and that line before
anything that the key signs.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from recorder.book.appended import AppendedFile
from recorder.book.disk import Disk
from recorder.book.errors import BookDamaged
from recorder.book.layout import CHAIN, Layout
from recorder.proof.errors import ChainDamaged, KeyRefused
from recorder.proof.keys import key_in_force, read_keys
from recorder.proof.ledger import Ledger
from recorder.proof.ledger_end import LedgerEnd, read_end
from recorder.proof.signing import Ed25519Signer, Signer, name_of

WriteKey = Callable[[Path, bytes], None]
"""Puts a file there whole, on disk when it returns, readable by nobody else from its first byte."""


class Stampable(NamedTuple):
    """A checkpoint that is on disk: its line without LF, and how many leaves it covers."""

    stamped: bytes
    size: int


class LedgerFile:
    """The open ledger; whoever opened it closes it. What raises OSError has changed nothing."""

    def __init__(self, disk: Disk, layout: Layout, write_key: WriteKey, log: str, now: int) -> None:
        """Open it, or begin it with a first key. `log` names the server's log. Raises BookDamaged, OSError."""
        self._layout = layout
        self._write_key = write_key
        self._log = log
        self._spare: Signer | None = None
        self.key_at = 0
        """Since when the key in force is, microseconds UTC."""
        self._file = AppendedFile(disk, layout.ledger)
        try:
            self.end = self._open(now)
        except BaseException:
            self._file.close()
            raise

    def _open(self, now: int) -> LedgerEnd:
        try:
            end = read_end(self._file.pieces())
            files = sorted(self._layout.keys.glob("*.pem"), key=lambda path: (path.stat().st_mtime_ns, path.name))
            self.signers = read_keys(path.read_bytes() for path in files)
            in_force = key_in_force(end.keys, self.signers) if end.keys else None
        except (ChainDamaged, KeyRefused) as error:
            raise BookDamaged(f"ledger: {error}") from error
        if in_force is None and (end.checkpoint is not None or self._has_records()):
            # Its first line was on disk before anything else: to begin anew would make a crash's of all that is there.
            raise BookDamaged("ledger: no key in it, but there are records")
        self._file.cut(end.length)
        # A crash may have come between the first key and the line that names it.
        self.signer: Signer = in_force or next(iter(self.signers.values()), None) or self._new_key()
        self._ledger = Ledger(self.signer, end.n, end.prev)
        self.key_at = end.key_at
        if in_force is None:
            self._append([self._ledger.first_key(now)], copy.copy(self._ledger))
            self.key_at = now
        # A key without a line: a crash came between both, or this ledger is a copy that is older than the chains, which
        # may have gone over to it. In force once more or for the first time, it is one that verification knows.
        for name in [name for name in self.signers if name not in {*end.keys, name_of(self.signer)}]:
            self._go_over_to(self.signers[name], now)
        return end

    def tokens(self, kept: list[tuple[bytes, bytes]], at: int) -> None:
        """Keep responses over stamped lines."""
        before = copy.copy(self._ledger)
        self._append([self._ledger.token(stamped, response, at) for stamped, response in kept], before)

    def checkpoint(self, size: int, root: bytes, at: int) -> Stampable:
        """Sign a root; returns what authorities may stamp now."""
        before = copy.copy(self._ledger)
        line = self._ledger.checkpoint(self._log, size, root, at)
        self._append([line], before)
        return Stampable(line[:-1], size)

    def rotate(self, at: int) -> None:
        """Put a new key into force."""
        # One that the disk did not let come into force is as new.
        spare, self._spare = self._spare or self._new_key(), None
        try:
            self._go_over_to(spare, at)
        except OSError:
            self._spare = spare
            raise

    def _go_over_to(self, signer: Signer, at: int) -> None:
        before = copy.copy(self._ledger)
        self._append([self._ledger.rotate(signer, at)], before)
        self.signer, self.key_at = signer, at

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _has_records(self) -> bool:
        leaves = self._layout.leaves
        return (leaves.exists() and leaves.stat().st_size > 0) or any(self._layout.sessions.glob(f"*/{CHAIN}"))

    def _new_key(self) -> Signer:
        signer = Ed25519Signer.generate()
        self._write_key(self._layout.keys / f"{name_of(signer)}.pem", signer.pem())
        self.signers[name_of(signer)] = signer
        return signer

    def _append(self, lines: list[bytes], before: Ledger) -> None:
        try:
            self._file.append(b"".join(lines))
            self._file.sync()
        except OSError:
            self._file.undo()
            self._ledger = before
            raise
