"""What a plane thread asks of the scheduler, seen where the kernel tells it."""

import os
from pathlib import Path

from tests.media.plane.peers import Stage


def nice_of(task: Path) -> int:
    """Field 19 of stat; the name in field 2 may hold spaces, so count from its closing bracket."""
    return int(task.joinpath("stat").read_text().rpartition(")")[2].split()[16])


def test_plane_thread_is_named_and_not_behind_the_control_thread(stage: Stage) -> None:
    stage.settle()
    tasks = {task.joinpath("comm").read_text().strip(): task for task in Path("/proc/self/task").iterdir()}
    assert nice_of(tasks["plane-0"]) <= nice_of(Path(f"/proc/self/task/{os.getpid()}"))
