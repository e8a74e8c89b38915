"""A file says whose it is and where it belongs, whatever people are called and however many recordings want it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from huishang.recording.about import MOST_RECORDINGS, about_of, recordings_of, without_recordings
from recorder.files.facts import MAX_ABOUT
from recorder.worker import wire
from tests.dispatch.world import World

ULID = "01KARR5QKB0000000000000001"


@given(st.lists(st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True), unique=True, max_size=80))
def test_recordings_are_read_again_in_their_order_and_no_further_ones(recordings: list[str]) -> None:
    about = about_of(World().tables, "east.camera", "video", recordings)
    assert recordings_of(about) == tuple(recordings[:MOST_RECORDINGS])
    assert not recordings_of(without_recordings(about))
    assert len(about) <= MAX_ABOUT
    wire.read_order(wire.write(wire.Open(ULID, 1, 1, 1, about)))


def test_owner_and_unit_stand_in_it_by_name() -> None:
    world = World()
    unit = world.tables.units.get("E")
    about = about_of(world.tables, "east.camera", "audio", ())
    assert about == {
        "source": "east.camera",
        "kind": "audio",
        "person": "east",
        "name": world.tables.people.get("east").name,
        "unit": unit.id,
        "unit_name": unit.name_zh,
    }
    assert about_of(world.tables, "nobody", "video", ()) == {"source": "nobody", "kind": "video"}
