"""One process serves on a database, or several that share it: a lock that is held for as long as a connection lives.

A lease would hang on the machines' clocks, and a restart would have to wait for the old one to lapse. The server gives
this lock back the moment its holder's process ends.
"""

from contextlib import suppress
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

_LOCK: Final = 7_211_906  # any number that nobody else in the database uses
_ASK: Final = text("SELECT pg_try_advisory_lock(:key)")  # whoever has it is given it once more
_ASK_SHARED: Final = text("SELECT pg_try_advisory_lock_shared(:key)")
_GIVE_BACK: Final = text("SELECT pg_advisory_unlock_all()")


class Alone:
    """Takes the lock and keeps it. Not for use by two threads at once."""

    def __init__(self, engine: Engine, *, shared: bool = False) -> None:
        """`engine`: its connections are in no transaction. `shared`: beside others that share, not beside one alone."""
        self._engine = engine
        self._ask = _ASK_SHARED if shared else _ASK
        self._connection: Connection | None = None

    def held(self) -> bool:
        """True when this process has the lock, now or from now on.

        A connection that was lost is replaced, and the lock taken anew if nobody was quicker.
        """
        try:
            return self._asked()
        except DBAPIError as error:
            self.release()
            if not error.connection_invalidated:
                raise
        return self._asked()

    def release(self) -> None:
        """Gives the lock back, if it is held."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with connection, suppress(DBAPIError):
            if not connection.invalidated:  # a lost one has no lock; of a closed one the server learns only by and by
                connection.execute(_GIVE_BACK)

    def _asked(self) -> bool:
        if self._connection is None:
            self._connection = self._engine.connect()
        return bool(self._connection.execute(self._ask, {"key": _LOCK}).scalar_one())
