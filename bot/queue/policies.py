"""What guilds' admins set, and who changed what when."""

from collections.abc import Callable

from sqlalchemy import Connection, insert, select, update

from bot.domain.policies import Change, Policy
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.rows import change_columns, change_from, policy_from, policy_text
from bot.queue.tables import guild_policies, policy_changes

PolicyChange = Callable[[Policy], Policy]
"""Makes of what is set what is to be set; pure, and may raise `Refused`. Called inside the transaction."""


def policy_of(connection: Connection, guild_id: int) -> Policy:
    """What the guild set; nothing set is an empty policy."""
    asked = select(guild_policies.c.policy).where(guild_policies.c.guild_id == guild_id)
    found = connection.execute(asked).scalar_one_or_none()
    return Policy() if found is None else policy_from(found)


def change_policy(transaction: Transaction, guild_id: int, change: PolicyChange, by: int, now_ms: int) -> Policy:
    """Puts what `change` makes of the policy in its place, and records it; what says the same is no change."""
    connection = transaction.connection
    one_at_a_time(connection)
    before = policy_of(connection, guild_id)
    after = change(before)
    if after != before:
        _store(connection, guild_id, after)
        record(connection, Change(guild_id=guild_id, by=by, at_ms=now_ms, before=before, after=after))
    return after


def changes_of(connection: Connection, guild_id: int, limit: int) -> tuple[Change, ...]:
    """The guild's last changes, newest first."""
    asked = select(policy_changes).where(policy_changes.c.guild_id == guild_id)
    newest = asked.order_by(policy_changes.c.id.desc()).limit(limit)
    return tuple(change_from(row) for row in connection.execute(newest).mappings())


def record(connection: Connection, change: Change) -> None:
    """Adds a change to those that are kept."""
    connection.execute(insert(policy_changes).values(change_columns(change)))


def _store(connection: Connection, guild_id: int, policy: Policy) -> None:
    new = {"policy": policy_text(policy), "version": guild_policies.c.version + 1}
    mine = guild_policies.c.guild_id == guild_id
    if connection.execute(update(guild_policies).where(mine).values(new)).rowcount == 0:
        connection.execute(insert(guild_policies).values(guild_id=guild_id, policy=new["policy"], version=1))
