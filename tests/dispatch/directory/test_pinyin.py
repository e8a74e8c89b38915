"""Names are found by how they are spoken, with every reading of a character."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.directory.pinyin import MAX_SPELLINGS, readings, spellings
from dispatch.names import fold

HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("重庆", "chongqing"),
        ("重庆", "cq"),
        ("重庆", "zhongqing"),
        ("长乐区", "changlequ"),
        ("长乐区", "zhangyuequ"),
        ("a区3号楼", "aqu3haolou"),
        ("a区3号楼", "aq3hl"),
        ("吕梁", "lvliang"),
    ],
)
def test_a_name_is_typed_in_full_or_by_initials(name: str, typed: str) -> None:
    assert typed in spellings(name)


@pytest.mark.parametrize("name", ["", "abc", "x 12", "\u3000"])
def test_what_is_not_chinese_has_no_other_spelling(name: str) -> None:
    assert spellings(fold(name)) == ()


@given(HAN)
def test_the_commonest_comes_first_and_the_number_is_bounded(name: str) -> None:
    found = spellings(name)
    assert found[0] == "".join(readings(character)[0] for character in name)
    assert len(set(found)) == len(found) <= 2 * MAX_SPELLINGS


@given(HAN.filter(lambda name: len(name) < 4))
def test_short_names_have_all_their_readings(name: str) -> None:
    every = {"".join(each) for each in product(*(readings(character) for character in name))}
    if len(every) <= MAX_SPELLINGS:
        assert every <= set(spellings(name))


@given(st.text())
def test_any_text_has_spellings_or_none(name: str) -> None:
    assert all(spellings(fold(name)))


def test_phrases_that_nobody_asks_for_take_no_memory() -> None:
    from pypinyin.constants import PHRASES_DICT  # after ours, which decides what it loads

    assert not PHRASES_DICT
