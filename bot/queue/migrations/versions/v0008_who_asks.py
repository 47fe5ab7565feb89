"""The roles of who asks, and the channel that a thread hangs in: what policies are about."""

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("requests", sa.Column("roles", sa.Text(), server_default="[]", nullable=False))
    op.add_column("requests", sa.Column("parent_id", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("requests", "parent_id")
    op.drop_column("requests", "roles")
