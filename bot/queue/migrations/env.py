"""Alembic runs this file; `bot.queue.migrations.upgrade` hands it the connection, with a transaction begun."""

from alembic import context

from bot.queue.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making it anew
)
context.run_migrations()
