"""What the coordinator gives the journal to keep is in it, and the journal's refusals are dispatch's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dispatch.desk.keeping import JournalKeeper
from dispatch.errors import Unavailable
from dispatch.journal import Journal
from tests.dispatch.journal.journals import numbered, payloads


async def test_records_are_kept_at_the_positions_that_are_told(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "node")
    keeper = JournalKeeper(journal)
    records = numbered(range(5))
    assert [await keeper.append(records[:3]), await keeper.append(records[3:])] == [[0, 1, 2], [3, 4]]
    await asyncio.to_thread(journal.close)
    again = Journal.open(tmp_path, "node")
    assert payloads(again) == records
    await asyncio.to_thread(again.close)


async def test_refusal_of_the_journal_is_told_by_its_code(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "node")
    keeper = JournalKeeper(journal)
    for record, code in ((b"", "journal-invalid"), (b"\n", "journal-invalid")):
        with pytest.raises(Unavailable) as refused:
            await keeper.append([record])
        assert refused.value.code == code
    await asyncio.to_thread(journal.close)
    with pytest.raises(Unavailable) as refused:
        await keeper.append([b"late"])
    assert refused.value.code == "journal-closed"
