"""Rights to sources: of an endpoint, of a person, of the node."""

from __future__ import annotations

import pytest

from dispatch.permissions import SYSTEM, Actor, Permissions, Right
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
