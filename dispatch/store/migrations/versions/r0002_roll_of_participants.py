"""Who answered the roll is told by each participant."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column. Rolls that were being called meanwhile are answered once more."""
    op.add_column("participants", sa.Column("roll_us", sa.BigInteger(), nullable=False, server_default="0"))
