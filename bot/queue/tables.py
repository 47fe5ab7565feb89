"""The tables: the truth of this deployment.

Times are Unix milliseconds (BIGINT), money is micro-USD, what has an inner shape is JSON in text. Predicates of partial
indexes are literals, here and in the queries that want them used: a bound parameter hides the match from the planner.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    false,
    text,
)

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


def _origin_columns() -> tuple[Column[object], ...]:
    return (
        Column("ordinal", Integer, nullable=False),
        Column("source", String(32), nullable=False),
        Column("owner_id", BigInteger),
        Column("message_id", BigInteger),
        Column("forwarded_id", BigInteger),
    )


def _decision_columns() -> tuple[Column[object], ...]:
    return (Column("record", Text), Column("part", Text, nullable=False, server_default="{}"))


requests: Final = Table(
    "requests",
    metadata,
    Column("id", String(13), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", String(32), nullable=False),
    Column("interaction_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("channel_kind", String(32), nullable=False),
    Column("upload_limit_bytes", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("person_name", Text, nullable=False),
    Column("written_prompt", Text, nullable=False),
    Column("offers", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("take_count", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("prompt", Text),
    Column("findings", Text, nullable=False),
    Column("model_id", Text),
    Column("accepted_seq", BigInteger),
    Column("accepted_at_ms", BigInteger),
    Column("started_at_ms", BigInteger),
    Column("finished_at_ms", BigInteger),
    Column("thread_id", BigInteger),
    Column("cancel_requested_by", BigInteger),
    Column("failure", Text),
    Column("attempts", Integer, nullable=False),
    Column("names", Text, nullable=False, server_default="{}"),
    Column("fates", Text, nullable=False, server_default="[]"),
    Column("ask", Boolean, nullable=False, server_default=false()),
    Column("expires_at_ms", BigInteger),
    Column("reserved", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("accepted_seq"),
    UniqueConstraint("interaction_id"),
)
"""`accepted_seq` orders the lanes: given at acceptance, greater than every one before it.

`reserved`: what it fetches was counted against the day's allowance.
"""

request_references: Final = Table(
    "request_references",
    metadata,
    Column("request_id", String(13), ForeignKey("requests.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("kind_number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("content", String(64), nullable=False),
    Column("facts", Text, nullable=False),
    Column("alias", Text),
    Column("also", Text, nullable=False, server_default="[]"),
    Column("source", String(32), nullable=False, server_default="option"),
    Column("stands_for", Text, nullable=False, server_default="[]"),
    Column("shows_person", Boolean, nullable=False, server_default=false()),
    *_decision_columns(),
    Column("target", Text),
    Column("made", Text),
    Column("made_content", String(64)),
    PrimaryKeyConstraint("request_id", "number"),
)
"""`target`: NULL as long as it is a draft's. `made_content`: the key in `made`, where queries find it."""

request_origins: Final = Table(
    "request_origins",
    metadata,
    Column("request_id", String(13), nullable=False),
    Column("number", Integer, nullable=False),
    *_origin_columns(),
    PrimaryKeyConstraint("request_id", "number", "ordinal"),
    ForeignKeyConstraint(
        ["request_id", "number"], ["request_references.request_id", "request_references.number"], ondelete="CASCADE"
    ),
)
"""The ways by which a reference's bytes came; none is written of what an older release stored."""

