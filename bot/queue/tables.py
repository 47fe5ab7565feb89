"""The tables: the truth of this deployment.

Times are Unix milliseconds (BIGINT), money is micro-USD, what has an inner shape is JSON in text. Predicates of partial
indexes are literals, here and in the queries that want them used: a bound parameter hides the match from the planner.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
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
    Column("cost", Integer, nullable=False, server_default="0"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("not_before_ms", BigInteger, nullable=False, server_default="0"),
    Column("lane_state", Integer, nullable=False, server_default="0"),
    Column("person_charge", BigInteger, nullable=False, server_default="0"),
    Column("guild_charge", BigInteger, nullable=False, server_default="0"),
    Column("aged_at_ms", BigInteger, nullable=False, server_default="0"),
    Column("counted", Text),
    Column("roles", Text, nullable=False, server_default="[]"),
    Column("parent_id", BigInteger),
    UniqueConstraint("accepted_seq"),
    UniqueConstraint("interaction_id"),
)
"""`accepted_seq` orders the lanes: given at acceptance, greater than every one before it.

`reserved`: what it fetches was counted against the day's allowance. From `cost` on, the lanes' own (`bot.queue.lanes`):
`lane_state` is 0 none, 1 ready, 2 asleep until `not_before_ms`, 3 running, 4 parked (under way, holds no place); the
charges are what its turn moved its person's and its guild's tag by; `aged_at_ms` is when its wait was last counted.
`counted`: what quotas count for it and where, NULL before acceptance and once it was given back (`bot.queue.quotas`).
`roles`: the person's there, a list of ids. `parent_id`: the channel that the thread hangs in.
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


def _partial(name: str, where: TextClause, *columns: ColumnElement[object], unique: bool = False) -> Index:
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

# --- lanes -----------------------------------------------------------------------------------------------------------

bot_line: Final = Table(
    "bot_line",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("running", Integer, nullable=False),
    Column("max_running", Integer, nullable=False),
    Column("clock", BigInteger, nullable=False),
    Column("picks", BigInteger, nullable=False),
)
"""One row (id 1) for the whole deployment; none means that nothing was picked yet.

`max_running`: what the last pick was told. `picks`: how many there were.
"""

lanes: Final = Table(
    "lanes",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("weight", Integer, nullable=False),
    Column("max_running", Integer, nullable=False),
    Column("person_max_running", Integer, nullable=False),
    Column("first_come", Boolean, nullable=False),
    Column("ageing_ms", BigInteger, nullable=False),
    Column("running", Integer, nullable=False),
    Column("eligible", Integer, nullable=False),
    Column("tag", BigInteger, nullable=False),
    Column("clock", BigInteger, nullable=False),
)
"""`eligible`: how many of its people could have a request started now, were it not for the guild's and bot's limits.

`tag`: where the guild stands in the bot's time; `clock`: where its people's time stands.
"""

