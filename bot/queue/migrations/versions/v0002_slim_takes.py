"""Rows of takes keep only what is still needed; drafts count as waiting; twins in review are found by fingerprint."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_WAITING = sa.text("state = 'queued'")
_PENDING = sa.text("state IN ('draft', 'awaiting_approval', 'queued')")
_LOOKED_FOR = sa.text("state IN ('submitting', 'needs_review')")


def upgrade() -> None:
    op.execute("UPDATE takes SET body = NULL WHERE body IS NOT NULL AND state NOT IN ('submitting', 'needs_review')")
    op.execute("UPDATE takes SET publications = '[]' WHERE withdrawn AND state IN ('fetched', 'failed', 'cancelled')")
    op.create_index(
        "ix_takes_looked_for", "takes", ["fingerprint"], sqlite_where=_LOOKED_FOR, postgresql_where=_LOOKED_FOR
    )
    _count_waiting(_PENDING)


def downgrade() -> None:
    op.drop_index("ix_takes_looked_for", "takes")
    _count_waiting(_WAITING)


def _count_waiting(where: sa.TextClause) -> None:
    op.drop_index("ix_requests_person_waiting", "requests")
    op.create_index(
        "ix_requests_person_waiting",
        "requests",
        ["guild_id", "person_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
