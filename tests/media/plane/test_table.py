"""The lookup tables against dict, and against somebody who chooses keys to hurt."""

import gc
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.table import AddressTableView, SsrcTableView, UfragTableView, siphash13
from tests.patience import PATIENCE_S

V4 = bytes(10) + b"\xff\xff"

# Few distinct keys, so that the same ones are put, replaced and removed again; 0 and all ones among them.
SSRCS = st.sampled_from([0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, *range(100, 120)])
ADDRESSES = st.tuples(
    st.sampled_from([bytes(16), b"\xff" * 16, *(V4 + bytes([10, 0, 0, n]) for n in range(6))]),
    st.sampled_from([0, 1, 255, 256, 65535]),
)
UFRAGS = st.sampled_from([b"a", b"aa", b"a\0", b"\0", b"u" * 31, b"u" * 32, b"abcd", b"abce", b"xyz+/012"])
# Few, so that neighbours in the table often have the same one.
VALUES = st.integers(1, 2)


Step = tuple[str, Any, int]


def operations(keys: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Step]]:
    return st.lists(
        st.one_of(
            st.tuples(st.just("put"), keys, VALUES),
            st.tuples(st.just("remove"), keys, st.just(0)),
            st.tuples(st.just("remove_value"), keys, VALUES),
        ),
        min_size=30,
        max_size=120,
    )


