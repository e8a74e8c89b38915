"""Policies by which the node records of itself, and which of them a recording was begun for."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table and add the column; what was recorded before was asked for by somebody."""
    op.create_table(
        "policies",
        sa.Column("id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("kinds", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("retention", sa.Text(), nullable=False),
        sa.Column("period_us", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("recordings", sa.Column("policy", sa.Text(), nullable=False, server_default=sa.text("''")))
