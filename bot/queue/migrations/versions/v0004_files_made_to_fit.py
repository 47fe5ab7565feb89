"""What was decided on each file, what part of it is used, what it becomes and became; what was found of the clips."""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_WAS_MADE = sa.text("made_content IS NOT NULL")
_ADDED = {
    "request_references": ("record", "part", "target", "made", "made_content"),
    "tray_references": ("record", "part"),
    "takes": ("clip_findings", "shrunk_clip", "shrunk_facts"),
}


def upgrade() -> None:
    for table in ("request_references", "tray_references"):
        op.add_column(table, sa.Column("record", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("part", sa.Text(), server_default="{}", nullable=False))
    op.add_column("request_references", sa.Column("target", sa.Text(), nullable=True))
    op.add_column("request_references", sa.Column("made", sa.Text(), nullable=True))
    op.add_column("request_references", sa.Column("made_content", sa.String(length=64), nullable=True))
    op.create_index(
        "ix_request_references_made",
        "request_references",
        ["made_content"],
        sqlite_where=_WAS_MADE,
        postgresql_where=_WAS_MADE,
    )
    op.add_column("takes", sa.Column("clip_findings", sa.Text(), nullable=True))
    op.add_column("takes", sa.Column("shrunk_clip", sa.String(length=64), nullable=True))
    op.add_column("takes", sa.Column("shrunk_facts", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_index("ix_request_references_made", "request_references")
    for table, columns in _ADDED.items():
        for column in columns:
            op.drop_column(table, column)
