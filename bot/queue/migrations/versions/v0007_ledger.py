"""The ledger: what was held and spent, line by line, and the sums of it."""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

_ONCE = sa.text("entry IN ('hold', 'release', 'settle')")
_CLOSING = sa.text("entry IN ('release', 'settle')")


def upgrade() -> None:
    _create_ledger()
    op.create_table(
        "accounts",
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_ms", sa.BigInteger(), nullable=False),
        sa.Column("held_usd_micros", sa.BigInteger(), nullable=False),
        sa.Column("spent_usd_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "guild_id", "person_id", "starts_ms", name=op.f("pk_accounts")),
    )


def downgrade() -> None:
    op.drop_table("accounts")
    op.drop_table("ledger")


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(length=13), nullable=True),
        sa.Column("take_id", sa.String(length=32), nullable=True),
        sa.Column("entry", sa.String(length=16), nullable=False),
        sa.Column("usd_micros", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("month_ms", sa.BigInteger(), nullable=False),
        sa.Column("day_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_ledger_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    op.create_index(
        "uq_ledger_once", "ledger", ["take_id", "entry"], unique=True, sqlite_where=_ONCE, postgresql_where=_ONCE
    )
    op.create_index(
        "ix_ledger_closing", "ledger", ["month_ms", "guild_id"], sqlite_where=_CLOSING, postgresql_where=_CLOSING
    )
    op.create_index("ix_ledger_request", "ledger", ["request_id"])
    op.create_index("ix_ledger_month", "ledger", ["guild_id", "month_ms"])
