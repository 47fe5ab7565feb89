"""Quotas by day, week and month, what guilds set, and who is blocked."""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

_WAS_ACCEPTED = sa.text("accepted_at_ms IS NOT NULL")
_EXPIRES = sa.text("expires_at_ms IS NOT NULL")


def upgrade() -> None:
    op.add_column("requests", sa.Column("counted", sa.Text(), nullable=True))
    accepted = ["guild_id", "person_id", "accepted_at_ms"]
    _partial_index("ix_requests_person_accepted", "requests", accepted, _WAS_ACCEPTED)
    _create_usage_counts()
    _create_policies()
    _create_blocks()


def downgrade() -> None:
    for table in ("blocks", "policy_changes", "guild_policies", "usage_counts"):
        op.drop_table(table)
    op.drop_index("ix_requests_person_accepted", "requests")
    op.drop_column("requests", "counted")


def _create_usage_counts() -> None:
    op.create_table(
        "usage_counts",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("span", sa.String(length=16), nullable=False),
        sa.Column("starts_ms", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("takes", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "person_id", "span", "starts_ms", name=op.f("pk_usage_counts")),
    )
    op.create_index("ix_usage_counts_starts", "usage_counts", ["starts_ms"])


def _create_policies() -> None:
    op.create_table(
        "guild_policies",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", name=op.f("pk_guild_policies")),
    )
    op.create_table(
        "policy_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_changes")),
    )
    op.create_index("ix_policy_changes_guild", "policy_changes", ["guild_id", "id"])


def _create_blocks() -> None:
    op.create_table(
        "blocks",
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("blocked_by", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("person_id", "guild_id", name=op.f("pk_blocks")),
    )
    op.create_index("ix_blocks_guild", "blocks", ["guild_id", "at_ms"])
    _partial_index("ix_blocks_expiry", "blocks", ["expires_at_ms"], _EXPIRES)


def _partial_index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
