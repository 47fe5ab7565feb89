"""Rate limits (docs: topics/rate-limits): 50 requests a second for the bot, and buckets if they are asked for."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict, deque

from sandbox.discord import errors
from sandbox.discord.world import World

_MAJOR = re.compile(r"/(channels|guilds|webhooks)/([^/]+)(/[A-Za-z0-9_-]{30,})?")
_EXEMPT = re.compile(r"/(interactions|webhooks)/")


class Limits:
    """Counts requests in sliding windows."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._all: deque[float] = deque()
        self._buckets: defaultdict[str, deque[float]] = defaultdict(deque)

    def check(self, method: str, path: str) -> None:
        """Raises 429 when a window is full; interaction routes are outside the global limit."""
        now, options = self._world.clock(), self._world.options
        if not _EXEMPT.match(path):
            _count(self._all, now, 1.0, options.global_per_second, is_global=True)
        if options.bucket_limit:
            key = _bucket(method, path)
            _count(self._buckets[key], now, options.bucket_window_seconds, options.bucket_limit)

    def headers(self, method: str, path: str) -> dict[str, str]:
        """X-RateLimit-* of an answer; without bucket limits, a bucket that never empties."""
        options, now = self._world.options, self._world.clock()
        key = _bucket(method, path)
        used = self._buckets[key] if options.bucket_limit else deque[float]()
        limit = options.bucket_limit or 50
        reset = max(0.001, used[0] + options.bucket_window_seconds - now) if used else 1.0
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - max(1, len(used)))),
            "X-RateLimit-Reset": f"{now + reset:.3f}",
            "X-RateLimit-Reset-After": f"{reset:.3f}",
            # The bucket's name has no major parameter in it; clients join the two.
            "X-RateLimit-Bucket": hashlib.sha256(_route(method, path).encode()).hexdigest()[:32],
        }


def _count(window: deque[float], now: float, seconds: float, limit: int, *, is_global: bool = False) -> None:
    while window and window[0] <= now - seconds:
        window.popleft()
    if len(window) >= limit:
        raise errors.rate_limited(max(0.001, window[0] + seconds - now), is_global=is_global)
    window.append(now)


def _route(method: str, path: str) -> str:
    return f"{method} {re.sub(r'[0-9]{5,}|/[A-Za-z0-9_-]{30,}', '*', path)}"


def _bucket(method: str, path: str) -> str:
    major = _MAJOR.match(path)
    return f"{_route(method, path)} {major.group(0) if major else ''}"
