"""Recordings: what was recorded, from when to when."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table; nothing has been recorded before."""
    op.create_table(
        "recordings",
        sa.Column("id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("begun_us", sa.BigInteger(), nullable=False),
        sa.Column("paused_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=False),
        sa.Column("hold", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
