"""Both databases, and a journal beside them."""

from __future__ import annotations

from tests.dispatch.store.conftest import database, journal, postgres, url

__all__ = ["database", "journal", "postgres", "url"]
