"""A quota's day is a day where the guild lives, whatever its clocks do."""

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.admission.spans import present_windows, zones
from bot.domain.policies import Span
from bot.domain.quotas import Window

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_ZONES: Final = st.sampled_from(sorted(zones()))
_MOMENTS: Final = st.integers(min_value=0, max_value=4_102_444_800_000)


def _ms(text: str) -> int:
    """Of a UTC time such as `2025-03-30T00:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@cache
def _clock(zone: str) -> ZoneInfo:
    """Of the pinned package: this machine may know other changes of clocks."""
    with files("tzdata.zoneinfo").joinpath(zone).open("rb") as data:
        return ZoneInfo.from_file(data)


def _shown(zone: str, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, _clock(zone))


def _day(zone: str, text: str) -> Window:
    return present_windows(zone, _ms(text))[Span.DAY]


@given(zone=_ZONES, now_ms=_MOMENTS)
@example(zone="America/St_Johns", now_ms=_ms("2006-10-29T02:31"))
@example(zone="America/St_Johns", now_ms=_ms("2006-10-29T02:30"))
@example(zone="Pacific/Apia", now_ms=_ms("2011-12-30T09:59"))
@example(zone="Africa/Cairo", now_ms=_ms("2025-04-24T21:59"))
def test_every_moment_lies_in_its_spans_which_are_of_whole_days(zone: str, now_ms: int) -> None:
    found = present_windows(zone, now_ms)

    assert set(found) == set(Span)
    for window in found.values():
        assert window.starts_ms <= now_ms < window.ends_ms
    day, week, month = (found[span] for span in (Span.DAY, Span.WEEK, Span.MONTH))
    for longer in (week, month):
        assert longer.starts_ms <= day.starts_ms
        assert day.ends_ms <= longer.ends_ms
    assert week.ends_ms - week.starts_ms >= 5 * _DAY_MS
    assert month.ends_ms - month.starts_ms >= 26 * _DAY_MS


@given(zone=_ZONES, now_ms=_MOMENTS, span=st.sampled_from(Span))
@example(zone="America/St_Johns", now_ms=_ms("2006-10-28T12:00"), span=Span.DAY)
def test_spans_follow_one_another_without_a_gap(zone: str, now_ms: int, span: Span) -> None:
    windows = [present_windows(zone, now_ms)[span]]
    for _ in range(3):
        windows.append(present_windows(zone, windows[-1].ends_ms)[span])

    for before, after in pairwise(windows):
        assert before.ends_ms == after.starts_ms
        assert present_windows(zone, after.starts_ms - 1)[span] == before


@given(zone=_ZONES, now_ms=_MOMENTS)
@example(zone="America/Havana", now_ms=_ms("2025-11-02T04:30"))
@example(zone="America/Havana", now_ms=_ms("2025-03-09T05:00"))
def test_a_day_begins_when_its_date_is_first_shown(zone: str, now_ms: int) -> None:
    starts_ms = present_windows(zone, now_ms)[Span.DAY].starts_ms

    assert _shown(zone, starts_ms - 1000).date() < _shown(zone, starts_ms).date()


@given(zone=_ZONES, now_ms=_MOMENTS)
def test_weeks_begin_on_mondays_and_months_on_their_first(zone: str, now_ms: int) -> None:
    found = present_windows(zone, now_ms)

    skipped = _shown(zone, found[Span.WEEK].starts_ms - 1000).weekday()
    assert _shown(zone, found[Span.WEEK].starts_ms).weekday() == 0 or skipped == 6
    first, last = (_shown(zone, found[Span.MONTH].starts_ms + after) for after in (0, -1000))
    assert (first.year, first.month) > (last.year, last.month)


@pytest.mark.parametrize(
    ("zone", "moment", "hours"),
    [
        ("Europe/Berlin", "2025-03-30T12:00", 23),
        ("Europe/Berlin", "2025-10-26T12:00", 25),
        ("America/Havana", "2025-03-09T12:00", 23),
        ("America/Havana", "2025-11-02T12:00", 25),
        ("Australia/Lord_Howe", "2025-04-06T00:00", 24.5),
        ("Asia/Kolkata", "2025-03-30T12:00", 24),
        ("UTC", "2025-03-30T12:00", 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: str, moment: str, hours: float) -> None:
    day = _day(zone, moment)

    assert day.ends_ms - day.starts_ms == hours * _HOUR_MS


def test_a_midnight_that_does_not_exist_is_the_moment_after_it() -> None:
    assert _day("America/Havana", "2025-03-09T12:00").starts_ms == _ms("2025-03-09T05:00"), "01:00 after 23:59"


def test_of_a_midnight_that_comes_twice_the_first_begins_the_day() -> None:
    assert _day("America/Havana", "2025-11-02T12:00").starts_ms == _ms("2025-11-02T04:00")


def test_a_day_that_comes_back_for_an_hour_after_its_end_does_not_count_anew() -> None:
    after_midnight, back = (_day("America/St_Johns", at) for at in ("2006-10-29T02:30:30", "2006-10-29T02:31:30"))

    assert _shown("America/St_Johns", _ms("2006-10-29T02:31:30")).day == 28
    assert after_midnight == back
    assert after_midnight.starts_ms == _ms("2006-10-29T02:30")


def test_a_day_that_was_left_out_is_no_day() -> None:
    before, after = _day("Pacific/Apia", "2011-12-30T09:59"), _day("Pacific/Apia", "2011-12-30T10:00")

    assert before.ends_ms == after.starts_ms == _ms("2011-12-30T10:00")
    assert (_shown("Pacific/Apia", before.starts_ms).day, _shown("Pacific/Apia", after.starts_ms).day) == (29, 31)


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../etc/passwd", "Europe", "localtime", "europe/berlin"])
def test_what_is_no_zone_is_not_taken(zone: str) -> None:
    assert zone not in zones()
    with pytest.raises(ValueError, match="not a time zone"):
        present_windows(zone, 0)
