"""How long recordings are kept, and which are deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns; what was recorded before is ordinary."""
    op.add_column("recordings", sa.Column("retention", sa.Text(), nullable=False, server_default="ordinary"))
    op.add_column("recordings", sa.Column("deleted_us", sa.BigInteger(), nullable=False, server_default="0"))
