from __future__ import annotations

from tests.recorder.files.conftest import player

__all__ = ["player"]
