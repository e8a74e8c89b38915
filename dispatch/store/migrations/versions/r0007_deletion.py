"""By which policy recordings are deleted, and since when their files are gone; recordings of something are found."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; nothing was deleted before."""
    op.add_column("recordings", sa.Column("deleted_by", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("recordings", sa.Column("cleared_us", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_recordings_of", "recordings", ["of", "id"])
