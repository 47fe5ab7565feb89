"""The model as it is now: the live record, remembered for an hour; without one, what is pinned."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from bot.domain.errors import Unavailable
from bot.domain.identity import Clock
from bot.domain.models import ModelSpec, Pricing
from bot.providers.oxen.pinned import Pinned
from bot.providers.oxen.schema import spec_of
from bot.providers.oxen.values import as_object
from bot.providers.oxen.wire import Answer

_FRESH_MS: Final = 3_600_000
_RETRY_MS: Final = 60_000


class Catalogue:
    """Remembers one model. Simultaneous questions ask the vendor once. `prices` win over those of the record."""

    def __init__(
        self,
        *,
        model_id: str,
        pinned: Sequence[Pinned],
        get: Callable[[str, Mapping[str, str]], Awaitable[Answer]],
        clock: Clock,
        prices: Pricing,
    ) -> None:
        self._path = f"/models/{quote(model_id, safe='')}"
        self._pinned = pinned
        self._get = get
        self._clock = clock
        self._prices = prices
        self._spec: ModelSpec | None = None
        self._ask_again_at_ms = 0
        self._lock = asyncio.Lock()

    @property
    def known(self) -> ModelSpec:
        """The model as it was last seen, without asking; before the first look, v1 as pinned."""
        return self._spec or self._priced(self._pinned[0].alone())

    async def spec(self) -> ModelSpec:
        """The spec of the last hour. When the vendor gives no record: the last one seen, else v1 as pinned.

        After a failure the vendor is left alone for a minute.
        """
        async with self._lock:
            if self._spec is None or self._clock() >= self._ask_again_at_ms:
                live = await self._ask()
                self._spec = live or self.known
                self._ask_again_at_ms = self._clock() + (_FRESH_MS if live else _RETRY_MS)
            return self._spec

    async def _ask(self) -> ModelSpec | None:
        try:
            answer = await self._get(self._path, {})
        except Unavailable:
            return None
        return self._priced(spec_of(answer.payload, self._pinned)) if answer.ok and as_object(answer.payload) else None

    def _priced(self, spec: ModelSpec) -> ModelSpec:
        return replace(spec, pricing=self._prices.over(spec.pricing))