class BoundedDict:
    """What a table is, written plainly."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held: dict[tuple[Any, ...], int] = {}

    def __len__(self) -> int:
        return len(self.held)

    def put(self, *key_and_value: Any) -> int:
        *key, value = key_and_value
        known = tuple(key) in self.held
        if not known and len(self.held) == self.capacity:
            return -1
        self.held[tuple(key)] = value
        return int(known)

    def get(self, *key: Any) -> int | None:
        return self.held.get(key)

    def remove(self, *key: Any) -> int:
        return int(self.held.pop(key, None) is not None)

    def remove_value(self, value: int) -> int:
        before = len(self.held)
        self.held = {key: held for key, held in self.held.items() if held != value}
        return before - len(self.held)


def answers(table: Any, steps: list[Step]) -> list[tuple[Any, ...]]:
    """Take the steps; give what each answered and left, and in the end what is found under every key."""
    keys = [key if isinstance(key, tuple) else (key,) for _, key, _ in steps]
    told: list[tuple[Any, ...]] = []
    for (verb, _, value), key in zip(steps, keys, strict=True):
        if verb == "put":
            answer = table.put(*key, value)
        elif verb == "remove":
            answer = table.remove(*key)
        else:
            answer = table.remove_value(value)
        told.append((verb, answer, len(table), table.get(*key)))
    return [*told, tuple(table.get(*key) for key in keys)]


@settings(max_examples=150, deadline=None)
@given(steps=operations(SSRCS), capacity=st.integers(1, 20), seed=st.integers(0, 2**64 - 1))
def test_ssrc_table_behaves_like_a_bounded_dict(steps: list[Step], capacity: int, seed: int) -> None:
    assert answers(SsrcTableView(capacity, seed), steps) == answers(BoundedDict(capacity), steps)


@settings(max_examples=150, deadline=None)
@given(steps=operations(ADDRESSES), capacity=st.integers(1, 20), seed=st.integers(0, 2**64 - 1))
def test_address_table_behaves_like_a_bounded_dict(steps: list[Step], capacity: int, seed: int) -> None:
    assert answers(AddressTableView(capacity, seed), steps) == answers(BoundedDict(capacity), steps)


@settings(max_examples=150, deadline=None)
@given(steps=operations(UFRAGS), capacity=st.integers(1, 20), seed=st.integers(0, 2**64 - 1))
def test_ufrag_table_behaves_like_a_bounded_dict(steps: list[Step], capacity: int, seed: int) -> None:
    assert answers(UfragTableView(capacity, seed), steps) == answers(BoundedDict(capacity), steps)


def test_a_full_table_still_finds_replaces_and_removes() -> None:
    table = SsrcTableView(64, seed=9)
    for ssrc in range(64):
        assert table.put(ssrc, ssrc + 1) == 0
    assert table.put(64, 1) == -1
    assert table.put(63, 7) == 1
    assert table.get(63) == 7
    assert table.get(64) is None
    assert table.remove(0) == 1
    assert table.put(64, 65) == 0
    assert table.get(64) == 65


def test_null_is_not_a_value() -> None:
    table = SsrcTableView(4)
    assert table.put(1, 0) == -1
    assert len(table) == 0
    assert table.remove_value(0) == 0


def test_ports_and_addresses_are_told_apart_in_every_byte() -> None:
    table = AddressTableView(200)
    keys = [(bytes(16), 0), (bytes(16), 1), (bytes(16), 256)]
    keys += [(bytes(n) + b"\x01" + bytes(15 - n), 0) for n in range(16)]
    for value, key in enumerate(keys, 1):
        assert table.put(*key, value) == 0
    assert [table.get(*key) for key in keys] == list(range(1, len(keys) + 1))


def test_ufrags_of_impossible_length_are_refused_and_never_found() -> None:
    table = UfragTableView(4)
    for ufrag in (b"", b"u" * 33, b"u" * 256):
        assert table.put(ufrag, 1) == -1
        assert table.get(ufrag) is None
        assert table.remove(ufrag) == 0


def test_capacity_out_of_range_is_refused() -> None:
    for capacity in (0, -1, 2**24 + 1, 2**32):
        with pytest.raises(ValueError, match="capacity"):
            SsrcTableView(capacity)


def test_hash_gives_the_published_siphash_1_3_values() -> None:
    assert f"{siphash13(bytes(range(16)), b''):016x}" == "abac0158050fc4dc"
    assert f"{siphash13(bytes(16), b''):016x}" == "d1fba762150c532c"
    assert f"{siphash13(bytes(16), b'siphash'):016x}" == "8264ceeccb16bcbe"
    assert f"{siphash13(bytes(16), b'digest-sip_hash'):016x}" == "ce31007e34130c0a"


def test_hash_agrees_with_the_interpreters_own_siphash_at_every_length() -> None:
    # From 3.11 on CPython hashes bytes with SipHash-1-3; PYTHONHASHSEED=0 makes its key zero.
    assert sys.hash_info.algorithm == "siphash13"
    program = "print([hash(bytes(range(n))) for n in range(1, 64)])"
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": "0"},
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    ).stdout
    ours = [siphash13(bytes(16), bytes(range(n))) for n in range(1, 64)]
    assert [number & 0xFFFFFFFFFFFFFFFF for number in json.loads(printed)] == ours


def keys_that_share_a_home(table: AddressTableView, wanted: int) -> list[tuple[bytes, int]]:
    found = []
    for number in range(200_000):
        key = (V4 + (number >> 4).to_bytes(4, "big"), number & 15)
        if table.home(*key) == 0:
            found.append(key)
            if len(found) == wanted:
                return found
    raise AssertionError("not enough keys found")


def test_keys_chosen_against_one_seed_are_harmless_under_another() -> None:
    victim = AddressTableView(256, seed=1)
    keys = keys_that_share_a_home(victim, 128)
    other = AddressTableView(256, seed=2)
    for value, key in enumerate(keys, 1):
        assert victim.put(*key, value) == 0
        assert other.put(*key, value) == 0
    assert victim.longest_search() == 128
    assert other.longest_search() < 24


def test_a_chain_over_the_end_of_the_table_closes_up_when_its_middle_is_removed() -> None:
    table = AddressTableView(8, seed=3)
    last = table.slots() - 1
    keys = [k for n in range(4000) if table.home(*(k := (bytes(14) + n.to_bytes(2, "big"), 7))) == last][:6]
    for value, key in enumerate(keys, 1):
        table.put(*key, value)
    for gone in range(len(keys)):
        assert table.remove(*keys[gone]) == 1
        assert [table.get(*key) for key in keys[gone + 1 :]] == list(range(gone + 2, len(keys) + 1))
    assert len(table) == 0


def test_a_table_stays_fast_after_long_use() -> None:
    table = SsrcTableView(512, seed=5)
    for ssrc in range(20_000):
        assert table.put(ssrc * 0x9E3779B1 & 0xFFFFFFFF, 1) == 0
        if ssrc >= 400:
            assert table.remove((ssrc - 400) * 0x9E3779B1 & 0xFFFFFFFF) == 1
    assert len(table) == 400
    assert table.longest_search() < 32
    assert table.remove_value(1) == 400


def test_tables_give_their_memory_back() -> None:
    def resident_pages() -> int:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1])

    def churn() -> None:
        for seed in range(40):
            table = AddressTableView(100_000, seed)  # 8 MiB each
            table.put(bytes(16), 1, 1)
        gc.collect()

    churn()
    before = resident_pages()
    churn()
    assert resident_pages() - before < 2 * 2048
