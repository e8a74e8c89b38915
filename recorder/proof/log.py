"""Reads the Merkle log, whole or as proofs of some leaves: which signed trees have which leaf. Core: no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import UNSET

from recorder.proof import canonical, lines, merkle, proofs
from recorder.proof.errors import NotARecord, ProofError
from recorder.proof.findings import Code, Finding, State
from recorder.proof.ledger_reading import Checkpoint
from recorder.proof.merkle import HeadLeaf, Leaf, TokenLeaf
from recorder.proof.proofs import Consistency, Growing, Inclusion

MAX_FINDINGS = 1_000


class Cover(NamedTuple):
    """The sizes of the signed trees that are proved to have a leaf: these, or the one and every larger one."""

    sizes: frozenset[int]
    and_larger: bool = False

    def has(self, size: int) -> bool:
        """Tell whether a tree of this size has the leaf."""
        return size in self.sizes or (self.and_larger and bool(self.sizes) and size > min(self.sizes))


NOWHERE = Cover(frozenset())


@dataclass(frozen=True, slots=True)
class SeenHead:
    """A head that the log has, and where."""

    leaf: HeadLeaf
    cover: Cover


@dataclass(slots=True)
class LogRead:
    """What a log has of the sessions that were asked for, and of tokens."""

    findings: list[Finding] = field(default_factory=list)
    heads: dict[str, list[SeenHead]] = field(default_factory=dict)
    tokens: dict[str, Cover] = field(default_factory=dict)
    """Of each token, by the digest of its response."""
    proved: frozenset[int] | None = None
    """The sizes whose roots the leaves give, where the log is whole; None where there are proofs only."""

    def find(self, state: State, code: Code, place: str, line: int | None = None, **more: int | str) -> None:
        """Add a finding while there are not too many."""
        if len(self.findings) < MAX_FINDINGS:
            number = UNSET if line is None else line
            self.findings.append(Finding(state=state, code=code, place=place, line=number, **more))  # type: ignore[arg-type]


def roots_by_size(checkpoints: Iterable[Checkpoint], read: LogRead) -> dict[int, bytes]:
    """Give the root that was signed of each size; two of one size are a log that told two stories."""
    roots: dict[int, bytes] = {}
    for checkpoint in checkpoints:
        if roots.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
            read.find("altered", "root-wrong", "ledger", checkpoint.line, detail="two roots of one size")
    return roots


def read_whole(pieces: Iterable[bytes], checkpoints: Mapping[str, Checkpoint]) -> LogRead:
    """Read the log's file of leaves and compare with every root that was signed."""
    read = LogRead()
    roots = roots_by_size(checkpoints.values(), read)
    growing, proved, wrong = Growing(), [], 0
    seen: list[tuple[int, Leaf]] = []
    for line in lines.split(pieces):
        if line.torn:
            read.find("incomplete", "line-torn", "log", line.number)
            break
        try:
            seen.append((growing.size, merkle.read_leaf(line.text)))
        except ProofError as error:
            read.find("altered", "line-unreadable", "log", line.number, detail=str(error)[:200])
        growing.append(line.text)
        signed = roots.get(growing.size)
        if signed is None:
            continue
        if growing.root() == signed:
            proved.append(growing.size)
        else:
            wrong += 1
            if wrong == 1:
                begin = proved[-1] if proved else 0
                read.find("altered", "root-wrong", "log", line.number, start=begin, end=growing.size)
    largest = max(roots, default=0)
    if largest > growing.size:
        read.find("missing", "leaves-absent", "log", count=largest - growing.size)
    elif largest < growing.size:
        read.find("incomplete", "unsigned-end", "log", count=growing.size - largest)
    read.proved = frozenset(proved)
    _note(read, seen, proved)
    if not wrong and growing.size:
        read.find("intact", "log-intact", "log", count=growing.size)
    return read


def _note(read: LogRead, seen: Iterable[tuple[int, Leaf]], proved: list[int]) -> None:
    at = 0
    for index, leaf in seen:
        while at < len(proved) and proved[at] <= index:
            at += 1
        _add(read, leaf, Cover(frozenset(proved[at : at + 1]), and_larger=True))


def _add(read: LogRead, leaf: Leaf, cover: Cover) -> None:
    if isinstance(leaf, TokenLeaf):
        read.tokens[leaf.digest] = cover
    else:
        read.heads.setdefault(leaf.session, []).append(SeenHead(leaf, cover))


def read_proofs(pieces: Iterable[bytes], checkpoints: Mapping[str, Checkpoint]) -> LogRead:
    """Read a file of proofs; what they prove is about the roots that were signed."""
    read = LogRead()
    roots = roots_by_size(checkpoints.values(), read)
    included: list[tuple[Leaf, int]] = []
    goes_on: dict[int, set[int]] = {}
    count = 0
    for line in lines.split(pieces):
        if line.torn:
            read.find("incomplete", "line-torn", "proofs", line.number)
            break
        try:
            proof = proofs.read_proof(line.text)
            if isinstance(proof, Inclusion):
                if roots.get(proof.size) != proofs.root_of(proof):
                    raise NotARecord("leads to no root that was signed")
                included.append((merkle.read_leaf(canonical.encode(proof.leaf)), proof.size))
            else:
                _check(proof, roots)
                goes_on.setdefault(proof.first, set()).add(proof.size)
            count += 1
        except ProofError as error:
            read.find("altered", "proof-wrong", "proofs", line.number, detail=str(error)[:200])
    covers = {size: Cover(_reached(size, goes_on)) for size in {size for _, size in included}}
    for leaf, size in included:
        _add(read, leaf, covers[size])
    if count:
        read.find("intact", "log-intact", "proofs", count=count)
    return read


def _check(proof: Consistency, roots: Mapping[int, bytes]) -> None:
    old, new = roots.get(proof.first), roots.get(proof.size)
    if old is None or new is None:
        raise NotARecord("about sizes that were not signed")
    proofs.check_consistency(proof.first, old, proof.size, new, [bytes.fromhex(node) for node in proof.path])


def _reached(size: int, goes_on: Mapping[int, set[int]]) -> frozenset[int]:
    sizes, waiting = {size}, [size]
    while waiting:
        later = goes_on.get(waiting.pop(), set()) - sizes
        sizes |= later
        waiting += later
    return frozenset(sizes)
