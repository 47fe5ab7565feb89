"""The lanes: whose turn it is, kept as counters and heads beside the requests."""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_READY = sa.text("lane_state = 1")
_ASLEEP = sa.text("lane_state = 2")
_LEFT_OUT = sa.text("state = 'queued' AND lane_state = 0")
_MAY_AGE = sa.text("lane_state = 1 AND priority < 2")
_CAN_START = sa.text("eligible > 0 AND running < max_running")
_ELIGIBLE = sa.text("ready > 0 AND NOT blocked")
_HAS_RUNNING = sa.text("running > 0")
_AGES = sa.text("ageing_ms > 0")

_WIDE = ("not_before_ms", "person_charge", "guild_charge", "aged_at_ms")
_NARROW = ("cost", "priority", "lane_state")
_REQUEST_INDEXES = ("ix_requests_person_ready", "ix_requests_asleep", "ix_requests_left_out", "ix_requests_ageing")


def upgrade() -> None:
    for name in _NARROW:
        op.add_column("requests", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    for name in _WIDE:
        op.add_column("requests", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    _index_requests()
    _create_bot_line()
    _create_lanes()
    _create_lane_people()


def downgrade() -> None:
    for table in ("lane_people", "lanes", "bot_line"):
        op.drop_table(table)
    for index in _REQUEST_INDEXES:
        op.drop_index(index, "requests")
    for column in (*_NARROW, *_WIDE):
        op.drop_column("requests", column)


def _index_requests() -> None:
    line = ["guild_id", "person_id", sa.text("priority DESC"), "accepted_seq"]
    _partial_index("ix_requests_person_ready", "requests", line, _READY)
    _partial_index("ix_requests_asleep", "requests", ["not_before_ms", "accepted_seq"], _ASLEEP)
    _partial_index("ix_requests_left_out", "requests", ["accepted_seq"], _LEFT_OUT)
    _partial_index("ix_requests_ageing", "requests", ["guild_id", "aged_at_ms", "accepted_seq"], _MAY_AGE)


def _create_bot_line() -> None:
    op.create_table(
        "bot_line",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("max_running", sa.Integer(), nullable=False),
        sa.Column("clock", sa.BigInteger(), nullable=False),
        sa.Column("picks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bot_line")),
    )


def _create_lanes() -> None:
    op.create_table(
        "lanes",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("max_running", sa.Integer(), nullable=False),
        sa.Column("person_max_running", sa.Integer(), nullable=False),
        sa.Column("first_come", sa.Boolean(), nullable=False),
        sa.Column("ageing_ms", sa.BigInteger(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("eligible", sa.Integer(), nullable=False),
        sa.Column("tag", sa.BigInteger(), nullable=False),
        sa.Column("clock", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", name=op.f("pk_lanes")),
    )
    _partial_index("ix_lanes_can_start", "lanes", ["tag", "guild_id"], _CAN_START)
    _partial_index("ix_lanes_ages", "lanes", ["guild_id"], _AGES)


def _create_lane_people() -> None:
    op.create_table(
        "lane_people",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("max_running", sa.Integer(), nullable=True),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("ready", sa.Integer(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("tag", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("picked", sa.BigInteger(), nullable=False),
        sa.Column("head_id", sa.String(length=13), nullable=True),
        sa.Column("head_seq", sa.BigInteger(), nullable=False),
        sa.Column("head_priority", sa.Integer(), nullable=False),
        sa.Column("head_cost", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "person_id", name=op.f("pk_lane_people")),
    )
    first = ["guild_id", sa.text("head_priority DESC")]
    _partial_index("ix_lane_people_fair", "lane_people", [*first, "tag", "picked", "head_seq"], _ELIGIBLE)
    _partial_index("ix_lane_people_first", "lane_people", [*first, "head_seq"], _ELIGIBLE)
    _partial_index("ix_lane_people_running", "lane_people", ["guild_id"], _HAS_RUNNING)


def _partial_index(name: str, table: str, columns: list[str | sa.TextClause], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
