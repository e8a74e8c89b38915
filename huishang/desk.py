"""The node's memory, put together: journal, tables, the coordinator over them, and the database that follows.

The journal is the truth, and without it nothing starts. The database may be gone: then all of the journal is read, and
pages that ask for the past are told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog

from config import Settings
from dispatch.desk.coordinator import Coordinator
from dispatch.desk.keeping import JournalKeeper
from dispatch.errors import Unavailable
from dispatch.journal.errors import JournalDamaged, JournalError, JournalForeign, JournalLocked
from dispatch.journal.file import Journal
from dispatch.store.database import Database
from dispatch.store.loading import load
from dispatch.store.migrating import upgrade
from dispatch.store.projector import Projector
from huishang.errors import StartError
from signaling.http.measuring import MeasuredKeeper
from signaling.http.metrics import Metrics

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NodeDesk:
    """What of dispatch runs in this process."""

    journal: Journal
    database: Database
    coordinator: Coordinator
    projector: Projector


@contextlib.asynccontextmanager
async def desk(settings: Settings, metrics: Metrics) -> AsyncIterator[NodeDesk]:
    """Open all of it, and close it in reverse. Raises StartError for a journal that cannot be used."""
    async with contextlib.AsyncExitStack() as ends:
        journal = await asyncio.to_thread(open_journal, settings)
        ends.push_async_callback(asyncio.to_thread, journal.close)
        database = Database(settings.database_url)
        ends.push_async_callback(database.close)
        with contextlib.suppress(Unavailable):  # told by who follows the journal, and tried again there
            await upgrade(database)
        try:
            loaded = await load(database, journal)
        except JournalDamaged as error:
            raise _damaged(settings, error) from None
        keeper = MeasuredKeeper(JournalKeeper(journal), metrics.journal_seconds)
        coordinator = Coordinator(loaded.tables, loaded.clock, keeper, settings.server.node)
        coordinator.start()
        ends.push_async_callback(coordinator.close)
        projector = Projector(database, journal)
        coordinator.listen(projector)
        projector.start()
        ends.push_async_callback(projector.close)
        if journal.cut_bytes:
            _log.warning("journal_end_cut", octets=journal.cut_bytes, reason="a write that was never answered")
        _log.debug("desk_open", entries=journal.position, from_database=loaded.from_database, unfit=loaded.unfit)
        yield NodeDesk(journal, database, coordinator, projector)


def open_journal(settings: Settings) -> Journal:
    """Open the node's journal; blocks while its last file is read. Raises StartError."""
    folder = settings.journal_path
    try:
        return Journal.open(folder, settings.server.node)
    except JournalLocked:
        raise StartError(f"{folder}: 另一个会商服务正在使用 / another Huishang server is running on it") from None
    except JournalForeign as error:
        raise StartError(
            f"{folder}: 属于另一个节点，请检查 server.node / is another node's, look at server.node ({error})"
        ) from None
    except JournalDamaged as error:
        raise _damaged(settings, error) from None
    except (JournalError, OSError) as error:
        raise StartError(f"{folder}: 过程记录不可用 / the journal cannot be used: {error}") from None


def _damaged(settings: Settings, error: JournalDamaged) -> StartError:
    words = "过程记录已损坏，请恢复备份 / the journal is damaged, put a backup back"
    return StartError(f"{settings.journal_path}: {words}: huishang restore ({error})")
