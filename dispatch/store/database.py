"""An open database and what "gone" means for it. Touches the connections, nothing in them.

SQLite is in WAL mode: readers see the last commit while the projector writes. A commit may be lost with the power, but
never a part of one, and the position of the journal goes with it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import msgspec
from sqlalchemy import URL, Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from config.settings import SQLITE
from dispatch.errors import Unavailable

#: How long a connection may take, and how long SQLite waits for who holds its lock. Acts do not wait for either.
CONNECT_S = 5.0
LOCK_S = 2.0
#: After this a statement counts as one that nobody answers.
ANSWER_S = 60.0

_WRITES = "dispatch_writes"


class Database:
    """One database. Whoever opened it closes it."""

    def __init__(self, url: str, *, bulk: bool = False) -> None:
        """Open nothing yet. `url`: as `config.Settings.database_url`.

        `bulk`: for a rebuild. A file is written without any safety, as nobody sees it before it is complete; a
        statement may take as long as it likes.
        """
        #: The file of an SQLite database.
        self.path = Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None
        self._bulk = bulk
        self._file: tuple[int, int] | None = None
        self._let_go = 0
        arguments: dict[str, Any] = {"timeout": CONNECT_S, "command_timeout": None if bulk else ANSWER_S}
        if self.path is not None:
            # Python's own idea of when a transaction begins leaves out reading and DDL; `_begin` does it.
            arguments = {"timeout": LOCK_S, "isolation_level": None}
        self.engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg")
            if self.path is None
            else URL.create("sqlite+aiosqlite", database=str(self.path)),
            connect_args=arguments,
            pool_pre_ping=True,
            hide_parameters=True,
            json_deserializer=msgspec.json.decode,
        )
        if self.path is not None:
            event.listen(self.engine.sync_engine, "do_connect", self._make_file)
            event.listen(self.engine.sync_engine, "connect", self._sqlite_connected)
            event.listen(self.engine.sync_engine, "begin", _begin)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction that writes, committed at the end. Raises Unavailable."""
        async with self._connected() as connection:
            await connection.execution_options(**{_WRITES: True})
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees one moment of the database for as long as it is held. Raises Unavailable."""
        async with self._connected() as connection:
            if self.path is None:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        with _faults(OSError):
            connection = await self.engine.connect()
        # Other files may be read while it is held: their faults are not the database's.
        with _faults(ConnectionError, TimeoutError):
            try:
                yield connection
            finally:
                await connection.close()

    async def renew(self) -> int:
        """Let go of a file that is no longer the one under its name; tell how many there have been so far.

        SQLite would go on writing to a file that somebody has removed, and nobody would ever see it again.
        """
        if self.path is not None and self._file is not None and _identity(self.path) != self._file:
            self._file = None
            self._let_go += 1
            await self.engine.dispose()
        return self._let_go

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    def _make_file(self, *_: object) -> None:
        """Make the file, for its owner only: it holds digests. A folder that is gone is noticed here.

        (The driver would notice too, but leave a thread behind that answers a loop which may be closed.)

        A file that is there is not opened: with its close all locks of this process on it would be gone (POSIX), and
        the next process that looks into it would take itself for the last and remove the WAL we go on writing to.
        """
        assert self.path is not None
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        if not os.access(self.path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.path))

    def _sqlite_connected(self, connection: Any, _: object) -> None:
        cursor = connection.cursor()
        if self._bulk:
            cursor.execute("PRAGMA journal_mode=OFF")
            cursor.execute("PRAGMA synchronous=OFF")
        else:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()
        assert self.path is not None
        self._file = _identity(self.path)


@contextmanager
def _faults(*others: type[OSError]) -> Iterator[None]:
    """Turn what a driver raises into Unavailable, without values and passwords in its text."""
    try:
        yield
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, *others) as error:
        original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        first_line = str(original).partition("\n")[0]
        raise Unavailable("database-gone", f"{type(original).__name__}: {first_line}") from error


def _begin(connection: Connection) -> None:
    # Who reads first and then writes cannot wait for another's lock: what was read would be of yesterday.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
