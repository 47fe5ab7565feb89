"""What guilds' admins chose, and who chose it when."""

from sqlalchemy import Connection, insert, select, update

from bot.domain.drafts import GuildChoices
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.rows import said
from bot.queue.tables import guild_choice_changes, guild_choices


def choices_of(connection: Connection, guild_id: int) -> GuildChoices:
    """What is set for the guild."""
    asked = select(guild_choices).where(guild_choices.c.guild_id == guild_id)
    row = connection.execute(asked).mappings().one_or_none()
    if row is None:
        return GuildChoices()
    return GuildChoices(skip_card=row["skip_card"], ask_above_usd_micros=row["ask_above_usd_micros"])


def set_choices(transaction: Transaction, guild_id: int, choices: GuildChoices, by: int, now_ms: int) -> GuildChoices:
    """Stores what is not `None` over what was set, with who said it and when; nothing said is no change."""
    connection = transaction.connection
    one_at_a_time(connection)
    if choices != GuildChoices():
        _store(connection, guild_id, choices)
        change = {"guild_id": guild_id, "changed_by": by, "at_ms": now_ms, "changes": said(choices)}
        connection.execute(insert(guild_choice_changes).values(change))
    return choices_of(connection, guild_id)


def _store(connection: Connection, guild_id: int, choices: GuildChoices) -> None:
    named = {"skip_card": choices.skip_card, "ask_above_usd_micros": choices.ask_above_usd_micros}
    new = {name: value for name, value in named.items() if value is not None}
    if connection.execute(update(guild_choices).where(guild_choices.c.guild_id == guild_id).values(new)).rowcount == 0:
        connection.execute(insert(guild_choices).values(guild_id=guild_id, **new))
