"""Waiting for the world to change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Signal:
    """Fired after every change; waiters look again and sleep on if what they wait for is not there."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def fire(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, look: Callable[[], T | None], *, seconds: float) -> T | None:
        """What `look` first returns that is not None, or None after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while (found := look()) is None:
                    await self._event.wait()
                return found
        except TimeoutError:
            return look()
