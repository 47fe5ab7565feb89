"""When the present day, week and month of a time zone begin and end.

A day is what its clocks say: 23 or 25 hours where they are changed. One begins at its midnight; at the first where it
comes twice, and where there is none, as the first moment after it.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.policies import Span
from bot.domain.quotas import Window, Windows

_DAY: Final = timedelta(days=1)
_LONGEST_MONTH: Final = timedelta(days=31)


def present_windows(zone: str, now_ms: int) -> Windows:
    """The day, the week (from Monday) and the month of that zone that `now_ms` lies in.

    `ValueError` for a zone that is not one of `zones`.
    """
    clock = _clock(zone)
    today = _day_of(clock, now_ms)
    return {span: _window(clock, *_FROM_AND_TO[span](today)) for span in Span}


@cache
def zones() -> frozenset[str]:
    """The names of the IANA time zones, such as `Europe/Berlin`, that are known wherever this bot runs."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split())


@cache
def _clock(zone: str) -> ZoneInfo:
    """From the pinned package alone: machines whose own data differ would count one day in two windows."""
    if zone not in zones():
        raise ValueError(f"not a time zone: {zone}")
    with files("tzdata.zoneinfo").joinpath(*zone.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=zone)


def _day_of(clock: ZoneInfo, now_ms: int) -> date:
    """The day whose window `now_ms` lies in.

    Not always the one that the clock shows: where it is put back a minute after midnight, the day before comes again.
    """
    shown = datetime.fromtimestamp(now_ms // 1000, clock).date()
    return shown + _DAY if now_ms >= _starts_ms(clock, shown + _DAY) else shown


def _starts_ms(clock: ZoneInfo, day: date) -> int:
    """Of a midnight that does not exist `fold=0` makes the moment at which it is skipped, of two the first."""
    return int(datetime(day.year, day.month, day.day, tzinfo=clock, fold=0).timestamp()) * 1000


def _window(clock: ZoneInfo, first: date, after: date) -> Window:
    return Window(starts_ms=_starts_ms(clock, first), ends_ms=_starts_ms(clock, after))


def _day(today: date) -> tuple[date, date]:
    return today, today + _DAY


def _week(today: date) -> tuple[date, date]:
    monday = today - timedelta(days=today.weekday())
    return monday, monday + timedelta(days=7)


def _month(today: date) -> tuple[date, date]:
    first = today.replace(day=1)
    return first, (first + _LONGEST_MONTH).replace(day=1)


_FROM_AND_TO: Final[Mapping[Span, Callable[[date], tuple[date, date]]]] = {
    Span.DAY: _day,
    Span.WEEK: _week,
    Span.MONTH: _month,
}
