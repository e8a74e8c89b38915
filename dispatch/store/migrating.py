"""Brings a database to the version of this program. Touches the schema and Alembic's own table."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from dispatch.errors import Unavailable
from dispatch.store.database import Database

#: Any number that nobody else locks.
_UPGRADE = 0x4875697368616E67


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


async def pending(database: Database) -> list[str]:
    """Return the revisions that the database lacks, oldest first. Raises Unavailable, also for a newer database."""
    async with database.snapshot() as connection:
        return await connection.run_sync(_pending)


async def upgrade(database: Database) -> list[str]:
    """Apply what is pending, all or nothing; return it. Raises Unavailable, also for a newer database."""
    async with database.begin() as connection:
        return await connection.run_sync(_upgrade)


def stamp(connection: Connection) -> None:
    """Note that a database that was just made from the schema is of this version."""
    config = _config()
    config.attributes["connection"] = connection
    command.stamp(config, "head")


def migrate(connection: Connection, revision: str) -> None:
    """Bring a database that is not beyond this revision to it."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _pending(connection: Connection) -> list[str]:
    steps = list(ScriptDirectory.from_config(_config()).walk_revisions())
    current = MigrationContext.configure(connection).get_current_revision()
    known = [step.revision for step in steps]
    if current is not None and current not in known:
        raise Unavailable("database-newer", f"the database is of version {current}, this program ends at {known[0]}")
    newer = known if current is None else known[: known.index(current)]
    return newer[::-1]


def alone(connection: Connection) -> None:
    """Wait until nobody else prepares the database, and let nobody until this transaction, which writes, has ended."""
    # SQLite's transactions that write exclude each other anyway.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE)))


def _upgrade(connection: Connection) -> list[str]:
    # One after another: two servers that start at once, and Alembic is one for the whole process.
    alone(connection)
    missing = _pending(connection)
    if missing:
        migrate(connection, "head")
    return missing
