"""Folding makes names alike that look alike, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.names import fold


@given(st.text())
def test_folding_twice_changes_nothing(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@given(st.text(), st.sampled_from("\u200b\u200d\u202e\ufeff\u00ad\u3164\ufe0f\u2060\U000e0041"), st.integers(0, 40))
def test_what_cannot_be_seen_makes_no_difference(name: str, unseen: str, place: int) -> None:
    plain = fold(name)
    assert fold(plain[:place] + unseen + plain[place:]) == plain


@pytest.mark.parametrize(
    ("one", "other"),
    [("ＡＢＣ１", "abc1"), ("Straße", "STRASSE"), ("临江 市", "临江\u3000市"), ("é", "e\u0301"), ("ﬁ", "FI")],
)
def test_width_case_and_composition_make_no_difference(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_different_names_stay_different() -> None:
    assert len({fold(name) for name in ("临江市", "临江县", "临 江市", "linjiang", "lin jiang", "è", "e")}) == 7
