"""The journal as the coordinator's keeper: its refusals become dispatch's."""

from __future__ import annotations

from dispatch.errors import Unavailable
from dispatch.journal.errors import JournalError
from dispatch.journal.file import Journal


class JournalKeeper:
    """Keeps records in a journal, which stays its owner's."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def append(self, records: list[bytes]) -> list[int]:
        """Keep the records; return their positions once they are on disk. Raises Unavailable."""
        try:
            return list(await self._journal.append(records))
        except JournalError as error:
            raise Unavailable(error.code, str(error)) from error
