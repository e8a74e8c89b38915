"""A file says whose it is and where it belongs, and nobody else can tell where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from huishang.recording.about import MOST_RECORDINGS, about_of, recordings_of, with_recordings, without_recordings
from recorder.files.facts import MAX_ABOUT
from recorder.worker import wire
from tests.dispatch.world import World

ULID = "01KARR5QKB0000000000000001"
ulids = st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True)


@given(st.lists(ulids, unique=True, max_size=80), ulids)
def test_recordings_are_told_by_who_knows_them_and_by_nobody_else(recordings: list[str], track: str) -> None:
    base = about_of(World().tables, "east.camera", "video")
    about = with_recordings(base, track, recordings)
    assert recordings_of(about, track, [*recordings, ULID]) == recordings[:MOST_RECORDINGS]
    assert without_recordings(about) == base
    assert not {*recordings} & {*about.values()}
    assert len(about) <= MAX_ABOUT
    wire.read_order(wire.write(wire.Open(ULID, 1, 1, 1, about)))


def test_owner_and_unit_stand_in_it_by_name() -> None:
    world = World()
    unit = world.tables.units.get("E")
    assert about_of(world.tables, "east.camera", "audio") == {
        "source": "east.camera",
        "kind": "audio",
        "person": "east",
        "name": world.tables.people.get("east").name,
        "unit": unit.id,
        "unit_name": unit.name_zh,
    }
    assert about_of(world.tables, "nobody", "video") == {"source": "nobody", "kind": "video"}
