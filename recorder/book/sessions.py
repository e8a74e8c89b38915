"""The chains of the sessions on disk.

Shell over `proof.chain`. A chain is opened when something is to be recorded in it, and stays open until it is closed.
"""

import contextlib
import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recorder.book.appended import AppendedFile
from recorder.book.completing import completed
from recorder.book.disk import Disk
from recorder.book.errors import BookDamaged, BookFailed
from recorder.book.layout import Layout
from recorder.book.orders import Append, Written
from recorder.proof import records
from recorder.proof.chain import Chain
from recorder.proof.digests import Algorithm
from recorder.proof.errors import ChainDamaged, KeyRefused, NotARecord, ProofError
from recorder.proof.merkle import HeadLeaf
from recorder.proof.signing import Signer, name_of

_HEAD_BYTES = 1 << 12
"""More than a head's line has."""


@dataclass(slots=True)
class _Open:
    file: AppendedFile
    chain: Chain

    def leaf(self) -> HeadLeaf:
        """Give the log's leaf of the head that ends the chain."""
        return HeadLeaf(session=self.chain.session, n=self.chain.n - 1, hash=self.chain.hash)


@dataclass(slots=True)
class Group:
    """What became of the orders of one session."""

    answers: list[Written | Exception] = field(default_factory=list)
    leaf: HeadLeaf | None = None


class Sessions:
    """All chains of a root; whoever made this closes it."""

    def __init__(
        self,
        disk: Disk,
        layout: Layout,
        signers: Mapping[str, Signer],
        logged: Mapping[str, int],
        algorithms: tuple[Algorithm, ...],
    ) -> None:
        """`logged`: the n of each session's last head in the log; new chains have digests by `algorithms`."""
        self._disk = disk
        self._layout = layout
        self._signers = signers
        self._logged = logged
        self._algorithms = algorithms
        self._open: dict[str, _Open] = {}
        self.damaged: dict[str, str] = {}
        """Sessions whose chains a start could not go on with, and why; they are left as they are."""

    def recover(self) -> list[HeadLeaf]:
        """Look at every chain's end after a start; give the heads that the log lacks. Raises OSError."""
        leaves = []
        for folder in sorted(self._layout.sessions.iterdir()):
            session = folder.name
            if not self._layout.chain(session).is_file() or self._is_logged(session):
                continue
            try:
                held = self._resume(session)
            except BookDamaged as error:
                self.damaged[session] = str(error)
                continue
            if held is None:
                self._disk.remove(self._layout.chain(session))
            else:
                leaves.append(held.leaf())
                held.file.close()
        return leaves

    def commit(self, session: str, orders: Sequence[Append], signer: Signer, at: int) -> Group:
        """Write a session's orders and a head, on disk when this returns; what is refused is among the answers."""
        try:
            held = self._held(session, orders[0].kind == "opening", signer)
        except (BookDamaged, ProofError) as error:
            return Group([error] * len(orders))
        except OSError as error:
            return Group([_failed(session, error)] * len(orders))
        chain, group, lines = copy.copy(held.chain), Group(), []
        if chain.key != name_of(signer):
            lines.append(chain.rotate(signer, at))
        for order in orders:
            written = Written(chain.n)
            try:
                lines.append(chain.append(order.kind, self._completed(order, chain.algorithms)))
            except ProofError as error:
                group.answers.append(error)
            else:
                group.answers.append(written)
        if any(isinstance(answer, Written) for answer in group.answers):
            lines.append(chain.head(at))
            try:
                held.file.append(b"".join(lines))
                held.file.sync()
            except OSError as error:
                held.file.undo()
                failed = _failed(session, error)
                group.answers = [failed if isinstance(answer, Written) else answer for answer in group.answers]
            else:
                held.chain = chain
                group.leaf = held.leaf()
        if held.chain.is_closed or held.chain.n == 0:
            self._let_go(session)
        if held.chain.n == 0:
            with contextlib.suppress(OSError):
                self._disk.remove(self._layout.chain(session))
        return group

    def close(self) -> None:
        """Let go of every chain."""
        for session in list(self._open):
            self._let_go(session)

    def _held(self, session: str, is_opening: bool, signer: Signer) -> _Open:
        if session in self._open:
            return self._open[session]
        records.check_session(session)
        path = self._layout.chain(session)
        held = self._resume(session) if path.exists() else None
        if held is None:
            if not is_opening:
                raise NotARecord(f"session {session} has not been opened")
            self._disk.make_folder(path.parent)
            self._disk.sync_folder(path.parent.parent)
            held = _Open(AppendedFile(self._disk, path), Chain(session, signer, self._algorithms))
            held.file.cut(0)
        self._open[session] = held
        return held

    def _completed(self, order: Append, algorithms: tuple[Algorithm, ...]) -> dict[str, Any]:
        return completed(self._layout, order.content, algorithms) if order.kind == "segment" else order.content

    def _resume(self, session: str) -> _Open | None:
        """Open a chain that is there; None where a crash came before its first head. Raises BookDamaged, OSError."""
        file = AppendedFile(self._disk, self._layout.chain(session))
        logged = self._logged.get(session, -1)
        try:
            chain, length = Chain.resume(session, self._signers, file.pieces(), logged)
            file.cut(length)
        except (ChainDamaged, KeyRefused) as error:
            file.close()
            if logged == -1 and isinstance(error, ChainDamaged):
                return None
            raise BookDamaged(f"chain of session {session}: {error}") from error
        except BaseException:
            file.close()
            raise
        return _Open(file, chain)

    def _is_logged(self, session: str) -> bool:
        """Tell whether a chain ends with a head that the log has; no more is asked of a start."""
        with self._layout.chain(session).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _HEAD_BYTES))
            whole, _, rest = file.read().rpartition(b"\n")
        try:
            record = records.parse(whole.rpartition(b"\n")[2]).record
        except ProofError:
            return False
        return not rest and record.n == self._logged.get(session)

    def _let_go(self, session: str) -> None:
        self._open.pop(session).file.close()


def _failed(session: str, error: OSError) -> BookFailed:
    return BookFailed(f"chain of session {session}: {error.strerror}")
