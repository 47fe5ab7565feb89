"""The stores that the contract suites run on, and how they are opened."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bot.admission.rules import refusals_of
from bot.admission.spans import present_windows
from bot.domain.policies import Holding, Policy, holding
from bot.domain.ports import (
    ConsentStore,
    FaultPoint,
    GuildChoiceStore,
    PolicyStore,
    RequestStore,
    TrayStore,
    no_fault,
)
from bot.queue.store import SqlRequestStore
from tests.fakes_store import MemoryRequestStore
from tests.postgres import Postgres


class Store(RequestStore, TrayStore, ConsentStore, GuildChoiceStore, PolicyStore, Protocol):
    """One store is all five ports."""


@dataclass(slots=True, kw_only=True)
class Running:
    """What the stores of a session run on, once a fixture has started it."""

    postgres: Postgres | None = None


RUNNING: Final = Running()


DEFAULTS: Final = Policy(time_zone="UTC", unpriced=True)
"""What holds in a test's guild that set nothing: no limits."""


def decided(policy: Policy) -> Policy:
    """What holds where a guild wants this, without any ceiling."""
    return holding(policy, DEFAULTS, Policy())


def sql_store(
    url: str,
    *,
    reached: FaultPoint = no_fault,
    max_drafts: int | None = None,
    max_guild_drafts: int | None = None,
    decides: Holding = decided,
) -> SqlRequestStore:
    """A store by the bot's own rules, to be opened."""
    return SqlRequestStore(
        url,
        holding=decides,
        windows=present_windows,
        rule=refusals_of,
        reached=reached,
        max_open_drafts_per_person=max_drafts,
        max_open_drafts_per_guild=max_guild_drafts,
    )


@asynccontextmanager
async def memory(
    _folder: Path, reached: FaultPoint = no_fault, *, max_drafts: int | None = None, max_guild_drafts: int | None = None
) -> AsyncGenerator[Store]:
    yield MemoryRequestStore(
        reached=reached,
        max_open_drafts_per_person=max_drafts,
        max_open_drafts_per_guild=max_guild_drafts,
    )


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'rushes.db'}"


def postgresql_url(folder: Path) -> str:
    assert RUNNING.postgres is not None, "the test needs a fixture that starts PostgreSQL: kind, or lasting"
    return RUNNING.postgres.of(folder)


URLS: Final = {"sqlite": sqlite_url, "postgresql": postgresql_url}
"""Where each database that outlives a process keeps what is a folder's."""


class Opening(Protocol):
    def __call__(
        self,
        folder: Path,
        reached: FaultPoint = no_fault,
        /,
        *,
        max_drafts: int | None = None,
        max_guild_drafts: int | None = None,
    ) -> AbstractAsyncContextManager[Store]: ...


def _opening(kind: str) -> Opening:
    @asynccontextmanager
    async def opened(
        folder: Path,
        reached: FaultPoint = no_fault,
        *,
        max_drafts: int | None = None,
        max_guild_drafts: int | None = None,
    ) -> AsyncGenerator[Store]:
        store = sql_store(URLS[kind](folder), reached=reached, max_drafts=max_drafts, max_guild_drafts=max_guild_drafts)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return opened


sqlite: Final = _opening("sqlite")
STORES: Final[Mapping[str, Opening]] = {
    "memory": memory,
    "sqlite": sqlite,
    "postgresql": _opening("postgresql"),
}
"""Another database joins the suites by a line here. Opened for the same folder twice, it is the same database."""
