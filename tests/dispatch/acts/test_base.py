"""Acts as they are declared, and texts as they are taken."""

from __future__ import annotations

import importlib
import pkgutil
import re
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dispatch.acts
from dispatch.acts.base import ACTS, MAX_NAME_CHARACTERS, clean_text
from dispatch.errors import Invalid

for module in pkgutil.iter_modules(dispatch.acts.__path__):
    importlib.import_module(f"dispatch.acts.{module.name}")


@pytest.mark.parametrize("name", sorted(ACTS))
def test_act_declares_a_right_or_why_not_and_an_address_of_its_own_fields(name: str) -> None:
    spec = ACTS[name]
    assert spec.right is not None or spec.why
    assert spec.summary and re.fullmatch(r"[a-z]+\.[a-z-]+", name)
    if spec.path:
        assert spec.method in ("POST", "PUT", "PATCH", "DELETE") and spec.path.startswith("/")
    assert set(spec.path_fields) <= {field.name for field in msgspec.structs.fields(spec.act)}


def test_no_two_acts_share_an_address() -> None:
    shapes = [(spec.method, re.sub(r"{\w+}", "{}", spec.path)) for spec in ACTS.values() if spec.path]
    assert len(shapes) == len(set(shapes))


@given(st.text())
def test_cleaned_text_has_nothing_that_hides_or_breaks_lines(text: str) -> None:
    try:
        cleaned = clean_text(text, "name")
    except Invalid as refused:
        assert refused.field == "name" and refused.code in ("empty", "too-long")
        return
    assert 0 < len(cleaned) <= MAX_NAME_CHARACTERS and cleaned == clean_text(cleaned, "name")
    assert not any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in cleaned)
    assert not set(cleaned) & set("\u202e\u2066\u200b\ufeff")


@pytest.mark.parametrize("name", ["东河乡", "Ölçüm", "مركز", "🚒 一队", "👨‍👩‍👧"])
def test_names_of_any_script_pass(name: str) -> None:
    assert clean_text(name, "name") == name


def test_megabyte_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(Invalid) as refused:
        clean_text("\x00" * 1_000_000, "name")
    assert refused.value.code == "too-long"
