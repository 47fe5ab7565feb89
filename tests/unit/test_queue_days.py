from hypothesis import given
from hypothesis import strategies as st

from bot.queue.days import utc_day

_DAY_MS = 86_400_000


@given(st.integers(min_value=0, max_value=4_102_444_800_000))
def test_every_moment_lies_in_its_day(now_ms: int) -> None:
    start_ms, end_ms = utc_day(now_ms)

    assert start_ms <= now_ms < end_ms
    assert end_ms - start_ms == _DAY_MS
    assert start_ms % _DAY_MS == 0
