"""What a tree proves to who does not have it, checked by what RFC 9162 sections 2.1.3.2 and 2.1.4.2 say. Core: no I/O.

A bundle has a file of proofs (`lines`), each about checkpoints of its ledger, whose roots are not repeated here:

    {"inclusion": {"index": I, "leaf": {...}, "path": [hex, ...], "size": S, "v": 1}}    leaf I of S (`merkle`)
    {"consistency": {"first": N, "path": [hex, ...], "size": S, "v": 1}}                 the first N of S leaves
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from recorder.proof import canonical, lines, merkle
from recorder.proof.digests import Hex64
from recorder.proof.errors import NotARecord, ProofRefused
from recorder.proof.records import Whole

MAX_LEAVES = 1 << 48
Path = Annotated[list[Hex64], Meta(max_length=64)]


class Inclusion(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That a leaf is in the tree of `size` leaves."""

    v: Literal[1] = 1
    leaf: dict[str, Any]
    index: Whole
    size: Whole
    path: Path


class Consistency(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That the tree of `size` leaves begins with that of `first`."""

    v: Literal[1] = 1
    first: Whole
    size: Whole
    path: Path


class _ProofLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    inclusion: Inclusion | None = None
    consistency: Consistency | None = None


def proof_line(proof: Inclusion | Consistency) -> bytes:
    """Give the line of a proof, with its LF."""
    name = "inclusion" if isinstance(proof, Inclusion) else "consistency"
    return lines.line({name: msgspec.to_builtins(proof)})


def inclusion_line(tree: merkle.Tree, leaf: merkle.Leaf, index: int, size: int) -> bytes:
    """Give the line that proves a leaf."""
    path = [node.hex() for node in tree.inclusion(index, size)]
    return proof_line(Inclusion(leaf=msgspec.to_builtins(leaf), index=index, size=size, path=path))


def consistency_line(tree: merkle.Tree, first: int, size: int) -> bytes:
    """Give the line that proves that a tree begins with another."""
    path = [node.hex() for node in tree.consistency(first, size)]
    return proof_line(Consistency(first=first, size=size, path=path))


def read_proof(text: bytes) -> Inclusion | Consistency:
    """Read a line without its LF. Raises NotCanonical, NotARecord."""
    try:
        line = msgspec.convert(lines.fields(text), _ProofLine)
    except msgspec.ValidationError as error:
        raise NotARecord(str(error)) from error
    found = [proof for proof in (line.inclusion, line.consistency) if proof is not None]
    if len(found) != 1:
        raise NotARecord("not one proof")
    return found[0]


def root_of(proof: Inclusion) -> bytes:
    """Give the root that a proof of inclusion leads to. Raises ProofRefused."""
    path = [bytes.fromhex(node) for node in proof.path]
    return root_by_inclusion(canonical.encode_again(proof.leaf), proof.index, proof.size, path)


class Growing:
    """Computes roots and nodes of a growing tree from its leaves alone, to compare with what was signed or kept."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, text: bytes) -> list[bytes]:
        """Take the next leaf; returns what stands for it in the file of nodes (`merkle`)."""
        made = [merkle.leaf_hash(text)]
        level = 0
        while self.size >> level & 1:
            made.append(merkle.node_hash(self._peaks.pop(), made[-1]))
            level += 1
        self._peaks.append(made[-1])
        self.size += 1
        return made

    def root(self) -> bytes:
        """Give the root so far."""
        if not self._peaks:
            return merkle.EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = merkle.node_hash(peak, root)
        return root


def root_by_inclusion(text: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Give the root that a path leads to (RFC 9162 section 2.1.3.2). Raises ProofRefused."""
    if not 0 <= index < size <= MAX_LEAVES:
        raise ProofRefused(f"leaf {index} of {size}")
    at, last, found = index, size - 1, merkle.leaf_hash(text)
    for node in path:
        if last == 0:
            raise ProofRefused("the path is too long")
        if at & 1 or at == last:
            found = merkle.node_hash(node, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = merkle.node_hash(found, node)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofRefused("the path is too short")
    return found


def check_consistency(first: int, old: bytes, size: int, new: bytes, path: Sequence[bytes]) -> None:
    """Raise ProofRefused unless the tree with root `new` goes on from that with root `old` (section 2.1.4.2)."""
    if not 0 < first <= size <= MAX_LEAVES:
        raise ProofRefused(f"{first} of {size} leaves")
    if first == size:
        if path or old != new:
            raise ProofRefused("two trees of one size")
        return
    nodes = [old, *path] if first & (first - 1) == 0 else list(path)
    if not nodes:
        raise ProofRefused("the path is too short")
    at, last = first - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise ProofRefused("the path is too long")
        if at & 1 or at == last:
            before, after = merkle.node_hash(node, before), merkle.node_hash(node, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = merkle.node_hash(after, node)
        at, last = at >> 1, last >> 1
    if last or before != old or after != new:
        raise ProofRefused("another tree")
