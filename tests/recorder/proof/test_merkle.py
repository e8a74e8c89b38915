"""The log against the definitions of RFC 9162, written here as they stand there."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.proof import merkle, proofs
from recorder.proof.digests import Digests
from recorder.proof.errors import NotARecord, NotCanonical, ProofRefused
from recorder.proof.merkle import HeadLeaf, TokenLeaf, Tree
from recorder.proof.proofs import Growing

#: Leaves and the roots of all sizes, from the tests of RFC 6962's first implementation (certificate-transparency).
LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes(range(96, 112)))
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162 section 2.1.1."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 9162 section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], b: bool) -> list[bytes]:
    """RFC 9162 section 2.1.4.1."""
    if m == len(leaves):
        return [] if b else [mth(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*subproof(m, leaves[:k], b), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def grown(leaves: Sequence[bytes]) -> tuple[Tree, bytearray]:
    nodes = bytearray()
    tree = Tree(0, lambda at: bytes(nodes[at * 32 : at * 32 + 32]))
    for leaf in leaves:
        nodes += tree.append(leaf)
    return tree, nodes


def test_roots_are_those_that_everybody_has() -> None:
    tree, _ = grown(LEAVES)
    assert [tree.root(size).hex() for size in range(1, 9)] == ROOTS


def test_all_roots_and_proofs_of_small_trees_are_those_of_the_definitions() -> None:
    leaves = [b"%d" % number for number in range(33)]
    tree, nodes = grown(leaves)
    growing = Growing()
    for size in range(len(leaves) + 1):
        root = mth(leaves[:size])
        assert tree.root(size) == root == growing.root()
        assert merkle.leaves_in(merkle.nodes_of(size)) == size
        for index in range(size):
            proof = tree.inclusion(index, size)
            assert proof == path(index, leaves[:size])
            assert proofs.root_by_inclusion(leaves[index], index, size, proof) == root
        for first in range(1, size + 1):
            proof = tree.consistency(first, size)
            assert proof == subproof(first, leaves[:size], True)
            proofs.check_consistency(first, mth(leaves[:first]), size, root, proof)
        if size < len(leaves):
            growing.append(leaves[size])
    assert len(nodes) == 32 * merkle.nodes_of(len(leaves))


@given(st.integers(0, 5_000))
def test_a_torn_file_of_nodes_has_the_leaves_that_are_whole_in_it(nodes: int) -> None:
    size = merkle.leaves_in(nodes)
    assert merkle.nodes_of(size) <= nodes < merkle.nodes_of(size + 1)


@given(st.data())
def test_no_other_proof_passes(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 40))
    leaves = [b"%d" % number for number in range(size)]
    tree, _ = grown(leaves)
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size - 1))
    others = [tree.inclusion(i, s) for s in (size, size - 1) for i in range(s)]
    good = tree.inclusion(index)
    for proof in (*others, good[:-1], [*good, good[0]], [*good[1:], good[0]]):
        for at in range(size):
            if (proof, at) == (good, index):
                continue
            try:
                assert proofs.root_by_inclusion(leaves[index], at, size, proof) != tree.root()
            except ProofRefused:
                continue
    steps = tree.consistency(first)
    for proof, begin in ((steps[:-1], first), ([*steps, steps[0]], first), (steps, first + 1), (steps, first - 1)):
        with pytest.raises(ProofRefused):
            proofs.check_consistency(begin, tree.root(first), size, tree.root(), proof)
    with pytest.raises(ProofRefused):
        proofs.check_consistency(first, tree.root(first), size, tree.root(size - 1), steps)


def test_leaves_are_read_back_and_nothing_else_is_one() -> None:
    for leaf in (HeadLeaf(session="s", n=3, hash=Digests(sha256="a" * 64)), TokenLeaf(digest="b" * 64)):
        assert merkle.read_leaf(merkle.leaf_text(leaf)) == leaf
    for text in (b"{}", b'{"kind":"head"}', b'{"digest":"x","kind":"token","v":1}', b"[]", b""):
        with pytest.raises((NotARecord, NotCanonical)):
            merkle.read_leaf(text)
