"""The server of a soak."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.server import WatchedServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WatchedServer]:
    with WatchedServer(tmp_path) as server:
        yield server
