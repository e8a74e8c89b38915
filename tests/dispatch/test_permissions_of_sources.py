"""Rights to sources: of an endpoint, of a person, of the node."""

from __future__ import annotations

import pytest

from dispatch.permissions import SYSTEM, Actor, Permissions, Right
from dispatch.records import Grant
from tests.dispatch.acts.state import CAMERA, CHIEF, CLERK, DRONE, LOCAL, NOW_US, OFFICER, peopled

SEVERAL = [
    (OFFICER, Right.VIEW, CAMERA, True),  # below its county
    (LOCAL, Right.VIEW, DRONE, False),  # above its township
    (CLERK, Right.VIEW, DRONE, True),
    (CLERK, Right.PUBLISH, CAMERA, False),  # an observer
    (OFFICER, Right.PUBLISH, f"{OFFICER}.camera", True),
    (CLERK, Right.PUBLISH, f"{CLERK}.camera", False),
    (CHIEF, Right.PUBLISH, f"{OFFICER}.camera", False),  # another's face
    (OFFICER, Right.VIEW, f"{OFFICER}.camera", True),
    (CHIEF, Right.VIEW, f"{OFFICER}.camera", True),
    (LOCAL, Right.VIEW, f"{OFFICER}.camera", False),
    (CHIEF, Right.VIEW, "camera-without-endpoint", True),
    (OFFICER, Right.VIEW, "camera-without-endpoint", False),  # of the node, and the county is not its root
    (CHIEF, Right.VIEW, "01NOBODY.camera", True),
    ("nobody", Right.VIEW, CAMERA, False),
]


@pytest.mark.parametrize(("person", "right", "source", "may"), SEVERAL)
def test_source_belongs_to_its_endpoint_its_person_or_the_node(
    person: str, right: Right, source: str, may: bool
) -> None:
    assert Permissions(peopled()).may_source(Actor(person), right, source, NOW_US) is may


def test_node_itself_may_everything() -> None:
    for _, right, source, _ in SEVERAL:
        assert Permissions(peopled()).may_source(SYSTEM, right, source, NOW_US)


def test_grant_on_a_device_is_one_on_what_it_sends() -> None:
    tables = peopled()
    tables.grants.put(
        Grant(
            id="g",
            verb="view",
            object=f"endpoint:{DRONE}",
            to=f"person:{LOCAL}",
            from_us=NOW_US,
            until_us=NOW_US + 1,
            by=CHIEF,
        )
    )
    tables.commit()
    held = [Permissions(tables).may_source(Actor(LOCAL), Right.VIEW, DRONE, NOW_US + late) for late in (0, 1)]
    assert held == [True, False]
    assert not Permissions(tables).may_source(Actor(LOCAL), Right.STEER, DRONE, NOW_US)
