"""The Merkle tree over the heads of all chains and over the tokens, by RFC 9162 section 2.1 (RFC 6962 the same). Core.

    leaf hash = SHA-256(00 leaf)        inner node = SHA-256(01 left right)        root of no leaf = SHA-256()

A leaf is canonical JSON, a line of the log's file of leaves (`lines`) without its LF:

    {"hash": {"sha256": ...}, "kind": "head", "n": N, "session": S, "v": 1}    record N of a chain, a head or a rotation
    {"digest": hex, "kind": "token", "v": 1}                                   SHA-256 of a token's response (`ledger`)

Every leaf is covered by a checkpoint as soon as it is on disk; once a minute one of those is stamped.

Tokens are leaves so that every later root covers the earlier tokens: one new token renews them all. Nobody learns of
other sessions from a hash on the way to the root: a head's hash leads to digests with salts, a token has a number by
chance.

A second file keeps the hashes of the nodes, 32 bytes each, in the order in which they become complete: a leaf's, then
of every subtree of 2**k leaves that it completes, the smallest first. So it grows by appending, and the node over the
leaves i*2**k to (i+1)*2**k - 1 is at

    place(k, i) = 2*last - popcount(last) + k        last = (i+1)*2**k - 1, the subtree's last leaf

It can be made anew from the leaves at any time and is no evidence by itself.
"""

import hashlib
from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import Struct

from recorder.proof import canonical, lines
from recorder.proof.digests import Digests, Hex64
from recorder.proof.errors import NotARecord, ProofRefused
from recorder.proof.records import Session, Whole

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()
ReadNode = Callable[[int], bytes]
"""Gives the 32 bytes of the node at a place of the file of nodes."""


class HeadLeaf(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="head", tag_field="kind"):
    """A head or a rotation of a chain."""

    v: Literal[1] = 1
    session: Session
    n: Whole
    hash: Digests


class TokenLeaf(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="token", tag_field="kind"):
    """A token that was kept."""

    v: Literal[1] = 1
    digest: Hex64


Leaf = HeadLeaf | TokenLeaf


def read_leaf(text: bytes) -> Leaf:
    """Read a leaf. Raises NotCanonical, NotARecord."""
    try:
        leaf: Leaf = msgspec.convert(lines.fields(text), Leaf)
    except msgspec.ValidationError as error:
        raise NotARecord(str(error)) from error
    return leaf


def leaf_text(leaf: Leaf) -> bytes:
    """Give the bytes of a leaf, without LF."""
    return canonical.encode(leaf)


def leaf_hash(text: bytes) -> bytes:
    """Hash a leaf."""
    return hashlib.sha256(b"\0" + text).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def place(level: int, index: int) -> int:
    """Say where the node over 2**level leaves stands in the file of nodes."""
    last = ((index + 1) << level) - 1
    return 2 * last - last.bit_count() + level


def nodes_of(size: int) -> int:
    """Say how many nodes a file for so many leaves has."""
    return 2 * size - size.bit_count()


def leaves_in(nodes: int) -> int:
    """Say how many leaves a file with so many nodes has whole; what is more in it is a torn end."""
    size = nodes // 2
    while nodes_of(size + 1) <= nodes:
        size += 1
    return size


class Tree:
    """A tree of `size` leaves whose complete nodes `read` gives."""

    def __init__(self, size: int, read: ReadNode) -> None:
        self.size = size
        self._read = read

    def append(self, text: bytes) -> bytes:
        """Take a leaf; returns what is to be appended to the file of nodes before anything else is asked of it."""
        made = [leaf_hash(text)]
        level = 0
        while self.size >> level & 1:
            made.append(node_hash(self._read(place(level, (self.size >> level) - 1)), made[-1]))
            level += 1
        self.size += 1
        return b"".join(made)

    def root(self, size: int | None = None) -> bytes:
        """Give the root, or the one that there was at a smaller size."""
        return self._hash(0, self._bounded(size))

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Give the path of leaf `index` in the tree of the first `size` leaves (RFC 9162 section 2.1.3.1)."""
        size = self._bounded(size)
        if not 0 <= index < size:
            raise ProofRefused(f"leaf {index} of {size}")
        return self._path(index, 0, size)

    def consistency(self, first: int, size: int | None = None) -> list[bytes]:
        """Give the proof that the tree of `size` leaves goes on from that of `first` (RFC 9162 section 2.1.4.1)."""
        size = self._bounded(size)
        if not 0 < first <= size:
            raise ProofRefused(f"{first} of {size} leaves")
        return self._subproof(first, 0, size, True)

    def _bounded(self, size: int | None) -> int:
        if size is not None and not 0 <= size <= self.size:
            raise ProofRefused(f"{size} of {self.size} leaves")
        return self.size if size is None else size

    def _hash(self, begin: int, end: int) -> bytes:
        """Of the leaves from `begin`, which a power of two at least as large as their number divides."""
        count = end - begin
        if count == 0:
            return EMPTY_ROOT
        level = count.bit_length() - 1
        if count == 1 << level:
            return self._read(place(level, begin >> level))
        return node_hash(self._hash(begin, begin + (1 << level)), self._hash(begin + (1 << level), end))

    def _path(self, index: int, begin: int, end: int) -> list[bytes]:
        if end - begin == 1:
            return []
        middle = begin + _split(end - begin)
        if index < middle:
            return [*self._path(index, begin, middle), self._hash(middle, end)]
        return [*self._path(index, middle, end), self._hash(begin, middle)]

    def _subproof(self, first: int, begin: int, end: int, is_known: bool) -> list[bytes]:
        if first == end:
            return [] if is_known else [self._hash(begin, end)]
        middle = begin + _split(end - begin)
        if first <= middle:
            return [*self._subproof(first, begin, middle, is_known), self._hash(middle, end)]
        return [*self._subproof(first, middle, end, False), self._hash(begin, middle)]


def _split(count: int) -> int:
    """Give the largest power of two below `count`, which is 2 or more."""
    return 1 << ((count - 1).bit_length() - 1)