takes: Final = Table(
    "takes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("request_id", String(13), ForeignKey("requests.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", String(32), nullable=False),
    Column("publications", Text, nullable=False),
    Column("body", Text),
    Column("fingerprint", Text),
    Column("attempts", Integer, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("submitting_at_ms", BigInteger),
    Column("generation_id", Text),
    Column("submitted_at_ms", BigInteger),
    Column("vendor_status", Text),
    Column("result_url", Text),
    Column("clip", String(64)),
    Column("clip_facts", Text),
    Column("clip_findings", Text),
    Column("shrunk_clip", String(64)),
    Column("shrunk_facts", Text),
    Column("cost_usd_micros", BigInteger),
    Column("failure", Text),
    Column("withdrawn", Boolean, nullable=False),
    UniqueConstraint("generation_id"),
    UniqueConstraint("request_id", "ordinal"),
)
"""A generation belongs to one take."""

posts: Final = Table(
    "posts",
    metadata,
    Column("request_id", String(13), ForeignKey("requests.id", ondelete="CASCADE"), nullable=False),
    Column("slot", String(32), nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("intended_at_ms", BigInteger, nullable=False),
    Column("message_id", BigInteger),
    Column("shown", Text),
    PrimaryKeyConstraint("request_id", "slot"),
)
"""The outbox: a row is there before the message is."""

leases: Final = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)

facts: Final = Table(
    "facts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

tray_references: Final = Table(
    "tray_references",
    metadata,
    Column("channel_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("kind_number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("content", String(64), nullable=False),
    Column("facts", Text, nullable=False),
    Column("alias", Text),
    Column("also", Text, nullable=False),
    Column("source", String(32), nullable=False),
    Column("stands_for", Text, nullable=False),
    Column("shows_person", Boolean, nullable=False),
    *_decision_columns(),
    PrimaryKeyConstraint("channel_id", "person_id", "number"),
)
"""A tray is its rows: all of one tray expire together."""

tray_origins: Final = Table(
    "tray_origins",
    metadata,
    Column("channel_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    *_origin_columns(),
    PrimaryKeyConstraint("channel_id", "person_id", "number", "ordinal"),
    ForeignKeyConstraint(
        ["channel_id", "person_id", "number"],
        ["tray_references.channel_id", "tray_references.person_id", "tray_references.number"],
        ondelete="CASCADE",
    ),
)

consents: Final = Table(
    "consents",
    metadata,
    Column("person_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("files", Boolean),
    Column("avatar", Boolean),
    Column("at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("person_id", "guild_id"),
)
"""What people said, for a guild or (0) everywhere; NULL: nothing."""

withdrawals: Final = Table(
    "withdrawals",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("owner_id", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

guild_choices: Final = Table(
    "guild_choices",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("skip_card", Boolean),
    Column("ask_above_usd_micros", BigInteger),
)

guild_choice_changes: Final = Table(
    "guild_choice_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("changed_by", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("changes", Text, nullable=False),
)
"""Who changed what of `guild_choices`, and when."""

collected: Final = Table(
    "collected",
    metadata,
    Column("scope", String(32), nullable=False),
    Column("owner_id", BigInteger, nullable=False),
    Column("day_start_ms", BigInteger, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    PrimaryKeyConstraint("scope", "owner_id", "day_start_ms"),
)
"""What was fetched on a UTC day for a person or a guild, and the animatics (as files) drawn for them (the scopes)."""

IS_DRAFT: Final = text("state = 'draft'")
IS_WAITING: Final = text("state = 'queued'")
IS_PENDING: Final = text("state IN ('draft', 'awaiting_approval', 'queued')")
IS_RUNNING: Final = text("state IN ('preparing', 'working', 'delivering')")
IS_OPEN: Final = text("state NOT IN ('delivered', 'kept', 'expired', 'denied', 'cancelled', 'failed')")
IS_SUBMITTING: Final = text("state = 'submitting'")
IS_LOOKED_FOR: Final = text("state IN ('submitting', 'needs_review')")
IS_RENDERING: Final = text("state = 'rendering'")
IS_PUBLISHED: Final = text("publications <> '[]' AND NOT withdrawn")
_WAS_MADE: Final = text("made_content IS NOT NULL")
_HAS_OWNER: Final = text("owner_id IS NOT NULL")
_HAS_MESSAGE: Final = text("message_id IS NOT NULL")
_IS_FORWARD: Final = text("forwarded_id IS NOT NULL")


def _partial(name: str, where: TextClause, *columns: Column[object], unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


_partial("ix_requests_lane", IS_WAITING, requests.c.guild_id, requests.c.accepted_seq)
_partial("ix_requests_person_waiting", IS_PENDING, requests.c.guild_id, requests.c.person_id)
_partial("ix_requests_drafts", IS_DRAFT, requests.c.guild_id, requests.c.person_id, requests.c.created_at_ms)
_partial("ix_requests_running", IS_RUNNING, requests.c.guild_id)
_partial("ix_requests_open", IS_OPEN, requests.c.created_at_ms, requests.c.id)
Index("ix_requests_accepted", requests.c.guild_id, requests.c.accepted_at_ms)
Index("ix_requests_created", requests.c.created_at_ms)
Index("ix_requests_finished", requests.c.finished_at_ms)
Index("ix_request_references_content", request_references.c.content)
_partial("ix_request_references_made", _WAS_MADE, request_references.c.made_content)
_partial("ix_request_origins_owner", _HAS_OWNER, request_origins.c.owner_id)
_partial("ix_request_origins_message", _HAS_MESSAGE, request_origins.c.message_id)
_partial("ix_request_origins_forwarded", _IS_FORWARD, request_origins.c.forwarded_id)
Index("ix_tray_references_guild", tray_references.c.guild_id, tray_references.c.person_id)
Index("ix_tray_references_expiry", tray_references.c.expires_at_ms)
_partial("ix_tray_origins_message", _HAS_MESSAGE, tray_origins.c.message_id)
_partial("ix_tray_origins_forwarded", _IS_FORWARD, tray_origins.c.forwarded_id)
_partial("uq_takes_submitting", IS_SUBMITTING, takes.c.fingerprint, unique=True)
_partial("ix_takes_looked_for", IS_LOOKED_FOR, takes.c.fingerprint)
_partial("ix_takes_rendering", IS_RENDERING, takes.c.id)
_partial("ix_takes_published", IS_PUBLISHED, takes.c.request_id)
