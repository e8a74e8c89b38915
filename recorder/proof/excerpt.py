"""What a bundle takes of ledger and log, so that its sessions can be verified without them. Core: no I/O.

Of the ledger: every key, and the checkpoints and tokens that the sessions' heads need. Of the log: the paths of those
heads to the first stamped root after them, or to the newest signed one where none is stamped yet, of their tokens to
the newest stamped one, and that these roots are of one log. No leaf of another session is in it, and its hashes tell
nothing (`merkle`).
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from recorder.proof import ledger, lines, merkle, proofs
from recorder.proof.ledger_reading import LedgerRead, read_ledger
from recorder.proof.merkle import HeadLeaf, TokenLeaf, Tree


class Excerpt(NamedTuple):
    """Two files of a bundle."""

    ledger: bytes
    proofs: bytes


def excerpt(
    pieces: Callable[[], Iterable[bytes]], leaves: Iterable[bytes], tree: Tree, sessions: Collection[str]
) -> Excerpt:
    """Take out what these sessions need. `pieces` gives the whole ledger, twice; it and the log are our own and sound.

    Raises NotCanonical, NotARecord where they are not.
    """
    read = read_ledger(pieces())
    stamped = {token.checkpoint for token in read.tokens}
    sizes = sorted({read.checkpoints[name].size for name in stamped if name in read.checkpoints})
    heads: list[tuple[int, HeadLeaf]] = []
    tokens: dict[str, int] = {}
    wanted = [b'"kind":"token"', *(f'"session":"{session}"'.encode() for session in sessions)]
    for line in lines.split(leaves):
        if not any(words in line.text for words in wanted):  # of the other sessions there are many
            continue
        leaf = merkle.read_leaf(line.text)
        if isinstance(leaf, TokenLeaf):
            tokens[leaf.digest] = line.number - 1
        elif leaf.session in sessions:
            heads.append((line.number - 1, leaf))
    needed: set[int] = set()
    made: list[bytes] = []
    last = max(read.checkpoints.values(), key=lambda checkpoint: checkpoint.line, default=None)
    for index, head in heads:
        later = [*sizes[bisect_right(sizes, index) :][:1], *([last.size] if last is not None else [])]
        made += _included(tree, head, index, later[:1], needed)
    newest = sizes[-1:]
    for digest in sorted(_tokens_of(read, needed) & set(tokens)):
        made += _included(tree, TokenLeaf(digest=digest), tokens[digest], newest, needed)
    made += [proofs.consistency_line(tree, first, size) for first, size in pairwise(sorted(needed))]
    told = stamped | ({last.name} if last is not None else set())
    return Excerpt(_ledger(pieces(), read, needed, told), b"".join(made))


def _included(
    tree: Tree, leaf: HeadLeaf | TokenLeaf, index: int, sizes: Sequence[int], needed: set[int]
) -> list[bytes]:
    if not sizes or sizes[0] <= index:
        return []
    needed.add(sizes[0])
    return [proofs.inclusion_line(tree, leaf, index, sizes[0])]


def _tokens_of(read: LedgerRead, sizes: set[int]) -> set[str]:
    return {
        ledger.response_digest(token.response)
        for token in read.tokens
        if token.checkpoint in read.checkpoints and read.checkpoints[token.checkpoint].size in sizes
    }


def _ledger(pieces: Iterable[bytes], read: LedgerRead, sizes: set[int], told: set[str]) -> bytes:
    names = {name for name in told if name in read.checkpoints and read.checkpoints[name].size in sizes}
    numbers = {read.checkpoints[name].line for name in names}
    numbers |= {token.line for token in read.tokens if token.checkpoint in names}
    kept = []
    for line in lines.split(pieces):
        if not line.torn and (line.number in numbers or ledger.parse(line.text).record.kind == "key"):
            kept.append(line.text + b"\n")
    return b"".join(kept)
