"""One suite for every `GuildChoiceStore`."""

import asyncio
import json
from pathlib import Path
from typing import Final

from bot.domain.drafts import GuildChoices
from tests.postgres import ask
from tests.stores import STORES, URLS, Store

_NOW_MS: Final = 1_750_032_000_000
_GUILD: Final = 1 << 62


async def _set(store: Store, choices: GuildChoices, *, guild: int = _GUILD, by: int = 5) -> GuildChoices:
    return await store.set_guild_choices(guild, choices, by=by, now_ms=_NOW_MS)


async def test_what_was_never_set_is_nothing(store: Store) -> None:
    assert await store.guild_choices(_GUILD) == GuildChoices()
    assert await _set(store, GuildChoices()) == GuildChoices()


async def test_what_is_not_said_stays_as_it_was_set(store: Store) -> None:
    await _set(store, GuildChoices(skip_card=True, ask_above_usd_micros=5_000_000))

    assert await _set(store, GuildChoices(skip_card=False)) == GuildChoices(
        skip_card=False, ask_above_usd_micros=5_000_000
    )
    assert await _set(store, GuildChoices(ask_above_usd_micros=0)) == GuildChoices(
        skip_card=False, ask_above_usd_micros=0
    )
    assert await store.guild_choices(_GUILD) == GuildChoices(skip_card=False, ask_above_usd_micros=0)
    assert await store.guild_choices(2) == GuildChoices()


async def test_two_admins_at_once_both_get_their_say(store: Store) -> None:
    await asyncio.gather(
        _set(store, GuildChoices(skip_card=True)), _set(store, GuildChoices(ask_above_usd_micros=1), by=6)
    )

    assert await store.guild_choices(_GUILD) == GuildChoices(skip_card=True, ask_above_usd_micros=1)


async def test_every_change_is_kept_with_who_made_it_and_when(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as store:
        await _set(store, GuildChoices(skip_card=True), by=5)
        await _set(store, GuildChoices(), by=7)
        await _set(store, GuildChoices(skip_card=False, ask_above_usd_micros=3), by=6)

    asked = "SELECT guild_id, changed_by, at_ms, changes FROM guild_choice_changes ORDER BY id"
    kept = [(*who, json.loads(str(what))) for *who, what in ask(URLS[lasting](tmp_path), asked)]
    assert kept == [
        (_GUILD, 5, _NOW_MS, {"skip_card": True, "ask_above_usd_micros": None}),
        (_GUILD, 6, _NOW_MS, {"skip_card": False, "ask_above_usd_micros": 3}),
    ]
