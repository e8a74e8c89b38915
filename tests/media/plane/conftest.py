"""A live plane thread for tests at the socket."""

from collections.abc import Iterator

import pytest

from tests.media.plane.peers import Stage, staged


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as live:
        yield live
