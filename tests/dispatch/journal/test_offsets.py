from hypothesis import given
from hypothesis import strategies as st

from dispatch.journal.offsets import STRIDE, Offsets


@given(st.integers(0, 5 * STRIDE), st.integers(0, 6 * STRIDE))
def test_the_nearest_noted_entry_is_given(noted: int, asked: int) -> None:
    offsets = Offsets(100)
    for entry in range(noted):
        offsets.note(entry, 100 + 10 * entry)
    entry, offset = offsets.before(asked)
    assert offset == 100 + 10 * entry
    assert entry <= asked
    assert asked - entry < STRIDE or entry + STRIDE >= noted


def test_few_of_many_entries_are_kept() -> None:
    offsets = Offsets(0)
    for entry in range(100 * STRIDE):
        offsets.note(entry, entry)
    assert len(offsets._known) == 100
