"""The server's Merkle log on disk: leaves, which are evidence, and nodes, which can be made anew from them.

Shell over `proof.merkle`. A start reads all leaves, compares the nodes with them and the root with the last
checkpoint's: a wrong root would be signed otherwise (some 3 us a leaf).
"""

import os
from collections.abc import Sequence

import msgspec

from recorder.book.appended import AppendedFile
from recorder.book.disk import Disk
from recorder.book.errors import BookDamaged
from recorder.book.layout import Layout
from recorder.proof import lines, merkle
from recorder.proof.errors import ProofError
from recorder.proof.ledger_reading import Checkpoint
from recorder.proof.merkle import HASH_BYTES, HeadLeaf, Leaf, TokenLeaf, Tree, nodes_of
from recorder.proof.proofs import Growing


class _Known(msgspec.Struct):
    """As much of a leaf as a start asks of those that a checkpoint vouches for."""

    session: str = ""
    n: int = -1


_known = msgspec.json.Decoder(_Known)


class _Nodes:
    """The file of nodes; where it ends follows from how many leaves there are, so nothing of it is made sure of."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk = disk
        self._fd = disk.open(layout.nodes)
        self._stream = open(self._fd, "rb", closefd=False)  # noqa: SIM115 - closed with the file

    def next(self, count: int) -> bytes:
        """Give what comes next, while reading from the beginning."""
        return self._stream.read(count)

    def node(self, place: int) -> bytes:
        """Give a node."""
        return os.pread(self._fd, HASH_BYTES, place * HASH_BYTES)

    def write(self, data: bytes, size: int) -> None:
        """Write what a tree of `size` leaves has beyond its nodes so far."""
        self._disk.write(self._fd, data, nodes_of(size) * HASH_BYTES)

    def cut(self, size: int) -> None:
        """Leave nothing behind the nodes of so many leaves."""
        self._disk.cut(self._fd, nodes_of(size) * HASH_BYTES)

    def close(self) -> None:
        """Let go of it."""
        self._stream.close()
        self._disk.close(self._fd)


class LogFile:
    """The open log; whoever opened it closes it."""

    def __init__(self, disk: Disk, layout: Layout, checkpoint: Checkpoint | None) -> None:
        """Open it, or begin it; `checkpoint` is the ledger's last. Raises BookDamaged, OSError."""
        self.heads: dict[str, int] = {}
        """The n of each session's last head in the log."""
        self.tokens: set[str] = set()
        """Digests of the tokens behind the last checkpoint."""
        self._leaves = AppendedFile(disk, layout.leaves)
        try:
            self._nodes = _Nodes(disk, layout)
        except BaseException:
            self._leaves.close()
            raise
        try:
            self._tree = Tree(self._read(checkpoint), self._nodes.node)
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._tree.size

    def root(self) -> bytes:
        """Give the root of them all."""
        return self._tree.root()

    def append(self, leaves: Sequence[Leaf]) -> None:
        """Take leaves, on disk when this returns. What raises OSError has changed nothing."""
        size, texts = self._tree.size, [merkle.leaf_text(leaf) for leaf in leaves]
        try:
            for text in texts:
                at = self._tree.size
                self._nodes.write(self._tree.append(text), at)
            self._leaves.append(b"".join(text + b"\n" for text in texts))
            self._leaves.sync()
        except OSError:
            self._leaves.undo()
            self._tree.size = size
            raise
        for leaf in leaves:
            if isinstance(leaf, HeadLeaf):
                self.heads[leaf.session] = leaf.n

    def close(self) -> None:
        """Let go of the files."""
        self._leaves.close()
        self._nodes.close()

    def _read(self, checkpoint: Checkpoint | None) -> int:
        growing, sure, length, are_right = Growing(), checkpoint.size if checkpoint else 0, 0, True
        for line in lines.split(self._leaves.pieces()):
            if line.torn or not self._note(line, growing.size < sure):
                break
            at, made = growing.size, b"".join(growing.append(line.text))
            are_right = are_right and self._nodes.next(len(made)) == made
            if not are_right:
                self._nodes.write(made, at)
            if checkpoint is not None and growing.size == sure and growing.root() != checkpoint.root:
                raise BookDamaged(f"log: the first {sure} leaves do not give the root that was signed")
            length = line.end
        if growing.size < sure:
            raise BookDamaged(f"log: {growing.size} leaves, {sure} were signed")
        self._leaves.cut(length)
        self._nodes.cut(growing.size)
        return growing.size

    def _note(self, line: lines.Line, is_sure: bool) -> bool:
        """Note what a leaf says; False where it is none, which a crash explains behind the last checkpoint only."""
        if is_sure:
            try:
                known = _known.decode(line.text)
            except msgspec.MsgspecError as error:
                raise BookDamaged(f"log: line {line.number} cannot be read") from error
            if known.session:
                self.heads[known.session] = known.n
            return True
        try:
            leaf = merkle.read_leaf(line.text)
        except ProofError:
            return False
        if isinstance(leaf, TokenLeaf):
            self.tokens.add(leaf.digest)
        else:
            self.heads[leaf.session] = leaf.n
        return True
