"""A group of orders, written in the order that lets a crash lose nothing (see the package).

Shell, of one thread. Chains, ledger and log each go back to where they were when the disk refuses; what is already on
disk in the chains reaches the log with a later group.
"""

import contextlib
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from recorder.book.disk import Disk
from recorder.book.errors import BookFailed, BookLocked
from recorder.book.layout import Layout
from recorder.book.ledger import LedgerFile, Stampable, WriteKey
from recorder.book.log import LogFile
from recorder.book.orders import Append, KeepToken, Order, Rotate, Written
from recorder.book.sessions import Sessions
from recorder.proof.digests import SHA256_ONLY, Algorithm
from recorder.proof.errors import NotARecord
from recorder.proof.ledger import MAX_TOKEN_BYTES, response_digest
from recorder.proof.merkle import HeadLeaf, Leaf, TokenLeaf


class Book:
    """One root's book, open. Whoever opened it closes it."""

    def __init__(
        self,
        root: Path,
        node: str,
        write_key: WriteKey,
        now: int,
        *,
        disk: Disk | None = None,
        algorithms: tuple[Algorithm, ...] = SHA256_ONLY,
        key_lasts_us: int = 0,
    ) -> None:
        """Open it, or begin it, and finish what a crash left. `node` names the log; `now` is microseconds UTC.

        New chains have digests by `algorithms`. A key that has been in force for `key_lasts_us` is followed by another
        before more is recorded; 0: only when that is ordered.

        Raises BookDamaged, BookLocked, OSError.
        """
        disk = disk or Disk()
        layout = Layout(root)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk.sync_folder(root.parent)
        for folder in (layout.proof, layout.sessions, layout.keys):
            disk.make_folder(folder)
            disk.sync_folder(folder.parent)
        self._key_lasts_us = key_lasts_us
        self.problem: str | None = None
        """Why the log lags behind the chains, for an alarm."""
        self._heads: dict[str, HeadLeaf] = {}
        """What the log lacks; a session's last head vouches for those before."""
        self._tokens: list[TokenLeaf] = []
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, _lock(layout.proof))
            self._ledger = LedgerFile(disk, layout, write_key, node, now)
            undo.callback(self._ledger.close)
            end = self._ledger.end
            self._log = LogFile(disk, layout, end.checkpoint)
            undo.callback(self._log.close)
            self._covered = end.checkpoint.size if end.checkpoint else 0
            self.newest = Stampable(end.checkpoint.stamped, end.checkpoint.size) if end.checkpoint else None
            """The newest checkpoint that is on disk."""
            self._sessions = Sessions(disk, layout, self._ledger.signers, self._log.heads, algorithms)
            undo.callback(self._sessions.close)
            self._heads = {leaf.session: leaf for leaf in self._sessions.recover()}
            self._tokens = [TokenLeaf(digest=digest) for digest in end.tokens if digest not in self._log.tokens]
            self._is_worth_a_token = True
            self.to_stamp = self.newest
            """The newest that covers a new head: one over nothing but tokens is worth no token."""
            self._cover(now)
            self._undo = undo.pop_all()

    @property
    def damaged(self) -> dict[str, str]:
        """Give the sessions that cannot be gone on with, and why."""
        return self._sessions.damaged

    @property
    def is_behind(self) -> bool:
        """Tell whether something waits that only needs another `commit`."""
        return bool(self._heads or self._tokens) or self._log.size > self._covered

    def commit(self, orders: Sequence[Order], now: int) -> list[Written | Exception]:
        """Write a group; give each order's answer. Raises nothing that the disk does."""
        answers: dict[int, Written | Exception] = {}
        for at, order in enumerate(orders):
            if isinstance(order, Rotate):
                answers[at] = self._rotate(now)
        is_due = self._key_lasts_us and now >= self._ledger.key_at + self._key_lasts_us
        if is_due and any(isinstance(order, Append) for order in orders):
            self._rotate(now)  # where the disk refuses, the key goes on until the next group
        by_session: dict[str, list[int]] = {}
        for at, order in enumerate(orders):
            if isinstance(order, Append):
                by_session.setdefault(order.session, []).append(at)
        for session, places in by_session.items():
            own = [order for at in places if isinstance(order := orders[at], Append)]
            group = self._sessions.commit(session, own, self._ledger.signer, now)
            answers.update(zip(places, group.answers, strict=True))
            if group.leaf is not None:
                self._heads[session] = group.leaf
        tokens = {at: order for at, order in enumerate(orders) if isinstance(order, KeepToken)}
        answers.update(self._keep(tokens, now))
        try:
            self._cover(now)
        except OSError as error:
            self.problem = error.strerror
        else:
            self.problem = None
        return [answers[at] for at in range(len(orders))]

    def close(self) -> None:
        """Give everything back."""
        self._undo.close()

    def _rotate(self, now: int) -> Written | Exception:
        try:
            self._ledger.rotate(now)
        except OSError as error:
            return BookFailed(f"ledger: {error.strerror}")
        return Written()

    def _keep(self, tokens: dict[int, KeepToken], now: int) -> dict[int, Written | Exception]:
        answers: dict[int, Written | Exception] = {}
        for at, token in tokens.items():
            if len(token.response) > MAX_TOKEN_BYTES:
                answers[at] = NotARecord(f"a token of {len(token.response)} bytes")
        fit = {at: token for at, token in tokens.items() if at not in answers}
        if not fit:
            return answers
        try:
            self._ledger.tokens([(token.stamped, token.response) for token in fit.values()], now)
        except OSError as error:
            return answers | dict.fromkeys(fit, BookFailed(f"ledger: {error.strerror}"))
        self._tokens += [TokenLeaf(digest=response_digest(token.response)) for token in fit.values()]
        return answers | dict.fromkeys(fit, Written())

    def _cover(self, now: int) -> None:
        """Bring to the log what it lacks, and a checkpoint over it. Raises OSError."""
        leaves: list[Leaf] = [*self._heads.values(), *self._tokens]
        if leaves:
            self._log.append(leaves)
            self._is_worth_a_token = self._is_worth_a_token or bool(self._heads)
            self._heads.clear()
            self._tokens.clear()
        if self._log.size > self._covered:
            self.newest = self._ledger.checkpoint(self._log.size, self._log.root(), now)
            self._covered = self.newest.size
            if self._is_worth_a_token:
                self.to_stamp, self._is_worth_a_token = self.newest, False


def _lock(folder: Path) -> int:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise BookLocked(f"{folder} is kept by another process") from error
    except BaseException:
        os.close(fd)
        raise
    return fd