lane_people: Final = Table(
    "lane_people",
    metadata,
    Column("guild_id", BigInteger, nullable=False, autoincrement=False),
    Column("person_id", BigInteger, nullable=False, autoincrement=False),
    Column("weight", Integer, nullable=False),
    Column("max_running", Integer),
    Column("running", Integer, nullable=False),
    Column("ready", Integer, nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("tag", BigInteger, nullable=False),
    Column("credit", BigInteger, nullable=False),
    Column("picked", BigInteger, nullable=False),
    Column("head_id", String(13)),
    Column("head_seq", BigInteger, nullable=False),
    Column("head_priority", Integer, nullable=False),
    Column("head_cost", Integer, nullable=False),
    PrimaryKeyConstraint("guild_id", "person_id"),
)
"""`max_running`: NULL follows the guild's. `blocked`: as many run as may. `tag`: where the person stands in the guild's
time, `credit` how far behind its clock that may count (what was given back), `picked` the number of the last pick.

The head is the first of the ready ones. No row means the same as somebody who was never here.
"""

IS_READY: Final = text("lane_state = 1")
IS_ASLEEP: Final = text("lane_state = 2")
IS_LEFT_OUT: Final = text("state = 'queued' AND lane_state = 0")
MAY_AGE: Final = text("lane_state = 1 AND priority < 2")
CAN_START: Final = text("eligible > 0 AND running < max_running")
IS_ELIGIBLE: Final = text("ready > 0 AND NOT blocked")
HAS_RUNNING: Final = text("running > 0")
AGES: Final = text("ageing_ms > 0")

_partial(
    "ix_requests_person_ready",
    IS_READY,
    requests.c.guild_id,
    requests.c.person_id,
    requests.c.priority.desc(),
    requests.c.accepted_seq,
)
_partial("ix_requests_asleep", IS_ASLEEP, requests.c.not_before_ms, requests.c.accepted_seq)
_partial("ix_requests_left_out", IS_LEFT_OUT, requests.c.accepted_seq)
_partial("ix_requests_ageing", MAY_AGE, requests.c.guild_id, requests.c.aged_at_ms, requests.c.accepted_seq)
_partial("ix_lanes_can_start", CAN_START, lanes.c.tag, lanes.c.guild_id)
_partial("ix_lanes_ages", AGES, lanes.c.guild_id)
_partial(
    "ix_lane_people_fair",
    IS_ELIGIBLE,
    lane_people.c.guild_id,
    lane_people.c.head_priority.desc(),
    lane_people.c.tag,
    lane_people.c.picked,
    lane_people.c.head_seq,
)
_partial(
    "ix_lane_people_first",
    IS_ELIGIBLE,
    lane_people.c.guild_id,
    lane_people.c.head_priority.desc(),
    lane_people.c.head_seq,
)
_partial("ix_lane_people_running", HAS_RUNNING, lane_people.c.guild_id)

# --- ledger ----------------------------------------------------------------------------------------------------------

ledger: Final = Table(
    "ledger",
    metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("request_id", String(13), ForeignKey("requests.id")),
    Column("take_id", String(32)),
    Column("entry", String(16), nullable=False),
    Column("usd_micros", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("month_ms", BigInteger, nullable=False),
    Column("day_ms", BigInteger, nullable=False),
)
"""Written once, never changed. `month_ms`, `day_ms`: when the spans began in which the hold was made.

A line's request is not deleted before the line. An opening line stands for those of a guild's month that retention
deleted: it has person 0, no request and no take.
"""

accounts: Final = Table(
    "accounts",
    metadata,
    Column("scope", String(16), nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("starts_ms", BigInteger, nullable=False),
    Column("held_usd_micros", BigInteger, nullable=False),
    Column("spent_usd_micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("scope", "guild_id", "person_id", "starts_ms"),
)
"""The sums of the lines: of a guild in a month (scope `guild`, person 0), of a person there in a day (`person`)."""

IS_ONCE: Final = text("entry IN ('hold', 'release', 'settle')")
IS_CLOSING: Final = text("entry IN ('release', 'settle')")

_partial("uq_ledger_once", IS_ONCE, ledger.c.take_id, ledger.c.entry, unique=True)
_partial("ix_ledger_closing", IS_CLOSING, ledger.c.month_ms, ledger.c.guild_id)
Index("ix_ledger_request", ledger.c.request_id)
Index("ix_ledger_month", ledger.c.guild_id, ledger.c.month_ms)

# --- quotas and policies ---------------------------------------------------------------------------------------------

usage_counts: Final = Table(
    "usage_counts",
    metadata,
    Column("guild_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("span", String(16), nullable=False),
    Column("starts_ms", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("takes", BigInteger, nullable=False),
    Column("seconds", BigInteger, nullable=False),
    PrimaryKeyConstraint("guild_id", "person_id", "span", "starts_ms"),
)
"""What a person, or (0) everybody of a guild, was counted for in a span that started then."""

guild_policies: Final = Table(
    "guild_policies",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("policy", Text, nullable=False),
    Column("version", Integer, nullable=False),
)
"""What a guild set; `version` grows with every change."""

policy_changes: Final = Table(
    "policy_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("changed_by", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("subject", String(16), nullable=False),
    Column("what", Text, nullable=False),
)
"""Who changed a guild's policy or a block (the subject), and when; `what`: how it was before and after."""

blocks: Final = Table(
    "blocks",
    metadata,
    Column("person_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("blocked_by", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),
    PrimaryKeyConstraint("person_id", "guild_id"),
)
"""Who may not ask in a guild, or (0) anywhere."""

WAS_ACCEPTED: Final = text("accepted_at_ms IS NOT NULL")
EXPIRES: Final = text("expires_at_ms IS NOT NULL")

_partial(
    "ix_requests_person_accepted", WAS_ACCEPTED, requests.c.guild_id, requests.c.person_id, requests.c.accepted_at_ms
)
Index("ix_usage_counts_starts", usage_counts.c.starts_ms)
Index("ix_policy_changes_guild", policy_changes.c.guild_id, policy_changes.c.id)
Index("ix_blocks_guild", blocks.c.guild_id, blocks.c.at_ms)
_partial("ix_blocks_expiry", EXPIRES, blocks.c.expires_at_ms)
