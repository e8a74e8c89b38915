from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.signaling.auth.front import Front, running_front


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    async with running_front() as front:
        yield front
