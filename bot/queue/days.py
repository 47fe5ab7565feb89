"""The day that daily quotas count in."""

from typing import Final

_DAY_MS: Final = 86_400_000


def utc_day(now_ms: int) -> tuple[int, int]:
    """The UTC day `now_ms` lies in, as the half-open window `start_ms, end_ms`. Unix days have no leap seconds."""
    start_ms = now_ms - now_ms % _DAY_MS
    return start_ms, start_ms + _DAY_MS
