"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_WAITING = sa.text("state = 'queued'")
_RUNNING = sa.text("state IN ('preparing', 'working', 'delivering')")
_OPEN = sa.text("state NOT IN ('delivered', 'kept', 'expired', 'denied', 'cancelled', 'failed')")
_SUBMITTING = sa.text("state = 'submitting'")
_RENDERING = sa.text("state = 'rendering'")
_PUBLISHED = sa.text("publications <> '[]' AND NOT withdrawn")


def upgrade() -> None:
    _create_facts()
    _create_leases()
    _create_requests()
    _create_posts()
    _create_request_references()
    _create_takes()


def downgrade() -> None:
    for table in ("takes", "request_references", "posts", "requests", "leases", "facts"):
        op.drop_table(table)


def _create_facts() -> None:
    op.create_table(
        "facts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_facts")),
    )


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.String(length=13), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_kind", sa.String(length=32), nullable=False),
        sa.Column("upload_limit_bytes", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("written_prompt", sa.Text(), nullable=False),
        sa.Column("offers", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("take_count", sa.Integer(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=True),
        sa.Column("accepted_seq", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("finished_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("thread_id", sa.BigInteger(), nullable=True),
        sa.Column("cancel_requested_by", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint("accepted_seq", name=op.f("uq_requests_accepted_seq")),
        sa.UniqueConstraint("interaction_id", name=op.f("uq_requests_interaction_id")),
    )
    op.create_index("ix_requests_accepted", "requests", ["guild_id", "accepted_at_ms"])
    op.create_index("ix_requests_created", "requests", ["created_at_ms"])
    op.create_index("ix_requests_finished", "requests", ["finished_at_ms"])
    op.create_index(
        "ix_requests_lane", "requests", ["guild_id", "accepted_seq"], sqlite_where=_WAITING, postgresql_where=_WAITING
    )
    op.create_index("ix_requests_open", "requests", ["created_at_ms", "id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index(
        "ix_requests_person_waiting",
        "requests",
        ["guild_id", "person_id"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index("ix_requests_running", "requests", ["guild_id"], sqlite_where=_RUNNING, postgresql_where=_RUNNING)


def _create_posts() -> None:
    op.create_table(
        "posts",
        sa.Column("request_id", sa.String(length=13), nullable=False),
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("intended_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("shown", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_posts_request_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("request_id", "slot", name=op.f("pk_posts")),
    )


def _create_request_references() -> None:
    op.create_table(
        "request_references",
        sa.Column("request_id", sa.String(length=13), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("kind_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_request_references_request_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", "number", name=op.f("pk_request_references")),
    )
    op.create_index("ix_request_references_content", "request_references", ["content"])


def _create_takes() -> None:
    op.create_table(
        "takes",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request_id", sa.String(length=13), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("publications", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("submitting_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("generation_id", sa.Text(), nullable=True),
        sa.Column("submitted_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("vendor_status", sa.Text(), nullable=True),
        sa.Column("result_url", sa.Text(), nullable=True),
        sa.Column("clip", sa.String(length=64), nullable=True),
        sa.Column("clip_facts", sa.Text(), nullable=True),
        sa.Column("cost_usd_micros", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_takes_request_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_takes")),
        sa.UniqueConstraint("generation_id", name=op.f("uq_takes_generation_id")),
        sa.UniqueConstraint("request_id", "ordinal", name=op.f("uq_takes_request_id")),
    )
    op.create_index("ix_takes_published", "takes", ["request_id"], sqlite_where=_PUBLISHED, postgresql_where=_PUBLISHED)
    op.create_index("ix_takes_rendering", "takes", ["id"], sqlite_where=_RENDERING, postgresql_where=_RENDERING)
    op.create_index(
        "uq_takes_submitting",
        "takes",
        ["fingerprint"],
        unique=True,
        sqlite_where=_SUBMITTING,
        postgresql_where=_SUBMITTING,
    )
