"""Drafts that wait, whose file it is, trays, consent, what guilds choose, and what is free a day."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_DRAFT = sa.text("state = 'draft'")
_HAS_OWNER = sa.text("owner_id IS NOT NULL")
_HAS_MESSAGE = sa.text("message_id IS NOT NULL")
_IS_FORWARD = sa.text("forwarded_id IS NOT NULL")
_NEW_TABLES = (
    "request_origins",
    "tray_origins",
    "collected",
    "guild_choice_changes",
    "guild_choices",
    "withdrawals",
    "consents",
    "tray_references",
)
_ADDED = {
    "requests": ("names", "fates", "ask", "expires_at_ms", "reserved"),
    "request_references": ("also", "source", "stands_for", "shows_person"),
}


def upgrade() -> None:
    _widen_requests()
    _widen_request_references()
    _create_request_origins()
    _create_tray_references()
    _create_tray_origins()
    _create_consents()
    _create_guild_choices()
    _create_collected()


def downgrade() -> None:
    for table in _NEW_TABLES:
        op.drop_table(table)
    op.drop_index("ix_requests_drafts", "requests")
    for table, columns in _ADDED.items():
        for column in columns:
            op.drop_column(table, column)


def _widen_requests() -> None:
    op.add_column("requests", sa.Column("names", sa.Text(), server_default="{}", nullable=False))
    op.add_column("requests", sa.Column("fates", sa.Text(), server_default="[]", nullable=False))
    op.add_column("requests", sa.Column("ask", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("requests", sa.Column("expires_at_ms", sa.BigInteger(), nullable=True))
    op.add_column("requests", sa.Column("reserved", sa.Boolean(), server_default=sa.false(), nullable=False))
    _partial_index("ix_requests_drafts", "requests", ["guild_id", "person_id", "created_at_ms"], _DRAFT)


def _widen_request_references() -> None:
    for column in (
        sa.Column("also", sa.Text(), server_default="[]", nullable=False),
        sa.Column("source", sa.String(length=32), server_default="option", nullable=False),
        sa.Column("stands_for", sa.Text(), server_default="[]", nullable=False),
        sa.Column("shows_person", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("request_references", column)


def _origin_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("forwarded_id", sa.BigInteger(), nullable=True),
    )


def _create_request_origins() -> None:
    op.create_table(
        "request_origins",
        sa.Column("request_id", sa.String(length=13), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *_origin_columns(),
        sa.PrimaryKeyConstraint("request_id", "number", "ordinal", name=op.f("pk_request_origins")),
        sa.ForeignKeyConstraint(
            ["request_id", "number"],
            ["request_references.request_id", "request_references.number"],
            name=op.f("fk_request_origins_request_id"),
            ondelete="CASCADE",
        ),
    )
    _partial_index("ix_request_origins_owner", "request_origins", ["owner_id"], _HAS_OWNER)
    _index_messages("request_origins")


def _create_tray_references() -> None:
    op.create_table(
        "tray_references",
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("kind_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=True),
        sa.Column("also", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("stands_for", sa.Text(), nullable=False),
        sa.Column("shows_person", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "person_id", "number", name=op.f("pk_tray_references")),
    )
    op.create_index("ix_tray_references_guild", "tray_references", ["guild_id", "person_id"])
    op.create_index("ix_tray_references_expiry", "tray_references", ["expires_at_ms"])


def _create_tray_origins() -> None:
    op.create_table(
        "tray_origins",
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *_origin_columns(),
        sa.PrimaryKeyConstraint("channel_id", "person_id", "number", "ordinal", name=op.f("pk_tray_origins")),
        sa.ForeignKeyConstraint(
            ["channel_id", "person_id", "number"],
            ["tray_references.channel_id", "tray_references.person_id", "tray_references.number"],
            name=op.f("fk_tray_origins_channel_id"),
            ondelete="CASCADE",
        ),
    )
    _index_messages("tray_origins")


def _create_consents() -> None:
    op.create_table(
        "consents",
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.Boolean(), nullable=True),
        sa.Column("avatar", sa.Boolean(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "guild_id", name=op.f("pk_consents")),
    )
    op.create_table(
        "withdrawals",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_withdrawals")),
    )


def _create_guild_choices() -> None:
    op.create_table(
        "guild_choices",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("skip_card", sa.Boolean(), nullable=True),
        sa.Column("ask_above_usd_micros", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("guild_id", name=op.f("pk_guild_choices")),
    )
    op.create_table(
        "guild_choice_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guild_choice_changes")),
    )


def _create_collected() -> None:
    op.create_table(
        "collected",
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("day_start_ms", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "owner_id", "day_start_ms", name=op.f("pk_collected")),
    )


def _index_messages(table: str) -> None:
    _partial_index(f"ix_{table}_message", table, ["message_id"], _HAS_MESSAGE)
    _partial_index(f"ix_{table}_forwarded", table, ["forwarded_id"], _IS_FORWARD)


def _partial_index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
