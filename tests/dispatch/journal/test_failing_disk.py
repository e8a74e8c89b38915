"""What a failing disk does to a journal, shown where the C library is asked."""

from typing import Any

import pytest

from tests.media.preloaded import run_preloaded

BROKEN = {"while failing": ["journal-broken"] * 4, "later": "journal-broken", "readable": 5}
FULL = {
    "while failing": ["journal-full"] * 4,
    "later": 5,
    "readable": 6,
    "left": 0,
    "anew": 6,
    "reopened": ["later", "anew"],
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("failing")
    program = "tests.dispatch.journal.failing_disk"
    source = "tests/dispatch/journal/failing_disk.c"
    return run_preloaded(program, source, folder, str(folder))


@pytest.mark.parametrize("case", ["write", "sync", "sync without space", "preallocation"])
def test_after_an_error_nothing_is_taken_until_the_next_start(found: Any, case: str) -> None:
    assert {key: found[case][key] for key in BROKEN} == BROKEN
    assert found[case]["reopened"][-1] == "anew"


def test_failed_sync_is_never_tried_again(found: Any) -> None:
    assert found["sync"]["syncs"] == found["sync without space"]["syncs"] == 1


def test_half_of_a_write_is_cut_by_the_next_start(found: Any) -> None:
    assert found["write"]["left"] > 0
    *kept, anew = found["write"]["reopened"]
    assert anew == "anew"
    # What was not answered may be there, but never a half of it, and the last of three was torn.
    assert kept in ([], ["lost 0", "xxxxxxx"], ["lost 0", "xxxxxxx", "lost 1", "xxxxxxx"])


@pytest.mark.parametrize("case", ["no room", "no preallocation, no room"])
def test_without_space_appends_are_refused_and_leave_nothing_and_go_on_later(found: Any, case: str) -> None:
    assert {key: found[case][key] for key in FULL} == FULL


def test_write_that_cannot_be_taken_back_for_good_is_an_error_of_the_disk(found: Any) -> None:
    case = found["no preallocation, no room, no sync"]
    assert {key: case[key] for key in BROKEN} == BROKEN
    assert case["syncs"] == 1


def test_filesystem_without_preallocation_serves_too(found: Any) -> None:
    case = found["no preallocation"]
    assert case["while failing"] == [5, 7, 9, 11]
    assert (case["later"], case["readable"], case["anew"]) == (13, 14, 14)
