"""Alembic's revisions, packaged with the code that needs them and run by it; there is no alembic.ini."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

_HERE: Final = Path(__file__).parent


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Brings the tables to the newest (or that) revision in the connection's transaction; harmless when they are.

    Fails on a database that can only be read, also when there is nothing to bring: whoever serves on it has to write.
    """
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
