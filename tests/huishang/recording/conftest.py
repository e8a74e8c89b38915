"""Both databases, and a journal beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dispatch.store.conftest import database, journal, postgres, url

__all__ = ["database", "journal", "postgres", "url"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where recordings lie."""
    return tmp_path / "recordings"
