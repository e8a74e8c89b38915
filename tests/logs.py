"""Logs of servers that tests run as processes of their own: shown with the report of a test that fails."""

from pathlib import Path

#: Of the servers that run now.
watched: set[Path] = set()


def read(path: Path) -> str:
    """Return what was said so far."""
    return path.read_text(errors="replace") if path.exists() else ""
