"""The stores that the contract suites run on, and how they are opened."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

from bot.admission.rules import quota_refusal
from bot.domain.ports import ConsentStore, FaultPoint, GuildChoiceStore, RequestStore, TrayStore, no_fault
from bot.queue.store import SqlRequestStore
from tests.fakes_store import MemoryRequestStore


class Store(RequestStore, TrayStore, ConsentStore, GuildChoiceStore, Protocol):
    """One store is all four ports."""


@asynccontextmanager
async def memory(
    _folder: Path, reached: FaultPoint = no_fault, *, max_drafts: int | None = None, max_guild_drafts: int | None = None
) -> AsyncGenerator[Store]:
    yield MemoryRequestStore(
        quota_rule=quota_refusal,
        reached=reached,
        max_open_drafts_per_person=max_drafts,
        max_open_drafts_per_guild=max_guild_drafts,
    )


@asynccontextmanager
async def sqlite(
    folder: Path, reached: FaultPoint = no_fault, *, max_drafts: int | None = None, max_guild_drafts: int | None = None
) -> AsyncGenerator[Store]:
    store = SqlRequestStore(
        f"sqlite:///{folder / 'rushes.db'}",
        quota_rule=quota_refusal,
        reached=reached,
        max_open_drafts_per_person=max_drafts,
        max_open_drafts_per_guild=max_guild_drafts,
    )
    await store.open()
    try:
        yield store
    finally:
        await store.close()


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


STORES: Final[Mapping[str, Opening]] = {
    "memory": memory,
    "sqlite": sqlite,
}
"""Another database joins the suites by a line here."""
